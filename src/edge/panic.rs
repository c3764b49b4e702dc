//! A panic ends its own call and no other: it is counted, logged, and answered as a fault of ours.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_util::FutureExt;
use futures_util::future::CatchUnwind;
use metrics::counter;
use pin_project_lite::pin_project;
use tower::{Layer, Service};

use super::call::{Arrival, Call};
use crate::providers::Failure;

/// Above all that can panic, below what must see the reply.
#[derive(Clone, Copy, Debug)]
pub struct ContainPanics;

impl<S> Layer<S> for ContainPanics {
    type Service = Contained<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Contained(inner)
    }
}

/// See [`ContainPanics`].
#[derive(Clone, Copy, Debug)]
pub struct Contained<S>(S);

impl<S, C, R> Service<Arrival<C, R>> for Contained<S>
where
    C: Call,
    S: Service<Arrival<C, R>, Error = C::Refusal>,
{
    type Response = S::Response;
    type Error = C::Refusal;
    type Future = Containing<S::Future, C>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), C::Refusal>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, arrival: Arrival<C, R>) -> Self::Future {
        let call = arrival.call.clone();
        // What is below may panic before it waits for the first time, too.
        let begun = std::panic::catch_unwind(AssertUnwindSafe(|| self.0.call(arrival)));
        let reply = begun.map(|reply| AssertUnwindSafe(reply).catch_unwind());
        match reply {
            Ok(reply) => Containing { reply: Some(reply), call },
            Err(_) => Containing { reply: None, call },
        }
    }
}

pin_project! {
    /// A call that may panic.
    pub struct Containing<F, C> {
        // `None` where it did so at once.
        #[pin]
        reply: Option<CatchUnwind<AssertUnwindSafe<F>>>,
        call: C,
    }
}

impl<F, C, T> Future for Containing<F, C>
where
    C: Call,
    F: Future<Output = Result<T, C::Refusal>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let reply = match this.reply.as_pin_mut() {
            Some(reply) => ready!(reply.poll(cx)).ok(),
            None => None,
        };
        Poll::Ready(reply.unwrap_or_else(|| {
            panicked(this.call.caller());
            Err(Failure::Internal.into())
        }))
    }
}

/// A panic of a call of `caller`'s is counted and logged.
pub fn panicked(caller: &str) {
    counter!("wallet_panics_total").increment(1);
    tracing::error!(whose = caller, "a handler panicked");
}

/// What the future comes to; an error after a panic, which is counted and logged.
///
/// # Errors
/// What it panicked with.
pub async fn contain<F: Future>(run: F, caller: &str) -> Result<F::Output, Box<dyn Any + Send>> {
    let run = AssertUnwindSafe(run).catch_unwind().await;
    run.inspect_err(|_| panicked(caller))
}
