//! `wallet healthcheck`: asks a running node whether it is ready.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The longest that the node may take to answer.
const TIMEOUT: Duration = Duration::from_secs(3);

/// Asks `/readyz` on the ops port.
///
/// # Errors
/// Where the node is not ready, or does not answer.
pub(super) async fn ask(ops: SocketAddr) -> anyhow::Result<()> {
    let exchange = async {
        let mut stream = TcpStream::connect(ops).await?;
        stream.write_all(b"GET /readyz HTTP/1.1\r\nhost: ops\r\nconnection: close\r\n\r\n").await?;
        let mut reply = String::new();
        stream.take(4096).read_to_string(&mut reply).await?;
        std::io::Result::Ok(reply)
    };
    let reply =
        tokio::time::timeout(TIMEOUT, exchange).await.unwrap_or_else(|late| Err(late.into()));
    let reply = reply.with_context(|| {
        format!("no node answers at {ops} (ops.listen or OPS_PORT): is one running, is that where?")
    })?;
    if !reply.starts_with("HTTP/1.1 200") {
        bail!("not ready: {}", reply.lines().next().unwrap_or_default());
    }
    Ok(())
}
