//! One keep-alive HTTP/1.1 connection, as lean as it gets: one write and one read for a call.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The largest reply.
const INBOX: usize = 2048;

pub struct Connection {
    stream: TcpStream,
    inbox: Box<[u8]>,
}

pub struct Reply<'a> {
    pub status: u16,
    pub body: &'a [u8],
}

impl Connection {
    pub async fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, inbox: vec![0; INBOX].into() })
    }

    /// Sends a whole request and waits for the whole reply.
    pub async fn call(&mut self, request: &[u8]) -> io::Result<Reply<'_>> {
        self.stream.write_all(request).await?;
        let mut filled = 0;
        let (status, from, to) = loop {
            let room = self.inbox.get_mut(filled..).unwrap_or_default();
            match self.stream.read(room).await? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                read => filled += read,
            }
            if let Some(whole) = parse(&self.inbox[..filled])? {
                break whole;
            }
        };
        Ok(Reply { status, body: &self.inbox[from..to] })
    }
}

/// Status and place of the body, once all of it is there.
fn parse(bytes: &[u8]) -> io::Result<Option<(u16, usize, usize)>> {
    let Some(head) = find(bytes, b"\r\n\r\n") else { return Ok(None) };
    let broken = || io::Error::new(io::ErrorKind::InvalidData, "not the HTTP that was expected");
    let status = bytes.get(9..12).and_then(number).ok_or_else(broken)?;
    let length = find(&bytes[..head], b"content-length: ").ok_or_else(broken)?;
    let length = number(&bytes[length + 16..head]).ok_or_else(broken)?;
    let (from, to) = (head + 4, head + 4 + length as usize);
    match bytes.len() {
        // A byte too many is an answer that nobody has asked for.
        there if there > to => Err(broken()),
        there if there < to => Ok(None),
        _ => Ok(Some((u16::try_from(status).map_err(|_| broken())?, from, to))),
    }
}

/// The place of `what` in `bytes`.
pub fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

/// The decimal number that `bytes` begin with.
pub fn number(bytes: &[u8]) -> Option<u32> {
    let digits = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    std::str::from_utf8(&bytes[..digits]).ok()?.parse().ok()
}

/// A single GET; for `/metrics` and `/readyz`.
pub async fn get(address: SocketAddr, path: &str) -> io::Result<(u16, String)> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: ops\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut reply = String::new();
    stream.read_to_string(&mut reply).await?;
    let status = reply.as_bytes().get(9..12).and_then(number).unwrap_or_default();
    let body = reply.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default();
    Ok((u16::try_from(status).unwrap_or_default(), body))
}
