//! A lane: takes what waits, puts a batch together, has it written, hands out what came of it.
//! What does not go the usual way leaves the lane, so that nobody waits for it.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};
use tokio::time::Instant;

use super::ExecuteError;
use super::batch::{Batch, Why};
use super::config::EngineConfig;
use super::decided::Outcome;
use super::faults::unreadable;
use super::group::{self, Group};
use super::job::{Job, Outbox, Settled};
use super::queue::{Queue, Room};
use super::repeat_reader::RepeatReader;
use super::slow_path::SlowPath;
use crate::core::PlayerId;
use crate::fault_point::{self, Moment};
use crate::store::money::WriteError;
use crate::store::money::connection::Connection;
use crate::store::money::written::Written;
use crate::telemetry::timeline::{self, Kind, Stage};

/// The pause before a lane asks again after a failure.
pub(super) const RETRY_PAUSE: Duration = Duration::from_millis(20);
/// The rows of a round that are looked at in passing; a longer one is judged on the slow path.
const ROUND_WINDOW: i64 = 256;
/// So often a player may be left out for somebody else's sake before the slow path takes over.
const CONTENDED_MAX: u8 = 3;
/// Nothing is tried for a player whose chain is damaged for so long.
pub(super) const DAMAGED_PAUSE: Duration = Duration::from_secs(10);
/// Their calls are answered after so long.
const DAMAGED_ANSWER: Duration = Duration::from_millis(250);
/// So many such players are remembered.
pub(super) const DAMAGED_MAX: usize = 10_000;

pub(super) struct Lane {
    pub(super) name: String,
    pub(super) connection: Connection,
    pub(super) config: EngineConfig,
    pub(super) outbox: Arc<dyn Outbox>,
    pub(super) reader: RepeatReader,
    pub(super) slow_path: SlowPath,
    pub(super) meters: LaneMeters,
    /// What the next batch begins with.
    pub(super) again: Vec<Group>,
    /// The most movements in one statement: halved when one takes too long, and grown again.
    pub(super) movements: usize,
    pub(super) damaged: HashMap<PlayerId, Instant>,
    /// True from the first interruption to the next success, so that an outage is logged twice.
    pub(super) interrupted: bool,
}

/// Groups that are tried together, and how often that has failed for no reason to be found.
pub(super) struct Part {
    pub(super) groups: Vec<Group>,
    pub(super) failures: u8,
}

/// Handles that are used for every batch.
pub(super) struct LaneMeters {
    queue_depth: Gauge,
    batch_size: Histogram,
    update_duration: Histogram,
    left_out: Counter,
}

impl LaneMeters {
    fn new(number: usize) -> Self {
        Self {
            queue_depth: gauge!("wallet_queue_depth", "lane" => number.to_string()),
            batch_size: histogram!("wallet_batch_size"),
            update_duration: histogram!("wallet_update_duration_seconds"),
            left_out: counter!("wallet_left_out_total"),
        }
    }
}

/// The most movements in one statement.
const MOVEMENTS_MAX: usize = 1024;
/// By so much the bound grows with each batch in time.
const MOVEMENTS_STEP: usize = 32;

impl Lane {
    pub(super) fn new(
        number: usize,
        connection: Connection,
        config: EngineConfig,
        outbox: Arc<dyn Outbox>,
        (reader, slow_path): (RepeatReader, SlowPath),
    ) -> Self {
        Self {
            name: number.to_string(),
            connection,
            config,
            outbox,
            reader,
            slow_path,
            meters: LaneMeters::new(number),
            again: Vec::new(),
            movements: MOVEMENTS_MAX,
            damaged: HashMap::new(),
            interrupted: false,
        }
    }

    /// Runs until the queue is closed and empty. A panic costs the batch in hand, whose callers
    /// are told to try again, and the connection, but never the lane.
    pub(super) async fn run(mut self, queue: Arc<Queue>) {
        while AssertUnwindSafe(self.work(&queue)).catch_unwind().await.is_err() {
            counter!("wallet_panics_total").increment(1);
            tracing::error!(lane = self.name, "a lane panicked and goes on with the next batch");
            self.connection.disconnect();
        }
    }

    async fn work(&mut self, queue: &Queue) {
        loop {
            let again = std::mem::take(&mut self.again);
            let room = Room { commands: self.config.batch_max, movements: self.movements };
            let jobs = if again.is_empty() {
                let Some(jobs) = queue.take(room).await else { return };
                jobs
            } else {
                queue.take_now(room)
            };
            self.meters.queue_depth.set(count(queue.len()));
            let groups = self.put_together(again, jobs);
            self.execute(groups).await;
        }
    }

    /// Sorts commands by player, less what goes another way.
    fn put_together(&mut self, again: Vec<Group>, jobs: Vec<Job>) -> Vec<Group> {
        let now = Instant::now();
        self.damaged.retain(|_, until| now < *until);
        let mut usual = Vec::with_capacity(jobs.len());
        for job in jobs {
            let player = &job.attempt.command.player;
            if job.is_late(now) {
                job.fail(ExecuteError::Timeout);
            } else if self.damaged.contains_key(player) {
                fail_later(job);
            } else if self.slow_path.has(player) {
                self.slow_path.push(Group::of(job));
            } else if job.seen.take() {
                usual.extend(self.reader.push(job).err());
            } else {
                usual.push(job);
            }
        }
        group::join(again, usual)
    }

