//! Corrections by hand, with an author and a reason.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::audited::{self, AUTHOR_MAX, REASON_MAX};
use super::command::command;
use super::docs::{self, refusals};
use super::error;
use super::extract::{IdempotencyKey, JsonBody, PlayerPath};
use super::layers::Call;
use super::players::{self, WalletSnapshot};
use super::transfer::known;
use super::wire::{Faults, MoneyText, moment, money, one_line};
use crate::app::App;
use crate::core::{
    Action, Category, Command, Entry, Micros, Outcome, PlayerId, PlayerStatus, Reason, Receipt,
};
use crate::http::problem::Problem;
use crate::store::directory::operator_audit::{AuditEvent, AuditOutcome};

/// A correction to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Correction {
    /// In major units, signed by its effect on the balance, not zero, at most six decimals. A
    /// JSON number is refused.
    #[schema(value_type = String, example = "-4.20", pattern = r"^-?[0-9]+(\.[0-9]+)?$")]
    amount: MoneyText,
    /// For those who ask later.
    #[schema(min_length = 1, max_length = 500)]
    reason: String,
    /// The person who decided it.
    #[schema(min_length = 1, max_length = 100)]
    author: String,
}

/// A correction that was made.
#[derive(Serialize, ToSchema)]
pub struct Corrected {
    /// The same for every repeat.
    transaction_id: String,
    player_id: String,
    /// As asked for.
    amount: String,
    /// `applied`; `parked` while it waits for the wallet to be opened again.
    #[schema(example = "applied")]
    status: &'static str,
    /// Before it; `null` while parked.
    balance_before: Option<String>,
    /// After it; `null` while parked.
    balance_after: Option<String>,
    /// Now: for a repeat, not what it was the first time.
    balance: String,
    /// That belongs to `balance`.
    version: i64,
    /// When it was first asked for.
    #[schema(format = DateTime)]
    created_at: String,
}

refusals!(Refusals: docs::of_money() =>
    docs::in_body("reason", "must have 1 to 500 characters, in one line"),
    error::refused(Reason::InsufficientFunds),
    error::refused(Reason::PlayerClosed),
    error::refused(Reason::BalanceLimit));

