//! From an outcome to Pragmatic Play's JSON. HTTP 200 for everything: the `error` field is
//! the outcome.

use secrecy::ExposeSecret;
use serde::Serialize;
use serde_json::value::RawValue;

use super::codes::{self, Code};
use super::settings::{GameIdKey, Settings};
use crate::core::{Entry, Micros, Outcome, Receipt, RowOutcome};
use crate::providers::{Answer, Failure, Operation, PlayerView, Reply, Request};

/// Every field of every reply, in the order of the specification.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    transaction_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    currency: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cash: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bonus: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    used_promo: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    country: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    jurisdiction: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    games_balances: Option<Vec<GameBalance<'a>>>,
    error: u16,
    description: &'a str,
}

#[derive(Serialize)]
struct GameBalance<'a> {
    #[serde(rename = "gameID", skip_serializing_if = "Option::is_none")]
    upper: Option<&'a str>,
    #[serde(rename = "gameId", skip_serializing_if = "Option::is_none")]
    lower: Option<&'a str>,
    cash: Number,
    bonus: Number,
}

/// Money as a JSON number with two decimals, cut off.
#[derive(Clone, Serialize)]
#[serde(transparent)]
struct Number(Box<RawValue>);

impl Number {
    fn of(micros: Micros) -> Self {
        // A decimal number is always JSON.
        let text = RawValue::from_string(micros.to_decimal(2));
        Self(text.unwrap_or_else(|_| RawValue::NULL.to_owned()))
    }

    /// There is no bonus wallet: the real balance is the only one.
    fn zero() -> Self {
        Self::of(Micros::ZERO)
    }
}

/// The reply to a call.
pub fn reply(
    settings: &Settings,
    operation: Option<&'static Operation>,
    request: Option<&Request>,
    answer: &Answer<'_>,
) -> Reply {
    let operation = operation.map_or("", |operation| operation.name);
    match answer {
        Answer::Executed(receipt) => Reply::json(200, &executed(operation, receipt)),
        Answer::Player(player) => Reply::json(200, &told(settings, operation, request, player)),
        Answer::Failed(failure) => {
            let code = retry_in_its_own_way(operation, codes::of_failure(failure));
            // An address that may not call gets the status that firewalls speak, too.
            let status = if **failure == Failure::AddressNotAllowed { 403 } else { 200 };
            Reply::json(status, &error(code))
        }
    }
}

fn error(code: Code) -> Body<'static> {
    Body { error: code.error, description: code.description, ..Body::default() }
}

/// `endRound` has a code of its own for "try again".
fn retry_in_its_own_way(operation: &str, code: Code) -> Code {
    if operation == "endRound" && code == codes::RETRY { codes::RETRY_END_ROUND } else { code }
}

fn executed<'a>(operation: &str, receipt: &'a Receipt) -> Body<'a> {
    let verdict = receipt.outcomes.first().map_or(Err(codes::RETRY), |outcome| {
        // The first movement is the call's own; a prize drop follows it, whatever happens.
        if receipt.is_parked() { Err(codes::RETRY) } else { verdict(operation, outcome) }
    });
    let entry = match verdict {
        Ok(entry) => entry,
        Err(code) => {
            let code = retry_in_its_own_way(operation, code);
            return Body { error: code.error, description: code.description, ..balances(receipt) };
        }
    };
    let success = Body {
        error: codes::SUCCESS.error,
        description: codes::SUCCESS.description,
        ..Body::default()
    };
    let transaction_id = Some(entry.id().to_string());
    let balances = balances(receipt);
    match operation {
        "refund" => Body { transaction_id, ..success },
        "roundDetails" => success,
        "endRound" => Body { cash: balances.cash, bonus: balances.bonus, ..success },
        "bet" => Body { transaction_id, used_promo: Some(Number::zero()), ..balances },
        _ => Body { transaction_id, ..balances },
    }
}

fn balances(receipt: &Receipt) -> Body<'_> {
    Body {
        currency: Some(receipt.currency.as_str()),
        cash: Some(Number::of(receipt.balance)),
        bonus: Some(Number::zero()),
        error: codes::SUCCESS.error,
        description: codes::SUCCESS.description,
        ..Body::default()
    }
}

/// The row that a success names, or the code that says no.
fn verdict(operation: &str, outcome: &Outcome) -> Result<Entry, Code> {
    match outcome {
        Outcome::Applied(entry) | Outcome::NoEffect(entry) => Ok(*entry),
        // A bet that was refunded since must not look like one that stands.
        Outcome::Replayed(entry) if entry.reversed && operation == "bet" => Err(codes::FINAL),
        Outcome::Replayed(entry) => Ok(*entry),
        // The same reference with other contents is answered like a repeat of the first,
        // whatever became of that.
        Outcome::Mismatch(entry) => match (entry.outcome, entry.reason) {
            (RowOutcome::Applied | RowOutcome::Noted, _) => Ok(*entry),
            (RowOutcome::Refused, Some(reason)) => Err(codes::of_reason(reason)),
            (RowOutcome::Tombstone, _) => Err(codes::FINAL),
            (RowOutcome::Refused | RowOutcome::Parked, _) => Err(codes::RETRY),
        },
        Outcome::Cancelled(_) => Err(codes::FINAL),
        Outcome::Parked(_) => Err(codes::RETRY),
        Outcome::Refused { reason, .. } => Err(codes::of_reason(*reason)),
    }
}

fn told<'a>(
    settings: &'a Settings,
    operation: &str,
    request: Option<&'a Request>,
    player: &'a PlayerView,
) -> Body<'a> {
    let success = Body {
        error: codes::SUCCESS.error,
        description: codes::SUCCESS.description,
        ..Body::default()
    };
    let balances = || Body {
        currency: Some(player.currency.as_str()),
        cash: Some(Number::of(player.balance)),
        bonus: Some(Number::zero()),
        error: codes::SUCCESS.error,
        description: codes::SUCCESS.description,
        ..Body::default()
    };
    match (operation, request) {
        ("authenticate", Some(Request::Authenticate { token, .. })) => Body {
            user_id: Some(player.player.as_str()),
            token: Some(token.expose_secret()),
            country: settings.country.as_deref(),
            jurisdiction: settings.jurisdiction.as_deref(),
            ..balances()
        },
        ("GetBalancePerGame", Some(Request::Balance { games, .. })) => {
            let balances = games.iter().map(|game| {
                let key = Some(game.as_str());
                let (upper, lower) = match settings.game_id_key {
                    GameIdKey::Upper => (key, None),
                    GameIdKey::Lower => (None, key),
                };
                GameBalance {
                    upper,
                    lower,
                    cash: Number::of(player.balance),
                    bonus: Number::zero(),
                }
            });
            Body { games_balances: Some(balances.collect()), ..success }
        }
        ("balance", _) => balances(),
        _ => success,
    }
}
