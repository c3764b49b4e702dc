//! What goes over the wire, in the provider's words: JSON both ways. Field lists come from
//! the integrations named in `README.md`.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

pub use crate::providers::json::{Object, parse};

/// `play`: bets and wins of one round; without actions a question for the balance, or, with
/// `finished`, the end of the round.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = softswiss::Play)]
pub struct Play {
    /// The operator's id of the player.
    #[schema(min_length = 1, max_length = 100)]
    pub user_id: String,
    /// The wallet's currency, ISO 4217 or a crypto ticker.
    #[schema(pattern = "^[A-Z0-9]{3,10}$")]
    pub currency: String,
    /// The game, as `provider:Game`.
    #[schema(min_length = 1, max_length = 255)]
    pub game: String,
    /// The round. Must be there when there are actions or the round ends.
    #[schema(min_length = 1, max_length = 255)]
    pub game_id: Option<String>,
    /// True with the last call of a round.
    pub finished: Option<bool>,
    /// All or nothing, in this order; at most 100.
    #[schema(value_type = Option<Vec<PlayAction>>)]
    pub actions: Option<Vec<Object<PlayAction>>>,
}

/// A bet or a win.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = softswiss::PlayAction)]
pub struct PlayAction {
    /// Which of them.
    pub action: PlayActionKind,
    /// The idempotency key: up to 255 bytes, used once by the provider.
    #[schema(min_length = 1, max_length = 255)]
    pub action_id: String,
    /// In the currency's smallest unit (cents, satoshi); a stake or a win of zero is legal. The
    /// ledger holds millionths: a win is cut off to them, a finer stake is refused.
    #[schema(minimum = 0, value_type = u64)]
    pub amount: i128,
    /// Information: what of the stake went to a jackpot. Not looked at.
    #[schema(value_type = serde_json::Value, required = false)]
    pub jackpot_contribution: Option<Box<RawValue>>,
    /// Information: what of the win is a jackpot; `amount` contains it already. Not looked at.
    #[schema(value_type = serde_json::Value, required = false)]
    pub jackpot_win: Option<Box<RawValue>>,
}

/// What an action of `play` is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[schema(as = softswiss::PlayActionKind)]
#[serde(rename_all = "lowercase")]
pub enum PlayActionKind {
    /// Takes the amount.
    Bet,
    /// Gives the amount.
    Win,
}

/// `rollback`: undoes bets and wins.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = softswiss::Rollback)]
pub struct Rollback {
    /// The operator's id of the player.
    #[schema(min_length = 1, max_length = 100)]
    pub user_id: String,
    /// The wallet's currency.
    #[schema(pattern = "^[A-Z0-9]{3,10}$")]
    pub currency: String,
    /// The game, as `provider:Game`.
    #[schema(min_length = 1, max_length = 255)]
    pub game: String,
    /// The round.
    #[schema(min_length = 1, max_length = 255)]
    pub game_id: String,
    /// All or nothing, in this order; 1 to 100. `finished` is not looked at.
    #[schema(value_type = Vec<RollbackAction>)]
    pub actions: Vec<Object<RollbackAction>>,
}

/// One undoing.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = softswiss::RollbackAction)]
pub struct RollbackAction {
    /// Always `rollback`.
    pub action: RollbackActionKind,
    /// The idempotency key of the rollback itself.
    #[schema(min_length = 1, max_length = 255)]
    pub action_id: String,
    /// The bet or the win to undo, whether it has arrived here or not.
    #[schema(min_length = 1, max_length = 255)]
    pub original_action_id: String,
}

/// What an action of `rollback` is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[schema(as = softswiss::RollbackActionKind)]
#[serde(rename_all = "lowercase")]
pub enum RollbackActionKind {
    /// The one kind.
    Rollback,
}

/// `freespins`: the result of an issue of bonus spins.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = softswiss::Freespins)]
pub struct Freespins {
    /// The issue, which is paid once for each of its players.
    #[schema(min_length = 1, max_length = 255)]
    pub issue_id: String,
    /// `played`, `expired` or `canceled` once it is over, in letters of any case; with any other
    /// state (`active`, `issued`, `processing` …) nothing is paid, and the issue stays open.
    #[schema(min_length = 1, max_length = 255)]
    pub status: String,
    /// What the spins won together so far, in the currency's smallest unit; nothing when left out.
    #[schema(minimum = 0, value_type = Option<u64>)]
    pub total_amount: Option<i128>,
    /// The operator's id of the player, where the sender says it: most leave it out, and the casino
    /// knows to whom it issued the spins.
    #[schema(min_length = 1, max_length = 100)]
    pub user_id: Option<String>,
    /// The wallet's currency, where the sender says it.
    #[schema(pattern = "^[A-Z0-9]{3,10}$")]
    pub currency: Option<String>,
    /// The launch token, where the sender says it: another way to find the player.
    pub session_id: Option<String>,
}

/// The answer when the call was carried out, now or before.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = softswiss::Success)]
pub struct Success {
    /// The balance now, in the currency's smallest unit, cut off, never negative.
    #[schema(minimum = 0)]
    pub balance: i64,
    /// The round, when one was named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub game_id: Option<String>,
    /// One for each action, in their order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub transactions: Vec<Transaction>,
}

/// What an action became.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = softswiss::Transaction)]
pub struct Transaction {
    /// As sent.
    pub action_id: String,
    /// The wallet's own id, 32 hex characters, the same for every repeat. Empty for the
    /// rollback of something that the wallet has never seen.
    pub tx_id: String,
    /// When it was first decided: ISO 8601, UTC, milliseconds.
    pub processed_at: String,
}

/// The answer when nothing was done.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = softswiss::Error)]
pub struct Error {
    /// See the table of codes.
    pub code: u16,
    /// For people.
    pub message: String,
    /// The balance in the currency's smallest unit; with code 100.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub balance: Option<i64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_fields_are_accepted() {
        let body =
            br#"{"user_id":"p","currency":"EUR","game":"a:b","session_id":"s","x":{"y":[1]}}"#;
        let play: Play = parse(body).expect("a balance query");
        assert_eq!((play.finished, play.actions.is_none()), (None, true));
    }

    #[test]
    fn null_is_the_same_as_absent() {
        let body =
            br#"{"user_id":"p","currency":"EUR","game":"a:b","game_id":null,"finished":null,"actions":null}"#;
        let play: Play = parse(body).expect("a balance query");
        assert!(play.game_id.is_none() && play.finished.is_none() && play.actions.is_none());
    }

    #[test]
    fn an_array_of_values_is_no_object() {
        assert!(parse::<Play>(br#"["p","EUR","a:b",null,null,null]"#).is_err());
        assert!(
            parse::<Play>(
                br#"{"user_id":"p","currency":"EUR","game":"a:b","game_id":"r","actions":[["bet","a-1",1,null,null]]}"#
            )
            .is_err()
        );
    }

    #[test]
    fn a_complaint_is_short_whatever_was_sent() {
        let body = format!(r#"{{"user_id":"p","finished":"{}"}}"#, "x".repeat(10_000));
        let complaint = parse::<Play>(body.as_bytes()).expect_err("not a boolean");
        assert!(complaint.chars().count() <= 200, "{complaint}");
    }
}
