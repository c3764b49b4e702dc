//! What goes over the wire, in the provider's words: JSON both ways. Field lists come from the
//! sources named in `README.md`. Fields that are not ours may stand anywhere.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

pub use crate::providers::json::{Object, parse};

/// `check`; and `sid`, with an empty one.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = evolution::Check)]
pub struct Check {
    /// The player's session, from the launch.
    #[schema(min_length = 1, max_length = 250)]
    pub sid: String,
    /// The operator's id of the player.
    #[schema(min_length = 1, max_length = 100)]
    pub user_id: String,
    /// The call's own id, which the reply repeats. No idempotency key.
    #[schema(max_length = 100)]
    pub uuid: Option<String>,
}

/// `balance`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = evolution::Balance)]
pub struct Balance {
    /// The player's session.
    #[schema(min_length = 1, max_length = 250)]
    pub sid: String,
    /// The operator's id of the player.
    #[schema(min_length = 1, max_length = 100)]
    pub user_id: String,
    /// The wallet's currency.
    #[schema(pattern = "^[A-Z0-9]{3,10}$")]
    pub currency: String,
    /// The call's own id, which the reply repeats.
    #[schema(max_length = 100)]
    pub uuid: Option<String>,
}

/// `debit`, `credit` and `cancel`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = evolution::Move)]
pub struct Move {
    /// The player's session. A credit or a cancel may bring one that is over.
    #[schema(min_length = 1, max_length = 250)]
    pub sid: String,
    /// The operator's id of the player.
    #[schema(min_length = 1, max_length = 100)]
    pub user_id: String,
    /// The wallet's currency.
    #[schema(pattern = "^[A-Z0-9]{3,10}$")]
    pub currency: String,
    /// The round and its table.
    #[schema(value_type = Game)]
    pub game: Object<Game>,
    /// The bet, and what is to be moved.
    #[schema(value_type = Transaction)]
    pub transaction: Object<Transaction>,
    /// The call's own id, which the reply repeats.
    #[schema(max_length = 100)]
    pub uuid: Option<String>,
}

/// The round and its table.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = evolution::Game)]
pub struct Game {
    /// The round.
    #[schema(min_length = 1, max_length = 255)]
    pub id: String,
    /// Where it is played.
    #[schema(value_type = Option<Details>)]
    pub details: Option<Object<Details>>,
}

/// Where a round is played.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = evolution::Details)]
pub struct Details {
    /// The table.
    #[schema(value_type = Option<Table>)]
    pub table: Option<Object<Table>>,
}

/// A table.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = evolution::Table)]
pub struct Table {
    /// Which one: what the operator switches off as a game.
    #[schema(min_length = 1, max_length = 255)]
    pub id: Option<String>,
}

/// The bet, and what is to be moved.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = evolution::Transaction)]
pub struct Transaction {
    /// The transaction. A cancel repeats the debit's.
    #[schema(min_length = 1, max_length = 255)]
    pub id: String,
    /// The bet: it ties debit, credit and cancel together.
    #[schema(min_length = 1, max_length = 255)]
    pub ref_id: String,
    /// Major units with at most six decimals; of a cancel it is not looked at.
    #[schema(value_type = f64, minimum = 0)]
    pub amount: Box<RawValue>,
}

/// `promo_payout`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = evolution::PromoPayout)]
pub struct PromoPayout {
    /// The player's session. Not looked at.
    #[schema(min_length = 1, max_length = 250)]
    pub sid: String,
    /// The operator's id of the player.
    #[schema(min_length = 1, max_length = 100)]
    pub user_id: String,
    /// The wallet's currency.
    #[schema(pattern = "^[A-Z0-9]{3,10}$")]
    pub currency: String,
    /// What is paid.
    #[schema(value_type = PromoTransaction)]
    pub promo_transaction: Object<PromoTransaction>,
    /// The call's own id, which the reply repeats.
    #[schema(max_length = 100)]
    pub uuid: Option<String>,
}

/// A payout beside the bets. Each type has fields of its own; those that name the campaign are
/// kept, as they are written.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = evolution::PromoTransaction)]
pub struct PromoTransaction {
    /// `FreeRoundPlayableSpent`, `JackpotWin`, … One that is not known is paid like the others.
    #[serde(rename = "type")]
    #[schema(min_length = 1, max_length = 255)]
    pub kind: String,
    /// The idempotency key.
    #[schema(min_length = 1, max_length = 255)]
    pub id: String,
    /// Major units with at most six decimals.
    #[schema(value_type = f64, minimum = 0)]
    pub amount: Box<RawValue>,
    /// Kept.
    #[schema(value_type = serde_json::Value, required = false)]
    pub voucher_id: Option<Box<RawValue>>,
    /// Kept.
    #[schema(value_type = serde_json::Value, required = false)]
    pub bonus_config_id: Option<Box<RawValue>>,
    /// Kept.
    #[schema(value_type = serde_json::Value, required = false)]
    pub reward_id: Option<Box<RawValue>>,
    /// Kept.
    #[schema(value_type = serde_json::Value, required = false)]
    pub campaign_id: Option<Box<RawValue>>,
}

/// What a call is called, whatever else may be wrong with it.
#[derive(Debug, Deserialize)]
pub struct Called {
    /// As sent.
    pub uuid: Option<String>,
}

/// The answer to `check` and `sid`.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = evolution::Session)]
pub struct Session {
    /// See the table of words.
    pub status: &'static str,
    /// The sid that counts from now on; null when refused.
    pub sid: Option<String>,
    /// As sent.
    pub uuid: Option<String>,
}

/// The answer to every other call.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = evolution::Standing)]
pub struct Standing {
    /// See the table of words.
    pub status: &'static str,
    /// The player's money now, in major units, cut off; null where it is not told.
    #[schema(value_type = Option<f64>)]
    pub balance: Option<Box<RawValue>>,
    /// Bonus money on top of that: none.
    #[schema(value_type = Option<f64>)]
    pub bonus: Option<Box<RawValue>>,
    /// As sent.
    pub uuid: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invented_fields_are_accepted_wherever_they_stand() {
        let body = br#"{"x":1,"sid":"s","userId":"p","currency":"EUR","uuid":"u",
            "promoTransaction":{"x":[{}],"type":"New","id":"i","amount":1.5,"origin":{"type":"T"}}}"#;
        let payout: PromoPayout = parse(body).expect("a payout");
        assert_eq!(payout.promo_transaction.0.amount.get(), "1.5");
    }

    #[test]
    fn an_array_of_values_is_no_object_and_a_field_twice_is_none() {
        assert!(parse::<Check>(br#"["s","p",null]"#).is_err());
        assert!(parse::<Check>(br#"{"sid":"s","userId":"p","userId":"q"}"#).is_err());
        let body = br#"{"sid":"s","userId":"p","currency":"EUR","game":["r",null],
            "transaction":{"id":"t","refId":"r","amount":1}}"#;
        assert!(parse::<Move>(body).is_err());
    }
}
