//! A call that is not answered by its deadline is refused then: whatever waits below, for a slow
//! body or a slow database, waits no longer. A command that was begun is executed to its end.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use tokio::time::{Timeout, timeout_at};
use tower::{Layer, Service};

use super::call::{Arrival, Call};
use crate::providers::Failure;

/// See the module.
#[derive(Clone, Copy, Debug)]
pub struct KeepDeadline;

impl<S> Layer<S> for KeepDeadline {
    type Service = Timed<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Timed(inner)
    }
}

/// See the module.
#[derive(Clone, Copy, Debug)]
pub struct Timed<S>(S);

impl<S, C, R> Service<Arrival<C, R>> for Timed<S>
where
    C: Call,
    S: Service<Arrival<C, R>, Error = C::Refusal>,
{
    type Response = S::Response;
    type Error = C::Refusal;
    type Future = Bounded<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), C::Refusal>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, arrival: Arrival<C, R>) -> Self::Future {
        let deadline = arrival.call.deadline();
        Bounded { reply: timeout_at(deadline, self.0.call(arrival)) }
    }
}

pin_project! {
    /// A call that has no more time than it has.
    pub struct Bounded<F> {
        #[pin]
        reply: Timeout<F>,
    }
}

impl<F, T, E> Future for Bounded<F>
where
    E: From<Failure>,
    F: Future<Output = Result<T, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let reply = ready!(self.project().reply.poll(cx));
        Poll::Ready(reply.unwrap_or_else(|_| Err(Failure::Timeout.into())))
    }
}
