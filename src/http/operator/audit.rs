//! Who changed what by hand.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::openapi::Object;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::audited::shown;
use super::docs::{self, refusals};
use super::extract::{IdempotencyKey, QueryParams};
use super::reconciliation::{bad_values, one_of, page_of};
use super::transactions::bad_query;
use super::wire::{Faults, moment};
use crate::app::App;
use crate::core::{PlayerId, TransactionId};
use crate::http::problem::Problem;
use crate::store::directory::operator_audit::{self, Entry, Filter};

/// Everything that is written down.
const ACTIONS: &[&str] = &[
    "correction",
    "deposit",
    "withdrawal",
    "open",
    "player",
    "session",
    "session_revoked",
    "game",
    "free_rounds",
    "redrive",
    "leave_to_provider",
    "decided_elsewhere",
];

fn actions() -> Object {
    docs::words(ACTIONS.iter().copied())
}

/// Which deeds. All that is given has to hold.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AuditQuery {
    /// To one player.
    #[param(example = "p-42")]
    player_id: Option<String>,
    /// Of one operator key.
    #[param(example = "back-office")]
    key_name: Option<String>,
    /// Of one kind.
    #[param(schema_with = actions)]
    action: Option<String>,
    /// Asked for with this `Idempotency-Key`: a deposit, a withdrawal or a correction, of whichever
    /// player.
    #[param(example = "case-1234")]
    idempotency_key: Option<String>,
    /// About one movement.
    #[param(example = "019a1c9e7b3a7d2e8f4061b2c3d4e5f6")]
    transaction_id: Option<String>,
    /// Not before this millisecond.
    #[param(example = "2026-10-01T00:00:00Z")]
    from: Option<String>,
    /// Before this millisecond.
    #[param(example = "2026-11-01T00:00:00Z")]
    to: Option<String>,
    /// How many at most.
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<u16>,
    /// The `next_cursor` of the page before.
    #[param(example = "019a1c9e7b3a7d2e8f4061b2c3d4e5f6")]
    cursor: Option<String>,
}

/// A page.
#[derive(Serialize, ToSchema)]
pub struct AuditPage {
    items: Vec<AuditEntry>,
    /// For the next page; `null` on the last.
    next_cursor: Option<String>,
}

/// A call that changed something, or tried to.
#[derive(Serialize, ToSchema)]
pub struct AuditEntry {
    audit_id: String,
    #[schema(format = DateTime)]
    at: String,
    /// The name of the operator key.
    key_name: String,
    /// The person behind the key, as the call said.
    author: Option<String>,
    reason: Option<String>,
    /// `correction`, `deposit`, `withdrawal`, `open`, `player`, `session`,
    /// `session_revoked`, `game`, `free_rounds`, `redrive`,
    /// `leave_to_provider` or `decided_elsewhere`.
    action: String,
    player_id: Option<String>,
    provider: Option<String>,
    /// The game, the issue, or the movement's key.
    subject: Option<String>,
    idempotency_key: Option<String>,
    /// `done`, `repeated`, `parked`, or the code of the problem that was answered; `asked` where
    /// the node did not come to tell.
    outcome: String,
    transaction_id: Option<String>,
    /// How it was.
    #[schema(value_type = Option<Object>)]
    before: Option<Box<RawValue>>,
    /// How it is.
    #[schema(value_type = Option<Object>)]
    after: Option<Box<RawValue>>,
}

impl TryFrom<Entry> for AuditEntry {
    type Error = Problem;

    fn try_from(entry: Entry) -> Result<Self, Problem> {
        Ok(Self {
            audit_id: entry.audit_id.simple().to_string(),
            at: moment(entry.at),
            key_name: entry.key_name,
            author: entry.author,
            reason: entry.reason,
            action: entry.action,
            player_id: entry.player_id,
            provider: entry.provider,
            subject: entry.subject,
            idempotency_key: entry.idempotency_key,
            outcome: entry.outcome,
            transaction_id: entry.transaction_id.map(|id| id.simple().to_string()),
            before: shown(entry.before_state)?,
            after: shown(entry.after_state)?,
        })
    }
}

refusals!(ListRefusals: docs::of_all() => bad_values("limit", "must be 1 to 500"));

/// List what was changed by hand, newest first.
///
/// Follow `next_cursor` with the same filter.
#[utoipa::path(
    get, path = "/operator/v1/audit", tag = "audit", params(AuditQuery),
    responses(
        (status = 200, description = "A page.", body = AuditPage, example = json!({
            "items": [{
                "audit_id": "019a1c9e7b3a7d2e8f4061b2c3d4e5f8",
                "at": "2026-10-02T08:00:00.123456Z", "key_name": "back-office",
                "author": "m.rossi", "reason": "win of round 5103188801 paid twice, case 1234",
                "action": "correction", "player_id": "p-42", "provider": null, "subject": null,
                "idempotency_key": "case-1234", "outcome": "done",
                "transaction_id": "019a1c9e7b3a7d2e8f4061b2c3d4e5f9",
                "before": {"balance": "104.20", "version": 8, "status": "active"},
                "after": {"balance": "100.00", "version": 9, "status": "active"}
            }],
            "next_cursor": null
        })),
        ListRefusals
    )
)]
pub async fn list(
    State(app): State<Arc<App>>,
    QueryParams(query): QueryParams<AuditQuery>,
) -> Result<Json<AuditPage>, Problem> {
    let mut faults = Faults::default();
    let page = page_of(&mut faults, query.limit, query.cursor.as_deref());
    let id = query.transaction_id.as_deref().map(Uuid::try_parse);
    let id = id.map(|parsed| parsed.map_err(|_| "is no transaction id"));
    let (from, to) = faults.period(query.from.as_deref(), query.to.as_deref());
    let filter = Filter {
        player: faults.check_optional("player_id", query.player_id.map(PlayerId::parse)),
        key_name: query.key_name,
        action: faults.check_optional("action", query.action.map(|action| one_of(action, ACTIONS))),
        idempotency_key: faults
            .check_optional("idempotency_key", query.idempotency_key.map(IdempotencyKey::parse))
            .map(|key| key.0),
        transaction_id: faults.check_optional("transaction_id", id).map(TransactionId::new),
        from,
        to,
        before: page.before,
        limit: page.limit.saturating_add(1),
    };
    faults.none_or(bad_query)?;
    let mut items = operator_audit::page(&app.back_office.pool, &filter).await?;
    let more = items.len() > usize::from(page.limit);
    items.truncate(page.limit.into());
    let last = items.last().filter(|_| more);
    Ok(Json(AuditPage {
        next_cursor: last.map(|entry| entry.audit_id.simple().to_string()),
        items: items.into_iter().map(AuditEntry::try_from).collect::<Result<_, _>>()?,
    }))
}
