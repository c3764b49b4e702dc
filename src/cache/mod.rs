//! Redis: makes repeats and balance reads cheap, and may vanish, be slow, be flushed or hold
//! nonsense at any moment without a wrong answer. PostgreSQL decides.
//!
//! Nothing here gives an error to its caller: a Redis in trouble is a Redis that knows nothing.
//!
//! - [`Cache`], here: what the rest of the wallet sees;
//! - `claims`: what stands under an idempotency key, and when it is enough for an answer;
//! - `balances`: a balance as text; an older version never overwrites a newer one;
//! - `doubts`: players whose balance could not be published, and must not be read back;
//! - `keys`: the names of the keys; `scripts`, with `claim.lua` and `publish.lua`: one round
//!   trip each, for all calls that go together;
//! - `upkeep`: what the jobs look at and put right;
//! - `connection`: the one way of every command, with its time-out, the circuit `breaker` and
//!   the counters (`meters`); `link`: the client, always connected or about to be; `config`.

mod balances;
mod breaker;
mod claims;
mod config;
mod connection;
mod doubts;
mod keys;
mod link;
mod meters;
mod scripts;
mod upkeep;

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use fred::types::Value;
use uuid::Uuid;

pub use balances::CachedBalance;
pub use claims::Claimed;
pub use config::{CacheConfig, CacheError};
pub use meters::describe_metrics;
pub use upkeep::{InCache, SweepCursor, SweepPage, Swept};

use crate::core::{Key, PlayerId, Receipt};
use connection::Connection;
use doubts::{Doubts, Owed};
use scripts::{ClaimAsk, PublishAsk, Scripts};
use upkeep::Upkeep;

/// Players that can be in doubt one by one. A node that failed to publish more of them serves
/// no cached balance at all for a while.
const MAX_DOUBTS: usize = 10_000;
/// Doubts that are made good in one go.
const MENDED_AT_ONCE: usize = 500;

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

/// A command on its way.
#[derive(Clone, Debug)]
pub struct Claim<'a> {
    /// What it is claimed by.
    pub key: Key,
    /// Whose wallet.
    pub player: &'a PlayerId,
    /// What the command says, hashed.
    pub fingerprint: i64,
}

/// What became of a player's command, for Redis to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publication {
    /// Whose.
    pub player: PlayerId,
    /// The player's newest committed balance.
    pub balance: CachedBalance,
    /// The command that was claimed, unless none was.
    pub finished: Option<Finished>,
}

/// A command that came to an end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finished {
    /// What it was claimed by.
    pub key: Key,
    /// What the command said, hashed: only a command with the same one is a repeat.
    pub fingerprint: i64,
    /// The answer. If it is not final (parked, or a refusal that is not remembered), the claim
    /// is given up instead.
    pub receipt: Receipt,
}

/// The door to Redis. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Cache(Option<Arc<Inner>>);

