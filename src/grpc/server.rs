//! Listening: as for HTTP (`http::server`), with HTTP/2 and, where it is configured, TLS.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tonic::body::Body;
use tower::ServiceExt;

use super::standard::Standard;
use super::streams::{Arrivals, Streams};
use crate::edge::begun::Begun;
use crate::edge::patience::Patient;
use crate::edge::stack::Serve;
use crate::http::server::{Connections, Limits, Stage};
use crate::http::threads::Threads;

/// A quiet connection is asked for a sign of life this often …
const PING_EVERY: Duration = Duration::from_secs(20);
/// … and closed when none comes for this long.
const PONG_WITHIN: Duration = Duration::from_secs(10);
/// So many bytes every connection of HTTP/2 begins with.
const PREFACE: usize = 24;
/// The most bytes of one call's headers.
const HEADERS_MAX: u32 = 16 * 1024;
/// Bytes that a client may send before they are read: of one call, of a connection.
const UNREAD_MAX: (u32, u32) = (64 * 1024, 256 * 1024);
/// The most bytes that wait to be sent of one reply, before no more is made of it.
const UNSENT_MAX: usize = 64 * 1024;

/// What is served on every connection.
pub struct Served<C> {
    /// Clients' calls, in their layers.
    pub calls: C,
    /// Calls of one connection at a time.
    pub streams_max: u32,
    /// Health and reflection.
    pub standard: Standard,
    /// `None` for a port without TLS.
    pub tls: Option<TlsAcceptor>,
}

/// Serves until `stage` says that it is over, then finishes what is in progress.
pub async fn serve<C: Serve<Incoming, Body>>(
    listener: TcpListener,
    served: Served<C>,
    limits: Limits,
    mut stage: watch::Receiver<Stage>,
    mut threads: Threads,
) {
    let connections = Connections::new(&limits);
    let served = Arc::new(served);
    loop {
        if *stage.borrow_and_update() == Stage::Stopping {
            break;
        }
        let accepted = tokio::select! {
            // Whoever no longer says where the process is has ended.
            changed = stage.changed() => match changed {
                Ok(()) => continue,
                Err(_) => break,
            },
            accepted = connections.accept(&listener) => accepted,
        };
        let Some((stream, peer, open)) = accepted else { continue };
        let (served, stage) = (Arc::clone(&served), stage.clone());
        threads.next_handle().spawn(async move {
            // Known to the thread's own runtime from here on.
            if let Ok(stream) = TcpStream::from_std(stream) {
                greet(stream, peer, served, stage, limits.header_timeout).await;
            }
            drop(open);
        });
    }
    drop(listener);
    drop(served);
    let closed = connections.all_closed(limits.connections_max);
    let finished = tokio::time::timeout(limits.shutdown, closed).await;
    if finished.is_err() {
        tracing::warn!("gRPC calls were still in progress when the time was over");
    }
    threads.end();
}

/// A connection that says nothing is not kept for long.
async fn greet<C: Serve<Incoming, Body>>(
    stream: TcpStream,
    peer: SocketAddr,
    served: Arc<Served<C>>,
    stage: watch::Receiver<Stage>,
    patience: Duration,
) {
    let Some(tls) = &served.tls else {
        return keep(Patient::for_bytes(stream, patience, PREFACE), peer, served, stage).await;
    };
    if let Ok(Ok(stream)) = tokio::time::timeout(patience, tls.accept(stream)).await {
        keep(Patient::for_bytes(stream, patience, PREFACE), peer, served, stage).await;
    }
}

/// Serves a connection to its end.
async fn keep<S, C>(
    stream: S,
    peer: SocketAddr,
    served: Arc<Served<C>>,
    mut stage: watch::Receiver<Stage>,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    C: Serve<Incoming, Body>,
{
    let arrivals = Arrivals::default();
    let mut http = http2::Builder::new(arrivals.clone());
    http.timer(TokioTimer::new())
        .keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PONG_WITHIN)
        .max_concurrent_streams(served.streams_max)
        .max_header_list_size(HEADERS_MAX)
        .initial_stream_window_size(UNREAD_MAX.0)
        .initial_connection_window_size(UNREAD_MAX.1)
        .max_send_buf_size(UNSENT_MAX);
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer);
        let served = Arc::clone(&served);
        // Boxed, because it is passed on by value several times before it is first polled.
        Begun::new(Box::pin(async move {
            match served.standard.find(request.uri().path()) {
                Some(service) => service.oneshot(request).await,
                None => served.calls.clone().oneshot(request).await,
            }
        }))
    });
    let mut connection = std::pin::pin!(http.serve_connection(TokioIo::new(stream), service));
    let mut streams = Streams::new(arrivals);
    tokio::select! {
        // A client that breaks off is its own affair.
        _ = streams.beside(&mut connection) => return,
        // The client is asked to take its next calls elsewhere.
        _ = stage.changed() => connection.as_mut().graceful_shutdown(),
    }
    let _: Result<(), hyper::Error> = streams.beside(&mut connection).await;
}
