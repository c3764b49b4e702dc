//! What the core says, as a client hears it. Pure.

use chrono::{DateTime, Utc};
use prost_types::Timestamp;

use super::proto;
use crate::core::{
    Category, Command, Entry, Kind, Outcome, PlayerStatus, PlayerView, Reason, Receipt, Row,
    RowOutcome,
};

/// A player.
pub fn player(view: &PlayerView) -> proto::Player {
    proto::Player {
        player_id: view.player.to_string(),
        currency: view.currency.to_string(),
        balance_micros: view.balance.get(),
        version: view.version,
        status: i32::from(status(view.status)),
    }
}

/// What came of a command.
pub fn executed(command: &Command, receipt: &Receipt) -> proto::ExecuteResponse {
    let results = command.movements.iter().zip(&receipt.outcomes);
    proto::ExecuteResponse {
        player: Some(proto::Player {
            player_id: command.player.to_string(),
            currency: receipt.currency.to_string(),
            balance_micros: receipt.balance.get(),
            version: receipt.version,
            status: i32::from(status(receipt.status)),
        }),
        refused: i32::from(reason(receipt.refusal())),
        results: results
            .map(|(movement, outcome)| result(movement.tx_id.as_str(), outcome))
            .collect(),
    }
}

fn result(tx_id: &str, outcome: &Outcome) -> proto::MovementResult {
    let why = match outcome {
        Outcome::Refused { reason, .. } => Some(*reason),
        _ => outcome.entry().and_then(|entry| entry.reason),
    };
    let word = match outcome {
        Outcome::Applied(_) => proto::Outcome::Applied,
        Outcome::NoEffect(_) => proto::Outcome::NoEffect,
        Outcome::Replayed(_) => proto::Outcome::Replayed,
        Outcome::Cancelled(_) => proto::Outcome::Cancelled,
        Outcome::Mismatch(_) => proto::Outcome::Mismatch,
        Outcome::Parked(_) => proto::Outcome::Parked,
        Outcome::Refused { .. } => proto::Outcome::Refused,
    };
    proto::MovementResult {
        tx_id: tx_id.to_owned(),
        outcome: i32::from(word),
        reason: i32::from(reason(why)),
        repeated: outcome.is_repeat(),
        entry: outcome.entry().map(entry),
    }
}

fn entry(entry: &Entry) -> proto::Entry {
    proto::Entry {
        transaction_id: entry.id().to_string(),
        outcome: i32::from(entry_outcome(entry.outcome)),
        amount_micros: entry.amount_micros,
        shortfall_micros: entry.shortfall_micros,
        balance_after_micros: entry.balance_after_micros,
        created_at: Some(moment(entry.created_at)),
        reversed: entry.reversed_by.is_some(),
    }
}

/// A line of the ledger. Whether it was reversed since is said by the reversal's own line.
pub fn transaction(row: &Row) -> proto::Transaction {
    proto::Transaction {
        version: row.link.map_or(0, |link| link.version),
        tx_id: row.key.tx_id.to_string(),
        entry: Some(entry(&Entry::of(row))),
        kind: i32::from(kind(row.kind)),
        category: i32::from(category(row.category)),
        reason: i32::from(reason(row.reason)),
        requested_micros: row.requested.get(),
        round_id: row.round.as_ref().map(ToString::to_string).unwrap_or_default(),
        game_id: row.game.as_ref().map(ToString::to_string).unwrap_or_default(),
        reverses: row.reverses.as_ref().map(ToString::to_string).unwrap_or_default(),
        detail: row.detail.as_deref().unwrap_or_default().to_owned(),
        occurred_at: row.occurred_at.map(moment),
    }
}

/// To the microsecond, which is what the ledger holds: a repeat is told the same.
fn moment(at: DateTime<Utc>) -> Timestamp {
    // A leap second's micros go beyond what a Timestamp may have.
    let nanos = at.timestamp_subsec_micros().min(999_999) * 1000;
    Timestamp { seconds: at.timestamp(), nanos: i32::try_from(nanos).unwrap_or_default() }
}

const fn status(status: PlayerStatus) -> proto::PlayerStatus {
    match status {
        PlayerStatus::Active => proto::PlayerStatus::Active,
        PlayerStatus::Frozen => proto::PlayerStatus::Frozen,
        PlayerStatus::Closed => proto::PlayerStatus::Closed,
    }
}

