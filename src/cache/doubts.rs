//! Players whose newest balance this node could not tell Redis. Until it could, or until
//! whatever stands in Redis has ended its life, their cached balance may be old.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::balances::CachedBalance;
use crate::core::PlayerId;

/// The players in doubt. Costs one atomic read while there are none.
#[derive(Debug)]
pub(super) struct Doubts {
    any: AtomicBool,
    /// How long an old balance may live in Redis.
    lifetime: Duration,
    /// How many players are told apart.
    limit: usize,
    book: Mutex<Book>,
}

#[derive(Debug, Default)]
struct Book {
    players: HashMap<PlayerId, Doubt>,
    /// More players than can be told apart: until then all are in doubt.
    all_until: Option<Instant>,
}

#[derive(Debug)]
struct Doubt {
    until: Instant,
    owed: Owed,
}

/// What Redis has not been told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Owed {
    /// That what it holds has to go.
    Removal,
    /// A balance.
    Balance(CachedBalance),
}

impl Owed {
    /// Any balance that is published settles a removal.
    const fn version(&self) -> i64 {
        match self {
            Self::Removal => i64::MIN,
            Self::Balance(balance) => balance.version,
        }
    }
}

impl Doubts {
    /// No doubts yet.
    pub(super) fn new(limit: usize, lifetime: Duration) -> Self {
        Self { any: AtomicBool::new(false), lifetime, limit, book: Mutex::default() }
    }

    /// Redis could not be told.
    pub(super) fn note(&self, player: &PlayerId, owed: Owed, now: Instant) {
        let until = now + self.lifetime;
        let mut book = self.book();
        if let Some(doubt) = book.players.get_mut(player) {
            doubt.until = until;
            if doubt.owed.version() <= owed.version() {
                doubt.owed = owed;
            }
        } else if book.players.len() < self.limit {
            book.players.insert(player.clone(), Doubt { until, owed });
        } else {
            book.all_until = Some(until);
        }
        self.any.store(true, Ordering::Release);
    }

    /// True when the player's cached balance must not be used.
    pub(super) fn of(&self, player: &PlayerId, now: Instant) -> bool {
        self.any.load(Ordering::Acquire) && {
            let book = self.book();
            book.all_until.is_some_and(|until| now < until)
                || book.players.get(player).is_some_and(|doubt| now < doubt.until)
        }
    }

    /// Redis holds this version of the player's balance now, or a newer one.
    pub(super) fn settle(&self, player: &PlayerId, version: i64) {
        if !self.any.load(Ordering::Acquire) {
            return;
        }
        let mut book = self.book();
        if book.players.get(player).is_some_and(|doubt| doubt.owed.version() <= version) {
            book.players.remove(player);
        }
    }

    /// Forgets the doubts that have outlived what they were about, and gives up to `limit` of
    /// the others, to be made good.
    pub(super) fn due(&self, limit: usize, now: Instant) -> Vec<(PlayerId, Owed)> {
        if !self.any.load(Ordering::Acquire) {
            return Vec::new();
        }
        let mut book = self.book();
        book.players.retain(|_, doubt| now < doubt.until);
        book.all_until = book.all_until.filter(|until| now < *until);
        let any = !book.players.is_empty() || book.all_until.is_some();
        self.any.store(any, Ordering::Release);
        let owed = |(player, doubt): (&PlayerId, &Doubt)| (player.clone(), doubt.owed.clone());
        book.players.iter().take(limit).map(owed).collect()
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::{Currency, Micros, PlayerStatus};

    const LIFETIME: Duration = Duration::from_secs(30);

    fn player(id: &str) -> PlayerId {
        PlayerId::parse(id).unwrap()
    }

    fn owed(version: i64) -> Owed {
        Owed::Balance(CachedBalance {
            currency: Currency::parse("EUR").unwrap(),
            balance: Micros::ZERO,
            version,
            status: PlayerStatus::Active,
        })
    }

    #[test]
    fn a_doubt_ends_with_the_life_of_the_old_balance() {
        let (doubts, t) = (Doubts::new(10, LIFETIME), Instant::now());
        assert!(!doubts.of(&player("a"), t));
        doubts.note(&player("a"), owed(2), t);
        assert!(doubts.of(&player("a"), t) && !doubts.of(&player("b"), t));
        assert!(!doubts.of(&player("a"), t + LIFETIME));
        assert_eq!(doubts.due(10, t + LIFETIME), []);
        assert!(!doubts.any.load(Ordering::Acquire));
    }

    #[test]
    fn only_an_equal_or_newer_balance_settles_it() {
        let (doubts, t) = (Doubts::new(10, LIFETIME), Instant::now());
        doubts.note(&player("a"), owed(5), t);
        doubts.note(&player("a"), owed(4), t);
        doubts.settle(&player("a"), 4);
        assert_eq!(doubts.due(10, t), [(player("a"), owed(5))]);
        doubts.settle(&player("a"), 5);
        assert!(!doubts.of(&player("a"), t));
    }

    #[test]
    fn a_removal_is_settled_by_any_balance_and_replaces_none() {
        let (doubts, t) = (Doubts::new(10, LIFETIME), Instant::now());
        doubts.note(&player("a"), Owed::Removal, t);
        doubts.settle(&player("a"), 1);
        assert!(!doubts.of(&player("a"), t));
        doubts.note(&player("a"), owed(5), t);
        doubts.note(&player("a"), Owed::Removal, t);
        assert_eq!(doubts.due(10, t), [(player("a"), owed(5))]);
    }

    #[test]
    fn when_full_every_player_is_in_doubt_for_a_while() {
        let (doubts, t) = (Doubts::new(2, LIFETIME), Instant::now());
        for id in ["a", "b", "c"] {
            doubts.note(&player(id), owed(1), t);
        }
        assert!(doubts.of(&player("z"), t));
        assert_eq!(doubts.due(10, t).len(), 2);
        assert!(!doubts.of(&player("z"), t + LIFETIME));
    }
}
