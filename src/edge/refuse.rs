//! Every refusal from below leaves in the words of the API that was called. The one door out for
//! errors.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::http::Response;
use pin_project_lite::pin_project;
use tower::{Layer, Service};

use super::call::{Arrival, Call};

/// See the module.
#[derive(Clone, Copy, Debug)]
pub struct WordRefusals;

impl<S> Layer<S> for WordRefusals {
    type Service = Refusing<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Refusing(inner)
    }
}

/// See the module.
#[derive(Clone, Copy, Debug)]
pub struct Refusing<S>(S);

impl<S, C, R> Service<Arrival<C, R>> for Refusing<S>
where
    C: Call,
    S: Service<Arrival<C, R>, Response = Response<C::Reply>, Error = C::Refusal>,
{
    type Response = Response<C::Reply>;
    type Error = Infallible;
    type Future = Worded<S::Future, C>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // Nothing below waits before it is called: there is no queue at the edge.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, arrival: Arrival<C, R>) -> Self::Future {
        let call = arrival.call.clone();
        Worded { reply: self.0.call(arrival), call }
    }
}

pin_project! {
    /// A call whose refusal will be worded.
    pub struct Worded<F, C> {
        #[pin]
        reply: F,
        call: C,
    }
}

impl<F, C> Future for Worded<F, C>
where
    C: Call,
    F: Future<Output = Result<Response<C::Reply>, C::Refusal>>,
{
    type Output = Result<Response<C::Reply>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let reply = ready!(this.reply.poll(cx));
        Poll::Ready(Ok(reply.unwrap_or_else(|refusal| this.call.refuse(refusal))))
    }
}
