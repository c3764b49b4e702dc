//! The outermost layer: whose call is it? Nothing below can refuse without the caller's words.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::task::{Context, Poll};

use axum::http::{Request, Response};
use futures_util::future::Either;
use tokio::time::Instant;
use tower::{Layer, Service};

use super::call::{Api, Arrival, Call};

/// Finds out whose call a request is; whoever is nobody's is refused at once.
#[derive(Clone, Copy, Debug)]
pub struct Identify<A>(pub A);

impl<A: Clone, S> Layer<S> for Identify<A> {
    type Service = Identified<A, S>;

    fn layer(&self, inner: S) -> Self::Service {
        Identified { api: self.0.clone(), inner }
    }
}

/// See [`Identify`].
#[derive(Clone, Copy, Debug)]
pub struct Identified<A, S> {
    api: A,
    inner: S,
}

/// The reply to a call of an API.
type ReplyOf<A, B> = Response<<<A as Api<B>>::Call as Call>::Reply>;

impl<A, S, B> Service<Request<B>> for Identified<A, S>
where
    A: Api<B>,
    S: Service<Arrival<A::Call, Request<B>>, Response = ReplyOf<A, B>, Error = Infallible>,
{
    type Response = ReplyOf<A, B>;
    type Error = Infallible;
    type Future = Either<S::Future, Ready<Result<Self::Response, Infallible>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        match self.api.identify(&mut request, Instant::now()) {
            Ok(call) => Either::Left(self.inner.call(Arrival { call, request })),
            Err(reply) => Either::Right(ready(Ok(reply))),
        }
    }
}
