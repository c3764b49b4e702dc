//! What every callback goes through. They are plain functions around one future: as seven boxed
//! middlewares they took a fifth of all instructions that a bet took.

use std::net::{IpAddr, SocketAddr};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use metrics::counter;
use tokio::sync::SemaphorePermit;
use tokio::time::Instant;
use uuid::Uuid;

use super::body::{self, BodyError};
use super::problem::Problem;
use super::span;
use crate::app::{App, Provider};
use crate::core::{PlayerId, TransactionId, TxId};
use crate::providers::{Answer, Failure, Operation, RawCall, Reply, Request as Asked};
use crate::telemetry::trail::Traced;

/// Where callers and we name a request.
const REQUEST_ID: &str = "x-request-id";

/// One callback on its way.
#[derive(Clone)]
pub struct Call {
    /// Whose.
    pub provider: Arc<Provider>,
    /// Which; `None` for a path that is none of the provider's.
    pub operation: Option<&'static Operation>,
    /// After it the caller is told that it took too long.
    pub deadline: Instant,
    /// Where it is written down what happens to its command, where it is traced.
    pub trail: Traced,
}

/// What goes back, and what the log line and the metrics say of it.
pub struct Answered {
    /// In the provider's own words.
    pub response: Response,
    /// In ours.
    pub told: Told,
}

/// What the log line and the metrics say of a reply.
#[derive(Clone, Debug, Default)]
pub struct Told {
    /// The outcome in one word.
    pub outcome: &'static str,
    /// Whose wallet, where it is known.
    pub player: Option<PlayerId>,
    /// The first movement's key, where there is one.
    pub tx_id: Option<TxId>,
    /// The first movement's operator transaction id, where there is one.
    pub transaction_id: Option<TransactionId>,
    /// What was wrong, where there is more to say.
    pub detail: Option<String>,
}

impl Call {
    /// What it is called in logs, metrics and traces.
    pub fn operation_name(&self) -> &'static str {
        self.operation.map_or("unknown", |operation| operation.name)
    }

    /// The answer in the provider's own words.
    pub fn reply(&self, asked: Option<&Asked>, answer: &Answer<'_>, told: Told) -> Answered {
        let Reply { status, content_type, body } =
            self.provider.adapter.encode(self.operation, asked, answer);
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let response = (status, [("content-type", content_type)], body).into_response();
        Answered { response, told }
    }

    /// A call that came to nothing, in the provider's own words. The one door out for errors.
    pub fn fail(&self, asked: Option<&Asked>, failure: &Failure) -> Answered {
        let detail = match failure {
            Failure::BadRequest(detail) => Some(detail.clone()),
            Failure::CurrencyUnknown(_) | Failure::OwnerUnknown(_) => Some(failure.to_string()),
            _ => None,
        };
        let told = Told { outcome: failure.as_str(), detail, ..Told::default() };
        self.reply(asked, &Answer::Failed(failure), told)
    }
}

/// A call's answer, through all layers. `answer` is the innermost. The order matters:
pub async fn through<F>(
    app: Arc<App>,
    request: Request,
    answer: impl FnOnce(Arc<App>, Call, Asked) -> F + Send,
) -> Response
where
    F: Future<Output = Answered> + Send,
{
    let started = Instant::now();
    // Finds the provider first, because nothing below can say no without its words.
    let Some(mut call) = find_provider(&app, &request, started) else {
        return unknown_provider();
    };
    let request_id = request_id(request.headers());
    let span = app.traces.as_ref().map(|traces| {
        let span = span::begin(traces, &call, request.headers(), started);
        call.trail = span.trail();
        span
    });
    let below = async {
        let (parts, body) = request.into_parts();
        let (operation, _in_flight) = match admit(&app, &call, &parts) {
            Ok(admitted) => admitted,
            Err(failure) => {
                body::discard(body).await;
                return Err(failure);
            }
        };
        let body = read_body(&call, body).await?;
        let raw = RawCall {
            operation,
            path_and_query: parts.uri.path_and_query().map_or("", |path| path.as_str()),
            headers: &parts.headers,
            body: &body,
        };
        // Nothing of a call is believed before this.
        let asked = verify_and_decode(&call, &raw)?;
        Ok(answer(Arc::clone(&app), call.clone(), asked).await)
    };
    // Above all that can panic, below what must see the reply.
    let answered = contain_panic(below, call.provider.id.as_str()).await;
    let Answered { mut response, told } = match answered {
        Some(Ok(answered)) => answered,
        Some(Err(failure)) => call.fail(None, &failure),
        None => call.fail(None, &Failure::Internal),
    };
    echo_request_id(&mut response, &request_id);
    let trace_id = span.as_ref().and_then(|span| span.trace_id());
    // Counts and logs everything, refusals too.
    note_call(&call, &told, &request_id, response.status(), started, trace_id.as_deref());
    if let Some(span) = span {
        span::finish(span, &call, &told, &request_id, &mut response);
    }
    response
}

fn find_provider(app: &App, request: &Request, started: Instant) -> Option<Call> {
    let path = request.uri().path().trim_start_matches('/');
    let (slug, below) = path.split_once('/').unwrap_or((path, ""));
    let provider = app.providers.get(slug).map(Arc::clone)?;
    let operations = provider.adapter.operations();
    let operation = operations
        .iter()
        .find(|operation| operation.paths.contains(&below))
        .filter(|_| request.method() == Method::POST);
    let deadline = started + provider.deadline;
    Some(Call { provider, operation, deadline, trail: None })
}

