//! gRPC for in-house games and aggregators: `wallet.v1.WalletService` over the wallet's door, on
//! a port of its own. It knows the door and the callbacks' layers; it knows no Redis and no
//! provider's word, and the money goes the way that it always goes.
//!
//! - `server`: connections; `streams`: the calls on one; `tls`: what may be around it;
//! - `call`: a call, as the layers of `edge` see it; `auth`: whose it is;
//! - `methods`: what is inside the layers; `service`: the methods themselves; `transactions`: the one that is a stream;
//! - `codec`: messages as bytes; `decode`, `encode`, `refusal`: the messages of `wallet.proto`,
//!   and the core's words;
//! - `standard`: health and reflection.

mod auth;
mod call;
mod codec;
mod decode;
mod encode;
mod methods;
mod refusal;
mod server;
mod service;
mod standard;
mod streams;
mod tls;
mod transactions;

pub mod proto {
    //! What `wallet.proto` says, made by the build script.
    #![allow(missing_docs, clippy::all, reason = "it is not written by hand")]
    tonic::include_proto!("wallet.v1");
}

use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use self::auth::Keys;
use self::call::Clients;
use self::server::Served;
use self::standard::Standard;
use crate::app::App;
use crate::config;
use crate::http::server::{Limits, Stage};
use crate::http::threads::Threads;

/// What the configuration calls a client of this.
pub const PROTOCOL: &str = crate::providers::grpc::PROTOCOL.name;

/// Whether the certificate and its key can be used, where there are any.
///
/// # Errors
/// Where one cannot be read, or does not go with the other.
pub fn check_tls(config: &config::Grpc) -> anyhow::Result<()> {
    acceptor(config).map(drop)
}

fn acceptor(config: &config::Grpc) -> anyhow::Result<Option<TlsAcceptor>> {
    let is_plain = config.tls_cert.as_os_str().is_empty();
    (!is_plain).then(|| tls::acceptor(&config.tls_cert, &config.tls_key)).transpose()
}

/// Serves on this port, in a task of its own, until `stage` says that it is over.
///
/// # Errors
/// Where the certificate cannot be used, or two clients have the same key.
pub async fn start(
    app: &Arc<App>,
    listener: TcpListener,
    limits: Limits,
    stage: watch::Receiver<Stage>,
    threads: Threads,
) -> anyhow::Result<tokio::task::JoinHandle<()>> {
    let config = &app.grpc;
    let tls = acceptor(config)?;
    let keys = Keys::of(app).map_err(anyhow::Error::msg)?;
    let standard = Standard::start(app, stage.clone()).await?;
    // One address never has them all.
    let of_one_address = limits.of_one_address.min((config.connections_max / 2).max(1));
    let limits = Limits { connections_max: config.connections_max, of_one_address, ..limits };
    let streams_max = config.streams_max;
    let served = Served {
        calls: methods::service(app, Clients::new(app, keys)),
        standard,
        streams_max,
        tls,
    };
    Ok(tokio::spawn(server::serve(listener, served, limits, stage, threads)))
}
