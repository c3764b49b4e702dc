//! Believes a call: the adapter takes it apart and says what its sender offers as proof, the proof
//! is tested here against the provider's secrets, and only then is the call read. Nothing of a call
//! is believed above this layer, and whoever has proven nothing takes no place below it.

use std::future::{Ready, ready};
use std::task::{Context, Poll};

use axum::body::Bytes;
use axum::http::Request;
use chrono::Utc;
use futures_util::future::Either;
use tower::{Layer, Service};

use super::call::{Arrival, Call, ProviderCall};
use super::path::Sent;
use crate::providers::{self, Failure, RawCall};

/// See the module.
#[derive(Clone, Copy, Debug)]
pub struct Prove;

impl<S> Layer<S> for Prove {
    type Service = Proving<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Proving(inner)
    }
}

/// See the module.
#[derive(Clone, Copy, Debug)]
pub struct Proving<S>(S);

/// A call that names itself in every reply.
pub trait Echoes {
    /// What the caller calls the call, in its own words.
    fn is_called(&self, name: String);
}

impl<S, C> Service<Arrival<C, Request<Bytes>>> for Proving<S>
where
    C: Call + AsRef<ProviderCall> + Echoes,
    S: Service<Arrival<C, providers::Request>, Error = C::Refusal>,
{
    type Response = S::Response;
    type Error = C::Refusal;
    type Future = Either<S::Future, Ready<Result<S::Response, C::Refusal>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), C::Refusal>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, arrival: Arrival<C, Request<Bytes>>) -> Self::Future {
        let Arrival { call, request } = arrival;
        match believe(&call, &request) {
            Ok(request) => Either::Left(self.0.call(Arrival { call, request })),
            Err(failure) => Either::Right(ready(Err(failure.into()))),
        }
    }
}

fn believe<C>(call: &C, request: &Request<Bytes>) -> Result<providers::Request, Failure>
where
    C: AsRef<ProviderCall> + Echoes,
{
    let common = call.as_ref();
    let provider = &common.provider;
    let raw = RawCall {
        operation: common.operation().ok_or(Failure::UnknownOperation)?,
        path_and_query: path_as_sent(request),
        headers: request.headers(),
        body: request.body(),
    };
    let mut opened = provider.adapter.open(&raw)?;
    common.is_for(opened.operation);
    if let Some(name) = opened.echo.take() {
        call.is_called(name);
    }
    opened.believed(&provider.secrets, Utc::now)
}

/// Whatever a signature covers, it covers what was sent.
fn path_as_sent(request: &Request<Bytes>) -> &str {
    let sent = request.extensions().get::<Sent>().map(|sent| &sent.0);
    let sent = sent.or_else(|| request.uri().path_and_query());
    sent.map_or("", |sent| sent.as_str())
}
