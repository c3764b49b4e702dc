//! A connection that takes too long to ask for something is cut off: time runs from the first byte
//! of a request until all of its head has arrived. While a call is answered, and on a connection on
//! which nothing is sent, no time runs here.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

/// A connection on which time runs.
pub struct Patient<S> {
    stream: S,
    limit: Duration,
    until: Until,
    timer: Pin<Box<Sleep>>,
    /// True while time runs.
    runs: bool,
}

/// What has to arrive in time.
enum Until {
    /// The head of each request.
    Head(InCall),
    /// So many bytes more.
    Bytes(usize),
}

/// Whether a call is in progress: its head has arrived, and its reply is not there yet.
#[derive(Clone, Default)]
pub struct InCall(Arc<AtomicBool>);

impl InCall {
    /// A call begins, or ends.
    pub fn set(&self, is: bool) {
        self.0.store(is, Ordering::Relaxed);
    }

    fn is(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl<S> Patient<S> {
    /// Each request's head must have arrived within `limit`.
    pub fn for_heads(stream: S, limit: Duration, in_call: InCall) -> Self {
        Self::new(stream, limit, Until::Head(in_call), false)
    }

    /// The first bytes must have arrived within `limit` from now; after them no time runs.
    pub fn for_bytes(stream: S, limit: Duration, bytes: usize) -> Self {
        Self::new(stream, limit, Until::Bytes(bytes), true)
    }

    fn new(stream: S, limit: Duration, until: Until, runs: bool) -> Self {
        let timer = Box::pin(sleep_until(Instant::now() + limit));
        Self { stream, limit, until, timer, runs }
    }

    fn arrived(&mut self, bytes: usize) {
        match &mut self.until {
            Until::Bytes(left) => {
                *left = left.saturating_sub(bytes);
                self.runs = *left > 0;
            }
            Until::Head(in_call) if bytes > 0 && !self.runs && !in_call.is() => {
                self.runs = true;
                self.timer.as_mut().reset(Instant::now() + self.limit);
            }
            Until::Head(_) => {}
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Until::Head(in_call) = &self.until
            && in_call.is()
        {
            self.runs = false;
        }
        let before = buf.filled().len();
        if let Poll::Ready(read) = Pin::new(&mut self.stream).poll_read(cx, buf) {
            self.arrived(buf.filled().len().saturating_sub(before));
            return Poll::Ready(read);
        }
        if self.runs {
            ready!(self.timer.as_mut().poll(cx));
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        Poll::Pending
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }
}
