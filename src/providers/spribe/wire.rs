//! What goes over the wire, in the provider's words: JSON both ways. Field lists come from
//! the integrations named in `README.md`. A field that nobody looks at may hold anything, so
//! that nothing in it costs a player a win.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

/// `auth`: who is behind a launch token?
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = spribe::Auth)]
pub struct Auth {
    /// The launch token; it opens nothing more after this.
    pub user_token: String,
    /// The provider's own token, which takes its place.
    pub session_token: String,
    /// The wallet's currency, ISO 4217 or a crypto ticker.
    #[schema(pattern = "^[A-Z0-9]{3,10}$")]
    pub currency: String,
    /// Information: `desktop` or `mobile`. Not looked at.
    #[schema(value_type = serde_json::Value, required = false)]
    pub platform: Option<Box<RawValue>>,
}

/// `info`: what is the balance?
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = spribe::Info)]
pub struct Info {
    /// The operator's id of the player.
    #[schema(min_length = 1, max_length = 100)]
    pub user_id: String,
    /// The provider's token.
    pub session_token: String,
    /// The wallet's currency.
    #[schema(pattern = "^[A-Z0-9]{3,10}$")]
    pub currency: String,
}

/// `withdraw`: a stake.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = spribe::Withdraw)]
pub struct Withdraw {
    /// The operator's id of the player.
    #[schema(min_length = 1, max_length = 100)]
    pub user_id: String,
    /// The wallet's currency.
    #[schema(pattern = "^[A-Z0-9]{3,10}$")]
    pub currency: String,
    /// In thousandths of the currency (bitcoin: in satoshi); zero for a free bet. The ledger holds
    /// millionths: a finer stake is refused.
    #[schema(minimum = 0, value_type = u64)]
    pub amount: i128,
    /// Whose game it is, such as `spribe_crash`; the answer repeats it.
    #[schema(min_length = 1, max_length = 255)]
    pub provider: String,
    /// The idempotency key.
    #[schema(min_length = 1, max_length = 255)]
    pub provider_tx_id: String,
    /// The game.
    #[schema(min_length = 1, max_length = 255)]
    pub game: String,
    /// `bet`, or what kind of free bet it is.
    #[schema(min_length = 1, max_length = 255)]
    pub action: String,
    /// The round.
    #[schema(min_length = 1, max_length = 255)]
    pub action_id: String,
    /// The provider's token: a stake needs one that is not over.
    pub session_token: String,
    /// Information. Not looked at.
    #[schema(value_type = serde_json::Value, required = false)]
    pub platform: Option<Box<RawValue>>,
}

/// `deposit`: a win.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = spribe::Deposit)]
pub struct Deposit {
    /// The operator's id of the player.
    #[schema(min_length = 1, max_length = 100)]
    pub user_id: String,
    /// The wallet's currency.
    #[schema(pattern = "^[A-Z0-9]{3,10}$")]
    pub currency: String,
    /// In thousandths of the currency (bitcoin: in satoshi). What is finer than the ledger's
    /// millionths is cut off.
    #[schema(minimum = 0, value_type = u64)]
    pub amount: i128,
    /// Whose game it is; the answer repeats it.
    #[schema(min_length = 1, max_length = 255)]
    pub provider: String,
    /// The idempotency key.
    #[schema(min_length = 1, max_length = 255)]
    pub provider_tx_id: String,
    /// The withdraw that it is paid for. May be left out for free bets alone.
    #[schema(max_length = 255)]
    pub withdraw_provider_tx_id: Option<String>,
    /// The game.
    #[schema(min_length = 1, max_length = 255)]
    pub game: String,
    /// `win`, `cashout`, or what kind of free bet it is.
    #[schema(min_length = 1, max_length = 255)]
    pub action: String,
    /// The round.
    #[schema(min_length = 1, max_length = 255)]
    pub action_id: String,
    /// Not looked at: a win is paid when the session is over, too.
    #[schema(value_type = serde_json::Value, required = false)]
    pub session_token: Option<Box<RawValue>>,
    /// Information. Not looked at.
    #[schema(value_type = serde_json::Value, required = false)]
    pub platform: Option<Box<RawValue>>,
}

/// `rollback`: undoes a withdraw.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = spribe::Rollback)]
pub struct Rollback {
    /// The operator's id of the player.
    #[schema(min_length = 1, max_length = 100)]
    pub user_id: String,
    /// The wallet's currency, where it is said.
    #[schema(pattern = "^[A-Z0-9]{3,10}$")]
    pub currency: Option<String>,
    /// Not looked at: what was booked goes back.
    #[schema(value_type = serde_json::Value, required = false)]
    pub amount: Option<Box<RawValue>>,
    /// Whose game it is; the answer repeats it.
    #[schema(min_length = 1, max_length = 255)]
    pub provider: String,
    /// The idempotency key of the rollback itself.
    #[schema(min_length = 1, max_length = 255)]
    pub provider_tx_id: String,
    /// The withdraw to undo, whether it has arrived here or not.
    #[schema(min_length = 1, max_length = 255)]
    pub rollback_provider_tx_id: String,
    /// The game.
    #[schema(min_length = 1, max_length = 255)]
    pub game: String,
    /// Information, kept with the row.
    #[schema(min_length = 1, max_length = 255)]
    pub action: String,
    /// The round.
    #[schema(min_length = 1, max_length = 255)]
    pub action_id: String,
    /// Not looked at: a stake goes back when the session is over, too.
    #[schema(value_type = serde_json::Value, required = false)]
    pub session_token: Option<Box<RawValue>>,
    /// Information. Not looked at.
    #[schema(value_type = serde_json::Value, required = false)]
    pub platform: Option<Box<RawValue>>,
}

/// Every answer.
#[derive(Debug, Serialize)]
pub struct Envelope<T> {
    /// See the table of codes; 200 is a success.
    pub code: u16,
    /// For people.
    pub message: String,
    /// What was asked for, or done; with 200 and 409 alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<T>,
}

/// The answer to `auth` and `info`.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = spribe::PlayerReply)]
pub struct PlayerReply {
    /// See the table of codes; 200 is a success.
    pub code: u16,
    /// For people.
    pub message: String,
    /// The player; with 200 alone.
    pub data: Option<Player>,
}

/// A player.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = spribe::Player)]
pub struct Player {
    /// The operator's id of the player.
    pub user_id: String,
    /// The same: the wallet knows no other name.
    pub username: String,
    /// The balance in thousandths of the currency (bitcoin: in satoshi), cut off.
    #[schema(minimum = 0)]
    pub balance: i64,
    /// The wallet's currency.
    pub currency: String,
}

/// The answer to `withdraw`, `deposit` and `rollback`.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = spribe::TransactionReply)]
pub struct TransactionReply {
    /// See the table of codes; 200 is a success.
    pub code: u16,
    /// For people.
    pub message: String,
    /// What was done; with 200 and 409 alone, and not always then.
    pub data: Option<Transaction>,
}

/// A transaction as it was carried out the first time.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = spribe::Transaction)]
pub struct Transaction {
    /// The operator's id of the player.
    pub user_id: String,
    /// The wallet's own id, 32 hex characters, the same for every repeat.
    pub operator_tx_id: String,
    /// As sent the first time.
    pub provider: String,
    /// As sent.
    pub provider_tx_id: String,
    /// The balance before it, in thousandths of the currency (bitcoin: in satoshi), cut off.
    #[schema(minimum = 0)]
    pub old_balance: i64,
    /// The balance after it, in the same unit.
    #[schema(minimum = 0)]
    pub new_balance: i64,
    /// The wallet's currency.
    pub currency: String,
}