const fn entry_outcome(outcome: RowOutcome) -> proto::EntryOutcome {
    match outcome {
        RowOutcome::Applied => proto::EntryOutcome::Applied,
        RowOutcome::Noted => proto::EntryOutcome::Noted,
        RowOutcome::Refused => proto::EntryOutcome::Refused,
        RowOutcome::Tombstone => proto::EntryOutcome::Tombstone,
        RowOutcome::Parked => proto::EntryOutcome::Parked,
    }
}

const fn kind(kind: Kind) -> proto::Kind {
    match kind {
        Kind::Debit => proto::Kind::Debit,
        Kind::Credit => proto::Kind::Credit,
        Kind::Reverse => proto::Kind::Reverse,
        Kind::Adjust => proto::Kind::Adjust,
        // No client of gRPC writes one.
        Kind::Note => proto::Kind::Unspecified,
    }
}

const fn category(category: Category) -> proto::Category {
    match category {
        Category::Bet => proto::Category::Bet,
        Category::Tip => proto::Category::Tip,
        Category::Win => proto::Category::Win,
        Category::Jackpot => proto::Category::Jackpot,
        Category::Promo => proto::Category::Promo,
        Category::PrizeDrop => proto::Category::PrizeDrop,
        Category::FreeRound => proto::Category::FreeRound,
        Category::Adjustment => proto::Category::Adjustment,
        // The operator's, and other protocols'.
        Category::Deposit
        | Category::Withdrawal
        | Category::RoundEnd
        | Category::RoundDetails
        | Category::Status => proto::Category::Unspecified,
    }
}

const fn reason(reason: Option<Reason>) -> proto::Reason {
    let Some(reason) = reason else { return proto::Reason::Unspecified };
    match reason {
        Reason::PlayerUnknown => proto::Reason::PlayerUnknown,
        Reason::PlayerFrozen => proto::Reason::PlayerFrozen,
        Reason::PlayerClosed => proto::Reason::PlayerClosed,
        Reason::SessionUnknown => proto::Reason::SessionUnknown,
        Reason::SessionExpired => proto::Reason::SessionExpired,
        Reason::SessionMismatch => proto::Reason::SessionMismatch,
        Reason::GameDisabled => proto::Reason::GameDisabled,
        Reason::PlayerLimit => proto::Reason::PlayerLimit,
        Reason::MaxBet => proto::Reason::MaxBet,
        Reason::InsufficientFunds => proto::Reason::InsufficientFunds,
        Reason::BalanceLimit => proto::Reason::BalanceLimit,
        Reason::CurrencyMismatch => proto::Reason::CurrencyMismatch,
        Reason::DebitUnknown => proto::Reason::DebitUnknown,
        Reason::DebitReversed => proto::Reason::DebitReversed,
        Reason::Cancelled => proto::Reason::Cancelled,
        Reason::KeyReused => proto::Reason::KeyReused,
        Reason::TargetNotReversible => proto::Reason::TargetNotReversible,
        Reason::TargetPaid => proto::Reason::TargetPaid,
        Reason::AlreadySettled => proto::Reason::AlreadySettled,
        Reason::TargetUnknown => proto::Reason::TargetUnknown,
        Reason::AlreadyReversed => proto::Reason::AlreadyReversed,
        Reason::TargetRefused => proto::Reason::TargetRefused,
        Reason::TargetParked => proto::Reason::TargetParked,
        Reason::DecidedElsewhere => proto::Reason::DecidedElsewhere,
        Reason::WalletClosed => proto::Reason::WalletClosed,
        Reason::Unmatched => proto::Reason::Unmatched,
        Reason::SettledBefore => proto::Reason::SettledBefore,
        Reason::AmountDiffers => proto::Reason::AmountDiffers,
        Reason::Shortfall => proto::Reason::Shortfall,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_the_same_word_on_the_wire() {
        for known in Reason::ALL {
            let wire = reason(Some(*known)).as_str_name();
            assert_eq!(wire, format!("REASON_{}", known.as_str().to_ascii_uppercase()));
        }
    }
}
