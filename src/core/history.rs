//! What a decision looks at.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};

use super::ids::{Currency, GameId, Key, PlayerId, ProviderId, RoundId, TransactionId, TxId};
use super::money::{Amount, Micros};
use super::outcome::Entry;
use super::row::{Kind, PlayerStatus, Reason, Row, RowOutcome};

/// A player's wallet at one version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WalletState {
    /// Whose.
    pub player: PlayerId,
    /// Fixed for the wallet's life.
    pub currency: Currency,
    /// Never negative.
    pub balance: Micros,
    /// The number of decided rows.
    pub version: i64,
    /// What the player may do.
    pub status: PlayerStatus,
    /// The largest single stake that the player may place.
    pub bet_limit: Option<Amount>,
}

impl WalletState {
    /// Stands for a wallet that is not there: it holds nothing, in ISO 4217's no currency.
    pub fn none(player: &PlayerId) -> Option<Self> {
        Some(Self {
            player: player.clone(),
            currency: Currency::parse("XXX").ok()?,
            balance: Micros::ZERO,
            version: 0,
            status: PlayerStatus::Active,
            bet_limit: None,
        })
    }
}

/// What stands beside the wallet for one command: read with it, in one snapshot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// The session that the command's token names, if there is one.
    pub session: Option<SessionFact>,
    /// The game that the command names.
    pub game: GameState,
    /// The database's clock: the one that all nodes share. By default nothing has waited long.
    pub now: DateTime<Utc>,
}

/// A session as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionFact {
    /// Whose.
    pub player: PlayerId,
    /// For which provider's games.
    pub provider: ProviderId,
    /// For one of them alone; `None` for all.
    pub game: Option<GameId>,
    /// False when it is over, by the database's clock.
    pub live: bool,
}

impl SessionFact {
    /// True when it opens that game; one for a single game opens no other, and none that is not
    /// named.
    pub fn opens(&self, game: Option<&GameId>) -> bool {
        self.game.is_none() || self.game.as_ref() == game
    }
}

/// Whether a game takes stakes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GameState {
    /// Yes; also for a game that nobody has switched off.
    #[default]
    Open,
    /// No; its wins are still paid.
    Disabled,
}

/// What is known of a player's past that a decision may turn on. It holds no more than was
/// asked for: a row that is missing here may exist, and then the write fails and is redone
/// with that row.
#[derive(Clone, Debug, Default)]
pub struct History {
    rows: HashMap<Key, Row>,
    /// By what was undone, the reversal that undid it.
    reversed: HashMap<Key, TransactionId>,
    /// By what never came to be, because its reversal was there before it: that reversal.
    forestalled: HashMap<Key, TransactionId>,
    rounds: HashMap<Seat, RoundFacts>,
    taken_to_stand: HashSet<Key>,
    settlements: HashMap<(PlayerId, Key), i64>,
}

/// A player in a round: at a live table many share one.
type Seat = (PlayerId, ProviderId, RoundId);

/// What is known of a player's part in a round.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RoundFacts {
    /// Applied debits; and tombstones, each of which stands for a debit that never will be.
    pub debits: i64,
    /// Of those, reversed; and all tombstones.
    pub cancelled: i64,
    /// Credits that were paid, here or elsewhere.
    pub credits: i64,
}

impl RoundFacts {
    /// Both together.
    pub const fn plus(self, other: Self) -> Self {
        Self {
            debits: self.debits + other.debits,
            cancelled: self.cancelled + other.cancelled,
            credits: self.credits + other.credits,
        }
    }

    /// What one row adds.
    pub const fn of(row: &Row) -> Self {
        let mut facts = Self { debits: 0, cancelled: 0, credits: 0 };
        match (row.kind, row.outcome) {
            (Kind::Debit, RowOutcome::Applied) => facts.debits = 1,
            (Kind::Credit, RowOutcome::Applied) => facts.credits = 1,
            // Decided elsewhere: there is no other credit without effect.
            (Kind::Credit, RowOutcome::Noted) => facts.credits = 1,
            (Kind::Reverse, RowOutcome::Applied) if row.category.is_stake() => facts.cancelled = 1,
            // A parked credit that was undone leaves one as well, and is no stake.
            (Kind::Debit | Kind::Reverse, RowOutcome::Tombstone) => {
                facts.debits = 1;
                facts.cancelled = 1;
            }
            _ => {}
        }
        facts
    }
}

impl History {
    /// The row under a key.
    pub fn row(&self, key: &Key) -> Option<&Row> {
        self.rows.get(key)
    }

    /// True when a reversal took effect on the movement.
    pub fn is_reversed(&self, target: &Key) -> bool {
        self.reversed.contains_key(target)
    }

    /// What is known of a player's part in a round.
    pub fn round(&self, player: &PlayerId, provider: &ProviderId, round: &RoundId) -> RoundFacts {
        // What is borrowed cannot be looked up in a map of owned seats; the clones are counters.
        let seat = (player.clone(), provider.clone(), round.clone());
        self.rounds.get(&seat).copied().unwrap_or_default()
    }

