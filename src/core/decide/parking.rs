//! What may not be lost and cannot be decided now.

use chrono::{DateTime, TimeDelta, Utc};

use super::draft::{Draft, Refusal};
use crate::core::command::{Action, Movement};
use crate::core::outcome::{Entry, Outcome};
use crate::core::policy::{CreditAfterReversal, CreditWithoutDebit};
use crate::core::row::{PlayerStatus, Reason, RowOutcome};

impl Draft<'_> {
    /// Why the whole command has to wait, if it has to. Debits never wait.
    pub(super) fn must_park(&self, now: DateTime<Utc>) -> Result<Option<Reason>, Refusal> {
        for (place, movement, _) in self.steps() {
            if !self.is_new(place) {
                continue;
            }
            let gives = match &movement.action {
                Action::Credit { .. } | Action::Reverse { .. } => true,
                Action::Adjust(micros) => !micros.is_negative(),
                Action::Debit(_) | Action::Note(_) | Action::DecidedElsewhere { .. } => false,
            };
            if gives && self.wallet.status == PlayerStatus::Closed {
                return Ok(Some(Reason::WalletClosed));
            }
            self.test_settlement(place, movement)?;
            let needs_debit = movement.category.settles_a_round();
            if needs_debit && self.waits_for_debit(place, movement, now)? {
                return Ok(Some(Reason::DebitUnknown));
            }
        }
        Ok(None)
    }

    /// True for what is paid for a stake, as long as no stake stands and one may still come.
    fn waits_for_debit(
        &self,
        place: usize,
        movement: &Movement,
        now: DateTime<Utc>,
    ) -> Result<bool, Refusal> {
        let facts = self.debits_for(movement);
        if facts.debits > facts.cancelled {
            return Ok(false);
        }
        // A correction is about what was, so a debit that was reversed will do.
        if facts.debits > 0 && matches!(movement.action, Action::Adjust(_)) {
            return Ok(false);
        }
        let policy = &self.command().policy;
        let all_reversed = facts.cancelled > 0;
        if all_reversed && policy.credit_after_reversal == CreditAfterReversal::Pay {
            return Ok(false);
        }
        let missing = if all_reversed { Reason::DebitReversed } else { Reason::DebitUnknown };
        match policy.credit_without_debit {
            CreditWithoutDebit::Park { grace } if !self.has_waited(movement, grace, now) => {
                Ok(true)
            }
            // Whatever may still come of the round has had its time.
            CreditWithoutDebit::Park { .. } if all_reversed => Err(Refusal::of(place, missing)),
            CreditWithoutDebit::Park { .. } => Ok(false),
            CreditWithoutDebit::Pay if !all_reversed => Ok(false),
            // Another stake of the round may be on its way.
            CreditWithoutDebit::Pay | CreditWithoutDebit::Refuse => {
                Err(Refusal::unremembered(missing))
            }
        }
    }

    /// True when the movement was parked for so long, by the database's clock.
    fn has_waited(&self, movement: &Movement, grace: TimeDelta, now: DateTime<Utc>) -> bool {
        let key = self.command().key(&movement.tx_id);
        self.prior(&key).is_some_and(|row| {
            row.outcome == RowOutcome::Parked
                && row.parked_at.unwrap_or(row.created_at) + grace <= now
        })
    }

    /// Parks every new credit and reversal of the command; nothing moves.
    pub(super) fn park(&mut self, reason: Reason) {
        let command = self.command();
        let together = command.keys_once(|tx_id| self.prior(&command.key(tx_id)).is_none());
        for (place, movement, ids) in self.steps() {
            if !self.is_new(place) {
                continue;
            }
            let key = self.command().key(&movement.tx_id);
            // Parked by an earlier call, or a key that this command uses twice.
            let parked = self.prior(&key).or_else(|| self.written(&movement.tx_id));
            let entry = match parked {
                Some(parked) if parked.fingerprint != ids.fingerprint => {
                    let outcome = Outcome::Mismatch(Entry::of(parked));
                    self.settle(place, outcome);
                    continue;
                }
                Some(parked) => Entry::of(parked),
                None => {
                    let row = self.blank(movement, ids);
                    let row = row.parked(self.attempt, movement, &together, reason);
                    let entry = Entry::of(&row);
                    self.rows.push((row, false));
                    entry
                }
            };
            self.settle(place, Outcome::Parked(entry));
        }
    }
}
