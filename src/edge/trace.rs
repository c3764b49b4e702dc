//! What a span says of its call: what the log line says, in the standard's words where it has
//! some. Neither holds a body, a query or a secret.

use axum::http::HeaderMap;
use opentelemetry::KeyValue;
use tokio::time::Instant;

use super::record::{CallOutcome, Line, Status};
use crate::core::ProviderId;
use crate::providers::Failure;
use crate::telemetry::traces::{CallSpan, Traces};

/// A call has come in.
pub fn begin(
    traces: &Traces,
    provider: &ProviderId,
    operation: &str,
    headers: &HeaderMap,
    started: Instant,
) -> Box<CallSpan> {
    traces.begin(format!("{provider} {operation}"), headers, started)
}

/// It is over.
pub fn finish(span: Box<CallSpan>, line: &Line<'_>, outcome: &CallOutcome, status: Status) {
    let mut attributes = vec![
        KeyValue::new("wallet.request_id", line.request_id.to_owned()),
        KeyValue::new("wallet.provider", line.provider.id.to_string()),
        KeyValue::new("wallet.operation", line.operation),
        KeyValue::new("wallet.outcome", outcome.word),
    ];
    let status = match status {
        Status::Http(status) => Some(("http.response.status_code", i64::from(status.as_u16()))),
        Status::Grpc(code) => Some(("rpc.grpc.status_code", i64::from(i32::from(code)))),
        Status::Unsent => None,
    };
    attributes.extend(status.map(|(name, status)| KeyValue::new(name, status)));
    let known = [
        ("wallet.player", outcome.player.as_ref().map(ToString::to_string)),
        ("wallet.tx_id", outcome.tx_id.as_ref().map(ToString::to_string)),
        ("wallet.transaction_id", outcome.transaction_id.map(|id| id.to_string())),
    ];
    let known = known.into_iter().filter_map(|(name, value)| Some(KeyValue::new(name, value?)));
    attributes.extend(known);
    let failed = Failure::OURS.contains(&outcome.word).then_some(outcome.word);
    span.finish(attributes, failed);
}
