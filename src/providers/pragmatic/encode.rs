//! Outcomes into the provider's words. HTTP 200 for everything: `error` is the outcome.

use std::borrow::Cow;

use secrecy::ExposeSecret;

use super::Pragmatic;
use super::codes::Code;
use super::settings::GameIdKey;
use super::wire::{Body, GameBalance, Number};
use crate::core::{Entry, Micros, Outcome, PlayerView, Reason, Receipt, RowOutcome};
use crate::providers::{Answer, Failure, Reply, Request};

/// The most characters of a description.
const DESCRIPTION_MAX: usize = 100;

impl Pragmatic {
    /// The answer to a call, in whatever way it ended.
    pub(super) fn reply(
        &self,
        operation: &str,
        request: Option<&Request>,
        answer: &Answer<'_>,
    ) -> Reply {
        match answer {
            Answer::Executed(receipt) => Reply::json(200, &executed(operation, receipt)),
            Answer::Player(player) | Answer::Authenticated { player, .. } => {
                Reply::json(200, &self.told(operation, request, player))
            }
            Answer::Failed(failure) => failed(operation, failure),
        }
    }

    fn told<'a>(
        &'a self,
        operation: &str,
        request: Option<&'a Request>,
        player: &'a PlayerView,
    ) -> Body<'a> {
        let success = Body::of(Code::Success);
        match (operation, request) {
            ("authenticate", Some(Request::Authenticate { token, .. })) => Body {
                user_id: Some(player.player.as_str()),
                token: Some(token.expose_secret()),
                country: self.settings.country.as_deref(),
                jurisdiction: self.settings.jurisdiction.as_deref(),
                ..balances(player.currency.as_str(), player.balance, success)
            },
            ("GetBalancePerGame", Some(Request::Balance { games, .. })) => {
                let balances = games.iter().map(|game| {
                    let key = Some(game.as_str());
                    let (upper, lower) = match self.settings.game_id_key {
                        GameIdKey::Upper => (key, None),
                        GameIdKey::Lower => (None, key),
                    };
                    let (cash, bonus) = (Number::of(player.balance), Number::zero());
                    GameBalance { upper, lower, cash, bonus }
                });
                Body { games_balances: Some(balances.collect()), ..success }
            }
            ("balance", _) => balances(player.currency.as_str(), player.balance, success),
            _ => success,
        }
    }
}

fn balances<'a>(currency: &'a str, balance: Micros, body: Body<'a>) -> Body<'a> {
    Body {
        currency: Some(currency),
        cash: Some(Number::of(balance)),
        bonus: Some(Number::zero()),
        ..body
    }
}

/// Each call has its own fields; a refusal tells the balance where a success does.
fn executed<'a>(operation: &str, receipt: &'a Receipt) -> Body<'a> {
    let (transaction_id, code) = match verdict(operation, receipt) {
        Ok(entry) => (Some(entry.id().to_string()), Code::Success),
        Err(code) => (None, code.of_call(operation)),
    };
    let plain = Body::of(code);
    match operation {
        "refund" => Body { transaction_id, ..plain },
        "roundDetails" => plain,
        "endRound" => {
            Body { currency: None, ..balances(receipt.currency.as_str(), receipt.balance, plain) }
        }
        _ => Body {
            used_promo: (operation == "bet" && code == Code::Success).then(Number::zero),
            transaction_id,
            ..balances(receipt.currency.as_str(), receipt.balance, plain)
        },
    }
}

/// The row that a success names, or the code that says no.
fn verdict<'a>(operation: &str, receipt: &'a Receipt) -> Result<&'a Entry, Code> {
    match receipt.refusal() {
        // Another player's reference: nobody gives this one's win up for that.
        Some(Reason::KeyReused) if !matches!(operation, "bet" | "refund") => {
            return Err(Code::Retry);
        }
        Some(reason) => return Err(Code::of_reason(reason)),
        None => {}
    }
    if receipt.is_parked() {
        return Err(Code::Retry);
    }
    // The first movement is the call's own; a prize stands behind it.
    match receipt.outcomes.first() {
        Some(Outcome::Applied(entry) | Outcome::NoEffect(entry)) => Ok(entry),
        // A bet that was refunded since must not look like one that stands.
        Some(Outcome::Replayed(entry) | Outcome::Mismatch(entry))
            if entry.reversed_by.is_some() && operation == "bet" =>
        {
            Err(Code::NoRetry)
        }
        Some(Outcome::Replayed(entry)) => Ok(entry),
        Some(Outcome::Mismatch(entry)) => known_otherwise(operation, entry),
        Some(Outcome::Cancelled(_)) => Err(Code::NoRetry),
        Some(Outcome::Parked(_) | Outcome::Refused { .. }) | None => Err(Code::Retry),
    }
}

/// The same reference with other contents: answered like a repeat of the first, whatever
/// became of that. Only a stake must not pass for a win, nor a win for a stake.
fn known_otherwise<'a>(operation: &str, first: &'a Entry) -> Result<&'a Entry, Code> {
    match (first.outcome, first.reason) {
        (RowOutcome::Applied, _) if operation == "bet" && first.amount_micros > 0 => {
            Err(Code::NoRetry)
        }
        (RowOutcome::Applied, _) if is_win(operation) && first.amount_micros < 0 => {
            Err(Code::Retry)
        }
        (RowOutcome::Applied | RowOutcome::Noted, _) => Ok(first),
        (RowOutcome::Refused, Some(reason)) => Err(Code::of_reason(reason)),
        (RowOutcome::Tombstone, _) => Err(Code::NoRetry),
        (RowOutcome::Refused | RowOutcome::Parked, _) => Err(Code::Retry),
    }
}

fn is_win(operation: &str) -> bool {
    matches!(operation, "result" | "bonusWin" | "jackpotWin" | "promoWin")
}

fn failed(operation: &str, failure: &Failure) -> Reply {
    let code = Code::of_failure(failure).of_call(operation);
    let description = match failure {
        Failure::BadRequest(what) => {
            let text = format!("{}: {what}", code.description());
            Cow::Owned(text.chars().take(DESCRIPTION_MAX).collect())
        }
        _ => Cow::Borrowed(code.description()),
    };
    // An address that may not call gets the status that firewalls speak, too.
    let status = if *failure == Failure::AddressNotAllowed { 403 } else { 200 };
    Reply::json(status, &Body { description, ..Body::of(code) })
}

#[cfg(test)]
mod tests;
