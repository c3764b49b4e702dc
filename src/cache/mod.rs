//! Redis: makes repeats and balance reads cheap, and may vanish, be slow, be flushed or hold
//! nonsense at any moment without a wrong answer. PostgreSQL decides.
//!
//! Nothing here gives an error to its caller: a Redis in trouble is a Redis that knows nothing.
//!
//! - [`Cache`], here: what the rest of the wallet sees;
//! - `claims`: whether a command has come before, a hint;
//! - `balances`: a balance as text; an older version never overwrites a newer one;
//! - `publishing`: balances that were committed or read, in one round trip for all that go together;
//! - `unpublished`: players whose balance could not be published, and must not be read back;
//! - `keys`: the names of the keys;
//! - `maintenance`: what the jobs look at and sweep away;
//! - `connection`: the one way of every command, with its time-out, the circuit `breaker` and
//!   the counters (`meters`); `client`: always connected or about to be; `tls`;
//!   `config`.

mod balances;
mod breaker;
mod claims;
mod client;
mod config;
mod connection;
mod keys;
mod maintenance;
mod meters;
mod publishing;
mod tls;
mod unpublished;

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use fred::types::Value;
use uuid::Uuid;

pub use balances::CachedBalance;
pub use claims::{Claim, Claimed};
pub use config::{CacheConfig, CacheError};
pub use maintenance::{InCache, SweepCursor, SweepPage, Swept};
pub use meters::describe_metrics;
pub use publishing::Ahead;
pub use tls::TlsFiles;

use crate::core::PlayerId;
use claims::Claims;
use connection::Connection;
use maintenance::Maintenance;
use publishing::{Published, Publishing};
use unpublished::{Pending, Unpublished};

/// Players whose balances can be unpublished, told apart. A node that failed to publish more of them serves
/// no cached balance at all for a while.
const UNPUBLISHED_MAX: usize = 10_000;
/// Balances that are published later in one go.
const REPUBLISHED_AT_ONCE: usize = 500;

/// Whether Redis is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CacheState {
    /// None is configured.
    Disabled,
    /// Yes.
    Up,
    /// It fails and is skipped for now.
    Broken,
}

/// The door to Redis. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Cache(Option<Arc<Inner>>);

struct Inner {
    connection: Arc<Connection>,
    claims: Claims,
    publishing: Publishing,
    unpublished: Unpublished,
    maintenance: Maintenance,
    /// Unique to this process; with the counter, to each attempt.
    process: Uuid,
    attempts: AtomicU64,
}

impl Cache {
    /// No Redis.
    pub const fn disabled() -> Self {
        Self(None)
    }

    /// Starts to use Redis, waiting about a second for the first connection at most. A Redis
    /// that cannot be reached is tried again in the background for ever.
    ///
    /// # Errors
    /// [`CacheError`] for a URL that can never work.
    pub async fn connect(config: CacheConfig) -> Result<Self, CacheError> {
        let Some(url) = &config.url else {
            return Ok(Self::disabled());
        };
        let connection = Arc::new(Connection::open(url, &config).await?);
        let inner = Arc::new(Inner {
            claims: Claims::over(&connection, &config),
            publishing: Publishing::over(&connection, &config),
            maintenance: Maintenance::over(&connection),
            connection,
            unpublished: Unpublished::new(UNPUBLISHED_MAX, config.balance_ttl),
            process: Uuid::now_v7(),
            attempts: AtomicU64::new(0),
        });
        let pause = config.breaker_pause.max(Duration::from_millis(10));
        tokio::spawn(maintain(Arc::downgrade(&inner), pause));
        Ok(Self(Some(inner)))
    }

    /// Whether Redis is used now.
    pub fn state(&self) -> CacheState {
        match &self.0 {
            None => CacheState::Disabled,
            Some(inner) if inner.connection.is_up() => CacheState::Up,
            Some(_) => CacheState::Broken,
        }
    }

