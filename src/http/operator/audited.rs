//! Changes by hand: a row of the audit is written before the change, and completed with its outcome.

use serde::Serialize;

use super::error;
use super::layers::Call;
use crate::app::App;
use crate::http::problem::Problem;
use crate::store::directory::operator_audit::{self, AuditEvent, AuditOutcome};

/// The most characters of a reason.
pub const REASON_MAX: usize = 500;
/// The most characters of an author.
pub const AUTHOR_MAX: usize = 100;

/// A change that the caller asks for.
pub fn event(call: &Call, action: &'static str) -> AuditEvent {
    AuditEvent { key_name: call.key_name().to_owned(), action, ..AuditEvent::default() }
}

/// A state for the record.
pub fn state(value: &impl Serialize) -> Option<String> {
    serde_json::to_string(value).ok()
}

/// Makes the change between the two writes of its audit row.
///
/// # Errors
/// The problem to tell; nothing was done where the record could not be begun.
pub async fn run<T>(
    app: &App,
    event: AuditEvent,
    change: impl Future<Output = Result<(T, AuditOutcome), Problem>>,
) -> Result<T, Problem> {
    let id = operator_audit::begin(&app.back_office.pool, &event).await?;
    let (result, end) = match change.await {
        Ok((value, end)) => (Ok(value), end),
        Err(problem) => {
            let end = AuditOutcome { outcome: problem.code, ..AuditOutcome::default() };
            (Err(problem), end)
        }
    };
    if let Err(error) = operator_audit::end(&app.back_office.pool, id, &end).await {
        // It is done all the same; the record says that it was asked for.
        tracing::error!(%error, audit_id = %id.simple(), outcome = end.outcome, "an audit row has no end");
    }
    result
}

/// How a state that has no text is shown.
pub fn shown(state: Option<String>) -> Result<Option<Box<serde_json::value::RawValue>>, Problem> {
    state.map(serde_json::value::RawValue::from_string).transpose().map_err(|_| error::internal())
}