    /// Tries a batch until each command is answered or has left for somewhere else.
    async fn execute(&mut self, groups: Vec<Group>) {
        let mut parts = vec![Part { groups, failures: 0 }];
        while let Some(Part { groups, failures }) = parts.pop() {
            let mut batch = Batch::of(groups);
            match self.bounded_try(&mut batch).await {
                Ok(written) => self.end(batch, written),
                Err(error) => {
                    let part = Part { groups: batch.into_groups(), failures };
                    self.resolve(part, error, &mut parts).await;
                }
            }
        }
    }

    /// One try. A database that does not answer costs the connection, never more time than
    /// the batch may take: what it did is found out on the next one, by the keys. The callers'
    /// deadlines do not cut it short: who comes with little time left would cost all others a
    /// connection that is only slow.
    async fn bounded_try(&mut self, batch: &mut Batch) -> Result<Vec<Written>, WriteError> {
        if batch.unusual.is_empty() && batch.decided.is_empty() {
            // Whoever was in it came too late. That says nothing about the database.
            return Ok(Vec::new());
        }
        let from = Instant::now();
        let limit = from + self.config.batch_timeout;
        let unusual = !batch.unusual.is_empty();
        let tried = match tokio::time::timeout_at(limit, self.try_batch(batch)).await {
            Ok(tried) => tried,
            Err(_) => Err(WriteError::Lost(sqlx::Error::PoolTimedOut)),
        };
        let commands = batch.timelines().count();
        timeline::note(batch.timelines(), || {
            let basis = if unusual { "read" } else { "assumed" };
            let result = tried.as_ref().map_or_else(WriteError::as_str, |_| "ok");
            Stage { kind: Kind::Batch { commands, basis }, from, to: Instant::now(), result }
        });
        if tried.is_ok() {
            self.meters.batch_size.record(count(commands));
            self.movements = (self.movements + MOVEMENTS_STEP).min(MOVEMENTS_MAX);
            if std::mem::take(&mut self.interrupted) {
                tracing::info!(lane = self.name, "the database answers again");
            }
        }
        tried
    }

    /// Reads what has to be read, decides and writes.
    async fn try_batch(&mut self, batch: &mut Batch) -> Result<Vec<Written>, WriteError> {
        let connection = self.connection.get().await?;
        batch.read(connection, Some(ROUND_WINDOW)).await?;
        fault_point::reached(Moment::Claimed);
        let started = Instant::now();
        let written = batch.write(connection).await;
        let took = started.elapsed();
        timeline::note(batch.timelines(), || {
            let result = if written.is_ok() { "ok" } else { "failed" };
            Stage { kind: Kind::Commit, from: started, to: started + took, result }
        });
        if written.is_ok() {
            self.meters.update_duration.record(took.as_secs_f64());
        }
        written
    }

    /// Hands out what came of a batch that was written.
    fn end(&mut self, batch: Batch, written: Vec<Written>) {
        let mut settled: Vec<Settled> = Vec::new();
        for known in batch.known {
            settled.extend(known.settled());
        }
        for (decided, written) in batch.decided.into_iter().zip(written) {
            match decided.end(written) {
                Outcome::Settled(of_player) => settled.extend(of_player),
                Outcome::Again(group) => self.again(group),
                Outcome::Repeat(group) => self.repeat(group),
                Outcome::NoWallet(group) => group.fail(ExecuteError::PlayerUnknown),
                Outcome::Broken(group) => unreadable(group),
            }
        }
        for (group, why) in batch.set_aside {
            match why {
                Why::NoWallet => group.fail(ExecuteError::PlayerUnknown),
                Why::Torn => self.again(group.contended_once_more()),
                Why::LongRound => self.slow_path.push(group),
                Why::Unreadable => unreadable(group),
            }
        }
        if !settled.is_empty() {
            self.outbox.settle(settled);
        }
    }

    /// The next batch has it, unless others were too often at the same wallet.
    pub(super) fn again(&mut self, group: Group) {
        self.meters.left_out.increment(1);
        if group.contended > CONTENDED_MAX {
            self.slow_path.push(group);
        } else {
            self.again.push(group);
        }
    }

    /// A lone call under a taken key is most likely a repeat, and needs no lane.
    fn repeat(&mut self, mut group: Group) {
        let lone = if group.jobs.len() == 1 { group.jobs.pop() } else { None };
        if let Some(job) = lone {
            match self.reader.push(job) {
                Ok(()) => return,
                Err(job) => group.jobs.push(job),
            }
        }
        self.again(group);
    }
}

/// Answers after a while: whoever is told at once to try again does so at once.
fn fail_later(job: Job) {
    tokio::spawn(async move {
        tokio::time::sleep(DAMAGED_ANSWER).await;
        job.fail(ExecuteError::Unavailable);
    });
}

/// A number of things as metrics take it.
fn count(things: usize) -> f64 {
    f64::from(u32::try_from(things).unwrap_or(u32::MAX))
}
