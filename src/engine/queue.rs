//! What waits for a lane: a queue for each provider, from which batches are put together so that
//! no provider's flood stands before another's next call.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::job::Job;
use crate::core::ProviderId;

/// So many movements a provider may always have in a batch, whoever else is in it.
const BESIDE_OTHERS: usize = 64;

/// The waiting commands of one lane.
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    arrived: Notify,
    /// The most that wait of one provider.
    provider_max: usize,
}

#[derive(Default)]
struct Waiting {
    providers: Vec<Line>,
    count: usize,
    closed: bool,
}

struct Line {
    provider: ProviderId,
    jobs: VecDeque<Job>,
    /// Movements taken into the batch that is being put together.
    taken: usize,
}

/// How much may go into one batch.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    pub(super) commands: usize,
    pub(super) movements: usize,
}

/// Why a job was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Full {
    /// Its provider has as many waiting as it may.
    Provider,
    /// The engine is stopping.
    Closed,
}

impl Queue {
    pub(super) fn new(provider_max: usize) -> Self {
        Self { waiting: Mutex::default(), arrived: Notify::new(), provider_max }
    }

    /// Puts a job behind the others of its provider, or gives it back.
    pub(super) fn push(&self, job: Job) -> Result<(), (Job, Full)> {
        let mut waiting = self.waiting();
        if waiting.closed {
            return Err((job, Full::Closed));
        }
        let provider = &job.attempt.command.provider;
        let at = match waiting.providers.iter().position(|line| line.provider == *provider) {
            Some(at) => at,
            None => {
                let provider = provider.clone();
                waiting.providers.push(Line { provider, jobs: VecDeque::new(), taken: 0 });
                waiting.providers.len() - 1
            }
        };
        let Some(line) = waiting.providers.get_mut(at) else { return Err((job, Full::Closed)) };
        if line.jobs.len() >= self.provider_max {
            return Err((job, Full::Provider));
        }
        line.jobs.push_back(job);
        waiting.count += 1;
        drop(waiting);
        self.arrived.notify_one();
        Ok(())
    }

    /// Takes what fits into a batch; waits for something where nothing is there. `None` when the
    /// queue is closed and empty.
    pub(super) async fn take(&self, room: Room) -> Option<Vec<Job>> {
        loop {
            let arrived = self.arrived.notified();
            let taken = self.take_now(room);
            if !taken.is_empty() {
                return Some(taken);
            }
            if self.waiting().closed {
                return None;
            }
            arrived.await;
        }
    }

    /// As [`Self::take`], without waiting.
    pub(super) fn take_now(&self, room: Room) -> Vec<Job> {
        self.waiting().take(room)
    }

    /// Commands that wait.
    pub(super) fn len(&self) -> usize {
        self.waiting().count
    }

    /// Takes nothing any more; what waits is still given out.
    pub(super) fn close(&self) {
        self.waiting().closed = true;
        self.arrived.notify_one();
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    /// Each time from the provider that has got the fewest movements in so far; always at least
    /// one command. Beside others nobody makes a batch much longer than they do, who wait for its
    /// end.
    fn take(&mut self, room: Room) -> Vec<Job> {
        let most = self.of_one_provider();
        let mut taken = Vec::with_capacity(self.count.min(room.commands));
        let mut movements = 0;
        for line in &mut self.providers {
            line.taken = 0;
        }
        while taken.len() < room.commands {
            let next = self
                .providers
                .iter_mut()
                .filter(|line| !line.jobs.is_empty() && line.taken < most)
                .min_by_key(|line| line.taken);
            let Some(line) = next else { break };
            let size = line.jobs.front().map_or(0, |job| job.attempt.command.movements.len());
            if movements > 0 && movements + size > room.movements {
                break;
            }
            let Some(job) = line.jobs.pop_front() else { break };
            line.taken += size.max(1);
            movements += size;
            self.count -= 1;
            taken.push(job);
        }
        // The one that had to stand back for a large command of its own goes first next time.
        let several = usize::from(self.providers.len() > 1);
        self.providers.rotate_left(several);
        taken
    }

    /// The most movements of one provider in the next batch.
    fn of_one_provider(&self) -> usize {
        let waiting = self.providers.iter().filter(|line| !line.jobs.is_empty());
        let largest = waiting.clone().map(|line| line.jobs.len()).max().unwrap_or_default();
        match waiting.count() {
            0 | 1 => usize::MAX,
            _ => BESIDE_OTHERS.max(2 * (self.count - largest)),
        }
    }
}
