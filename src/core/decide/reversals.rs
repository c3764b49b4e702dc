//! What a reversal finds, and what it does then.

use super::draft::{Draft, Refusal};
use crate::core::command::{AttemptIds, Movement, Reversible};
use crate::core::ids::{Key, TxId};
use crate::core::money::{Amount, Micros};
use crate::core::outcome::{Entry, Outcome};
use crate::core::policy::ReversalAfterSettlement;
use crate::core::row::{Kind, Reason, Row, RowOutcome};

impl Draft<'_> {
    pub(super) fn reverse(
        &mut self,
        place: usize,
        movement: &Movement,
        ids: AttemptIds,
        target: &TxId,
        of: Reversible,
        at_most: Option<Amount>,
    ) -> Result<Outcome, Refusal> {
        let target_key = self.command().key(target);
        if *target == movement.tx_id {
            return Err(Refusal::of(place, Reason::TargetNotReversible));
        }
        let Some(found) = self.known_row(&target_key) else {
            let outcome = self.no_effect(movement, ids, Reason::TargetUnknown);
            self.leave_tombstone(movement, ids, target_key);
            return Ok(outcome);
        };
        if found.player != self.command().player {
            // Not remembered: the key is the rightful player's, who may still need it.
            return Err(Refusal::unremembered(Reason::TargetNotReversible));
        }
        let fits = match found.kind {
            Kind::Debit => of != Reversible::Credit,
            Kind::Credit => of != Reversible::Debit,
            Kind::Reverse | Kind::Adjust | Kind::Note => false,
        };
        match found.outcome {
            RowOutcome::Tombstone => {
                return Ok(self.already_reversed(movement, ids, &target_key));
            }
            RowOutcome::Refused => {
                return Ok(self.no_effect(movement, ids, Reason::TargetRefused));
            }
            RowOutcome::Parked if fits => {
                let outcome = self.no_effect(movement, ids, Reason::TargetParked);
                self.cancel_parked(found);
                return Ok(outcome);
            }
            RowOutcome::Noted if fits => {
                // Paid by hand, say: there is nothing here to take back.
                return Ok(self.no_effect(movement, ids, Reason::DecidedElsewhere));
            }
            RowOutcome::Applied if fits => {}
            RowOutcome::Applied | RowOutcome::Parked | RowOutcome::Noted => {
                return Err(Refusal::of(place, Reason::TargetNotReversible));
            }
        }
        if self.is_reversed(&target_key) {
            return Ok(self.already_reversed(movement, ids, &target_key));
        }
        if of == Reversible::Unpaid && !found.amount.is_negative() {
            return Err(Refusal::unremembered(Reason::TargetPaid));
        }
        let settled = found.kind == Kind::Debit && self.is_settled(&found);
        match self.command().policy.reversal_after_settlement {
            ReversalAfterSettlement::Refuse if settled => {
                Err(Refusal::of(place, Reason::AlreadySettled))
            }
            ReversalAfterSettlement::NoEffect if settled => {
                Ok(self.no_effect(movement, ids, Reason::AlreadySettled))
            }
            _ => self.undo(movement, ids, &found, at_most, settled),
        }
    }

    /// Gives a debit back, or takes a credit back as far as the balance goes.
    pub(super) fn undo(
        &mut self,
        movement: &Movement,
        ids: AttemptIds,
        found: &Row,
        at_most: Option<Amount>,
        settled: bool,
    ) -> Result<Outcome, Refusal> {
        let whole = found.amount.negated();
        let asked = match at_most {
            Some(limit) if whole.is_negative() => whole.max(limit.micros().negated()),
            Some(limit) => whole.min(limit.micros()),
            None => whole,
        };
        let floor = self.wallet.balance.negated();
        let effect = asked.max(floor);
        let shortfall = effect.checked_sub(asked).unwrap_or_default();
        let named_otherwise =
            at_most.is_some_and(|limit| limit.micros().get() != whole.get().saturating_abs());
        let flag = if shortfall > Micros::ZERO {
            Some(Reason::Shortfall)
        } else if named_otherwise {
            Some(Reason::AmountDiffers)
        } else {
            settled.then_some(Reason::SettledBefore)
        };
        self.wallet.balance = self.balance_with(effect)?;
        let mut row = self.decided(movement, ids, RowOutcome::Applied, flag);
        row.requested = asked;
        row.amount = effect;
        row.shortfall = shortfall;
        row.category = found.category;
        row.round = row.round.or_else(|| found.round.clone());
        row.game = row.game.or_else(|| found.game.clone());
        Ok(Outcome::Applied(self.write(row)))
    }

    pub(super) fn no_effect(
        &mut self,
        movement: &Movement,
        ids: AttemptIds,
        why: Reason,
    ) -> Outcome {
        let row = self.decided(movement, ids, RowOutcome::Noted, Some(why));
        Outcome::NoEffect(self.write(row))
    }

    fn already_reversed(&mut self, movement: &Movement, ids: AttemptIds, target: &Key) -> Outcome {
        let first_reversal = self.first_reversal(target);
        let row = self.decided(movement, ids, RowOutcome::Noted, Some(Reason::AlreadyReversed));
        Outcome::NoEffect(Entry { first_reversal, ..self.write(row) })
    }

    /// Takes the original's own key, so that the original can never be written.
    pub(super) fn leave_tombstone(&mut self, movement: &Movement, ids: AttemptIds, target: Key) {
        let mut row =
            self.decided(movement, ids, RowOutcome::Tombstone, Some(Reason::TargetUnknown));
        row.key = target;
        row.transaction_id = ids.tombstone;
        row.reverses = None;
        row.fingerprint = 0;
        row.detail = None;
        self.rows.push((row, false));
    }

    /// Turns a parked movement into the tombstone of itself.
    pub(super) fn cancel_parked(&mut self, mut parked: Row) {
        self.wallet.version += 1;
        parked.outcome = RowOutcome::Tombstone;
        parked.reason = Some(Reason::TargetParked);
        parked.link = Some(self.link());
        parked.parked_command = None;
        self.rows.push((parked, true));
    }
}
