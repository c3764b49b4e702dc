//! The way of a command: claimed in Redis together with all that arrive while Redis is busy,
//! decided and committed by the engine, published with its whole batch, answered. No task
//! belongs to a command alone, so a caller who goes away changes nothing.

use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::ExecuteError;
use super::lanes::{Directly, Engine, Job, Outbox, Settled};
use super::notes::{Layer, MismatchSender, note_flags, note_repeats};
use crate::cache::{Cache, CacheState, CachedBalance, Claim, Claimed, Finished, Publication};
use crate::core::policy::LateOriginal;
use crate::core::{Action, Command, Key, Receipt};
use crate::fault_point::{self, Moment};
use crate::telemetry::trail::{self, Leg, What};

/// The most commands that are claimed together.
const TOGETHER: usize = 256;
/// The most commands that wait for their claim; one more goes without.
const MAX_WAITING: usize = 8192;

/// Where commands begin.
pub(super) struct Course {
    engine: Engine,
    /// `None` where there is no Redis to ask.
    arrivals: Option<mpsc::Sender<Arrival>>,
}

struct Arrival {
    at: Instant,
    job: Job,
}

impl Course {
    /// Starts to take commands. It ends when this is dropped and every command is decided.
    pub(super) fn start(engine: Engine, cache: Cache) -> Self {
        let arrivals = (cache.state() != CacheState::Disabled).then(|| {
            let (sender, arrivals) = mpsc::channel(MAX_WAITING);
            tokio::spawn(claim(cache, engine.clone(), arrivals));
            sender
        });
        Self { engine, arrivals }
    }

    /// Takes a command; its answer comes through the job.
    pub(super) fn begin(&self, job: Job) {
        let Some(arrivals) = &self.arrivals else { return self.engine.submit(job) };
        if let Err(refused) = arrivals.try_send(Arrival { at: Instant::now(), job }) {
            // A claim is a hint: PostgreSQL decides without it, too.
            self.engine.submit(refused.into_inner().job);
        }
    }

    /// Commands that wait for a batch.
    pub(super) fn queued(&self) -> usize {
        self.engine.queued()
    }
}

/// Asks Redis about everything that has arrived, answers the repeats that it knows well enough,
/// and passes the rest on.
async fn claim(cache: Cache, engine: Engine, mut arrivals: mpsc::Receiver<Arrival>) {
    let mut waiting = Vec::with_capacity(TOGETHER);
    while arrivals.recv_many(&mut waiting, TOGETHER).await > 0 {
        let waited = waiting.first().map(|first| first.at.elapsed()).unwrap_or_default();
        let claims: Vec<Claim<'_>> = waiting
            .iter()
            .filter_map(|Arrival { job, .. }| {
                let key = first_key(&job.attempt.command)?;
                let fingerprint = job.attempt.fingerprint();
                Some(Claim { key, player: &job.attempt.command.player, fingerprint })
            })
            .collect();
        let mut claimed = cache.claim_all(&claims, waited).await.into_iter();
        let commands = waiting.len();
        for Arrival { job, at } in waiting.drain(..) {
            let of_job = first_key(&job.attempt.command).and_then(|_| claimed.next());
            let claimed = of_job.unwrap_or(Claimed::Unavailable);
            trail::note([&job.trail], || {
                let (what, result) = (What::Claim { commands }, word(&claimed));
                Leg { what, from: at, to: Instant::now(), result }
            });
            go_on(&engine, job, claimed);
        }
    }
}

fn go_on(engine: &Engine, job: Job, claimed: Claimed) {
    let repeat_expected = match claimed {
        Claimed::Finished(receipt) if !may_have_been_undone(&job.attempt.command) => {
            // A key with other contents is never answered here.
            note_repeats(&job.attempt, &receipt, Layer::Redis, None);
            let _: Result<(), Result<Receipt, ExecuteError>> = job.answer.send(Ok(receipt));
            return;
        }
        Claimed::Finished(_) | Claimed::Seen => true,
        Claimed::New | Claimed::Unavailable => false,
    };
    engine.submit(Job { repeat_expected, ..job });
}

/// What Redis said, in one word.
const fn word(claimed: &Claimed) -> &'static str {
    match claimed {
        Claimed::New => "new",
        Claimed::Seen => "seen",
        Claimed::Finished(_) => "finished",
        Claimed::Unavailable => "unavailable",
    }
}

/// What a command is claimed by.
fn first_key(command: &Command) -> Option<Key> {
    command.movements.first().map(|movement| command.key(&movement.tx_id))
}

/// True when a repeat must not be answered from Redis: another node may have undone the stake
/// since and may have failed to say so, and the protocol tells a stake that stands from one
/// that does not.
fn may_have_been_undone(command: &Command) -> bool {
    command.policy.late_original == LateOriginal::Refuse
        && command.movements.iter().any(|movement| matches!(movement.action, Action::Debit(_)))
}

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
            note_repeats(attempt, receipt, Layer::Database, self.mismatches.as_ref());
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
    let fingerprint = attempt.fingerprint();
    let finished = |key| Finished { key, fingerprint, receipt: receipt.clone() };
    Publication {
        player: attempt.command.player.clone(),
        balance: CachedBalance {
            currency: receipt.currency.clone(),
            balance: receipt.balance,
            version: receipt.version,
            status: receipt.status,
        },
        finished: first_key(&attempt.command).map(finished),
    }
}
