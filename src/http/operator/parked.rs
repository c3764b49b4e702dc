//! Movements that wait: what they are, trying one now, leaving one to its provider, and what was
//! decided elsewhere.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::audited::{self, AUTHOR_MAX, REASON_MAX};
use super::docs::{self, refusals};
use super::error;
use super::extract::{JsonBody, PathParams, QueryParams};
use super::layers::Call;
use super::reconciliation::{bad_values, page_of};
use super::transaction::Transaction;
use super::wire::{Faults, moment, one_line};
use crate::app::App;
use crate::core::{
    Action, Category, Command, Movement, Outcome, PlayerId, Policy, ProviderId, Reason, TxId,
};
use crate::http::problem::Problem;
use crate::jobs::JobError;
use crate::jobs::reapply::{self, Attempted};
use crate::store::directory::operator_audit::{AuditEvent, AuditOutcome};
use crate::store::jobs::parked::{self, Place, StillParked};
use crate::store::jobs::parked_list::{self, Filter, Parked};
use crate::store::ledger::currency::RowWithCurrency;

/// Which parked movements.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ParkedQuery {
    /// Of one player.
    #[param(example = "p-42")]
    player_id: Option<String>,
    /// Of one provider.
    #[param(example = "pragmatic")]
    provider: Option<String>,
    /// Only those that were given up, or only the others.
    dead: Option<bool>,
    /// How many at most.
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<u16>,
    /// The `next_cursor` of the page before.
    #[param(example = "019a1c9e7b3a7d2e8f4061b2c3d4e5f6")]
    cursor: Option<String>,
}

/// A page.
#[derive(Serialize, ToSchema)]
pub struct ParkedPage {
    items: Vec<ParkedMovement>,
    /// The transaction ids of movements that belong here and hold what this version does not know.
    unreadable: Vec<String>,
    /// For the next page; `null` on the last.
    next_cursor: Option<String>,
}

/// A movement that waits.
#[derive(Serialize, ToSchema)]
pub struct ParkedMovement {
    /// Its row of the ledger.
    transaction: Transaction,
    /// Attempts so far, beside the provider's own.
    attempts: i32,
    /// When it is tried again; `null` while nothing is planned.
    #[schema(format = DateTime)]
    next_attempt_at: Option<String>,
    /// Why the last attempt left it where it is.
    last_reason: Option<String>,
    /// When it was given up, or left to its provider: a call of the provider's still decides it.
    #[schema(format = DateTime)]
    dead_at: Option<String>,
    /// Why.
    dead_reason: Option<String>,
}

impl From<Parked> for ParkedMovement {
    fn from(parked: Parked) -> Self {
        let (dead_at, dead_reason) = parked.dead.unzip();
        Self {
            transaction: RowWithCurrency { row: parked.row, currency: parked.currency }.into(),
            attempts: parked.attempts,
            next_attempt_at: parked.next_attempt_at.map(moment),
            last_reason: parked.last_reason,
            dead_at: dead_at.map(moment),
            dead_reason,
        }
    }
}

refusals!(ListRefusals: docs::of_all() => bad_values("limit", "must be 1 to 500"));

