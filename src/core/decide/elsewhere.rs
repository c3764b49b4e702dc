//! What is parked and was decided elsewhere, by a person: it takes the next place in the chain under
//! its own key, so that no call decides it again, and moves nothing. Nothing is asked of its terms or
//! of the wallet: it may be one that nobody can decide by them any more.

use super::draft::{Draft, Refusal};
use crate::core::command::Movement;
use crate::core::ids::Key;
use crate::core::outcome::{Entry, Outcome};
use crate::core::row::{Kind, Reason, Row, RowOutcome};

impl Draft<'_> {
    pub(super) fn decided_elsewhere(&mut self, movement: &Movement) -> Result<(), Refusal> {
        let key = self.command().key(&movement.tx_id);
        let Some(row) = self.prior(&key) else {
            return Err(Refusal::unremembered(Reason::TargetUnknown));
        };
        let outcome = if row.outcome == RowOutcome::Parked {
            self.end_the_waiting(row.clone(), movement.detail.as_deref())
        } else {
            Outcome::Replayed(self.history.entry(row))
        };
        self.settle(0, outcome);
        Ok(())
    }

    /// What a reversal would have undone is undone by it, though with no money from here: no other
    /// reversal undoes it once more, and what waits or is yet to come is neither paid nor taken.
    fn end_the_waiting(&mut self, mut row: Row, said: Option<&str>) -> Outcome {
        let target = row.reverses.as_ref().filter(|target| **target != row.key.tx_id);
        let target = target.map(|target| self.command().key(target));
        let found = target.as_ref().and_then(|target| self.known_row(target));
        let undone = found.as_ref().filter(|found| self.can_be_undone(found)).cloned();
        row.outcome = RowOutcome::Noted;
        if let Some(undone) = undone.as_ref().filter(|of| of.outcome == RowOutcome::Applied) {
            row.outcome = RowOutcome::Applied;
            row.category = undone.category;
            row.round = row.round.or_else(|| undone.round.clone());
            row.game = row.game.or_else(|| undone.game.clone());
        }
        row.detail = Some(with_what_was_said(row.detail.as_deref(), said));
        row.reason = Some(Reason::DecidedElsewhere);
        row.parked_command = None;
        let row = self.chained(row);
        let entry = Entry::of(&row);
        match (target, undone) {
            (Some(target), _) if found.is_none() => self.leave_tombstone_of(&row, target),
            (_, Some(parked)) if parked.outcome == RowOutcome::Parked => self.cancel_parked(parked),
            _ => {}
        }
        if row.outcome == RowOutcome::Applied {
            Outcome::Applied(entry)
        } else {
            Outcome::NoEffect(entry)
        }
    }

    /// A stake or a win that took effect, or still may.
    fn can_be_undone(&self, row: &Row) -> bool {
        row.player == self.command().player
            && matches!(row.kind, Kind::Debit | Kind::Credit)
            && matches!(row.outcome, RowOutcome::Applied | RowOutcome::Parked)
            && !self.is_reversed(&row.key)
    }

    /// Puts a parked row into the chain.
    fn chained(&mut self, row: Row) -> Row {
        self.wallet.version += 1;
        let row = Row { link: Some(self.link()), ..row };
        self.rows.push((row.clone(), true));
        row
    }

    fn leave_tombstone_of(&mut self, reversal: &Row, target: Key) {
        let Some(ids) = self.attempt.ids.first() else { return };
        self.wallet.version += 1;
        let tombstone = Row {
            key: target,
            transaction_id: ids.tombstone,
            outcome: RowOutcome::Tombstone,
            reason: Some(Reason::TargetUnknown),
            link: Some(self.link()),
            reverses: None,
            fingerprint: 0,
            detail: None,
            created_at: self.attempt.received_at,
            parked_at: None,
            ..reversal.clone()
        };
        self.rows.push((tombstone, false));
    }
}

/// The provider's own words go first: they may be read by how they begin.
fn with_what_was_said(own: Option<&str>, said: Option<&str>) -> Box<str> {
    let said = format!("decided elsewhere: {}", said.unwrap_or_default());
    own.map_or_else(|| said.clone(), |own| format!("{own}; {said}")).into_boxed_str()
}
