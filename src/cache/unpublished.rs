//! Players whose newest balance this node could not tell Redis, or of whom Redis has one that the
//! database may have lost. Until that is settled, or whatever stands in Redis has expired, their
//! cached balance is not used.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::balances::CachedBalance;
use crate::core::PlayerId;

/// The players whose balance could not be published. Costs one atomic read while there are none.
#[derive(Debug)]
pub(super) struct Unpublished {
    any: AtomicBool,
    /// How long an old balance may live in Redis.
    lifetime: Duration,
    /// How many players are told apart.
    limit: usize,
    book: Mutex<Book>,
}

#[derive(Debug, Default)]
struct Book {
    players: HashMap<PlayerId, Entry>,
    /// More players than can be told apart: until then it is everybody.
    all_until: Option<Instant>,
}

#[derive(Debug)]
struct Entry {
    until: Instant,
    owed: Owed,
}

/// What Redis has not been told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Owed {
    /// Nothing; what it holds is not to be used before the database was asked.
    Nothing,
    /// That what it holds has to go.
    Removal,
    /// A balance.
    Balance(CachedBalance),
}

impl Owed {
    /// Any balance that is published settles what is no balance.
    const fn version(&self) -> i64 {
        match self {
            Self::Nothing | Self::Removal => i64::MIN,
            Self::Balance(balance) => balance.version,
        }
    }
}

impl Unpublished {
    /// None yet.
    pub(super) fn new(limit: usize, lifetime: Duration) -> Self {
        Self { any: AtomicBool::new(false), lifetime, limit, book: Mutex::default() }
    }

    /// Redis could not be told.
    pub(super) fn note(&self, player: &PlayerId, owed: Owed, now: Instant) {
        let until = now + self.lifetime;
        let mut book = self.book();
        if let Some(entry) = book.players.get_mut(player) {
            entry.until = until;
            if owed != Owed::Nothing && entry.owed.version() <= owed.version() {
                entry.owed = owed;
            }
        } else if book.players.len() < self.limit {
            book.players.insert(player.clone(), Entry { until, owed });
        } else {
            book.all_until = Some(until);
        }
        self.any.store(true, Ordering::Release);
    }

    /// The database may have lost commits: no cached balance is used for a while, and none that was
    /// committed before is published any more.
    pub(super) fn distrust_all(&self, now: Instant) {
        let mut book = self.book();
        book.all_until = Some(now + self.lifetime);
        for entry in book.players.values_mut().filter(|entry| entry.owed != Owed::Nothing) {
            entry.owed = Owed::Removal;
        }
        self.any.store(true, Ordering::Release);
    }

    /// True when the player's cached balance must not be used.
    pub(super) fn has(&self, player: &PlayerId, now: Instant) -> bool {
        self.any.load(Ordering::Acquire) && {
            let book = self.book();
            book.all_until.is_some_and(|until| now < until)
                || book.players.get(player).is_some_and(|entry| now < entry.until)
        }
    }

    /// Redis holds this version of the player's balance now, or a newer one.
    pub(super) fn settle(&self, player: &PlayerId, version: i64) {
        if !self.any.load(Ordering::Acquire) {
            return;
        }
        let mut book = self.book();
        if book.players.get(player).is_some_and(|entry| entry.owed.version() <= version) {
            book.players.remove(player);
        }
    }

    /// Redis has something newer than this version: publishing it is given up, and what is there is
    /// not used before the database was asked.
    pub(super) fn give_up(&self, player: &PlayerId, version: i64) {
        let mut book = self.book();
        let entry = book.players.get_mut(player);
        if let Some(entry) = entry.filter(|entry| entry.owed.version() == version) {
            entry.owed = Owed::Nothing;
        }
    }

    /// Forgets those that have outlived what they were about, and gives up to `limit` of
    /// the others, to be made good.
    pub(super) fn due(&self, limit: usize, now: Instant) -> Vec<(PlayerId, Owed)> {
        if !self.any.load(Ordering::Acquire) {
            return Vec::new();
        }
        let mut book = self.book();
        book.players.retain(|_, entry| now < entry.until);
        book.all_until = book.all_until.filter(|until| now < *until);
        let any = !book.players.is_empty() || book.all_until.is_some();
        self.any.store(any, Ordering::Release);
        let owed = |(player, entry): (&PlayerId, &Entry)| (player.clone(), entry.owed.clone());
        let open = book.players.iter().filter(|(_, entry)| entry.owed != Owed::Nothing);
        open.take(limit).map(owed).collect()
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
    fn an_entry_ends_with_the_life_of_the_old_balance() {
        let (book, t) = (Unpublished::new(10, LIFETIME), Instant::now());
        assert!(!book.has(&player("a"), t));
        book.note(&player("a"), owed(2), t);
        assert!(book.has(&player("a"), t) && !book.has(&player("b"), t));
        assert!(!book.has(&player("a"), t + LIFETIME));
        assert_eq!(book.due(10, t + LIFETIME), []);
        assert!(!book.any.load(Ordering::Acquire));
    }

    #[test]
    fn only_an_equal_or_newer_balance_settles_it() {
        let (book, t) = (Unpublished::new(10, LIFETIME), Instant::now());
        book.note(&player("a"), owed(5), t);
        book.note(&player("a"), owed(4), t);
        book.settle(&player("a"), 4);
        assert_eq!(book.due(10, t), [(player("a"), owed(5))]);
        book.settle(&player("a"), 5);
        assert!(!book.has(&player("a"), t));
    }

    #[test]
    fn a_removal_is_settled_by_any_balance_and_replaces_none() {
        let (book, t) = (Unpublished::new(10, LIFETIME), Instant::now());
        book.note(&player("a"), Owed::Removal, t);
        book.settle(&player("a"), 1);
        assert!(!book.has(&player("a"), t));
        book.note(&player("a"), owed(5), t);
        book.note(&player("a"), Owed::Removal, t);
        assert_eq!(book.due(10, t), [(player("a"), owed(5))]);
    }

    #[test]
    fn what_is_only_doubted_is_never_published_and_ends_with_any_balance() {
        let (book, t) = (Unpublished::new(10, LIFETIME), Instant::now());
        book.note(&player("a"), Owed::Nothing, t);
        assert!(book.has(&player("a"), t));
        assert_eq!(book.due(10, t), []);
        book.settle(&player("a"), 1);
        assert!(!book.has(&player("a"), t));
        book.note(&player("a"), owed(5), t);
        book.note(&player("a"), Owed::Nothing, t);
        assert_eq!(book.due(10, t), [(player("a"), owed(5))]);
        book.give_up(&player("a"), 5);
        assert_eq!(book.due(10, t), []);
        assert!(book.has(&player("a"), t));
    }

    #[test]
    fn nothing_that_was_committed_before_the_database_was_lost_is_published() {
        let (book, t) = (Unpublished::new(10, LIFETIME), Instant::now());
        book.note(&player("a"), owed(57), t);
        book.distrust_all(t);
        assert!(book.has(&player("z"), t) && !book.has(&player("z"), t + LIFETIME));
        assert_eq!(book.due(10, t), [(player("a"), Owed::Removal)]);
    }

    #[test]
    fn when_full_no_cached_balance_is_used_for_a_while() {
        let (book, t) = (Unpublished::new(2, LIFETIME), Instant::now());
        for id in ["a", "b", "c"] {
            book.note(&player(id), owed(1), t);
        }
        assert!(book.has(&player("z"), t));
        assert_eq!(book.due(10, t).len(), 2);
        assert!(!book.has(&player("z"), t + LIFETIME));
    }
}