fn unknown_provider() -> Response {
    counter!("wallet_unknown_provider_total").increment(1);
    Problem::new(StatusCode::NOT_FOUND, "not_found", "there is nothing at this path")
        .into_response()
}

/// One metric and one log line for each call.
fn note_call(
    call: &Call,
    told: &Told,
    request_id: &str,
    status: StatusCode,
    started: Instant,
    trace_id: Option<&str>,
) {
    let operation = call.operation_name();
    let elapsed = started.elapsed();
    call.provider.meters.note(operation, told.outcome, elapsed);
    tracing::info!(
        provider = call.provider.id.as_str(),
        operation,
        outcome = told.outcome,
        player = told.player.as_ref().map(PlayerId::as_str),
        tx_id = told.tx_id.as_ref().map(TxId::as_str),
        transaction_id = told.transaction_id.map(tracing::field::display),
        detail = told.detail,
        status = status.as_u16(),
        latency_us = whole_micros(elapsed),
        request_id,
        trace_id,
        "call"
    );
}

/// The caller's id for the request when it is a sane one, or a new one.
pub fn request_id(headers: &HeaderMap) -> String {
    headers
        .get(REQUEST_ID)
        .and_then(|value| value.to_str().ok())
        .filter(|id| (1..=128).contains(&id.len()))
        .map_or_else(|| Uuid::now_v7().simple().to_string(), str::to_owned)
}

/// Tells the caller the request's id.
pub fn echo_request_id<B>(response: &mut Response<B>, request_id: &str) {
    if let Ok(mut value) = HeaderValue::from_str(request_id) {
        // Not secret, but never the same: HTTP/2 would remember each to compress the next by.
        value.set_sensitive(true);
        response.headers_mut().insert(REQUEST_ID, value);
    }
}

/// A duration as the log says it.
pub fn whole_micros(elapsed: Duration) -> u64 {
    u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX)
}

/// What the future comes to; `None` after a panic, which is counted and logged.
pub async fn contain_panic<F: Future>(run: F, whose: &str) -> Option<F::Output> {
    let run = AssertUnwindSafe(run).catch_unwind().await;
    if run.is_err() {
        counter!("wallet_panics_total").increment(1);
        tracing::error!(whose, "a handler panicked");
    }
    run.ok()
}

/// The reply of everything below; `None` after a panic, which is counted and logged.
pub(super) async fn run_contained(request: Request, next: Next, whose: &str) -> Option<Response> {
    contain_panic(next.run(request), whose).await
}

/// Turns strangers and overload away before the body is read, so that they cost no memory.
fn admit<'a>(
    app: &'a App,
    call: &'a Call,
    parts: &Parts,
) -> Result<(&'static Operation, InFlight<'a>), Failure> {
    let operation = call.operation.ok_or(Failure::UnknownOperation)?;
    test_address(app, &call.provider, parts)?;
    Ok((operation, shed_overload(app, call)?))
}

/// Whether the provider may call from there.
///
/// # Errors
/// [`Failure::AddressNotAllowed`].
pub fn test_address(app: &App, provider: &Provider, parts: &Parts) -> Result<(), Failure> {
    let allow = &provider.allow;
    let allowed = |ip: IpAddr| allow.iter().any(|network| network.contains(&ip));
    if allow.is_empty() || caller_address(app, parts).is_some_and(allowed) {
        Ok(())
    } else {
        Err(Failure::AddressNotAllowed)
    }
}

/// The peer, or, behind proxies that are trusted, the last address that none of them wrote.
fn caller_address(app: &App, parts: &Parts) -> Option<IpAddr> {
    let trusted = |ip: &IpAddr| app.trusted_proxies.iter().any(|network| network.contains(ip));
    let mut caller = parts.extensions.get::<SocketAddr>()?.ip().to_canonical();
    let forwarded: Vec<&str> = parts
        .headers
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

/// A place for the call in the node and in the provider's share of it.
type InFlight<'a> = (SemaphorePermit<'a>, SemaphorePermit<'a>);

fn shed_overload<'a>(app: &'a App, call: &'a Call) -> Result<InFlight<'a>, Failure> {
    match (app.in_flight.try_acquire(), call.provider.in_flight.try_acquire()) {
        (Ok(node), Ok(provider)) => Ok((node, provider)),
        _ => Err(Failure::Busy),
    }
}

async fn read_body(call: &Call, body: Body) -> Result<Bytes, Failure> {
    keep_deadline(call, body::read(body, call.provider.body_max)).await?.map_err(
        |error| match error {
            BodyError::TooLarge => Failure::TooLarge,
            BodyError::Broken => Failure::BadRequest("the body ended too early".to_owned()),
        },
    )
}

/// Waits no longer than the call may take. Everything in a call that waits is either in here or
/// knows the deadline itself.
///
/// # Errors
/// [`Failure::Timeout`].
pub async fn keep_deadline<F: Future>(call: &Call, wait: F) -> Result<F::Output, Failure> {
    tokio::time::timeout_at(call.deadline, wait).await.map_err(|_| Failure::Timeout)
}

fn verify_and_decode(call: &Call, raw: &RawCall<'_>) -> Result<Asked, Failure> {
    call.provider.adapter.open(raw)?.believed(&call.provider.secrets)
}
