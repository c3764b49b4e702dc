//! Claims: each command says to Redis that it is on its way, and nobody waits for what Redis says.
//! Where it has seen the key before, the command is thought to be a repeat. That is a hint; what
//! happens to the command is decided by what PostgreSQL holds.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::time::Instant;

use super::job::{Job, Seen};
use crate::cache::{Cache, CacheState, Claim, Claimed};
use crate::core::Attempt;
use crate::telemetry::timeline::{self, Kind, Stage, Traced};

/// The most commands that are claimed together.
const TOGETHER: usize = 256;
/// The most commands that wait for their claim; one more goes without.
const WAITING_MAX: usize = 8192;

/// Where commands are claimed; nothing where there is no Redis to ask.
pub(super) struct Claims(Option<mpsc::Sender<Arrival>>);

struct Arrival {
    at: Instant,
    attempt: Arc<Attempt>,
    seen: Seen,
    timeline: Traced,
}

impl Claims {
    /// Starts to claim. It ends when this is dropped.
    pub(super) fn start(cache: Cache) -> Self {
        Self((cache.state() != CacheState::Disabled).then(|| {
            let (sender, arrivals) = mpsc::channel(WAITING_MAX);
            tokio::spawn(claim(cache, arrivals));
            sender
        }))
    }

    /// Has a command claimed that is on its way.
    pub(super) fn begin(&self, job: &Job) {
        let Some(arrivals) = &self.0 else { return };
        let Job { attempt, seen, timeline, .. } = job;
        // PostgreSQL decides without a claim, too.
        let _: Result<(), _> = arrivals.try_send(Arrival {
            at: Instant::now(),
            attempt: Arc::clone(attempt),
            seen: seen.clone(),
            timeline: timeline.clone(),
        });
    }
}

async fn claim(cache: Cache, mut arrivals: mpsc::Receiver<Arrival>) {
    let mut waiting = Vec::with_capacity(TOGETHER);
    while arrivals.recv_many(&mut waiting, TOGETHER).await > 0 {
        let claims: Vec<Claim<'_>> = waiting.iter().filter_map(claim_of).collect();
        let claimed = cache.claim_all(&claims).await;
        let commands = waiting.len();
        for (Arrival { at, seen, timeline, .. }, claimed) in waiting.iter().zip(claimed) {
            if claimed == Claimed::Seen {
                seen.set();
            }
            timeline::note([timeline], || {
                let result = word(claimed);
                Stage { kind: Kind::Claim { commands }, from: *at, to: Instant::now(), result }
            });
        }
        waiting.clear();
    }
}

/// A command is claimed by its first key; there is always one.
fn claim_of(Arrival { attempt, .. }: &Arrival) -> Option<Claim<'_>> {
    let command = &attempt.command;
    let first = command.movements.first()?;
    Some(Claim { key: command.key(&first.tx_id), player: &command.player })
}

/// What Redis said, in one word.
const fn word(claimed: Claimed) -> &'static str {
    match claimed {
        Claimed::New => "new",
        Claimed::Unavailable => "unavailable",
        Claimed::Seen => "seen",
    }
}
