//! What every call of a client goes through. As with callbacks, plain functions around one future.

use std::sync::Arc;
use std::time::Duration;

use axum::http::request::Parts;
use axum::http::{HeaderMap, Request, Response};
use hyper::body::Incoming;
use metrics::counter;
use tokio::time::Instant;
use tonic::body::Body;
use tonic::codegen::Service as _;
use tonic::{Code, Status};
use tonic_types::FieldViolation;

use super::auth::Keys;
use super::call::Call;
use super::proto::wallet_service_server::{SERVICE_NAME, WalletServiceServer};
use super::refusal::Refusal;
use super::service::Service;
use crate::app::App;
use crate::edge::record::{echo_request_id, request_id, whole_micros};
use crate::http::layers::{admit, contain_panic};
use crate::providers::grpc::{AUTHENTICATE, BALANCE, BATCH_EXECUTE, EXECUTE, STREAM_TRANSACTIONS};
use crate::providers::{Failure, Operation};

/// How long a call may take, in the caller's words.
const TIMEOUT: &str = "grpc-timeout";

/// What every call needs.
pub struct Gate {
    /// The node.
    pub app: Arc<App>,
    /// Who may call.
    pub keys: Keys,
}

/// A call's answer, through all layers. The order matters:
pub async fn through(gate: Arc<Gate>, request: Request<Incoming>) -> Response<Body> {
    let started = Instant::now();
    let (parts, body) = request.into_parts();
    // The key says whose limits and whose name everything below goes by.
    let Some(client) = gate.keys.holder(&parts.headers) else {
        return refuse_stranger(&parts.headers, started);
    };
    let operation = operation(parts.uri.path());
    let call = Arc::new(Call::new(&gate.app, client, operation, &parts.headers, started));
    // Above all that can panic, below what must see the reply.
    let answered = contain_panic(answer(&gate, &call, parts, body), call.client.id.as_str()).await;
    let mut response =
        answered.unwrap_or(Err(Failure::Internal.into())).unwrap_or_else(|refusal| {
            call.tell_refused(&refusal);
            refusal.status().into_http()
        });
    echo_request_id(&mut response, &call.record.request_id);
    // Everything is counted and logged with the last that holds the call: here, or its stream.
    response
}

fn operation(path: &str) -> Option<&'static Operation> {
    let method = path.strip_prefix('/')?.strip_prefix(SERVICE_NAME)?.strip_prefix('/')?;
    match method {
        "Authenticate" => Some(&AUTHENTICATE),
        "Balance" => Some(&BALANCE),
        "Execute" => Some(&EXECUTE),
        "BatchExecute" => Some(&BATCH_EXECUTE),
        "StreamTransactions" => Some(&STREAM_TRANSACTIONS),
        _ => None,
    }
}

/// Without a key there is no client whose call could be counted.
fn refuse_stranger(headers: &HeaderMap, started: Instant) -> Response<Body> {
    let refusal = Refusal::Failed(Failure::BadSignature);
    counter!("wallet_unknown_provider_total").increment(1);
    let request_id = request_id(headers);
    tracing::info!(
        outcome = refusal.outcome(),
        grpc_status = i32::from(refusal.code()),
        latency_us = whole_micros(started.elapsed()),
        request_id,
        "call without a key that is known"
    );
    let mut response = refusal.status().into_http();
    echo_request_id(&mut response, &request_id);
    response
}

async fn answer(
    gate: &Gate,
    call: &Arc<Call>,
    parts: Parts,
    body: Incoming,
) -> Result<Response<Body>, Refusal> {
    // Overload is turned away before the body is read, so that it costs no memory.
    let operation = call.operation.ok_or(Failure::UnknownOperation)?;
    admit(&gate.app, &call.client, &parts).map_err(|from| {
        call.comes_from(from);
        Failure::AddressNotAllowed
    })?;
    call.take_places(1)?;
    let longest = match operation.name {
        name if name == STREAM_TRANSACTIONS.name => Duration::from_millis(gate.app.grpc.stream_ms),
        _ => call.client.deadline,
    };
    let deadline =
        call.record.started + asked_timeout(&parts.headers)?.unwrap_or(longest).min(longest);
    let service = Service { app: Arc::clone(&gate.app), call: Arc::clone(call), deadline };
    let mut server =
        WalletServiceServer::new(service).max_decoding_message_size(call.client.body_max);
    let replied = server.call(Request::from_parts(parts, body));
    // A slow body as well as a slow database; a command is executed to its end all the same.
    let replied = tokio::time::timeout_at(deadline, replied).await.map_err(|_| Failure::Timeout)?;
    let response = match replied {
        Ok(response) => response,
        Err(never) => match never {},
    };
    // A method says what came of it. Where none did, there was no message for it.
    if call.is_told() || response.extensions().get::<Status>().is_none() {
        return Ok(response);
    }
    Err(unread(&response))
}

fn unread(response: &Response<Body>) -> Refusal {
    let status = response.extensions().get::<Status>();
    let failure = match status.map(Status::code) {
        Some(Code::OutOfRange) => Failure::TooLarge,
        // Other services and methods have been turned away before.
        Some(Code::Unimplemented) => return Refusal::Compressed,
        _ => Failure::BadRequest(status.map_or("no message", Status::message).to_owned()),
    };
    failure.into()
}

/// How long the caller waits, where it says so.
fn asked_timeout(headers: &HeaderMap) -> Result<Option<Duration>, Refusal> {
    let Some(value) = headers.get(TIMEOUT) else { return Ok(None) };
    let timeout = value.to_str().ok().and_then(timeout);
    let wrong = || FieldViolation::new(TIMEOUT, "up to 8 digits and one of H, M, S, m, u, n");
    timeout.map(Some).ok_or_else(|| Refusal::Invalid(vec![wrong()]))
}

/// `TimeoutValue TimeoutUnit`, as the protocol defines them.
fn timeout(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let is_number = (1..=8).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    let count: u64 = digits.parse().ok().filter(|_| is_number)?;
    match unit {
        "H" => Some(Duration::from_secs(count * 3600)),
        "M" => Some(Duration::from_secs(count * 60)),
        "S" => Some(Duration::from_secs(count)),
        "m" => Some(Duration::from_millis(count)),
        "u" => Some(Duration::from_micros(count)),
        "n" => Some(Duration::from_nanos(count)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_is_read_as_the_protocol_writes_it() {
        for (text, wanted) in [
            ("1S", Some(Duration::from_secs(1))),
            ("250m", Some(Duration::from_millis(250))),
            ("99999999H", Some(Duration::from_secs(99_999_999 * 3600))),
            ("7n", Some(Duration::from_nanos(7))),
            ("100000000u", None),
            ("S", None),
            ("", None),
            ("+1S", None),
            ("1s", None),
            ("1", None),
        ] {
            assert_eq!(timeout(text), wanted, "{text:?}");
        }
    }
}
