//! A decision in the making.

use crate::core::command::{Action, Attempt, AttemptIds, Command, Movement};
use crate::core::history::{History, RoundFacts, WalletState};
use crate::core::ids::{Key, RoundId, TransactionId, TxId};
use crate::core::money::{Amount, Micros};
use crate::core::outcome::{Entry, Outcome};
use crate::core::parked::ParkedPart;
use crate::core::row::{Link, Reason, Row, RowOutcome};

/// Why a command moves nothing, and which of its movements are to blame.
pub(super) struct Refusal {
    pub(super) reason: Reason,
    pub(super) culprits: Culprits,
}

pub(super) enum Culprits {
    /// Every new debit: the test was made on all of them.
    Debits,
    /// One movement, by its place.
    One(usize),
    /// None: it was refused before, or it is not remembered.
    Nobody,
}

impl Refusal {
    pub(super) const fn of_debits(reason: Reason) -> Self {
        Self { reason, culprits: Culprits::Debits }
    }

    pub(super) const fn of(place: usize, reason: Reason) -> Self {
        Self { reason, culprits: Culprits::One(place) }
    }

    pub(super) const fn unremembered(reason: Reason) -> Self {
        Self { reason, culprits: Culprits::Nobody }
    }
}

/// A decision in the making. Dropped whole when a movement is refused.
pub(super) struct Draft<'a> {
    pub(super) before: &'a WalletState,
    pub(super) history: &'a History,
    pub(super) attempt: &'a Attempt,
    pub(super) wallet: WalletState,
    pub(super) outcomes: Vec<Option<Outcome>>,
    /// With `true` for a promotion.
    pub(super) rows: Vec<(Row, bool)>,
}

impl<'a> Draft<'a> {
    pub(super) fn new(wallet: &'a WalletState, history: &'a History, attempt: &'a Attempt) -> Self {
        Self {
            before: wallet,
            history,
            attempt,
            wallet: wallet.clone(),
            outcomes: vec![None; attempt.command.movements.len()],
            rows: Vec::new(),
        }
    }

    pub(super) const fn command(&self) -> &'a Command {
        &self.attempt.command
    }

    /// The movements with their place and their ids.
    pub(super) fn steps(
        &self,
    ) -> impl Iterator<Item = (usize, &'a Movement, AttemptIds)> + use<'a> {
        let attempt = self.attempt;
        attempt
            .command
            .movements
            .iter()
            .zip(attempt.ids.iter().copied())
            .enumerate()
            .map(|(place, (movement, ids))| (place, movement, ids))
    }

    pub(super) fn settle(&mut self, place: usize, outcome: Outcome) {
        if let Some(slot) = self.outcomes.get_mut(place) {
            *slot = Some(outcome);
        }
    }

    pub(super) fn is_new(&self, place: usize) -> bool {
        self.outcomes.get(place).is_some_and(Option::is_none)
    }

    /// The balance after an effect; it may be below zero, but not out of range.
    pub(super) fn balance_with(&self, effect: Micros) -> Result<Micros, Refusal> {
        self.wallet
            .balance
            .checked_add(effect)
            .filter(|balance| *balance <= Amount::MAX.micros())
            .ok_or(Refusal::unremembered(Reason::BalanceLimit))
    }

    // ---- Rows ----

    pub(super) const fn link(&self) -> Link {
        Link { version: self.wallet.version, balance_after: self.wallet.balance.get() }
    }

    /// A row of the movement as the provider said it, not decided yet.
    pub(super) fn blank(&self, movement: &Movement, ids: AttemptIds) -> Row {
        blank(self.attempt, movement, ids)
    }

    /// The next row of the chain.
    pub(super) fn decided(
        &mut self,
        movement: &Movement,
        ids: AttemptIds,
        outcome: RowOutcome,
        reason: Option<Reason>,
    ) -> Row {
        self.wallet.version += 1;
        Row { outcome, reason, link: Some(self.link()), ..self.blank(movement, ids) }
    }

    /// Adds a row, or promotes the parked one under its key, which keeps its id, its date and its
    /// words.
    pub(super) fn write(&mut self, mut row: Row) -> Entry {
        let parked = self.prior(&row.key).filter(|row| row.outcome == RowOutcome::Parked);
        let promotion = parked.is_some();
        if let Some(parked) = parked {
            row.transaction_id = parked.transaction_id;
            row.created_at = parked.created_at;
            row.detail.clone_from(&parked.detail);
        }
        let entry = Entry::of(&row);
        self.rows.push((row, promotion));
        entry
    }

    // ---- What is known, with this command's own rows ----

    /// The player's own row under one of the command's keys.
    pub(super) fn prior(&self, key: &Key) -> Option<&'a Row> {
        self.history.row(key).filter(|row| row.player == self.command().player)
    }

    pub(super) fn known_row(&self, key: &Key) -> Option<Row> {
        self.written(&key.tx_id).or_else(|| self.history.row(key)).cloned()
    }

    /// What this command itself has written under a key so far.
    pub(super) fn written(&self, tx_id: &TxId) -> Option<&Row> {
        self.rows.iter().rev().map(|(row, _)| row).find(|row| row.key.tx_id == *tx_id)
    }

    pub(super) fn is_reversed(&self, target: &Key) -> bool {
        self.history.is_reversed(target) || self.own_reversal(target, is_applied).is_some()
    }

    /// The first reversal of a movement, whether it undid it or was there before it.
    pub(super) fn first_reversal(&self, target: &Key) -> Option<TransactionId> {
        (self.history.reversed_by(target))
            .or_else(|| self.own_reversal(target, is_applied))
            .or_else(|| self.history.forestalled_by(target))
            .or_else(|| self.own_reversal(target, Row::forestalls))
    }

    /// A reversal of this command.
    fn own_reversal(&self, target: &Key, is_such: fn(&Row) -> bool) -> Option<TransactionId> {
        let of_it = |row: &Row| row.reverses.as_ref() == Some(&target.tx_id) && is_such(row);
        let found = self.rows.iter().map(|(row, _)| row).find(|row| of_it(row));
        found.map(|row| row.transaction_id)
    }

    /// As [`History::round_of`], for a row of this command.
    fn counts_in<'r>(&'r self, row: &'r Row) -> Option<&'r RoundId> {
        let own = row.reverses.as_ref().and_then(|target| self.written(target));
        own.map_or_else(|| self.history.round_of(row), |target| target.round.as_ref())
    }

    pub(super) fn round_facts(&self, round: Option<&RoundId>) -> RoundFacts {
        let Some(round) = round else { return RoundFacts::default() };
        let Command { player, provider, .. } = self.command();
        self.rows
            .iter()
            .filter(|(row, _)| self.counts_in(row) == Some(round))
            .map(|(row, _)| RoundFacts::of(row))
            .fold(self.history.round(player, provider, round), RoundFacts::plus)
    }
}

