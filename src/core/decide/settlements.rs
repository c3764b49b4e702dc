//! What a credit is paid for, and whether that was paid for before.

use super::draft::{Draft, Refusal};
use crate::core::command::{Action, Movement};
use crate::core::history::RoundFacts;
use crate::core::ids::{Key, TxId};
use crate::core::policy::{CreditAfterReversal, Settlement};
use crate::core::row::{Kind, Reason, Row, RowOutcome};

impl Draft<'_> {
    /// The debits that decide about a credit or a correction: the one that it names, or else those of
    /// its round. New ones of its own command are known, wherever they stand.
    pub(super) fn debits_for(&self, movement: &Movement) -> RoundFacts {
        let beside = self.steps().filter(|(place, movement, _)| {
            self.is_new(*place) && matches!(movement.action, Action::Debit(_))
        });
        match movement.action.settles() {
            Some(debit) => {
                let mut beside = beside;
                let is_beside = beside.any(|(_, movement, _)| movement.tx_id == *debit);
                if is_beside { standing(1) } else { self.named_debit(debit) }
            }
            None => {
                let beside = i64::try_from(beside.count()).unwrap_or(i64::MAX);
                self.round_facts(self.command().round.as_ref()).plus(standing(beside))
            }
        }
    }

    /// What is known of the debit under a key: another player's is none.
    fn named_debit(&self, debit: &TxId) -> RoundFacts {
        let key = self.command().key(debit);
        let row = self.written(debit).or_else(|| self.history.row(&key));
        let own = row.filter(|row| row.player == self.command().player);
        let stands = standing(1);
        let cancelled = RoundFacts { cancelled: 1, ..stands };
        match own.map(|row| (row.kind, row.outcome)) {
            Some((Kind::Debit, RowOutcome::Applied)) if self.is_reversed(&key) => cancelled,
            Some((Kind::Debit, RowOutcome::Applied)) => stands,
            Some((Kind::Debit | Kind::Reverse, RowOutcome::Tombstone)) => cancelled,
            None if self.history.stands(&self.command().player, &key) => stands,
            _ => RoundFacts::default(),
        }
    }

    /// What stands for good against a credit that names its debit.
    pub(super) fn test_settlement(&self, place: usize, movement: &Movement) -> Result<(), Refusal> {
        let Action::Credit { settles: Some(debit), .. } = &movement.action else { return Ok(()) };
        let policy = &self.command().policy;
        if policy.settlement == Settlement::OncePerDebit && self.settlements(debit) > 0 {
            return Err(Refusal::of(place, Reason::AlreadySettled));
        }
        let is_asked = movement.category.settles_a_round()
            && policy.credit_after_reversal == CreditAfterReversal::Refuse;
        // It was there and is gone, and no other one can come under its key.
        if is_asked && self.named_debit(debit).cancelled > 0 {
            return Err(Refusal::of(place, Reason::DebitReversed));
        }
        Ok(())
    }

    /// True when a debit was settled, by the word of the policy.
    pub(super) fn is_settled(&self, debit: &Row) -> bool {
        match self.command().policy.settlement {
            Settlement::ByRound => self.round_facts(debit.round.as_ref()).credits > 0,
            Settlement::ByDebit | Settlement::OncePerDebit => {
                self.settlements(&debit.key.tx_id) > 0
            }
        }
    }

    /// How many credits that name the debit stand, with what this command itself has written.
    fn settlements(&self, debit: &TxId) -> i64 {
        let key = self.command().key(debit);
        let own = self.rows.iter().map(|(row, _)| {
            if row.settled_debit() == Some(debit) {
                1
            } else if self.takes_back(row).is_some_and(|of| of.settled_debit() == Some(debit)) {
                -1
            } else {
                0
            }
        });
        self.history.settlements(&self.command().player, &key) + own.sum::<i64>()
    }

    /// The row that a reversal undid.
    fn takes_back<'r>(&'r self, reversal: &Row) -> Option<&'r Row> {
        let target = reversal.reverses.as_ref();
        let target = target.filter(|_| reversal.outcome == RowOutcome::Applied)?;
        let key = Key { provider: reversal.key.provider.clone(), tx_id: target.clone() };
        self.written(target).or_else(|| self.history.row(&key))
    }
}

fn standing(debits: i64) -> RoundFacts {
    RoundFacts { debits, ..RoundFacts::default() }
}
