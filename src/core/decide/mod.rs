//! Every rule of money, as one pure function.
//!
//! Here: the order of the questions, and what becomes of a refusal. The questions themselves:
//!
//! - `repeats`: was it decided before?
//! - `debits`: may the player stake, and that much?
//! - `parking`: does something have to wait?
//! - `settlements`: what is a credit paid for, and was that paid for before?
//! - `reversals`: what does a reversal find?
//! - `elsewhere`: what if a person has decided it?
//! - `unopened`: what if there is no wallet?
//! - `draft`: the decision in the making, and the rows that it writes.

mod debits;
mod draft;
mod elsewhere;
mod parking;
mod repeats;
mod reversals;
mod settlements;
mod unopened;

use crate::core::command::{Action, Attempt, AttemptIds, Movement};
use crate::core::history::{History, Standing, WalletState};
use crate::core::money::Micros;
use crate::core::outcome::{Entry, Outcome, Receipt};
use crate::core::policy::{CreditWithoutDebit, Refusals};
use crate::core::row::{Reason, Row, RowOutcome};
use draft::{Culprits, Draft, Refusal};
pub use unopened::park_without_wallet;

/// What follows from a command. Written as a whole or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The wallet after it.
    pub wallet: WalletState,
    /// One for each movement, in order.
    pub outcomes: Vec<Outcome>,
    /// New rows, in the order of the chain.
    pub inserts: Vec<Row>,
    /// Rows that were parked and are decided now, in the order of the chain.
    pub promotions: Vec<Row>,
}

impl Decision {
    /// True when a movement is refused of which no row tells.
    pub fn refuses_unheard(&self) -> bool {
        let unheard = |outcome: &Outcome| matches!(outcome, Outcome::Refused { entry: None, .. });
        self.outcomes.iter().any(unheard)
    }

    /// The answer to the caller.
    pub fn into_receipt(self) -> Receipt {
        let Self { wallet, outcomes, .. } = self;
        Receipt {
            currency: wallet.currency,
            balance: wallet.balance,
            version: wallet.version,
            status: wallet.status,
            outcomes,
        }
    }
}

/// Decides an attempt on a wallet. `history` must hold what was stored under the keys of the
/// command's reversal targets and, for credits whose policy asks for it, of their round, or under the
/// key of the debit that they name; the rows under the command's own keys may be left out where they are thought not to exist,
/// because writing a key twice fails.
pub fn decide(
    wallet: &WalletState,
    standing: &Standing,
    history: &History,
    attempt: &Attempt,
) -> Decision {
    let mut draft = Draft::new(wallet, history, attempt);
    match draft.run(standing) {
        Ok(()) => draft.finish(),
        Err(refusal) => draft.refuse(refusal),
    }
}

