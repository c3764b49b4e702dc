//! What every callback goes through, outermost first.

use std::net::{IpAddr, SocketAddr};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use metrics::{counter, histogram};
use tokio::time::Instant;
use tower::ServiceBuilder;
use uuid::Uuid;

use super::problem::Problem;
use crate::app::{App, Provider};
use crate::providers::{Answer, Failure, Operation, RawCall, Reply, Request as Asked};

/// Where callers and we name a request.
const REQUEST_ID: &str = "x-request-id";

/// One callback on its way through the layers.
#[derive(Clone)]
pub struct Call {
    /// Whose.
    pub provider: Arc<Provider>,
    /// Which; `None` for a path that is none of the provider's.
    pub operation: Option<&'static Operation>,
    /// After it the caller is told that it took too long.
    pub deadline: Instant,
}

/// The whole body, within its limit.
#[derive(Clone)]
pub struct RawBody(pub Bytes);

/// What the log line and the metrics say of a reply.
#[derive(Clone, Debug, Default)]
pub struct Told {
    /// The outcome in one word.
    pub outcome: &'static str,
    /// Whose wallet, where it is known.
    pub player: Option<String>,
    /// The first movement's key, where there is one.
    pub tx_id: Option<String>,
    /// The first movement's operator transaction id, where there is one.
    pub transaction_id: Option<String>,
    /// What was wrong, where there is more to say.
    pub detail: Option<String>,
}

impl Call {
    /// The answer in the provider's own words.
    pub fn reply(&self, asked: Option<&Asked>, answer: &Answer<'_>, told: Told) -> Response {
        let Reply { status, content_type, body } =
            self.provider.adapter.encode(self.operation, asked, answer);
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, [("content-type", content_type)], body).into_response();
        response.extensions_mut().insert(told);
        response
    }

    /// A call that came to nothing, in the provider's own words. The one door out for errors.
    pub fn fail(&self, asked: Option<&Asked>, failure: &Failure) -> Response {
        let detail = match failure {
            Failure::BadRequest(detail) => Some(detail.clone()),
            _ => None,
        };
        let told = Told { outcome: failure.as_str(), detail, ..Told::default() };
        self.reply(asked, &Answer::Failed(failure), told)
    }
}

/// Puts the layers around the callbacks. The order matters:
pub fn around(app: &Arc<App>, callbacks: Router) -> Router {
    let layers = ServiceBuilder::new()
        // Finds the provider, because nothing below can say no without its words; times and
        // logs everything below, refusals too.
        .layer(from_fn_with_state(Arc::clone(app), observe))
        // Above all that can panic, below what must see the reply.
        .layer(from_fn(contain_panic))
        // Covers a slow body as well as a slow database.
        .layer(from_fn(keep_deadline))
        // Before the body is read, so that strangers and overload cost no memory.
        .layer(from_fn_with_state(Arc::clone(app), test_address))
        .layer(from_fn_with_state(Arc::clone(app), shed_overload))
        .layer(from_fn(read_body))
        // Nothing of a call is believed before this.
        .layer(from_fn(verify_signature));
    callbacks.layer(layers)
}

async fn observe(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let path = request.uri().path().trim_start_matches('/');
    let (slug, below) = path.split_once('/').unwrap_or((path, ""));
    let Some(provider) = app.providers.get(slug).map(Arc::clone) else {
        counter!("wallet_unknown_provider_total").increment(1);
        return Problem::new(StatusCode::NOT_FOUND, "not_found", "there is nothing at this path")
            .into_response();
    };
    let operation = provider
        .adapter
        .operations()
        .iter()
        .find(|operation| operation.paths.contains(&below))
        .filter(|_| request.method() == Method::POST);
    let request_id = request_id(request.headers());
    let deadline = started + provider.deadline;
    let call = Call { provider, operation, deadline };
    let mut response = if operation.is_some() {
        request.extensions_mut().insert(call.clone());
        next.run(request).await
    } else {
        call.fail(None, &Failure::UnknownOperation)
    };
    let told = response.extensions_mut().remove::<Told>().unwrap_or_default();
    echo_request_id(&mut response, &request_id);
    note_call(&call, &told, &request_id, response.status(), started);
    response
}

/// One metric and one log line for each call.
fn note_call(call: &Call, told: &Told, request_id: &str, status: StatusCode, started: Instant) {
    let provider = call.provider.id.to_string();
    let operation = call.operation.map_or("unknown", |operation| operation.name);
    let elapsed = started.elapsed();
    counter!(
        "wallet_calls_total",
        "provider" => provider.clone(), "operation" => operation, "outcome" => told.outcome,
    )
    .increment(1);
    histogram!(
        "wallet_call_duration_seconds", "provider" => provider.clone(), "operation" => operation,
    )
    .record(elapsed.as_secs_f64());
    tracing::info!(
        provider,
        operation,
        outcome = told.outcome,
        player = told.player,
        tx_id = told.tx_id,
        transaction_id = told.transaction_id,
        detail = told.detail,
        status = status.as_u16(),
        latency_us = whole_micros(elapsed),
        request_id,
        "call"
    );
}

