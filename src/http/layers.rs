//! What every callback goes through. They are plain functions around one future: as seven boxed
//! middlewares they took a fifth of all instructions that a bet took.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::header::CONTENT_LENGTH;
use axum::http::request::Parts;
use axum::http::uri::PathAndQuery;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use metrics::counter;
use tokio::sync::SemaphorePermit;
use tokio::time::Instant;

use super::body::{self, BodyError};
use super::problem::Problem;
use super::span;
use crate::app::{App, Provider};
use crate::edge::path::Sent;
use crate::edge::record::{Record, Told, Watched, echo_request_id, request_id, whole_micros};
use crate::edge::{address, advice};
use crate::providers::{Answer, Failure, Operation, RawCall, Reply, Request as Asked};
use crate::telemetry::trail::Traced;

/// Bodies up to so many bytes are read whoever sends them; longer ones count among the bytes that
/// strangers may send.
const SMALL: usize = 8 * 1024;

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
        return unknown_provider(&request, started);
    };
    let mut watched = Watched::new(Record {
        provider: Arc::clone(&call.provider),
        operation: call.operation_name(),
        request_id: request_id(request.headers()),
        started,
    });
    let span = app.traces.as_ref().map(|traces| {
        let span = span::begin(traces, &call, request.headers(), started);
        call.trail = span.trail();
        span
    });
    let known = &mut watched.known;
    let mut refused_address = None;
    let below = async {
        let (parts, body) = request.into_parts();
        let operation = call.operation.ok_or(Failure::UnknownOperation)?;
        let from = admit(&app, &call.provider, &parts).map_err(|from| {
            refused_address = Some(from);
            Failure::AddressNotAllowed
        })?;
        let body = read_body(&app, &call, from, &parts.headers, body).await?;
        let raw = RawCall {
            operation,
            path_and_query: path_as_sent(&parts),
            headers: &parts.headers,
            body: &body,
        };
        // Nothing of a call is believed before this, and no place is taken.
        let asked = verify_and_decode(&call, &raw)?;
        let _places = shed_overload(&app, &call)?;
        if let Asked::Execute(command) = &asked {
            known.player = Some(command.player.clone());
            known.tx_id = command.movements.first().map(|movement| movement.tx_id.clone());
        }
        Ok(answer(Arc::clone(&app), call.clone(), asked).await)
    };
    // Above all that can panic, below what must see the reply.
    let answered = contain_panic(below, call.provider.id.as_str()).await;
    let Answered { mut response, mut told } = match answered {
        Some(Ok(answered)) => answered,
        Some(Err(failure)) => call.fail(None, &failure),
        None => call.fail(None, &Failure::Internal),
    };
    told.detail = refused_address.or(told.detail);
    let trace_id = span.as_ref().and_then(|span| span.trace_id());
    // Counts and logs everything, refusals too.
    watched.replied(&told, response.status(), trace_id.as_deref());
    let request_id = watched.record().request_id.as_str();
    echo_request_id(&mut response, request_id);
    if let Some(span) = span {
        span::finish(span, &call, &told, request_id, &mut response);
    }
    response
}

/// Whatever a signature covers, it covers what was sent.
fn path_as_sent(parts: &Parts) -> &str {
    let sent = parts.extensions.get::<Sent>().map(|sent| &sent.0);
    sent.or_else(|| parts.uri.path_and_query()).map_or("", PathAndQuery::as_str)
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

/// There is no provider whose call could be counted, and no path that could be repeated: a
/// stranger chooses what is in it.
fn unknown_provider(request: &Request, started: Instant) -> Response {
    counter!("wallet_unknown_provider_total").increment(1);
    let request_id = request_id(request.headers());
    let problem = Problem::new(StatusCode::NOT_FOUND, "not_found", "there is nothing at this path");
    let mut response = problem.into_response();
    let outcome = "unknown_provider";
    tracing::info!(
        target: "seamless_wallet::mistake",
        outcome,
        advice = advice::on(outcome),
        peer = request.extensions().get::<SocketAddr>().map(tracing::field::display),
        status = response.status().as_u16(),
        latency_us = whole_micros(started.elapsed()),
        request_id,
        "call of no provider's"
    );
    echo_request_id(&mut response, &request_id);
    response
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

/// Where the call comes from, if the provider may call from there.
///
/// # Errors
/// Where it comes from, for the log.
pub fn admit(app: &App, provider: &Provider, parts: &Parts) -> Result<IpAddr, String> {
    let peer = parts.extensions.get::<SocketAddr>().copied();
    let caller = peer.and_then(|peer| address::caller(&app.trusted_proxies, peer, &parts.headers));
    let allowed = |ip: &IpAddr| provider.allow.is_empty() || address::contains(&provider.allow, ip);
    match caller {
        Some(ip) if allowed(&ip) => Ok(ip),
        // Where everybody may call, nobody has to say who it is.
        None if provider.allow.is_empty() => {
            Ok(peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.ip()))
        }
        Some(ip) => Err(format!("from {ip}")),
        None => Err("from an address that cannot be read".to_owned()),
    }
}

/// A place for the call in the node and in the provider's share of it.
type InFlight<'a> = (SemaphorePermit<'a>, SemaphorePermit<'a>);

fn shed_overload<'a>(app: &'a App, call: &'a Call) -> Result<InFlight<'a>, Failure> {
    match (app.in_flight.try_acquire(), call.provider.in_flight.try_acquire()) {
        (Ok(node), Ok(provider)) => Ok((node, provider)),
        _ => Err(Failure::Busy),
    }
}

async fn read_body(
    app: &App,
    call: &Call,
    from: IpAddr,
    headers: &HeaderMap,
    body: Body,
) -> Result<Bytes, Failure> {
    let most = call.provider.body_max;
    let length = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    let wanted = length.unwrap_or(most).min(most);
    let _share = if wanted > SMALL {
        Some(app.unproven_bytes.take(from, wanted).ok_or(Failure::Busy)?)
    } else {
        None
    };
    let read = keep_deadline(call, body::read(body, most)).await?;
    read.map_err(|error| match error {
        BodyError::TooLarge => Failure::TooLarge,
        BodyError::Broken => Failure::BadRequest("the body ended too early".to_owned()),
    })
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
