//! What may not be lost and cannot be decided now.

use super::draft::{Draft, Refusal};
use crate::core::command::{Action, Movement};
use crate::core::history::RoundFacts;
use crate::core::money::Micros;
use crate::core::outcome::{Entry, Outcome};
use crate::core::policy::{CreditAfterReversal, CreditWithoutDebit};
use crate::core::row::{PlayerStatus, Reason, Row, RowOutcome};

impl Draft<'_> {
    /// Why the whole command has to wait, if it has to. Debits never wait.
    pub(super) fn must_park(&self) -> Result<Option<Reason>, Refusal> {
        // Debits that stand beside a credit are known, wherever they stand.
        let debits = self.steps().filter(|(place, movement, _)| {
            self.is_new(*place) && matches!(movement.action, Action::Debit(_))
        });
        let beside = RoundFacts {
            debits: i64::try_from(debits.count()).unwrap_or(i64::MAX),
            ..RoundFacts::default()
        };
        for (place, movement, _) in self.steps() {
            if !self.is_new(place) {
                continue;
            }
            let gives = match &movement.action {
                Action::Credit(_) | Action::Reverse { .. } => true,
                Action::Adjust(micros) => !micros.is_negative(),
                Action::Debit(_) | Action::Note(_) => false,
            };
            if gives && self.wallet.status == PlayerStatus::Closed {
                return Ok(Some(Reason::WalletClosed));
            }
            let needs_debit = movement.category.settles_a_round();
            if needs_debit && self.waits_for_debit(place, movement, beside)? {
                return Ok(Some(Reason::DebitUnknown));
            }
        }
        Ok(None)
    }

    pub(super) fn waits_for_debit(
        &self,
        place: usize,
        movement: &Movement,
        beside: RoundFacts,
    ) -> Result<bool, Refusal> {
        let facts = self.round_facts(self.command().round.as_ref()).plus(beside);
        if facts.debits > 0 && facts.debits > facts.cancelled {
            return Ok(false);
        }
        let policy = &self.command().policy;
        // A correction is about what was, so a debit that was reversed will do.
        if facts.debits > 0 && matches!(movement.action, Action::Adjust(_)) {
            return Ok(false);
        }
        if facts.cancelled > 0 {
            return match policy.credit_after_reversal {
                CreditAfterReversal::Pay => Ok(false),
                CreditAfterReversal::Refuse => Err(Refusal::of(place, Reason::DebitReversed)),
            };
        }
        match policy.credit_without_debit {
            CreditWithoutDebit::Pay => Ok(false),
            CreditWithoutDebit::Refuse => Err(Refusal::unremembered(Reason::DebitUnknown)),
            CreditWithoutDebit::Park { grace } => {
                let key = self.command().key(&movement.tx_id);
                let waited_enough = self.history.row(&key).is_some_and(|row| {
                    row.outcome == RowOutcome::Parked
                        && row.created_at + grace <= self.attempt.received_at
                });
                Ok(!waited_enough)
            }
        }
    }

    /// Parks every new credit and reversal of the command; nothing moves.
    pub(super) fn park(&mut self, reason: Reason) {
        for (place, movement, ids) in self.steps() {
            if !self.is_new(place) {
                continue;
            }
            let key = self.command().key(&movement.tx_id);
            // Parked by an earlier call, or a key that this command uses twice.
            let entry = match self.history.row(&key).or_else(|| self.written(&movement.tx_id)) {
                Some(parked) => Entry::of(parked, false),
                None => {
                    let row = Row {
                        outcome: RowOutcome::Parked,
                        reason: Some(reason),
                        requested: limit_or_request(&movement.action),
                        link: None,
                        amount: Micros::ZERO,
                        ..self.blank(movement, ids)
                    };
                    let entry = Entry::of(&row, false);
                    self.rows.push((row, false));
                    entry
                }
            };
            self.settle(place, Outcome::Parked(entry));
        }
    }
}

/// What has to be known to decide the movement later, when nobody repeats it: of a reversal the
/// most that it may undo.
fn limit_or_request(action: &Action) -> Micros {
    match action {
        Action::Reverse { at_most: Some(limit), .. } => limit.micros(),
        action => action.requested(),
    }
}