/// The caller's id for the request when it is a sane one, or a new one.
pub(super) fn request_id(headers: &HeaderMap) -> String {
    headers
        .get(REQUEST_ID)
        .and_then(|value| value.to_str().ok())
        .filter(|id| (1..=128).contains(&id.len()))
        .map_or_else(|| Uuid::now_v7().simple().to_string(), str::to_owned)
}

/// Tells the caller the request's id.
pub(super) fn echo_request_id(response: &mut Response, request_id: &str) {
    if let Ok(value) = HeaderValue::from_str(request_id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
}

/// A duration as the log says it.
pub(super) fn whole_micros(elapsed: Duration) -> u64 {
    u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX)
}

/// The reply of everything below; `None` after a panic, which is counted and logged.
pub(super) async fn run_contained(request: Request, next: Next, whose: &str) -> Option<Response> {
    let run = AssertUnwindSafe(next.run(request)).catch_unwind().await;
    if run.is_err() {
        counter!("wallet_panics_total").increment(1);
        tracing::error!(whose, "a handler panicked");
    }
    run.ok()
}

async fn contain_panic(request: Request, next: Next) -> Response {
    let Some(call) = request.extensions().get::<Call>().cloned() else {
        return next.run(request).await;
    };
    match run_contained(request, next, call.provider.id.as_str()).await {
        Some(response) => response,
        None => call.fail(None, &Failure::Internal),
    }
}

async fn keep_deadline(request: Request, next: Next) -> Response {
    let Some(call) = request.extensions().get::<Call>().cloned() else {
        return next.run(request).await;
    };
    match tokio::time::timeout_at(call.deadline, next.run(request)).await {
        Ok(response) => response,
        Err(_) => call.fail(None, &Failure::Timeout),
    }
}

async fn test_address(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    if let Some(call) = request.extensions().get::<Call>()
        && !call.provider.allow.is_empty()
    {
        let caller = caller_address(&app, &request);
        let allowed = caller
            .is_some_and(|ip| call.provider.allow.iter().any(|network| network.contains(&ip)));
        if !allowed {
            return call.fail(None, &Failure::AddressNotAllowed);
        }
    }
    next.run(request).await
}

/// The peer, or, behind proxies that are trusted, the last address that none of them wrote.
fn caller_address(app: &App, request: &Request) -> Option<IpAddr> {
    let trusted = |ip: &IpAddr| app.trusted_proxies.iter().any(|network| network.contains(ip));
    let mut caller = request.extensions().get::<SocketAddr>()?.ip().to_canonical();
    let forwarded: Vec<&str> = request
        .headers()
        .get_all("x-forwarded-for")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .collect();
    for hop in forwarded.iter().rev() {
        if !trusted(&caller) {
            break;
        }
        caller = hop.trim().parse::<IpAddr>().ok()?.to_canonical();
    }
    Some(caller)
}

async fn shed_overload(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let Some(call) = request.extensions().get::<Call>().cloned() else {
        return next.run(request).await;
    };
    let (Ok(_node), Ok(_provider)) =
        (app.in_flight.try_acquire(), call.provider.in_flight.try_acquire())
    else {
        return call.fail(None, &Failure::Busy);
    };
    next.run(request).await
}

async fn read_body(request: Request, next: Next) -> Response {
    let Some(call) = request.extensions().get::<Call>().cloned() else {
        return next.run(request).await;
    };
    let (mut parts, body) = request.into_parts();
    match Limited::new(body, call.provider.body_max).collect().await {
        Ok(whole) => {
            parts.extensions.insert(RawBody(whole.to_bytes()));
            next.run(Request::from_parts(parts, Body::empty())).await
        }
        Err(error) if error.is::<LengthLimitError>() => call.fail(None, &Failure::TooLarge),
        Err(_) => call.fail(None, &Failure::BadRequest("the body ended too early".to_owned())),
    }
}

async fn verify_signature(request: Request, next: Next) -> Response {
    let Some((call, raw)) = raw_call(&request) else {
        // Nothing reaches this layer without the ones above it.
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let failure = match call.provider.adapter.proof(&raw) {
        Ok(proof) if call.provider.secrets.verify(&proof) => None,
        Ok(_) => Some(Failure::BadSignature),
        Err(failure) => Some(failure),
    };
    match failure {
        None => next.run(request).await,
        Some(failure) => call.fail(None, &failure),
    }
}

/// The call and its bytes, as the layers above have left them.
pub fn raw_call(request: &Request) -> Option<(&Call, RawCall<'_>)> {
    let call = request.extensions().get::<Call>()?;
    let RawBody(body) = request.extensions().get::<RawBody>()?;
    let raw = RawCall {
        operation: call.operation?,
        path_and_query: request.uri().path_and_query().map_or("", |path| path.as_str()),
        headers: request.headers(),
        body,
    };
    Some((call, raw))
}