fn is_applied(row: &Row) -> bool {
    row.outcome == RowOutcome::Applied
}

impl Command {
    /// Another player has one of the command's keys. What that player did says nothing about this
    /// one, but the key is gone.
    pub(super) fn has_a_foreign_key(&self, history: &History) -> bool {
        self.movements.iter().any(|movement| {
            let row = history.row(&self.key(&movement.tx_id));
            row.is_some_and(|row| row.player != self.player)
        })
    }
}

/// A row of the movement as the provider said it, not decided yet.
pub(super) fn blank(attempt: &Attempt, movement: &Movement, ids: AttemptIds) -> Row {
    let command = &attempt.command;
    Row {
        key: command.key(&movement.tx_id),
        player: command.player.clone(),
        transaction_id: ids.own,
        kind: movement.action.kind(),
        category: movement.category,
        outcome: RowOutcome::Parked,
        reason: None,
        requested: movement.action.requested(),
        amount: Micros::ZERO,
        shortfall: Micros::ZERO,
        link: None,
        reverses: match &movement.action {
            Action::Reverse { target, .. } => Some(target.clone()),
            _ => None,
        },
        settles: movement.action.settles().cloned(),
        round: command.round.clone(),
        game: command.game.clone(),
        fingerprint: ids.fingerprint,
        detail: movement.detail.clone(),
        occurred_at: command.occurred_at,
        created_at: attempt.received_at,
        parked_at: None,
        parked_command: None,
    }
}

impl Row {
    /// The row as it waits, with what has to be known to decide it when nobody repeats it;
    /// `together` are the keys that are parked with it.
    pub(super) fn parked(
        self,
        attempt: &Attempt,
        movement: &Movement,
        together: &[&TxId],
        reason: Reason,
    ) -> Self {
        let part = ParkedPart::text(&attempt.command, movement, together);
        Self {
            outcome: RowOutcome::Parked,
            reason: Some(reason),
            // Of a reversal, the most that it may undo: for a person who looks at it.
            requested: match &movement.action {
                Action::Reverse { at_most: Some(limit), .. } => limit.micros(),
                action => action.requested(),
            },
            parked_command: part.map(String::into_boxed_str),
            ..self
        }
    }
}
