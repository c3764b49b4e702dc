//! A client's call: found by its key, refused with a status and its details.

use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderMap, Request, Response};
use tokio::time::Instant;
use tonic::body::Body;
use tonic_types::FieldViolation;

use super::auth::Keys;
use super::proto::wallet_service_server::SERVICE_NAME;
use super::refusal::Refusal;
use crate::app::App;
use crate::edge;
use crate::edge::call::{Api, ProviderCall};
use crate::edge::record::{CallOutcome, Status, stranger};
use crate::provider::Provider;
use crate::providers::grpc::{AUTHENTICATE, BALANCE, BATCH_EXECUTE, EXECUTE, STREAM_TRANSACTIONS};
use crate::providers::{Failure, Operation};

/// How long after its deadline a batch may still be worded.
const WORDING_A_BATCH: Duration = Duration::from_millis(100);
/// How long a call may take, in the caller's words.
const TIMEOUT: &str = "grpc-timeout";

/// The calls of every client.
#[derive(Clone)]
pub struct Clients(Arc<Known>);

struct Known {
    app: Arc<App>,
    keys: Keys,
}

/// A call, as long as it lasts: that of a stream until the stream ends.
#[derive(Clone)]
pub struct Call {
    common: Arc<ProviderCall>,
    /// False where the caller's time-out cannot be read.
    is_timed_well: bool,
}

impl Clients {
    /// Those who have one of these keys.
    pub fn new(app: &Arc<App>, keys: Keys) -> Self {
        Self(Arc::new(Known { app: Arc::clone(app), keys }))
    }
}

impl<B> Api<B> for Clients {
    type Call = Call;

    fn identify(&self, request: &mut Request<B>, started: Instant) -> Result<Call, Response<Body>> {
        let Known { app, keys } = &*self.0;
        let Some(client) = keys.holder(request.headers()) else {
            let refusal = Refusal::Failed(Failure::BadSignature);
            let mut reply = refusal.status().into_http();
            let status = Status::Grpc(refusal.code());
            stranger(refusal.outcome(), status, request, started, &mut reply);
            return Err(reply);
        };
        let operation = operation(request.uri().path());
        let longest = match operation {
            Some(operation) if *operation == STREAM_TRANSACTIONS => {
                Duration::from_millis(app.grpc.stream_ms)
            }
            _ => client.deadline,
        };
        let asked = asked_timeout(request.headers());
        let timeout = asked.ok().flatten().unwrap_or(longest).min(longest);
        let call = ProviderCall::new(&app.edge, client, operation, request, started);
        let common = Arc::new(call.until(started + timeout));
        Ok(Call { common, is_timed_well: asked.is_ok() })
    }
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

impl Call {
    /// The client that calls.
    pub fn client(&self) -> &Provider {
        &self.common.provider
    }

    /// What is known of it beside.
    pub fn common(&self) -> &ProviderCall {
        &self.common
    }

    /// Takes further places, for the commands of a batch.
    ///
    /// # Errors
    /// [`Failure::Busy`].
    pub fn take_places(&self, count: u32) -> Result<(), Failure> {
        self.common.take_places(count)
    }

    /// What came of it; of a batch, of each command.
    pub fn ended(&self, outcome: CallOutcome) {
        self.common.ended(outcome, Status::Grpc(tonic::Code::Ok));
    }

    /// It, or a command of it, came to nothing.
    pub fn ended_refused(&self, refusal: &Refusal) {
        let word = refusal.outcome();
        let outcome = CallOutcome { word, detail: refusal.detail(), ..CallOutcome::default() };
        self.common.ended(outcome, Status::Grpc(refusal.code()));
    }
}

impl edge::call::Call for Call {
    type Refusal = Refusal;
    type Reply = Body;

    fn caller(&self) -> &str {
        self.client().id.as_str()
    }

    /// The commands of a batch keep the deadline one by one; the batch has a moment more, to say so of
    /// each.
    fn deadline(&self) -> Instant {
        match self.common.operation() {
            Some(operation) if *operation == BATCH_EXECUTE => {
                self.common.deadline() + WORDING_A_BATCH
            }
            _ => self.common.deadline(),
        }
    }

    fn admit(&self) -> Result<(), Refusal> {
        self.common.admit()?;
        if self.is_timed_well {
            return Ok(());
        }
        let wrong = FieldViolation::new(TIMEOUT, "up to 8 digits and one of H, M, S, m, u, n");
        Err(Refusal::Invalid(vec![wrong]))
    }

    fn take_place(&self) -> Result<(), Failure> {
        self.common.take_places(1)
    }

    fn refuse(&self, refusal: Refusal) -> Response<Body> {
        self.ended_refused(&refusal);
        refusal.status().into_http()
    }

    fn sign_off(&self, reply: &mut Response<Body>) {
        self.common.sign_off(reply);
    }
}

/// A time-out that cannot be read.
#[derive(Clone, Copy, Debug)]
struct NotATimeout;

/// How long the caller waits, where it says so.
fn asked_timeout(headers: &HeaderMap) -> Result<Option<Duration>, NotATimeout> {
    let Some(value) = headers.get(TIMEOUT) else { return Ok(None) };
    value.to_str().ok().and_then(timeout).map(Some).ok_or(NotATimeout)
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
