//! Listening: bounded connections, a time-out for request headers, and an end that lets calls
//! in progress finish.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::HeaderValue;
use axum::http::header::CONNECTION;
use futures_util::FutureExt;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tower::ServiceExt;

use super::threads::Threads;

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
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// A client must have sent its request headers within this time, and may take nothing of a
    /// reply for as long.
    pub header_timeout: Duration,
    /// Open connections; further ones wait in the listen queue.
    pub connections_max: usize,
    /// How long calls in progress may still take once the end has come.
    pub shutdown: Duration,
}

/// Serves until `stage` says that it is over, then finishes what is in progress.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    limits: Limits,
    mut stage: watch::Receiver<Stage>,
    mut threads: Threads,
) {
    let connections = Arc::new(Semaphore::new(limits.connections_max));
    let graceful = GracefulShutdown::new();
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(limits.header_timeout);
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
            accepted = accept(&listener, &connections, limits.header_timeout) => accepted,
        };
        let Some((stream, peer, permit)) = accepted else { continue };
        let (router, leaving) = (router.clone(), Arc::clone(&leaving));
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(peer);
            let leaving = Arc::clone(&leaving);
            router.clone().oneshot(request.map(Body::new)).map(move |mut replied| {
                // Whoever keeps the connection would find it closed in a moment, and could not
                // tell whether a call that was on its way had been read.
                if let Ok(reply) = &mut replied
                    && leaving.load(Ordering::Relaxed)
                {
                    reply.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                }
                replied
            })
        });
        let (http, watcher) = (http.clone(), graceful.watcher());
        threads.next_handle().spawn(async move {
            // Known to the thread's own runtime from here on.
            let Ok(stream) = TcpStream::from_std(stream) else { return };
            let connection = http.serve_connection(TokioIo::new(stream), service);
            // A client that breaks off is its own affair.
            let _: Result<(), hyper::Error> = watcher.watch(connection).await;
            drop(permit);
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

/// The next connection, once there is room for one; `None` where it was none. It ends when its
/// client takes nothing of a reply for as long as `patience`.
pub async fn accept(
    listener: &TcpListener,
    connections: &Arc<Semaphore>,
    patience: Duration,
) -> Option<(std::net::TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let permit = Arc::clone(connections).acquire_owned().await.ok()?;
    let accepted = listener.accept().await.and_then(|(stream, peer)| {
        // Replies are one small write each: waiting for more only delays them.
        let _: std::io::Result<()> = stream.set_nodelay(true);
        // Nobody looks at a long reply again while there is no room for more of it: without this
        // a client that is asleep would keep what belongs to it for ever.
        #[cfg(target_os = "linux")]
        let _: std::io::Result<()> = SockRef::from(&stream).set_tcp_user_timeout(Some(patience));
        Ok((stream.into_std()?, peer))
    });
    match accepted {
        Ok((stream, peer)) => Some((stream, peer, permit)),
        Err(error) => {
            tracing::warn!(%error, "accept failed");
            // Out of file descriptors, most likely: a busy loop would not help.
            tokio::time::sleep(Duration::from_millis(50)).await;
            None
        }
    }
}