/// List movements that wait, newest first.
///
/// Follow `next_cursor` with the same filter.
#[utoipa::path(
    get, path = "/operator/v1/parked", tag = "parked", params(ParkedQuery),
    responses(
        (status = 200, description = "A page.", body = ParkedPage, example = json!({
            "items": [{
                "transaction": {
                    "transaction_id": "019a1c9e7b3a7d2e8f4061b2c3d4e5f6", "provider": "pragmatic",
                    "tx_id": "64f0c2a19b3d5e7f80a1b202", "player_id": "p-42", "currency": "EUR",
                    "kind": "credit", "category": "win", "outcome": "parked",
                    "reason": "debit_unknown", "amount": "0.00", "requested": "4.20",
                    "shortfall": "0.00", "balance_after": null, "version": null,
                    "round_id": "5103188801", "game_id": "vs20demogame", "reverses": null,
                    "detail": null, "occurred_at": "2026-10-01T09:30:00.000000Z",
                    "created_at": "2026-10-01T09:30:00.123456Z"
                },
                "attempts": 2, "next_attempt_at": "2026-10-01T09:31:10.123456Z",
                "last_reason": "debit_unknown", "dead_at": null, "dead_reason": null
            }],
            "unreadable": [], "next_cursor": null
        })),
        ListRefusals
    )
)]
pub async fn list(
    State(app): State<Arc<App>>,
    QueryParams(query): QueryParams<ParkedQuery>,
) -> Result<Json<ParkedPage>, Problem> {
    let mut faults = Faults::default();
    let wanted = page_of(&mut faults, query.limit, query.cursor.as_deref());
    let filter = Filter {
        player: faults.check_optional("player_id", query.player_id.map(PlayerId::parse)),
        provider: faults.check_optional("provider", query.provider.map(ProviderId::parse)),
        dead: query.dead,
        before: wanted.before,
        limit: wanted.limit,
    };
    faults
        .none_or(|errors| error::bad_query("the query has values that cannot be used", errors))?;
    let page = parked_list::page(app.wallet.pool(), &filter).await?;
    let text = |id: Uuid| id.simple().to_string();
    Ok(Json(ParkedPage {
        next_cursor: page.next.map(text),
        unreadable: page.unreadable.into_iter().map(text).collect(),
        items: page.items.into_iter().map(ParkedMovement::from).collect(),
    }))
}

/// What an attempt did.
#[derive(Serialize, ToSchema)]
pub struct Redriven {
    transaction_id: String,
    /// `decided`, or `waiting`.
    status: &'static str,
    /// How it was decided, or why it waits.
    reason: &'static str,
}

refusals!(RedriveRefusals: docs::of_writes() =>
    docs::in_path("id", "is no transaction id"), error::not_parked());

/// Try a movement that waits, now, and count its attempts from the beginning.
#[utoipa::path(
    post, path = "/operator/v1/parked/{id}/redrive", tag = "parked",
    params(("id" = String, Path, example = "019a1c9e7b3a7d2e8f4061b2c3d4e5f6",
        description = "The `transaction_id` of the movement.")),
    responses(
        (status = 200, description = "It was tried.", body = Redriven, example = json!({
            "transaction_id": "019a1c9e7b3a7d2e8f4061b2c3d4e5f6", "status": "decided",
            "reason": "applied"
        })),
        RedriveRefusals
    )
)]
pub async fn redrive(
    State(app): State<Arc<App>>,
    call: Call,
    PathParams(id): PathParams<String>,
) -> Result<Json<Redriven>, Problem> {
    let (id, place) = find(&app, &id).await?;
    let event = event(&call, "redrive", (id, &place));
    let attempt = async {
        parked_list::reset_attempts(app.wallet.pool(), &place).await?;
        let (status, reason) = match reapply::attempt(&app.jobs, &place).await? {
            Attempted::Decided(how) => ("decided", how),
            Attempted::Waits(reason) | Attempted::Hopeless(reason) => ("waiting", reason),
        };
        let redriven = redriven(id, status, reason);
        let after = audited::state(&redriven.0);
        Ok((redriven, AuditOutcome { outcome: "done", after, ..AuditOutcome::default() }))
    };
    audited::run(&app, event, attempt).await
}

fn event(call: &Call, action: &'static str, (id, place): (Uuid, &Place)) -> AuditEvent {
    AuditEvent {
        player: Some(place.player.clone()),
        provider: Some(place.key.provider.to_string()),
        subject: Some(place.key.tx_id.to_string()),
        transaction_id: Some(id),
        ..audited::event(call, action)
    }
}

