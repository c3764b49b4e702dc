//! Outcomes into the provider's words.

use super::Spribe;
use super::codes::{Code, KEY_REUSED, MALFORMED, Refusal};
use super::decode::Kept;
use super::wire::{Envelope, Player, Transaction};
use crate::core::{
    Command, Currency, Entry, Micros, Movement, Outcome, PlayerView, Reason, Receipt, RowOutcome,
    TransactionId,
};
use crate::providers::{Answer, Failure, Reply, Request};

impl Spribe {
    /// The answer to a call, in whatever way it ended.
    pub(super) fn reply(&self, request: Option<&Request>, answer: &Answer<'_>) -> Reply {
        match (answer, request) {
            (Answer::Failed(failure), _) => failed(failure),
            (Answer::Player(view) | Answer::Authenticated { player: view, .. }, _) => {
                self.told(view)
            }
            (Answer::Executed(receipt), Some(Request::Execute(command))) => {
                let (Some(movement), Some(outcome)) =
                    (command.movements.first(), receipt.outcomes.first())
                else {
                    return failed(&Failure::Internal);
                };
                self.executed(&About { command, movement, receipt }, outcome)
            }
            // A receipt comes of a command and of nothing else.
            (Answer::Executed(_), _) => failed(&Failure::Internal),
        }
    }

    fn told(&self, view: &PlayerView) -> Reply {
        let Some(balance) = self.units(&view.currency, view.balance) else {
            return failed(&Failure::CurrencyUnknown(view.currency.clone()));
        };
        let user_id = view.player.as_str().to_owned();
        let currency = view.currency.as_str().to_owned();
        answered(Code::Ok, Some(Player { username: user_id.clone(), user_id, balance, currency }))
    }

    fn executed(&self, about: &About<'_>, outcome: &Outcome) -> Reply {
        match outcome {
            Outcome::Applied(entry) => self.done(about, Code::Ok, entry, entry.id()),
            // One that had no effect is told so each time.
            Outcome::Replayed(entry) if entry.outcome == RowOutcome::Noted => {
                self.without_effect(about, Code::Duplicate, entry)
            }
            Outcome::Replayed(entry) => self.done(about, Code::Duplicate, entry, entry.id()),
            Outcome::NoEffect(entry) => self.without_effect(about, Code::Ok, entry),
            Outcome::Refused { reason, .. } => refused(Refusal::of_reason(*reason)),
            Outcome::Cancelled(_) => refused(Refusal::of_reason(Reason::Cancelled)),
            Outcome::Mismatch(_) => refused(KEY_REUSED),
            // Paid once it can be, and the provider asks until it is.
            Outcome::Parked(_) => failed(&Failure::Unavailable),
        }
    }

    /// What was remembered and moved nothing.
    fn without_effect(&self, about: &About<'_>, code: Code, entry: &Entry) -> Reply {
        match entry.reason {
            Some(reason @ (Reason::TargetUnknown | Reason::TargetRefused)) => {
                refused(Refusal::of_reason(reason))
            }
            // By another rollback, whose id is told; its balances are not known any more.
            Some(Reason::AlreadyReversed) => {
                let first = entry.first_reversal.unwrap_or(entry.id());
                self.done(about, Code::Duplicate, entry, first)
            }
            // Only where the settings say so.
            Some(Reason::AlreadySettled) => answered::<Transaction>(Code::Ok, None),
            _ => self.done(about, code, entry, entry.id()),
        }
    }

    /// What was done, told from the row alone: so a repeat is told the same to the byte.
    fn done(&self, about: &About<'_>, code: Code, entry: &Entry, id: TransactionId) -> Reply {
        let About { command, movement, receipt } = about;
        let currency = &receipt.currency;
        let in_units =
            |micros: Option<i64>| self.units(currency, micros.map_or(receipt.balance, Micros::new));
        let balances =
            in_units(entry.balance_before_micros()).zip(in_units(entry.balance_after_micros));
        let Some((old_balance, new_balance)) = balances else {
            return failed(&Failure::CurrencyUnknown(currency.clone()));
        };
        let kept = entry.detail.as_deref().or(movement.detail.as_deref()).and_then(Kept::read);
        let transaction = Transaction {
            user_id: command.player.as_str().to_owned(),
            operator_tx_id: id.to_string(),
            provider: kept.map(|kept| kept.provider).unwrap_or_default(),
            provider_tx_id: movement.tx_id.as_str().to_owned(),
            old_balance,
            new_balance,
            currency: currency.as_str().to_owned(),
        };
        answered(code, Some(transaction))
    }

    /// A balance as the wire counts it, never negative. One that a number of the wire cannot hold
    /// is shown as the largest that it can: what is shown can always be bet. `None` where nobody
    /// knows how it is counted.
    fn units(&self, currency: &Currency, balance: Micros) -> Option<i64> {
        let exponent = self.exponents.known(currency)?;
        Some(balance.to_minor(exponent).unwrap_or(i64::MAX).max(0))
    }
}

/// What was executed.
struct About<'a> {
    command: &'a Command,
    movement: &'a Movement,
    receipt: &'a Receipt,
}

fn answered<T: serde::Serialize>(code: Code, data: Option<T>) -> Reply {
    let message = code.message().to_owned();
    Reply::json(200, &Envelope { code: code.number(), message, data })
}

fn refused(Refusal { code, message }: Refusal) -> Reply {
    worded(code, message.to_owned())
}

fn failed(failure: &Failure) -> Reply {
    let Refusal { code, message } = Refusal::of_failure(failure);
    match failure {
        Failure::BadRequest(what) => worded(code, format!("{MALFORMED}: {what}")),
        _ => worded(code, message.to_owned()),
    }
}

fn worded(code: Code, message: String) -> Reply {
    let data: Option<()> = None;
    Reply::json(200, &Envelope { code: code.number(), message, data })
}

#[cfg(test)]
mod tests;
