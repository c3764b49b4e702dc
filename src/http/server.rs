//! Listening: bounded connections, a time-out for request headers, and an end that lets calls
//! in progress finish.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, HttpBody};
use axum::http::HeaderValue;
use axum::http::header::CONNECTION;
use axum::response::Response;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use ipnet::IpNet;
use metrics::counter;
use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::Instant;
use tower::ServiceExt;

use super::threads::Threads;
use crate::config;
use crate::edge::begun::Begun;
use crate::edge::leftover::Leftover;
use crate::edge::patience::{InCall, Patient};
use crate::edge::shares::{Share, Shares};
use crate::edge::{address, path};

/// The most bytes of a request's head. It is also what a connection reads and writes at once, and
/// so most of what one costs.
const HEAD_MAX: usize = 16 * 1024;

/// How far a process has come towards its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// It serves.
    Serving,
    /// It serves as before, and asks everybody to go elsewhere: `/readyz` says no, and each
    /// reply ends its connection.
    Leaving,
    /// It finishes what is in progress and takes nothing new.
    Stopping,
}

/// The bounds of a listener.
#[derive(Clone, Debug)]
pub struct Limits {
    /// A client must have sent its request's head within this time.
    pub header_timeout: Duration,
    /// An unused connection is kept for so long, and a client may take nothing of a reply for as
    /// long.
    pub idle_timeout: Duration,
    /// Open connections; further ones wait in the listen queue.
    pub connections_max: usize,
    /// Open connections of one address; further ones are closed.
    pub of_one_address: usize,
    /// Proxies, which have as many connections as they like.
    pub trusted_proxies: Vec<IpNet>,
    /// How long calls in progress may still take once the end has come.
    pub shutdown: Duration,
}

impl Limits {
    /// As configured.
    pub fn of(config: &config::Http) -> Self {
        Self {
            header_timeout: Duration::from_millis(config.header_timeout_ms),
            idle_timeout: Duration::from_millis(config.idle_timeout_ms),
            connections_max: config.connections_max,
            of_one_address: config.connections_per_address_max,
            trusted_proxies: config.trusted_proxies.clone(),
            shutdown: Duration::from_millis(config.shutdown_ms),
        }
    }

    /// Those of the ops port, which is for a few who are no strangers.
    pub fn of_ops(&self) -> Self {
        let all = 64;
        let shutdown = Duration::ZERO;
        Self { connections_max: all, of_one_address: all, shutdown, ..self.clone() }
    }
}

/// Connections that may be open.
pub struct Connections {
    all: Arc<Semaphore>,
    by_address: Arc<Shares>,
    trusted_proxies: Vec<IpNet>,
    /// A client that takes nothing of a reply for so long is cut off.
    patience: Duration,
}

/// A connection that is open, as long as this is there.
pub struct Open {
    _place: OwnedSemaphorePermit,
    _share: Option<Share>,
}

/// Serves until `stage` says that it is over, then finishes what is in progress.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    limits: Limits,
    mut stage: watch::Receiver<Stage>,
    mut threads: Threads,
) {
    let connections = Connections::new(&limits);
    let graceful = GracefulShutdown::new();
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        // Between two requests, too; the head itself has less time.
        .header_read_timeout(limits.idle_timeout)
        .max_buf_size(HEAD_MAX);
    let leaving = Arc::new(AtomicBool::new(false));
    // It may have changed before this was called.
    stage.mark_changed();
    loop {
        let accepted = tokio::select! {
            changed = stage.changed() => {
                let now = *stage.borrow_and_update();
                // Whoever no longer says where the process is has ended.
                if changed.is_err() || now == Stage::Stopping {
                    break;
                }
                leaving.store(now == Stage::Leaving, Ordering::Relaxed);
                continue;
            }
            accepted = connections.accept(&listener) => accepted,
        };
        let Some((stream, peer, open)) = accepted else { continue };
        let (router, leaving, in_call) = (router.clone(), Arc::clone(&leaving), InCall::default());
        let calls = in_call.clone();
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(peer);
            let (router, leaving, in_call) = (router.clone(), Arc::clone(&leaving), calls.clone());
            Begun::new(async move {
                in_call.set(true);
                let replied = answer(router, request, &leaving).await;
                in_call.set(false);
                replied
            })
        });
        let header_timeout = limits.header_timeout;
        let (http, watcher) = (http.clone(), graceful.watcher());
        threads.next_handle().spawn(async move {
            // Known to the thread's own runtime from here on.
            let Ok(stream) = TcpStream::from_std(stream) else { return };
            let stream = Patient::for_heads(stream, header_timeout, in_call);
            let connection = http.serve_connection(TokioIo::new(stream), service);
            // A client that breaks off is its own affair.
            let _: Result<(), hyper::Error> = watcher.watch(connection).await;
            drop(open);
        });
    }
    drop(listener);
    let finished = tokio::time::timeout(limits.shutdown, graceful.shutdown()).await.is_ok();
    // Where nothing is waited for, nothing is said about what was cut off.
    if !finished && !limits.shutdown.is_zero() {
        tracing::warn!("calls were still in progress when the time for shutting down was over");
    }
    threads.end();
}

