//! What follows a commit: Redis is told the newest balances, and then the callers are answered.

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::future::join_all;
use tokio::runtime::Handle;
use tokio::time::Instant;

use super::job::{Directly, Outbox, Settled};
use super::notes::{FreeRoundWatch, MismatchSender, note_flags, note_repeats, show_free_rounds};
use crate::cache::{Ahead, Cache, CacheState, CachedBalance};
use crate::core::{PlayerId, WalletState};
use crate::fault_point::{self, Moment};
use crate::store::directory::players;
use crate::store::{LookupError, PgPool};
use crate::telemetry::timeline::{self, Kind, Stage};

/// The engine's outbox: tells Redis what was committed, then the callers.
pub struct Publisher {
    cache: Cache,
    /// For reading again what Redis has something newer of.
    pool: PgPool,
    /// Where it publishes: a lane has better things to do.
    runtime: Handle,
    mismatches: Option<MismatchSender>,
    free_rounds: FreeRoundWatch,
}

impl Publisher {
    /// For this cache. It publishes on the caller's runtime. Calls under a key that says something
    /// else are passed on, where somebody takes them, and free rounds are shown.
    pub fn new(
        cache: &Cache,
        pool: &PgPool,
        mismatches: Option<MismatchSender>,
        free_rounds: FreeRoundWatch,
    ) -> Arc<Self> {
        let (cache, pool, runtime) = (cache.clone(), pool.clone(), Handle::current());
        Arc::new(Self { cache, pool, runtime, mismatches, free_rounds })
    }
}

impl Outbox for Publisher {
    fn settle(&self, batch: Vec<Settled>) {
        fault_point::reached(Moment::Committed);
        for Settled { attempt, receipt, .. } in &batch {
            note_repeats(attempt, receipt, self.mismatches.as_ref());
            note_flags(attempt, receipt);
            show_free_rounds(attempt, receipt, &self.free_rounds);
        }
        if self.cache.state() == CacheState::Disabled {
            return Directly.settle(batch);
        }
        let (cache, pool) = (self.cache.clone(), self.pool.clone());
        self.runtime.spawn(async move {
            let from = batch.iter().any(|settled| settled.timeline.is_some()).then(Instant::now);
            let ahead = cache.publish_all(batch.iter().map(balance_after).collect()).await;
            if let Some(from) = from {
                let kind = Kind::Publish { commands: batch.len() };
                timeline::note(batch.iter().map(|settled| &settled.timeline), || Stage {
                    kind,
                    from,
                    to: Instant::now(),
                    result: "done",
                });
            }
            fault_point::reached(Moment::Published);
            Directly.settle(batch);
            if let Err(error) = put_right(&cache, &pool, &ahead).await {
                tracing::warn!(%error, "cached balances could not be compared with the database");
            }
        });
    }

    fn database_lost(&self) {
        self.cache.distrust();
    }
}

/// Redis has something newer than what was committed or read: of another node, or of a database
/// that has lost it since. The database, read now, knows. Gives back what it says.
pub(super) async fn put_right(
    cache: &Cache,
    pool: &PgPool,
    ahead: &[Ahead],
) -> Result<HashMap<PlayerId, WalletState>, LookupError> {
    if ahead.is_empty() {
        return Ok(HashMap::new());
    }
    let of: Vec<&PlayerId> = ahead.iter().map(|ahead| &ahead.player).collect();
    let wallets = players::find_all(pool, &of).await?;
    let wallets_and_ahead = ahead.iter().map(|ahead| (ahead, wallets.get(&ahead.player)));
    join_all(wallets_and_ahead.map(async |(ahead, wallet)| match wallet {
        Some(wallet) => cache.put_right(ahead, &CachedBalance::from(wallet)).await,
        None => cache.forget_balance(&ahead.player).await,
    }))
    .await;
    Ok(wallets)
}

fn balance_after(Settled { attempt, receipt, .. }: &Settled) -> (PlayerId, CachedBalance) {
    let balance = CachedBalance {
        currency: receipt.currency.clone(),
        balance: receipt.balance,
        version: receipt.version,
        status: receipt.status,
    };
    (attempt.command.player.clone(), balance)
}
