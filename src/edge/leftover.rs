//! What nobody has read of a request's body when its reply is there. A connection that is closed
//! with bytes left unread is reset, and the reset throws the reply away that was on its way: so the
//! rest is taken first, or the caller is told that the connection ends.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use http_body_util::{BodyExt, Limited};
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use tokio::time::{Instant, timeout_at};

/// How much of a body that is not wanted is still taken, in bytes …
const TAKEN_MAX: usize = 1 << 20;
/// … and until when, counted from the call's beginning.
const TAKEN_WITHIN: Duration = Duration::from_secs(1);

/// A body that leaves behind what is not read of it.
pub struct Kept {
    body: Option<Incoming>,
    leftover: Leftover,
}

/// Where it leaves that.
#[derive(Clone, Default)]
pub struct Leftover(Arc<Mutex<Option<Incoming>>>);

impl Leftover {
    /// Watches over a body.
    pub fn of(body: Incoming) -> (Kept, Self) {
        let leftover = Self::default();
        (Kept { body: Some(body), leftover: leftover.clone() }, leftover)
    }

    /// Takes the rest, if there is one; false when the connection has to end for it.
    pub async fn is_taken(self, started: Instant) -> bool {
        let rest = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(rest) = rest else { return true };
        let mut rest = Limited::new(rest, TAKEN_MAX);
        let all = async {
            loop {
                match rest.frame().await {
                    Some(Ok(_)) => {}
                    Some(Err(_)) => return false,
                    None => return true,
                }
            }
        };
        timeout_at(started + TAKEN_WITHIN, all).await.unwrap_or(false)
    }
}

impl Body for Kept {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let polled = Pin::new(body).poll_frame(cx);
        if let Poll::Ready(None | Some(Err(_))) = &polled {
            self.body = None;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        let rest = self.body.take().filter(|body| !body.is_end_stream());
        if rest.is_some() {
            *self.leftover.0.lock().unwrap_or_else(PoisonError::into_inner) = rest;
        }
    }
}