/// Correct a balance by hand. Money is taken from a frozen or closed player, too, as far as it is
/// there; a closed one is given none. A refusal is not remembered: the same key may be tried again.
///
/// The name of the key, author and reason stand in the ledger, with the money, and in the audit.
#[utoipa::path(
    post, path = "/operator/v1/players/{player_id}/corrections", tag = "money",
    params(
        ("player_id" = String, Path, example = "p-42"),
        ("Idempotency-Key" = String, Header, example = "case-1234",
            description = "1 to 200 visible ASCII characters, unique for the player's \
                           corrections."),
    ),
    request_body(content = Correction, example = json!({
        "amount": "-4.20", "reason": "win of round 5103188801 paid twice, case 1234",
        "author": "m.rossi"
    })),
    responses(
        (status = 201, description = "Made.", body = Corrected, example = json!({
            "transaction_id": "019a1c9e7b3a7d2e8f4061b2c3d4e5f9", "player_id": "p-42",
            "amount": "-4.20", "status": "applied", "balance_before": "104.20",
            "balance_after": "100.00", "balance": "100.00", "version": 9,
            "created_at": "2026-10-02T08:00:00.123456Z"
        })),
        (status = 200, description = "It was made before.", body = Corrected, example = json!({
            "transaction_id": "019a1c9e7b3a7d2e8f4061b2c3d4e5f9", "player_id": "p-42",
            "amount": "-4.20", "status": "applied", "balance_before": "104.20",
            "balance_after": "100.00", "balance": "98.00", "version": 10,
            "created_at": "2026-10-02T08:00:00.123456Z"
        })),
        (status = 202, description = "The wallet was closed at the same moment: it is kept, and \
                made once the wallet is open again.",
            body = Corrected, example = json!({
                "transaction_id": "019a1c9e7b3a7d2e8f4061b2c3d4e5f9", "player_id": "p-42",
                "amount": "4.20", "status": "parked", "balance_before": null,
                "balance_after": null, "balance": "100.00", "version": 9,
                "created_at": "2026-10-02T08:00:00.123456Z"
            })),
        Refusals
    )
)]
pub async fn correct(
    State(app): State<Arc<App>>,
    call: Call,
    PlayerPath(player): PlayerPath,
    key: IdempotencyKey,
    JsonBody(body): JsonBody<Correction>,
) -> Result<(StatusCode, Json<Corrected>), Problem> {
    let mut faults = Faults::default();
    let amount = faults.check("amount", body.amount.correction());
    let reason = faults.check("reason", one_line(&body.reason, REASON_MAX));
    let author = faults.check("author", one_line(&body.author, AUTHOR_MAX));
    let (Some(amount), Some(reason), Some(author)) = (amount, reason, author) else {
        return Err(error::wrong_values(faults.into_errors()));
    };
    let wallet = players::find(&app, &player).await?;
    let IdempotencyKey(key) = key;
    let detail = format!("{author}: {reason}");
    let what = (Action::Adjust(amount), Category::Adjustment);
    let command = command(
        &player,
        &format!("correction:{player} {key}"),
        what,
        (call.key_name(), Some(&detail)),
    )?;
    let event = AuditEvent {
        author: Some(author),
        reason: Some(reason),
        player: Some(player.clone()),
        idempotency_key: Some(key),
        before: audited::state(&WalletSnapshot::from(&wallet)),
        ..audited::event(&call, "correction")
    };
    let closed = wallet.status == PlayerStatus::Closed && !amount.is_negative();
    audited::run(&app, event, execute(&app, &call, command, (&player, amount), closed)).await
}

type Made = ((StatusCode, Json<Corrected>), AuditOutcome);

async fn execute(
    app: &App,
    call: &Call,
    command: Command,
    (player, amount): (&PlayerId, Micros),
    closed: bool,
) -> Result<Made, Problem> {
    if closed && known(app, &command).await?.is_none() {
        // The core would keep it and pay it one day; whoever corrects wants to hear no.
        return Err(error::refused(Reason::PlayerClosed));
    }
    let receipt = app.wallet.execute(command, call.deadline()).await?;
    let (status, word, outcome, entry) = match receipt.outcomes.first() {
        Some(Outcome::Applied(entry)) => (StatusCode::CREATED, "applied", "done", entry),
        Some(Outcome::Replayed(entry)) => (StatusCode::OK, "applied", "repeated", entry),
        Some(Outcome::Parked(entry)) => (StatusCode::ACCEPTED, "parked", "parked", entry),
        Some(Outcome::Mismatch(_)) => return Err(error::idempotency_key_reused()),
        Some(Outcome::Refused { reason, .. }) => return Err(error::refused(*reason)),
        // Nothing reverses the operator's movements.
        Some(Outcome::NoEffect(_) | Outcome::Cancelled(_)) | None => return Err(error::internal()),
    };
    let end = AuditOutcome {
        outcome,
        transaction_id: Some(entry.transaction_id),
        after: audited::state(&WalletSnapshot::from(&receipt)),
    };
    Ok(((status, Json(corrected((player, amount), &receipt, (word, entry)))), end))
}

fn corrected(
    (player, amount): (&PlayerId, Micros),
    receipt: &Receipt,
    (status, entry): (&'static str, &Entry),
) -> Corrected {
    let after = entry.balance_after_micros.map(Micros::new);
    let before = after.and_then(|after| after.checked_sub(Micros::new(entry.amount_micros)));
    Corrected {
        transaction_id: entry.id().to_string(),
        player_id: player.to_string(),
        amount: money(amount),
        status,
        balance_before: before.map(money),
        balance_after: after.map(money),
        balance: money(receipt.balance),
        version: receipt.version,
        created_at: moment(entry.created_at),
    }
}
