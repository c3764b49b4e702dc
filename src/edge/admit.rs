//! Two gates that a call has to pass, or is refused at once: may it be made from there at all, and
//! is there a place for it?
//!
//! They are two layers because proof lies between them: a stranger who may knock takes no place
//! that an honest call needs.

use std::future::{Ready, ready};
use std::task::{Context, Poll};

use futures_util::future::Either;
use tower::{Layer, Service};

use super::call::{Arrival, Call};

/// One of the gates.
#[derive(Clone, Copy, Debug)]
pub enum Gate {
    /// There is such an operation, and it may be called from there.
    Origin,
    /// There is a place among the calls in progress.
    Place,
}

impl<S> Layer<S> for Gate {
    type Service = Gated<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Gated { gate: *self, inner }
    }
}

/// See [`Gate`].
#[derive(Clone, Copy, Debug)]
pub struct Gated<S> {
    gate: Gate,
    inner: S,
}

impl<S, C, R> Service<Arrival<C, R>> for Gated<S>
where
    C: Call,
    S: Service<Arrival<C, R>, Error = C::Refusal>,
{
    type Response = S::Response;
    type Error = C::Refusal;
    type Future = Either<S::Future, Ready<Result<S::Response, C::Refusal>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), C::Refusal>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, arrival: Arrival<C, R>) -> Self::Future {
        let passes = match self.gate {
            Gate::Origin => arrival.call.admit(),
            Gate::Place => arrival.call.take_place().map_err(C::Refusal::from),
        };
        match passes {
            Ok(()) => Either::Left(self.inner.call(arrival)),
            Err(refusal) => Either::Right(ready(Err(refusal))),
        }
    }
}