/// Why a person ends the waiting.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GiveUpRequest {
    /// For those who ask later; 1 to 500 characters.
    #[schema(min_length = 1, max_length = 500)]
    reason: String,
    /// The person who decided it.
    #[schema(min_length = 1, max_length = 100)]
    author: Option<String>,
}

impl GiveUpRequest {
    /// The reason and the author.
    fn checked(&self) -> Result<(String, Option<String>), Problem> {
        let mut faults = Faults::default();
        let reason = faults.check("reason", one_line(&self.reason, REASON_MAX));
        let author = self.author.as_deref().map(|text| one_line(text, AUTHOR_MAX));
        let author = faults.check_optional("author", author);
        match reason.filter(|_| faults.is_empty()) {
            Some(reason) => Ok((reason, author)),
            None => Err(error::wrong_values(faults.into_errors())),
        }
    }
}

refusals!(EndRefusals: docs::of_bodies() =>
    docs::in_path("id", "is no transaction id"),
    docs::in_body("reason", "must have 1 to 500 characters, in one line"),
    error::not_parked());

/// Leave a movement to its provider: nobody tries it any more, until the provider calls for it.
///
/// **The provider's next call pays it.** Where it was paid by hand, it is *decided elsewhere*.
#[utoipa::path(
    post, path = "/operator/v1/parked/{id}/leave-to-provider", tag = "parked",
    params(("id" = String, Path, example = "019a1c9e7b3a7d2e8f4061b2c3d4e5f6",
        description = "The `transaction_id` of the movement.")),
    request_body(content = GiveUpRequest, example = json!({
        "reason": "the provider calls again when the round is put right, case 1234",
        "author": "m.rossi"
    })),
    responses(
        (status = 200, description = "It is left to the provider.", body = Redriven,
         example = json!({
            "transaction_id": "019a1c9e7b3a7d2e8f4061b2c3d4e5f6", "status": "waiting",
            "reason": "left_to_provider"
        })),
        EndRefusals
    )
)]
pub async fn leave_to_provider(
    State(app): State<Arc<App>>,
    call: Call,
    PathParams(id): PathParams<String>,
    JsonBody(body): JsonBody<GiveUpRequest>,
) -> Result<Json<Redriven>, Problem> {
    let (reason, author) = body.checked()?;
    let (id, place) = find(&app, &id).await?;
    let event = AuditEvent {
        author,
        reason: Some(reason.clone()),
        ..event(&call, "leave_to_provider", (id, &place))
    };
    let left = async {
        if !parked_list::leave_to_provider(app.wallet.pool(), &place, &reason).await? {
            return Err(error::not_parked());
        }
        Ok((
            redriven(id, "waiting", "left_to_provider"),
            AuditOutcome { outcome: "done", ..AuditOutcome::default() },
        ))
    };
    audited::run(&app, event, left).await
}

refusals!(ElsewhereRefusals: docs::of_bodies() =>
    docs::in_path("id", "is no transaction id"),
    docs::in_body("reason", "must have 1 to 500 characters, in one line"),
    error::not_parked(), error::refused(Reason::PlayerUnknown), error::unreadable());

