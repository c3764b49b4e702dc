//! What is written down of every call, whatever becomes of it: one log line, and one count. A call
//! whose caller hangs up is one, too.

use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, Response, StatusCode};
use tokio::time::Instant;
use uuid::Uuid;

use super::advice;
use crate::app::Provider;
use crate::core::{PlayerId, TransactionId, TxId};

/// Where callers and we name a request.
const REQUEST_ID: &str = "x-request-id";
/// The outcome of a call whose caller went away before it had its reply.
pub const ABANDONED: &str = "abandoned";

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

/// A call that will be written down.
pub struct Record {
    /// Whose call.
    pub provider: Arc<Provider>,
    /// What it is called in logs, metrics and traces.
    pub operation: &'static str,
    /// The caller's id for it, or ours.
    pub request_id: String,
    /// When its headers had arrived.
    pub started: Instant,
}

impl Record {
    /// One count and one line.
    pub fn write(&self, told: &Told, status: Status, trace_id: Option<&str>) {
        let elapsed = self.started.elapsed();
        self.provider.meters.note(self.operation, told.outcome, elapsed);
        let (http, grpc) = match status {
            Status::Http(status) => (Some(status.as_u16()), None),
            Status::Grpc(code) => (None, Some(i32::from(code))),
            Status::Unsent => (None, None),
        };
        macro_rules! line {
            ($target:literal, $advice:expr) => {
                tracing::info!(
                    target: $target,
                    provider = self.provider.id.as_str(),
                    operation = self.operation,
                    outcome = told.outcome,
                    player = told.player.as_ref().map(PlayerId::as_str),
                    tx_id = told.tx_id.as_ref().map(TxId::as_str),
                    transaction_id = told.transaction_id.map(tracing::field::display),
                    detail = told.detail.as_deref(),
                    advice = $advice,
                    status = http,
                    grpc_status = grpc,
                    latency_us = whole_micros(elapsed),
                    request_id = self.request_id.as_str(),
                    trace_id,
                    "call"
                )
            };
        }
        // Two names below the crate's, by which a filter of the log tells them apart.
        match advice::on(told.outcome) {
            None => line!("seamless_wallet::call", None::<&str>),
            Some(advice) => line!("seamless_wallet::mistake", advice),
        }
    }
}

/// A call that is written down when its reply is there or, where nobody waits for that any more,
/// when it is dropped.
pub struct Watched {
    record: Record,
    /// What is known of it by now.
    pub known: Told,
    open: bool,
}

impl Watched {
    /// From its first moment on.
    pub fn new(record: Record) -> Self {
        let known = Told { outcome: ABANDONED, ..Told::default() };
        Self { record, known, open: true }
    }

    /// What it is.
    pub const fn record(&self) -> &Record {
        &self.record
    }

    /// Its reply is on its way.
    pub fn replied(&mut self, told: &Told, status: StatusCode, trace_id: Option<&str>) {
        self.open = false;
        self.record.write(told, Status::Http(status), trace_id);
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if self.open {
            self.record.write(&self.known, Status::Unsent, None);
        }
    }
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