    /// The reversal that took effect on the movement.
    pub fn reversed_by(&self, target: &Key) -> Option<TransactionId> {
        self.reversed.get(target).copied()
    }

    /// The reversal that was there before the movement, which never came to be.
    pub fn forestalled_by(&self, target: &Key) -> Option<TransactionId> {
        self.forestalled.get(target).copied()
    }

    /// What a caller may need of a row, with what is known of its reversal.
    pub fn entry(&self, row: &Row) -> Entry {
        let target = row.reverses.as_ref().filter(|_| row.reason == Some(Reason::AlreadyReversed));
        let first = target.and_then(|target| {
            let target = Key { provider: row.key.provider.clone(), tx_id: target.clone() };
            self.reversed_by(&target).or_else(|| self.forestalled_by(&target))
        });
        Entry { reversed_by: self.reversed_by(&row.key), first_reversal: first, ..Entry::of(row) }
    }

    /// Learns a stored row.
    pub fn learn_row(&mut self, row: Row) {
        if let Some(target) = &row.reverses {
            let target = Key { provider: row.key.provider.clone(), tx_id: target.clone() };
            if row.outcome == RowOutcome::Applied {
                self.reversed.insert(target, row.transaction_id);
            } else if row.forestalls() {
                self.forestalled.entry(target).or_insert(row.transaction_id);
            }
        }
        self.rows.insert(row.key.clone(), row);
    }

    /// Learns that a reversal took effect on a movement.
    pub fn learn_reversed(&mut self, target: Key, by: TransactionId) {
        self.reversed.insert(target, by);
    }

    /// Learns that a reversal was there before a movement.
    pub fn learn_forestalled(&mut self, target: Key, by: TransactionId) {
        self.forestalled.entry(target).or_insert(by);
    }

    /// Learns a player's stored rows of a round, as a whole.
    pub fn learn_round(
        &mut self,
        player: PlayerId,
        provider: ProviderId,
        round: RoundId,
        facts: RoundFacts,
    ) {
        self.rounds.insert((player, provider, round), facts);
    }

    /// True where the debit under a key is the player's and stands: it was seen to, or is taken to.
    pub fn stands(&self, player: &PlayerId, debit: &Key) -> bool {
        let row = self.rows.get(debit).filter(|row| row.player == *player);
        match row {
            Some(row) => {
                (row.kind, row.outcome) == (Kind::Debit, RowOutcome::Applied)
                    && !self.is_reversed(debit)
            }
            None => self.taken_to_stand.contains(debit),
        }
    }

    /// How many credits that name the debit were paid to the player, here or elsewhere, and were not
    /// reversed, as far as that was asked for.
    pub fn settlements(&self, player: &PlayerId, debit: &Key) -> i64 {
        if self.settlements.is_empty() {
            return 0;
        }
        self.settlements.get(&(player.clone(), debit.clone())).copied().unwrap_or_default()
    }

    /// Learns that so many stored credits that name a debit stand.
    pub fn learn_settlements(&mut self, player: PlayerId, debit: Key, count: i64) {
        self.settlements.insert((player, debit), count);
    }

    /// Takes it for granted that the debit under a key stands.
    pub(super) fn take_to_stand(&mut self, debit: Key) {
        self.taken_to_stand.insert(debit);
    }

    /// What a row does to the settlements of a debit, and of which.
    fn settles<'a>(&'a self, row: &'a Row) -> Option<(&'a TxId, i64)> {
        if let Some(debit) = row.settled_debit() {
            return Some((debit, 1));
        }
        let target = row.reverses.as_ref().filter(|_| row.outcome == RowOutcome::Applied)?;
        let key = Key { provider: row.key.provider.clone(), tx_id: target.clone() };
        Some((self.rows.get(&key)?.settled_debit()?, -1))
    }

    /// The round in which a row counts: of a reversal its target's, whichever it names.
    pub(super) fn round_of<'a>(&'a self, row: &'a Row) -> Option<&'a RoundId> {
        let target = row.reverses.as_ref().filter(|_| row.outcome == RowOutcome::Applied);
        let Some(target) = target else { return row.round.as_ref() };
        let key = Key { provider: row.key.provider.clone(), tx_id: target.clone() };
        self.rows.get(&key).map_or(row.round.as_ref(), |target| target.round.as_ref())
    }

    /// Adds a row that was decided after the history was read.
    pub fn append(&mut self, row: Row) {
        if let Some(round) = self.round_of(&row).cloned() {
            let seat = (row.player.clone(), row.key.provider.clone(), round);
            let facts = self.rounds.entry(seat).or_default();
            *facts = facts.plus(RoundFacts::of(&row));
        }
        if let Some((debit, change)) = self.settles(&row) {
            let debit = Key { provider: row.key.provider.clone(), tx_id: debit.clone() };
            *self.settlements.entry((row.player.clone(), debit)).or_default() += change;
        }
        self.learn_row(row);
    }
}
