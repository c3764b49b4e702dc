//! What is written down of every call, whatever becomes of it: one log line, and one count. A call
//! whose caller hangs up is one, too.

use std::net::SocketAddr;
use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use metrics::counter;
use tokio::time::Instant;
use uuid::Uuid;

use super::advice;
use crate::core::{PlayerId, TransactionId, TxId};
use crate::provider::Provider;

/// Where callers and we name a request.
const REQUEST_ID: &str = "x-request-id";
/// The outcome of a call whose caller went away before it had its reply.
pub const ABANDONED: &str = "abandoned";

/// What came of a call, for the log line and the metrics.
#[derive(Clone, Debug, Default)]
pub struct CallOutcome {
    /// In one word.
    pub word: &'static str,
    /// Whose wallet, where it is known.
    pub player: Option<PlayerId>,
    /// The first movement's key, where there is one.
    pub tx_id: Option<TxId>,
    /// The first movement's operator transaction id, where there is one.
    pub transaction_id: Option<TransactionId>,
    /// What was wrong, where there is more to say.
    pub detail: Option<String>,
}

/// How the reply was marked.
#[derive(Clone, Copy, Debug)]
pub enum Status {
    /// By HTTP.
    Http(StatusCode),
    /// By gRPC.
    Grpc(tonic::Code),
    /// There was none.
    Unsent,
}

impl Status {
    fn by_transport(self) -> (Option<u16>, Option<i32>) {
        match self {
            Self::Http(status) => (Some(status.as_u16()), None),
            Self::Grpc(code) => (None, Some(i32::from(code))),
            Self::Unsent => (None, None),
        }
    }
}

/// What the log line of a provider's call says whatever comes of it.
pub struct Line<'a> {
    /// Whose call.
    pub provider: &'a Provider,
    /// What it is called in logs, metrics and traces.
    pub operation: &'static str,
    /// The caller's id for it, or ours.
    pub request_id: &'a str,
    /// When its head had arrived.
    pub started: Instant,
}

impl Line<'_> {
    /// One count and one line.
    pub fn write(&self, outcome: &CallOutcome, status: Status, trace_id: Option<&str>) {
        let elapsed = self.started.elapsed();
        self.provider.meters.note(self.operation, outcome.word, elapsed);
        let (http, grpc) = status.by_transport();
        macro_rules! line {
            ($target:literal, $advice:expr) => {
                tracing::info!(
                    target: $target,
                    provider = self.provider.id.as_str(),
                    operation = self.operation,
                    outcome = outcome.word,
                    player = outcome.player.as_ref().map(PlayerId::as_str),
                    tx_id = outcome.tx_id.as_ref().map(TxId::as_str),
                    transaction_id = outcome.transaction_id.map(tracing::field::display),
                    detail = outcome.detail.as_deref(),
                    advice = $advice,
                    status = http,
                    grpc_status = grpc,
                    latency_us = whole_micros(elapsed),
                    request_id = self.request_id,
                    trace_id,
                    "call"
                )
            };
        }
        // Two names below the crate's, by which a filter of the log tells them apart.
        match advice::on(outcome.word) {
            None => line!("seamless_wallet::call", None::<&str>),
            Some(advice) => line!("seamless_wallet::mistake", advice),
        }
    }
}

/// A call of somebody who is nobody's: there is no provider whose call could be counted, and no path
/// that could be repeated, because a stranger chooses what is in it. Its id is echoed.
pub fn stranger<Q, R>(
    word: &'static str,
    status: Status,
    request: &Request<Q>,
    started: Instant,
    reply: &mut Response<R>,
) {
    counter!("wallet_unknown_provider_total").increment(1);
    let request_id = request_id(request.headers());
    let (http, grpc) = status.by_transport();
    tracing::info!(
        target: "seamless_wallet::mistake",
        outcome = word,
        advice = advice::on(word),
        peer = request.extensions().get::<SocketAddr>().map(tracing::field::display),
        status = http,
        grpc_status = grpc,
        latency_us = whole_micros(started.elapsed()),
        request_id,
        "call of no provider's"
    );
    echo_request_id(reply, &request_id);
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