struct Inner {
    connection: Arc<Connection>,
    scripts: Scripts,
    doubts: Doubts,
    upkeep: Upkeep,
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
            scripts: Scripts::over(&connection, url, &config),
            upkeep: Upkeep::over(&connection, &config),
            connection,
            doubts: Doubts::new(MAX_DOUBTS, config.balance_ttl),
            process: Uuid::now_v7(),
            attempts: AtomicU64::new(0),
        });
        let pause = config.breaker_pause.max(Duration::from_millis(10));
        tokio::spawn(keep(Arc::downgrade(&inner), pause));
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

    /// Says that commands are on their way, and asks of each whether it was here before.
    /// `waited` is what the oldest of them has waited already: none is held up for longer than
    /// the time-out in all.
    pub async fn claim_all(&self, claims: &[Claim<'_>], waited: Duration) -> Vec<Claimed> {
        let Some(inner) = &self.0 else {
            return vec![Claimed::Unavailable; claims.len()];
        };
        inner.claim_all(claims, waited).await
    }

    /// Tells Redis the players' balances and, where a command ended, its result. Call it after
    /// the commit and before the replies.
    pub async fn publish_all(&self, publications: Vec<Publication>) {
        let Some(inner) = &self.0 else { return };
        let asks: Vec<PublishAsk> = publications
            .iter()
            .map(|of| PublishAsk::of(&of.player, &of.balance, of.finished.as_ref()))
            .collect();
        let told = inner.scripts.publish_all(&asks).await;
        for (Publication { player, balance, .. }, told) in publications.into_iter().zip(told) {
            if told {
                inner.doubts.settle(&player, balance.version);
            } else {
                inner.doubts.note(&player, Owed::Balance(balance), Instant::now());
            }
        }
    }

    /// The player's balance, if Redis has one that can be trusted. For showing, never for
    /// deciding.
    pub async fn balance(&self, player: &PlayerId) -> Option<CachedBalance> {
        let inner = self.0.as_ref()?;
        if inner.doubts.of(player, Instant::now()) {
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

    /// Tells Redis a balance that was just read from the database.
    pub async fn fill(&self, player: &PlayerId, balance: &CachedBalance) {
        if let Some(inner) = &self.0
            && inner.scripts.fill(PublishAsk::of(player, balance, None)).await
        {
            inner.doubts.settle(player, balance.version);
        }
    }

    /// Removes the player's balance from Redis, whatever its version.
    pub async fn forget_balance(&self, player: &PlayerId) {
        if let Some(inner) = &self.0
            && !inner.remove_balance(player).await
        {
            inner.doubts.note(player, Owed::Removal, Instant::now());
        }
    }
}

impl Inner {
    async fn claim_all(&self, claims: &[Claim<'_>], waited: Duration) -> Vec<Claimed> {
        let tokens: Vec<String> = claims.iter().map(|_| self.token()).collect();
        let asks: Vec<ClaimAsk> = claims
            .iter()
            .zip(&tokens)
            .map(|(of, token)| ClaimAsk::of(&of.key, of.player, token.clone()))
            .collect();
        let there = self.scripts.claim_all(&asks, waited).await;
        let mut read = Vec::with_capacity(claims.len());
        for ((of, token), there) in claims.iter().zip(&tokens).zip(&there) {
            read.push(match there.as_ref().map(|there| claimed(there, token, of.fingerprint)) {
                None => Claimed::Unavailable,
                // What Redis holds of this player may be older than what this node has decided.
                Some(Claimed::Finished(_)) if self.doubts.of(of.player, Instant::now()) => {
                    Claimed::Seen
                }
                Some(claimed) => claimed,
            });
        }
        read
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

    /// Tells Redis what it could not be told before.
    async fn mend(&self) {
        for (player, owed) in self.doubts.due(MENDED_AT_ONCE, Instant::now()) {
            let (told, version) = match owed {
                Owed::Removal => (self.remove_balance(&player).await, i64::MIN),
                Owed::Balance(balance) => {
                    let ask = PublishAsk::of(&player, &balance, None);
                    let told = self.scripts.publish_all(&[ask]).await;
                    (told.contains(&true), balance.version)
                }
            };
            if !told {
                return;
            }
            self.doubts.settle(&player, version);
        }
    }
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis").field("up", &self.connection.is_up()).finish_non_exhaustive()
    }
}

/// Notices on a quiet node, too, that Redis went or came back, and mends. Ends with the cache.
async fn keep(cache: Weak<Inner>, pause: Duration) {
    loop {
        tokio::time::sleep(pause).await;
        let Some(inner) = cache.upgrade() else {
            return;
        };
        if inner.connection.probe().await {
            inner.mend().await;
        }
    }
}

/// What follows from Redis's answer to a claim.
fn claimed(there: &Value, token: &str, fingerprint: i64) -> Claimed {
    let (value, balance) = match there {
        Value::Null => return Claimed::New,
        Value::Array(both) => (both.first().and_then(text), both.get(1).and_then(text)),
        value => (text(value), None),
    };
    claims::read(value.unwrap_or_default(), token, fingerprint, balance)
}

fn text(value: &Value) -> Option<&str> {
    match value {
        Value::String(text) => Some(text),
        _ => None,
    }
}