/// A movement was decided elsewhere, paid by hand for example: no call pays it any more.
///
/// It is written down as done under its key, with the next version of the wallet, and moves nothing.
/// A provider that calls for it again is told that it is done.
#[utoipa::path(
    post, path = "/operator/v1/parked/{id}/decided-elsewhere", tag = "parked",
    params(("id" = String, Path, example = "019a1c9e7b3a7d2e8f4061b2c3d4e5f6",
        description = "The `transaction_id` of the movement.")),
    request_body(content = GiveUpRequest, example = json!({
        "reason": "paid by hand, case 1234", "author": "m.rossi"
    })),
    responses(
        (status = 200, description = "It is decided.", body = Redriven, example = json!({
            "transaction_id": "019a1c9e7b3a7d2e8f4061b2c3d4e5f6", "status": "decided",
            "reason": "decided_elsewhere"
        })),
        ElsewhereRefusals
    )
)]
pub async fn decided_elsewhere(
    State(app): State<Arc<App>>,
    call: Call,
    PathParams(id): PathParams<String>,
    JsonBody(body): JsonBody<GiveUpRequest>,
) -> Result<Json<Redriven>, Problem> {
    let (reason, author) = body.checked()?;
    let (id, place, target) = find_or_decided_elsewhere(&app, &id).await?;
    let who = author.as_deref().map_or_else(String::new, |author| format!("{author}: "));
    let detail = format!("{}: {who}{reason}", call.key_name());
    let event = AuditEvent {
        author,
        reason: Some(reason),
        ..event(&call, "decided_elsewhere", (id, &place))
    };
    let decided = async {
        let whose = (&place.player, &place.key.provider);
        let found = parked::find(app.wallet.pool(), whose, &[&place.key.tx_id]).await?;
        if found.iter().any(|row| matches!(row, StillParked::Unreadable)) {
            return Err(error::unreadable());
        }
        let receipt =
            app.wallet.execute(elsewhere(&place, target, &detail), call.deadline()).await?;
        // Somebody came first: then it is as that one decided.
        let is_so = |outcome: &Outcome| {
            outcome.entry().is_some_and(|entry| entry.reason == Some(Reason::DecidedElsewhere))
        };
        match receipt.outcomes.first() {
            Some(outcome) if is_so(outcome) => {
                let end = AuditOutcome { outcome: "done", ..AuditOutcome::default() };
                Ok((redriven(id, "decided", Reason::DecidedElsewhere.as_str()), end))
            }
            Some(Outcome::Refused { reason, .. }) => Err(error::refused(*reason)),
            _ => Err(error::not_parked()),
        }
    };
    audited::run(&app, event, decided).await
}

fn redriven(id: Uuid, status: &'static str, reason: &'static str) -> Json<Redriven> {
    Json(Redriven { transaction_id: id.simple().to_string(), status, reason })
}

/// It goes through the one door like all else that is decided, so a call of the provider's and this
/// one are two attempts at one thing.
fn elsewhere(place: &Place, target: Option<TxId>, detail: &str) -> Command {
    Command {
        provider: place.key.provider.clone(),
        player: place.player.clone(),
        currency: None,
        token: None,
        game: None,
        round: None,
        movements: vec![Movement {
            tx_id: place.key.tx_id.clone(),
            action: Action::DecidedElsewhere { target },
            category: Category::Adjustment,
            detail: Some(Box::from(detail)),
        }],
        policy: Policy::PERMISSIVE,
        occurred_at: None,
    }
}

async fn find(app: &App, id: &str) -> Result<(Uuid, Place), Problem> {
    let id = parsed(id)?;
    let found = parked_list::place(app.wallet.pool(), id, false).await?;
    Ok((id, found.ok_or_else(error::not_parked)?.0))
}

/// So that whoever has lost the answer finds it by asking again.
async fn find_or_decided_elsewhere(
    app: &App,
    id: &str,
) -> Result<(Uuid, Place, Option<TxId>), Problem> {
    let id = parsed(id)?;
    let found = parked_list::place(app.wallet.pool(), id, true).await?;
    let (place, reverses) = found.ok_or_else(error::not_parked)?;
    Ok((id, place, reverses))
}

fn parsed(id: &str) -> Result<Uuid, Problem> {
    let mut faults = Faults::default();
    let id = faults.check("id", Uuid::try_parse(id).map_err(|_| "is no transaction id"));
    id.ok_or_else(|| error::bad_path(faults.into_errors()))
}

impl From<JobError> for Problem {
    fn from(error: JobError) -> Self {
        match error {
            JobError::Database(error) => error.into(),
            JobError::Unanswered => error::unavailable(),
            JobError::Fenced | JobError::Panicked => error::internal(),
        }
    }
}
