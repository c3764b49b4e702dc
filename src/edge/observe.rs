//! Watches every call to its end: request id and span in the reply, and one count and one log line,
//! latency included. The line is the call's own: it is written when the last that handles the call
//! lets go of it, so also when its caller has hung up, and for a stream when the stream ends.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::http::Response;
use pin_project_lite::pin_project;
use tower::{Layer, Service};

use super::call::{Arrival, Call};

/// See the module.
#[derive(Clone, Copy, Debug)]
pub struct Observe;

impl<S> Layer<S> for Observe {
    type Service = Observed<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Observed(inner)
    }
}

/// See the module.
#[derive(Clone, Copy, Debug)]
pub struct Observed<S>(S);

impl<S, C, R> Service<Arrival<C, R>> for Observed<S>
where
    C: Call,
    S: Service<Arrival<C, R>, Response = Response<C::Reply>, Error = Infallible>,
{
    type Response = Response<C::Reply>;
    type Error = Infallible;
    type Future = Observing<S::Future, C>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, arrival: Arrival<C, R>) -> Self::Future {
        let call = arrival.call.clone();
        Observing { reply: self.0.call(arrival), call }
    }
}

pin_project! {
    /// A call that is watched. Dropped before its reply is there, it was abandoned.
    pub struct Observing<F, C> {
        #[pin]
        reply: F,
        call: C,
    }
}

impl<F, C> Future for Observing<F, C>
where
    C: Call,
    F: Future<Output = Result<Response<C::Reply>, Infallible>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let Ok(mut reply) = ready!(this.reply.poll(cx));
        this.call.sign_off(&mut reply);
        Poll::Ready(Ok(reply))
    }
}
