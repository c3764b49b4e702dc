//! Players whose newest balance this node could not publish, or of whom Redis has one that the
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
    entries: Mutex<Entries>,
}

#[derive(Debug, Default)]
struct Entries {
    players: HashMap<PlayerId, Entry>,
    /// More players than can be told apart: until then it is everybody.
    all_until: Option<Instant>,
}

#[derive(Debug)]
struct Entry {
    until: Instant,
    pending: Pending,
}

/// What is still to be done in Redis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Pending {
    /// Nothing; what it holds is not used before the database was asked.
    Nothing,
    /// To remove the balance.
    Removal,
    /// To publish this balance.
    Balance(CachedBalance),
}

impl Pending {
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
        Self { any: AtomicBool::new(false), lifetime, limit, entries: Mutex::default() }
    }

    /// Something could not be done in Redis.
    pub(super) fn note(&self, player: &PlayerId, pending: Pending, now: Instant) {
        let until = now + self.lifetime;
        let mut entries = self.entries();
        if let Some(entry) = entries.players.get_mut(player) {
            entry.until = until;
            if pending != Pending::Nothing && entry.pending.version() <= pending.version() {
                entry.pending = pending;
            }
        } else if entries.players.len() < self.limit {
            entries.players.insert(player.clone(), Entry { until, pending });
        } else {
            entries.all_until = Some(until);
        }
        self.any.store(true, Ordering::Release);
    }

    /// The database may have lost commits: no cached balance is used for a while, and none that was
    /// committed before is published any more.
    pub(super) fn distrust_all(&self, now: Instant) {
        let mut entries = self.entries();
        entries.all_until = Some(now + self.lifetime);
        for entry in entries.players.values_mut().filter(|entry| entry.pending != Pending::Nothing)
        {
            entry.pending = Pending::Removal;
        }
        self.any.store(true, Ordering::Release);
    }

    /// True when the player's cached balance must not be used.
    pub(super) fn has(&self, player: &PlayerId, now: Instant) -> bool {
        self.any.load(Ordering::Acquire) && {
            let entries = self.entries();
            entries.all_until.is_some_and(|until| now < until)
                || entries.players.get(player).is_some_and(|entry| now < entry.until)
        }
    }

    /// Redis holds this version of the player's balance now, or a newer one.
    pub(super) fn settle(&self, player: &PlayerId, version: i64) {
        if !self.any.load(Ordering::Acquire) {
            return;
        }
        let mut entries = self.entries();
        if entries.players.get(player).is_some_and(|entry| entry.pending.version() <= version) {
            entries.players.remove(player);
        }
    }

    /// Redis has something newer than this version: publishing it is given up, and what is there is
    /// not used before the database was asked.
    pub(super) fn give_up(&self, player: &PlayerId, version: i64) {
        let mut entries = self.entries();
        let entry = entries.players.get_mut(player);
        if let Some(entry) = entry.filter(|entry| entry.pending.version() == version) {
            entry.pending = Pending::Nothing;
        }
    }

    /// Forgets the entries whose balances have expired in Redis, and returns up to `limit` of the
    /// others, to be done now.
    pub(super) fn due(&self, limit: usize, now: Instant) -> Vec<(PlayerId, Pending)> {
        if !self.any.load(Ordering::Acquire) {
            return Vec::new();
        }
        let mut entries = self.entries();
        entries.players.retain(|_, entry| now < entry.until);
        entries.all_until = entries.all_until.filter(|until| now < *until);
        let any = !entries.players.is_empty() || entries.all_until.is_some();
        self.any.store(any, Ordering::Release);
        let pending =
            |(player, entry): (&PlayerId, &Entry)| (player.clone(), entry.pending.clone());
        let open = entries.players.iter().filter(|(_, entry)| entry.pending != Pending::Nothing);
        open.take(limit).map(pending).collect()
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
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

    fn pending(version: i64) -> Pending {
        Pending::Balance(CachedBalance {
            currency: Currency::parse("EUR").unwrap(),
            balance: Micros::ZERO,
            version,
            status: PlayerStatus::Active,
        })
    }

    #[test]
    fn an_entry_ends_with_the_life_of_the_old_balance() {
        let (entries, t) = (Unpublished::new(10, LIFETIME), Instant::now());
        assert!(!entries.has(&player("a"), t));
        entries.note(&player("a"), pending(2), t);
        assert!(entries.has(&player("a"), t) && !entries.has(&player("b"), t));
        assert!(!entries.has(&player("a"), t + LIFETIME));
        assert_eq!(entries.due(10, t + LIFETIME), []);
        assert!(!entries.any.load(Ordering::Acquire));
    }

    #[test]
    fn only_an_equal_or_newer_balance_settles_it() {
        let (entries, t) = (Unpublished::new(10, LIFETIME), Instant::now());
        entries.note(&player("a"), pending(5), t);
        entries.note(&player("a"), pending(4), t);
        entries.settle(&player("a"), 4);
        assert_eq!(entries.due(10, t), [(player("a"), pending(5))]);
        entries.settle(&player("a"), 5);
        assert!(!entries.has(&player("a"), t));
    }

    #[test]
    fn a_removal_is_settled_by_any_balance_and_replaces_none() {
        let (entries, t) = (Unpublished::new(10, LIFETIME), Instant::now());
        entries.note(&player("a"), Pending::Removal, t);
        entries.settle(&player("a"), 1);
        assert!(!entries.has(&player("a"), t));
        entries.note(&player("a"), pending(5), t);
        entries.note(&player("a"), Pending::Removal, t);
        assert_eq!(entries.due(10, t), [(player("a"), pending(5))]);
    }

    #[test]
    fn what_may_not_be_committed_is_never_published_and_ends_with_any_balance() {
        let (entries, t) = (Unpublished::new(10, LIFETIME), Instant::now());
        entries.note(&player("a"), Pending::Nothing, t);
        assert!(entries.has(&player("a"), t));
        assert_eq!(entries.due(10, t), []);
        entries.settle(&player("a"), 1);
        assert!(!entries.has(&player("a"), t));
        entries.note(&player("a"), pending(5), t);
        entries.note(&player("a"), Pending::Nothing, t);
        assert_eq!(entries.due(10, t), [(player("a"), pending(5))]);
        entries.give_up(&player("a"), 5);
        assert_eq!(entries.due(10, t), []);
        assert!(entries.has(&player("a"), t));
    }

    #[test]
    fn nothing_that_was_committed_before_the_database_was_lost_is_published() {
        let (entries, t) = (Unpublished::new(10, LIFETIME), Instant::now());
        entries.note(&player("a"), pending(57), t);
        entries.distrust_all(t);
        assert!(entries.has(&player("z"), t) && !entries.has(&player("z"), t + LIFETIME));
        assert_eq!(entries.due(10, t), [(player("a"), Pending::Removal)]);
    }

    #[test]
    fn when_full_no_cached_balance_is_used_for_a_while() {
        let (entries, t) = (Unpublished::new(2, LIFETIME), Instant::now());
        for id in ["a", "b", "c"] {
            entries.note(&player(id), pending(1), t);
        }
        assert!(entries.has(&player("z"), t));
        assert_eq!(entries.due(10, t).len(), 2);
        assert!(!entries.has(&player("z"), t + LIFETIME));
    }
}
