//! The layers of every call, over HTTP and gRPC, of providers and of the operator.

use std::convert::Infallible;

use axum::http::{Request, Response};
use tower::{Layer, Service, ServiceBuilder};

use super::admit::{Gate, Gated};
use super::call::{Api, Arrival, Call};
use super::deadline::KeepDeadline;
use super::identify::Identify;
use super::observe::Observe;
use super::panic::ContainPanics;
use super::refuse::WordRefusals;

/// A service that answers every request, and of which each connection may have a copy.
pub trait Serve<Q, R>:
    Service<
        Request<Q>,
        Response = Response<R>,
        Error = Infallible,
        Future: Future<Output = Result<Response<R>, Infallible>> + Send + 'static,
    > + Clone
    + Send
    + Sync
    + 'static
{
}

impl<S, Q, R> Serve<Q, R> for S where
    S: Service<
            Request<Q>,
            Response = Response<R>,
            Error = Infallible,
            Future: Future<Output = Result<Response<R>, Infallible>> + Send + 'static,
        > + Clone
        + Send
        + Sync
        + 'static
{
}

/// Puts the layers around `handler`. `prove` are those of the API's own that find out whether a call
/// is what it says to be. From the outside in:
pub fn around<A, B, P, S, C>(api: A, prove: P, handler: S) -> impl Serve<B, C::Reply>
where
    C: Call + Sync,
    A: Api<B, Call = C> + Send + Sync + 'static,
    P: Layer<Gated<S>>,
    P::Service: Service<Arrival<C, Request<B>>, Response = Response<C::Reply>, Error = C::Refusal>
        + Clone
        + Send
        + Sync
        + 'static,
    <P::Service as Service<Arrival<C, Request<B>>>>::Future: Send + 'static,
{
    ServiceBuilder::new()
        // Whose call is it? Nothing below can refuse without the caller's words and limits.
        .layer(Identify(api))
        // Sees everything from here on, refusals too: id, trace, latency, one count, one log line.
        .layer(Observe)
        // Every refusal from below, in the caller's words.
        .layer(WordRefusals)
        // Above all that can panic, below what must see the reply.
        .layer(ContainPanics)
        // A slow body counts as much as a slow database.
        .layer(KeepDeadline)
        // Before the body is read: it costs nothing to refuse who may not call from there.
        .layer(Gate::Origin)
        // Signature or key. Nothing is believed above it.
        .layer(prove)
        // Only the proven take places, or strangers could take them all.
        .layer(Gate::Place)
        .service(handler)
}
