//! What follows a commit: Redis is told the newest balances, and then the callers are answered.

use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::time::Instant;

use super::job::{Directly, Outbox, Settled};
use super::notes::{MismatchSender, note_flags, note_repeats};
use crate::cache::{Cache, CacheState, CachedBalance, Publication};
use crate::fault_point::{self, Moment};
use crate::telemetry::trail::{self, Leg, What};

/// The engine's outbox: tells Redis what was committed, then the callers.
pub struct Publisher {
    cache: Cache,
    /// Where it publishes: a lane has better things to do.
    runtime: Handle,
    mismatches: Option<MismatchSender>,
}

impl Publisher {
    /// For this cache. It publishes on the caller's runtime.
    pub fn to(cache: &Cache) -> Arc<Self> {
        Arc::new(Self { cache: cache.clone(), runtime: Handle::current(), mismatches: None })
    }

    /// As [`Self::to`]; calls under a key that says something else are passed on.
    pub fn keeping(cache: &Cache, mismatches: MismatchSender) -> Arc<Self> {
        let (cache, runtime) = (cache.clone(), Handle::current());
        Arc::new(Self { cache, runtime, mismatches: Some(mismatches) })
    }
}

impl Outbox for Publisher {
    fn settle(&self, batch: Vec<Settled>) {
        fault_point::reached(Moment::Committed);
        for Settled { attempt, receipt, .. } in &batch {
            note_repeats(attempt, receipt, self.mismatches.as_ref());
            note_flags(attempt, receipt);
        }
        if self.cache.state() == CacheState::Disabled {
            return Directly.settle(batch);
        }
        let cache = self.cache.clone();
        self.runtime.spawn(async move {
            let from = batch.iter().any(|settled| settled.trail.is_some()).then(Instant::now);
            cache.publish_all(batch.iter().map(publication).collect()).await;
            if let Some(from) = from {
                let what = What::Publish { commands: batch.len() };
                trail::note(batch.iter().map(|settled| &settled.trail), || Leg {
                    what,
                    from,
                    to: Instant::now(),
                    result: "done",
                });
            }
            fault_point::reached(Moment::Published);
            Directly.settle(batch);
        });
    }
}

fn publication(Settled { attempt, receipt, .. }: &Settled) -> Publication {
    Publication {
        player: attempt.command.player.clone(),
        balance: CachedBalance {
            currency: receipt.currency.clone(),
            balance: receipt.balance,
            version: receipt.version,
            status: receipt.status,
        },
        finished: None,
    }
}