/// The reply, with the end of the connection where it has to end.
async fn answer(
    router: Router,
    request: Request<Incoming>,
    leaving: &AtomicBool,
) -> Result<Response, Infallible> {
    let started = Instant::now();
    let request = spelled_plainly(request);
    let (request, leftover) = if request.body().is_end_stream() {
        (request.map(Body::new), None)
    } else {
        let (parts, body) = request.into_parts();
        let (body, leftover) = Leftover::of(body);
        (Request::from_parts(parts, Body::new(body)), Some(leftover))
    };
    let mut reply = router.oneshot(request).await?;
    let all_read = match leftover {
        Some(leftover) => leftover.is_taken(started).await,
        None => true,
    };
    // Whoever keeps the connection would find it closed in a moment, and could not tell whether a
    // call that was on its way had been read.
    if !all_read || leaving.load(Ordering::Relaxed) {
        reply.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(reply)
}

fn spelled_plainly(mut request: Request<Incoming>) -> Request<Incoming> {
    if let Some(plain) = path::plain(request.uri()) {
        let sent = std::mem::replace(request.uri_mut(), plain).into_parts().path_and_query;
        sent.map(|sent| request.extensions_mut().insert(path::Sent(sent)));
    }
    request
}

impl Connections {
    /// None is open yet.
    pub fn new(limits: &Limits) -> Self {
        Self {
            all: Arc::new(Semaphore::new(limits.connections_max)),
            by_address: Shares::new(limits.connections_max, limits.of_one_address),
            trusted_proxies: limits.trusted_proxies.clone(),
            patience: limits.idle_timeout,
        }
    }

    /// The next connection, once there is room for one; `None` where it was none.
    pub async fn accept(
        &self,
        listener: &TcpListener,
    ) -> Option<(std::net::TcpStream, SocketAddr, Open)> {
        let place = Arc::clone(&self.all).acquire_owned().await.ok()?;
        let accepted = listener.accept().await.and_then(|(stream, peer)| {
            // Replies are one small write each: waiting for more only delays them.
            let _: std::io::Result<()> = stream.set_nodelay(true);
            // Nobody looks at a long reply again while there is no room for more of it: without
            // this a client that is asleep would keep what belongs to it for ever.
            #[cfg(target_os = "linux")]
            let _: std::io::Result<()> =
                SockRef::from(&stream).set_tcp_user_timeout(Some(self.patience));
            Ok((stream.into_std()?, peer))
        });
        match accepted {
            Ok((stream, peer)) => Some((stream, peer, self.open(place, peer)?)),
            Err(error) => {
                tracing::warn!(%error, "accept failed");
                // Out of file descriptors, most likely: a busy loop would not help.
                tokio::time::sleep(Duration::from_millis(50)).await;
                None
            }
        }
    }

    /// `None` for an address that has as many as it may.
    fn open(&self, place: OwnedSemaphorePermit, peer: SocketAddr) -> Option<Open> {
        let ip = peer.ip().to_canonical();
        if address::contains(&self.trusted_proxies, &ip) {
            return Some(Open { _place: place, _share: None });
        }
        let share = self.by_address.take(ip, 1);
        if share.is_none() {
            counter!("wallet_connections_refused_total").increment(1);
            tracing::debug!(%peer, "a connection too many of one address");
        }
        Some(Open { _place: place, _share: Some(share?) })
    }

    /// Waits until every connection is closed.
    pub async fn all_closed(&self, connections_max: usize) {
        let all = u32::try_from(connections_max).unwrap_or(u32::MAX);
        let _: Result<_, tokio::sync::AcquireError> = self.all.acquire_many(all).await.map(drop);
    }
}