    /// Claims the commands, and says of each whether it was claimed before.
    pub async fn claim_all(&self, claims: &[Claim<'_>]) -> Vec<Claimed> {
        let Some(inner) = &self.0 else {
            return vec![Claimed::Unavailable; claims.len()];
        };
        let tokens: Vec<String> = claims.iter().map(|_| inner.token()).collect();
        inner.claims.claim_all(claims, &tokens).await
    }

    /// Publishes the newest balance of each player. Call it after the commit and before the replies.
    /// Returns the balances in Redis that are ahead of these: another node has published something
    /// newer, or the database has lost what it had committed. [`Self::put_right`] tells these apart.
    pub async fn publish_all(&self, balances: Vec<(PlayerId, CachedBalance)>) -> Vec<Ahead> {
        let Some(inner) = &self.0 else { return Vec::new() };
        let newest = newest_of(balances);
        let published = inner.publishing.publish_all(&newest).await;
        let mut ahead = Vec::new();
        for ((player, balance), published) in newest.into_iter().zip(published) {
            ahead.extend(inner.note_outcome(&player, &balance, published));
        }
        ahead
    }

    /// Compares a balance that was ahead with what the database holds, read **after** it had been
    /// seen. Where the database is still behind, it has lost commits, and Redis is put right, unless
    /// something else was published there meanwhile. Until then this node uses no cached balance of
    /// the player's.
    pub async fn put_right(&self, ahead: &Ahead, truth: &CachedBalance) {
        let Some(inner) = &self.0 else { return };
        let mut held = ahead.found.as_ref().map_or(i64::MIN, |found| found.version);
        if ahead.is_refuted_by(truth) {
            if !inner.publishing.put_right(ahead, truth).await {
                return;
            }
            tracing::warn!(
                player = %ahead.player, found = ?ahead.found, database = truth.version,
                "a cached balance that the database knows nothing of was put right"
            );
            inner.connection.meters.refuted.increment(1);
            held = truth.version;
        }
        inner.unpublished.settle(&ahead.player, held);
    }

    /// The database was lost and may have failed over, and what Redis holds may be ahead of it: until
    /// all of that has expired, this node reads balances from the database, by which what is ahead
    /// is found and put right.
    pub fn distrust(&self) {
        if let Some(inner) = &self.0 {
            inner.unpublished.distrust_all(Instant::now());
        }
    }

    /// The player's balance, if Redis has one that can be trusted. For showing, never for
    /// deciding.
    pub async fn balance(&self, player: &PlayerId) -> Option<CachedBalance> {
        let inner = self.0.as_ref()?;
        if inner.unpublished.has(player, Instant::now()) {
            return None;
        }
        let value = inner
            .connection
            .run(&inner.connection.meters.balance, async {
                match inner.connection.get(keys::balance(player)).await {
                    Err(error) if connection::is_wrong_type(&error) => Ok(Value::Null),
                    answer => answer,
                }
            })
            .await?;
        CachedBalance::decode(text(&value)?)
    }

    /// Publishes a balance that was just read from the database. Returns what is ahead of it in
    /// Redis, as [`Self::publish_all`] does.
    pub async fn fill(&self, player: &PlayerId, balance: &CachedBalance) -> Option<Ahead> {
        let inner = self.0.as_ref()?;
        match inner.publishing.fill(player, balance).await {
            // It was read, not written: no caller has seen it yet.
            Published::Unknown => None,
            published => inner.note_outcome(player, balance, published),
        }
    }

    /// Removes the player's balance from Redis, whatever its version.
    pub async fn forget_balance(&self, player: &PlayerId) {
        if let Some(inner) = &self.0
            && !inner.remove_balance(player).await
        {
            inner.unpublished.note(player, Pending::Removal, Instant::now());
        }
    }
}

impl Inner {
    /// Remembers a balance that could not be published; returns one in Redis that is newer.
    fn note_outcome(
        &self,
        player: &PlayerId,
        balance: &CachedBalance,
        published: Published,
    ) -> Option<Ahead> {
        match published {
            Published::Held => self.unpublished.settle(player, balance.version),
            Published::Unknown => {
                self.unpublished.note(player, Pending::Balance(balance.clone()), Instant::now());
            }
            Published::Newer(seen) => {
                // It is not shown before the database was asked.
                self.unpublished.note(player, Pending::Nothing, Instant::now());
                return Some(Ahead::of(player, seen));
            }
        }
        None
    }

    /// Unique to an attempt: the client may send a claim twice, and one's own is no repeat.
    fn token(&self) -> String {
        let attempt = self.attempts.fetch_add(1, Ordering::Relaxed);
        format!("p:{}-{attempt}", self.process.simple())
    }

    async fn remove_balance(&self, player: &PlayerId) -> bool {
        let command = async { self.connection.del(keys::balance(player)).await };
        self.connection.run(&self.connection.meters.forget, command).await.is_some()
    }

    /// Publishes what could not be published before. Where Redis has something newer, the database is
    /// asked when the player's balance is read next; until then Redis is not used for it.
    async fn republish(&self) {
        let mut balances = Vec::new();
        for (player, pending) in self.unpublished.due(REPUBLISHED_AT_ONCE, Instant::now()) {
            match pending {
                Pending::Nothing => {}
                Pending::Balance(balance) => balances.push((player, balance)),
                Pending::Removal if self.remove_balance(&player).await => {
                    self.unpublished.settle(&player, i64::MIN);
                }
                Pending::Removal => return,
            }
        }
        let published = self.publishing.publish_all(&balances).await;
        for ((player, balance), published) in balances.iter().zip(published) {
            match published {
                Published::Held => self.unpublished.settle(player, balance.version),
                Published::Newer(_) => self.unpublished.give_up(player, balance.version),
                Published::Unknown => {}
            }
        }
    }
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis").field("up", &self.connection.is_up()).finish_non_exhaustive()
    }
}

/// Notices that Redis went or came back, on a quiet node too, and publishes again what failed. Ends
/// with the cache.
async fn maintain(cache: Weak<Inner>, pause: Duration) {
    loop {
        tokio::time::sleep(pause).await;
        let Some(inner) = cache.upgrade() else {
            return;
        };
        if inner.connection.probe().await {
            inner.republish().await;
        }
    }
}

/// Of each player the balance of the highest version.
fn newest_of(balances: Vec<(PlayerId, CachedBalance)>) -> Vec<(PlayerId, CachedBalance)> {
    let mut newest: Vec<(PlayerId, CachedBalance)> = Vec::with_capacity(balances.len());
    let mut places: HashMap<PlayerId, usize> = HashMap::with_capacity(balances.len());
    for (player, balance) in balances {
        match places.get(&player).and_then(|place| newest.get_mut(*place)) {
            Some((_, other)) if other.version < balance.version => *other = balance,
            Some(_) => {}
            None => {
                places.insert(player.clone(), newest.len());
                newest.push((player, balance));
            }
        }
    }
    newest
}

/// A life time as Redis takes it: at least a millisecond.
fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX).clamp(1, 10 * 365 * 86_400_000)
}

fn text(value: &Value) -> Option<&str> {
    match value {
        Value::String(text) => Some(text),
        _ => None,
    }
}
