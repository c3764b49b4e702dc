//! What a deposit and a withdrawal have in common: one movement, once, and what is said of it.

use axum::Json;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::audited;
use super::command::command;
use super::error;
use super::extract::IdempotencyKey;
use super::layers::Call;
use super::players::{self, WalletSnapshot};
use super::wire::{moment, money};
use crate::app::App;
use crate::core::{
    Action, Amount, Category, Command, Entry, Outcome, PlayerId, PlayerStatus, Reason, Receipt, Row,
};
use crate::http::problem::Problem;
use crate::store::directory::operator_audit::{AuditEvent, AuditOutcome};
use crate::store::ledger::log;

/// Which way the money goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// To the player.
    In,
    /// From the player.
    Out,
}

/// Money that was moved.
#[derive(Serialize, ToSchema)]
pub struct Transferred {
    /// The same for every repeat.
    pub transaction_id: String,
    /// Whose.
    pub player_id: String,
    /// As asked for.
    pub amount: String,
    /// `applied`; `parked` while it waits for the wallet to be opened again.
    #[schema(example = "applied")]
    pub status: &'static str,
    /// Now: for a repeat, not what it was the first time.
    pub balance: String,
    /// That belongs to the balance.
    pub version: i64,
    /// When it was first asked for.
    #[schema(format = DateTime)]
    pub created_at: String,
}

/// Moves the money, or says what it did when it was moved before.
///
/// # Errors
/// The problem to tell.
pub async fn execute(
    app: &App,
    call: &Call,
    (direction, player, key): (Direction, &PlayerId, &IdempotencyKey),
    amount: Amount,
) -> Result<(StatusCode, Json<Transferred>), Problem> {
    // Also tells a database that is gone from a command that may have been executed.
    let wallet = players::find(app, player).await?;
    let command = transfer(call.key_name(), direction, player, key, amount)?;
    let event = AuditEvent {
        player: Some(player.clone()),
        idempotency_key: Some(key.0.clone()),
        before: audited::state(&WalletSnapshot::from(&wallet)),
        ..audited::event(call, direction.as_str())
    };
    let closed = direction == Direction::In && wallet.status == PlayerStatus::Closed;
    audited::run(app, event, make(app, call, command, (player, amount), closed)).await
}

type Made = ((StatusCode, Json<Transferred>), AuditOutcome);

async fn make(
    app: &App,
    call: &Call,
    command: Command,
    (player, amount): (&PlayerId, Amount),
    closed: bool,
) -> Result<Made, Problem> {
    if closed && known(app, &command).await?.is_none() {
        // The core would keep it and pay it one day; a cashier wants to hear no.
        return Err(error::refused(Reason::PlayerClosed));
    }
    let receipt = app.wallet.execute(command.clone(), call.deadline()).await?;
    if let Some(Outcome::Refused { replayed: true, .. }) = receipt.outcomes.first()
        && known(app, &command).await?.is_some_and(|row| says_otherwise(&row, &command))
    {
        // To the core a refusal is a refusal; here it would be the answer to another question.
        return Err(error::idempotency_key_reused());
    }
    answer(player, amount, &receipt)
}

impl Direction {
    const fn as_str(self) -> &'static str {
        match self {
            Self::In => "deposit",
            Self::Out => "withdrawal",
        }
    }
}

fn transfer(
    operator_key: &str,
    direction: Direction,
    player: &PlayerId,
    IdempotencyKey(key): &IdempotencyKey,
    amount: Amount,
) -> Result<Command, Problem> {
    let what = match direction {
        Direction::In => (Action::credit(amount), Category::Deposit),
        Direction::Out => (Action::Debit(amount), Category::Withdrawal),
    };
    // The last space parts the two: a key has none.
    command(player, &format!("{}:{player} {key}", direction.as_str()), what, (operator_key, None))
}

/// What is remembered under the command's key.
///
/// # Errors
/// The problem to tell.
pub async fn known(app: &App, command: &Command) -> Result<Option<Row>, Problem> {
    let Some(movement) = command.movements.first() else { return Ok(None) };
    let key = command.key(&movement.tx_id);
    Ok(log::find(app.wallet.pool(), &command.player, &key).await?)
}

fn says_otherwise(row: &Row, command: &Command) -> bool {
    command.movements.iter().any(|movement| movement.action.requested() != row.requested)
}

fn answer(player: &PlayerId, amount: Amount, receipt: &Receipt) -> Result<Made, Problem> {
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
        after: audited::state(&WalletSnapshot::from(receipt)),
    };
    Ok(((status, Json(transferred(player, amount, receipt, (word, entry)))), end))
}

fn transferred(
    player: &PlayerId,
    amount: Amount,
    receipt: &Receipt,
    (status, entry): (&'static str, &Entry),
) -> Transferred {
    Transferred {
        transaction_id: entry.id().to_string(),
        player_id: player.to_string(),
        amount: money(amount.micros()),
        status,
        balance: money(receipt.balance),
        version: receipt.version,
        created_at: moment(entry.created_at),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key_of(player: &str, key: &str) -> String {
        let player = PlayerId::parse(player).expect("an id");
        let key = IdempotencyKey(key.to_owned());
        let command =
            transfer("cashier", Direction::In, &player, &key, Amount::ZERO).expect("a command");
        command.movements.first().map(|movement| movement.tx_id.to_string()).unwrap_or_default()
    }

    #[test]
    fn two_players_keys_are_never_one() {
        assert_eq!(key_of("p-42", "k-1"), "deposit:p-42 k-1");
        assert_ne!(key_of("a", "b:c"), key_of("a:b", "c"));
        assert_ne!(key_of("a", "b"), key_of("a b", "b"));
        let longest = key_of(&"p".repeat(100), &"k".repeat(200));
        assert_eq!(longest.len(), "deposit:".len() + 100 + 1 + 200);
    }
}