impl Draft<'_> {
    fn run(&mut self, standing: &Standing) -> Result<(), Refusal> {
        if self.command().has_a_foreign_key(self.history) {
            return Err(Refusal::unremembered(Reason::KeyReused));
        }
        if let [movement @ Movement { action: Action::DecidedElsewhere { .. }, .. }] =
            &self.command().movements[..]
        {
            return self.decided_elsewhere(movement);
        }
        self.recognise_repeats()?;
        if self.outcomes.iter().all(Option::is_some) {
            return Ok(());
        }
        if self.command().currency.as_ref().is_some_and(|named| *named != self.wallet.currency) {
            return Err(Refusal::unremembered(Reason::CurrencyMismatch));
        }
        self.test_debits(standing)?;
        if let Some(reason) = self.must_park(standing.now)? {
            // A stake is for now or never, so a command with one is not parked but asked for again.
            let stakes = |(place, movement, _): (usize, &Movement, AttemptIds)| {
                self.is_new(place) && matches!(movement.action, Action::Debit(_))
            };
            if self.steps().any(stakes) {
                return Err(Refusal::unremembered(reason));
            }
            self.park(reason);
            return Ok(());
        }
        for (place, movement, ids) in self.steps() {
            if self.is_new(place) {
                let outcome = match self.written(&movement.tx_id) {
                    Some(row) => self.repeat_within(row, ids)?,
                    None => self.step(place, movement, ids)?,
                };
                self.settle(place, outcome);
            }
        }
        Ok(())
    }

    // ---- One movement ----

    fn step(
        &mut self,
        place: usize,
        movement: &Movement,
        ids: AttemptIds,
    ) -> Result<Outcome, Refusal> {
        match &movement.action {
            Action::Debit(amount) => {
                self.apply(place, movement, ids, amount.micros().negated(), None)
            }
            Action::Credit { amount, .. } => {
                self.test_settlement(place, movement)?;
                let flag = self.unmatched(movement);
                self.apply(place, movement, ids, amount.micros(), flag)
            }
            Action::Adjust(micros) => {
                let flag = self.unmatched(movement);
                self.apply(place, movement, ids, *micros, flag)
            }
            Action::Note(status) => {
                if let Some(status) = status {
                    self.wallet.status = *status;
                }
                let row = self.decided(movement, ids, RowOutcome::Noted, None);
                Ok(Outcome::Applied(self.write(row)))
            }
            Action::Reverse { target, of, at_most } => {
                self.reverse(place, movement, ids, target, *of, *at_most)
            }
            // It stands alone, or it says nothing.
            Action::DecidedElsewhere { .. } => Err(Refusal::unremembered(Reason::TargetUnknown)),
        }
    }

    /// The flag of what waited for its debit and is paid although that never came. It may
    /// have been parked for another reason, such as a wallet that was closed: the grace period
    /// went by all the same.
    fn unmatched(&self, movement: &Movement) -> Option<Reason> {
        let policy = &self.command().policy;
        let asks = movement.category.settles_a_round()
            && matches!(policy.credit_without_debit, CreditWithoutDebit::Park { .. });
        let has_waited = self.prior(&self.command().key(&movement.tx_id)).is_some();
        (asks && has_waited && self.debits_for(movement).debits == 0).then_some(Reason::Unmatched)
    }

    fn apply(
        &mut self,
        place: usize,
        movement: &Movement,
        ids: AttemptIds,
        effect: Micros,
        flag: Option<Reason>,
    ) -> Result<Outcome, Refusal> {
        let balance = self.balance_with(effect)?;
        if balance.is_negative() {
            return Err(match movement.action {
                // What was taken wrongly is asked for until it is there.
                Action::Adjust(_) => Refusal::unremembered(Reason::InsufficientFunds),
                _ => Refusal::of(place, Reason::InsufficientFunds),
            });
        }
        self.wallet.balance = balance;
        let mut row = self.decided(movement, ids, RowOutcome::Applied, flag);
        row.amount = effect;
        Ok(Outcome::Applied(self.write(row)))
    }

    // ---- The end ----

    fn finish(self) -> Decision {
        let (promotions, inserts): (Vec<_>, Vec<_>) =
            self.rows.into_iter().partition(|(_, promotion)| *promotion);
        Decision {
            wallet: self.wallet,
            outcomes: self.outcomes.into_iter().flatten().collect(),
            inserts: inserts.into_iter().map(|(row, _)| row).collect(),
            promotions: promotions.into_iter().map(|(row, _)| row).collect(),
        }
    }

    /// Undoes the draft and remembers the refusal with those movements that caused it.
    fn refuse(self, refusal: Refusal) -> Decision {
        let Refusal { reason, culprits } = refusal;
        let remembers = self.command().policy.refusals == Refusals::Remembered;
        let mut draft = Self::new(self.before, self.history, self.attempt);
        for (place, movement, ids) in self.steps() {
            let key = self.command().key(&movement.tx_id);
            let prior = self.prior(&key);
            let decided = prior.filter(|row| row.outcome != RowOutcome::Parked);
            let to_blame = match culprits {
                Culprits::Debits => matches!(movement.action, Action::Debit(_)),
                Culprits::One(culprit) => culprit == place,
                Culprits::Nobody => false,
            };
            let entry = match decided {
                Some(row) => Some(self.history.entry(row)),
                // What was parked is decided, and would otherwise wait for ever.
                None if to_blame && reason.is_remembered() && (remembers || prior.is_some()) => {
                    // A key that the command uses twice is remembered once.
                    let written = draft.written(&movement.tx_id).map(Entry::of);
                    Some(written.unwrap_or_else(|| {
                        let row = draft.decided(movement, ids, RowOutcome::Refused, Some(reason));
                        draft.write(row)
                    }))
                }
                None => prior.map(Entry::of),
            };
            let replayed = prior.is_some_and(|row| {
                row.outcome == RowOutcome::Refused && row.transaction_id != ids.own
            });
            let mismatched = decided.is_some_and(|row| {
                row.fingerprint != ids.fingerprint
                    && !matches!(row.outcome, RowOutcome::Refused | RowOutcome::Tombstone)
            });
            let outcome = match entry {
                Some(entry) if mismatched => Outcome::Mismatch(entry),
                entry => Outcome::Refused { reason, entry, replayed },
            };
            draft.settle(place, outcome);
        }
        draft.finish()
    }
}

#[cfg(test)]
mod tests;
