//! What a span says of its callback: what the log line says, in the standard's words where it has
//! some. Neither holds a body, a query or a secret.

use axum::http::HeaderMap;
use axum::response::Response;
use opentelemetry::KeyValue;
use tokio::time::Instant;

use super::layers::Call;
use crate::edge::record::Told;
use crate::providers::Failure;
use crate::telemetry::traces::{CallSpan, Traces};

/// A call has come in.
pub fn begin(traces: &Traces, call: &Call, headers: &HeaderMap, came: Instant) -> Box<CallSpan> {
    traces.begin(format!("{} {}", call.provider.id, call.operation_name()), headers, came)
}

/// It is answered, and the answer names the span.
pub fn finish(
    span: Box<CallSpan>,
    call: &Call,
    told: &Told,
    request_id: &str,
    response: &mut Response,
) {
    span.pass_on(response.headers_mut());
    let mut attributes = vec![
        KeyValue::new("http.response.status_code", i64::from(response.status().as_u16())),
        KeyValue::new("wallet.request_id", request_id.to_owned()),
        KeyValue::new("wallet.provider", call.provider.id.to_string()),
        KeyValue::new("wallet.operation", call.operation_name()),
        KeyValue::new("wallet.outcome", told.outcome),
    ];
    let known = [
        ("wallet.player", told.player.as_ref().map(ToString::to_string)),
        ("wallet.tx_id", told.tx_id.as_ref().map(ToString::to_string)),
        ("wallet.transaction_id", told.transaction_id.map(|id| id.to_string())),
    ];
    let known = known.into_iter().filter_map(|(name, value)| Some(KeyValue::new(name, value?)));
    attributes.extend(known);
    let failed = Failure::OURS.contains(&told.outcome).then_some(told.outcome);
    span.finish(attributes, failed);
}
