//! Outcomes into the provider's words.

use axum::http::{HeaderValue, header};
use secrecy::{ExposeSecret, SecretString};
use serde_json::value::RawValue;

use super::Evolution;
use super::codes::Status;
use super::wire::{Session, Standing};
use crate::core::{Entry, Kind, Micros, Outcome, Reason, Receipt, RowOutcome};
use crate::providers::{Answer, Asked, Failure, Reply, Request};

impl Evolution {
    /// The answer to a call, in whatever way it ended.
    pub(super) fn reply(&self, asked: Asked<'_>, answer: &Answer<'_>) -> Reply {
        match answer {
            Answer::Authenticated { token, .. } => {
                session(asked, Status::Ok, token.or_else(|| sent(asked)))
            }
            Answer::Player(player) => self.standing(asked, Status::Ok, Some(player.balance)),
            Answer::Executed(receipt) => self.executed(asked, receipt),
            Answer::Failed(failure) => {
                let status = self.of_failure(asked, failure);
                if ["check", "sid"].contains(&asked.name()) {
                    session(asked, status, None)
                } else {
                    self.standing(asked, status, None)
                }
            }
        }
    }

    fn of_failure(&self, asked: Asked<'_>, failure: &Failure) -> Status {
        match failure {
            // Nobody knows the sid, and nobody knows the bet.
            Failure::Refused(Reason::SessionUnknown)
                if ["credit", "cancel"].contains(&asked.name()) =>
            {
                Status::BetDoesNotExist
            }
            failure => Status::of_failure(failure, self.rules.wrong_user),
        }
    }

    fn executed(&self, asked: Asked<'_>, receipt: &Receipt) -> Reply {
        let kind = match asked.request {
            Some(Request::Execute(command)) => {
                command.movements.first().map(|movement| movement.action.kind())
            }
            _ => None,
        };
        let (Some(kind), Some(outcome)) = (kind, receipt.outcomes.first()) else {
            // A receipt comes of a command and of nothing else.
            return self.standing(asked, Status::TemporaryError, None);
        };
        let status = match outcome {
            Outcome::Applied(_) => Status::Ok,
            Outcome::Refused { reason, .. } => self.of_reason(kind, *reason),
            Outcome::NoEffect(entry) => without_effect(entry),
            Outcome::Parked(_) => Status::TemporaryError,
            Outcome::Cancelled(_) => Status::FinalErrorActionFailed,
            // The same ids are the same thing, whatever else is said with them.
            Outcome::Replayed(first) | Outcome::Mismatch(first) => again(asked.name(), kind, first),
        };
        // Whoever is not the sid's player is told nothing of the money.
        let tells = !matches!(
            outcome,
            Outcome::Refused { reason: Reason::PlayerUnknown | Reason::SessionMismatch, .. }
        );
        self.standing(asked, status, tells.then_some(receipt.balance))
    }

    fn of_reason(&self, kind: Kind, reason: Reason) -> Status {
        match (kind, reason) {
            // A bet under that key is another player's: this one has none.
            (Kind::Credit | Kind::Reverse, Reason::KeyReused) => Status::BetDoesNotExist,
            (_, reason) => Status::of_reason(reason, self.rules.wrong_user),
        }
    }

    fn standing(&self, asked: Asked<'_>, status: Status, balance: Option<Micros>) -> Reply {
        let figure = |micros: Micros| {
            RawValue::from_string(micros.to_decimal(self.rules.balance_decimals)).ok()
        };
        kept_alive(&Standing {
            status: status.word(),
            bonus: balance.and_then(|_| figure(Micros::ZERO)),
            balance: balance.and_then(figure),
            uuid: asked.echo.map(str::to_owned),
        })
    }
}

/// What was done before.
fn again(operation: &str, kind: Kind, first: &Entry) -> Status {
    match (kind, first.outcome) {
        (_, RowOutcome::Parked) => Status::TemporaryError,
        (_, RowOutcome::Refused) => Status::FinalErrorActionFailed,
        // Its stake was given back: it must not be taken for a bet that stands.
        (Kind::Debit, _) if first.reversed_by.is_some() => Status::FinalErrorActionFailed,
        (Kind::Debit, _) => Status::BetAlreadyExist,
        (Kind::Reverse, RowOutcome::Noted) => without_effect(first),
        (Kind::Credit, _) if operation == "promo_payout" => Status::Ok,
        _ => Status::BetAlreadySettled,
    }
}

/// Why a cancel moved nothing.
fn without_effect(entry: &Entry) -> Status {
    match entry.reason {
        Some(Reason::TargetUnknown | Reason::TargetRefused | Reason::TargetParked) => {
            Status::BetDoesNotExist
        }
        _ => Status::BetAlreadySettled,
    }
}

/// The sid that came with the call.
fn sent(asked: Asked<'_>) -> Option<&SecretString> {
    match asked.request {
        Some(Request::Authenticate { token, .. }) => Some(token),
        _ => None,
    }
}

fn session(asked: Asked<'_>, status: Status, sid: Option<&SecretString>) -> Reply {
    kept_alive(&Session {
        status: status.word(),
        sid: sid.map(|sid| sid.expose_secret().to_owned()),
        uuid: asked.echo.map(str::to_owned),
    })
}

/// Evolution looks for the header, although HTTP/1.1 means it without saying it.
fn kept_alive(body: &impl serde::Serialize) -> Reply {
    let keep_alive = (header::CONNECTION, HeaderValue::from_static("keep-alive"));
    Reply { headers: vec![keep_alive], ..Reply::json(200, body) }
}

#[cfg(test)]
mod tests;
