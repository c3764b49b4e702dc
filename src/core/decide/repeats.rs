//! What was decided before.

use super::draft::{Culprits, Draft, Refusal};
use crate::core::command::{Action, AttemptIds};
use crate::core::ids::Key;
use crate::core::outcome::{Entry, Outcome};
use crate::core::policy::LateOriginal;
use crate::core::row::{Kind, Reason, Row, RowOutcome};

impl Draft<'_> {
    pub(super) fn recognise_repeats(&mut self) -> Result<(), Refusal> {
        for (place, movement, ids) in self.steps() {
            let key = self.command().key(&movement.tx_id);
            if let Some(row) = self.prior(&key)
                && let Some(outcome) = self.repeat_of(row, &key, ids)?
            {
                self.settle(place, outcome);
            }
        }
        Ok(())
    }

    /// The outcome of a movement whose key is taken; `None` when it is parked and has to be
    /// decided now.
    pub(super) fn repeat_of(
        &self,
        row: &Row,
        key: &Key,
        ids: AttemptIds,
    ) -> Result<Option<Outcome>, Refusal> {
        let entry = self.history.entry(row);
        if row.outcome == RowOutcome::Tombstone {
            return match self.command().policy.late_original {
                LateOriginal::Succeed => Ok(Some(Outcome::Cancelled(entry))),
                LateOriginal::Refuse => Err(Refusal::unremembered(Reason::Cancelled)),
            };
        }
        // A refusal stays one, whatever comes again under its key.
        if row.fingerprint != ids.fingerprint && row.outcome != RowOutcome::Refused {
            return self.mismatch(key, entry).map(Some);
        }
        // The attempt's own commit, whose reply was lost on the way from the database.
        let own = row.transaction_id == ids.own;
        match row.outcome {
            RowOutcome::Parked => Ok(None),
            RowOutcome::Refused => {
                let reason = row.reason.unwrap_or(Reason::InsufficientFunds);
                // The rest of an atomic command stays refused with it.
                Err(Refusal { reason, culprits: Culprits::Nobody })
            }
            RowOutcome::Noted if own && row.kind != Kind::Note => {
                Ok(Some(Outcome::NoEffect(entry)))
            }
            _ if own => Ok(Some(Outcome::Applied(entry))),
            _ => Ok(Some(Outcome::Replayed(entry))),
        }
    }

    /// Something else was done under the key. A stake that is no stake must not carry the
    /// wins beside it: then the whole command moves nothing.
    pub(super) fn mismatch(&self, key: &Key, entry: Entry) -> Result<Outcome, Refusal> {
        let movements = &self.command().movements;
        let is_debit = movements.iter().any(|movement| {
            movement.tx_id == key.tx_id && matches!(movement.action, Action::Debit(_))
        });
        if is_debit && movements.len() > 1 {
            return Err(Refusal::unremembered(Reason::KeyReused));
        }
        Ok(Outcome::Mismatch(entry))
    }

    /// A key that this very command has used before.
    pub(super) fn repeat_within(&self, row: &Row, ids: AttemptIds) -> Result<Outcome, Refusal> {
        let first_reversal = row.reverses.as_ref().and_then(|target| {
            let target = self.command().key(target);
            let is_late = row.reason == Some(Reason::AlreadyReversed);
            self.first_reversal(&target).filter(|_| is_late)
        });
        let entry = Entry { first_reversal, ..Entry::of(row) };
        if row.outcome != RowOutcome::Tombstone && row.fingerprint != ids.fingerprint {
            return self.mismatch(&row.key, entry);
        }
        match (row.outcome, self.command().policy.late_original) {
            (RowOutcome::Tombstone, LateOriginal::Succeed) => Ok(Outcome::Cancelled(entry)),
            (RowOutcome::Tombstone, LateOriginal::Refuse) => {
                Err(Refusal::unremembered(Reason::Cancelled))
            }
            _ => Ok(Outcome::Replayed(entry)),
        }
    }
}
