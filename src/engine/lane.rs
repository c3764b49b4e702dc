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
use super::batch::{self, Batch, Group, Known, Outcome, Why};
use super::job::{Job, Outbox, Settled};
use super::queue::{Queue, Room};
use super::repeat_reader::RepeatReader;
use super::slow_path::SlowPath;
use crate::core::PlayerId;
use crate::fault_point::{self, Moment};
use crate::store::money::connection::Connection;
use crate::store::money::written::Written;
use crate::store::money::{WriteError, culprits};
use crate::telemetry::trail::{self, Leg, What};

/// The pause before a lane asks again after a failure.
const RETRY_PAUSE: Duration = Duration::from_millis(20);
/// The rows of a round that are looked at in passing; a longer one is judged on the slow path.
const ROUND_WINDOW: i64 = 256;
/// So often a player may be left out for somebody else's sake before the slow path takes over.
const CONTENDED_MAX: u8 = 3;
/// Nothing is tried for a player whose chain is damaged for so long.
const DAMAGED_PAUSE: Duration = Duration::from_secs(10);
/// Their calls are answered after so long.
const DAMAGED_ANSWER: Duration = Duration::from_millis(250);
/// So many such players are remembered.
const DAMAGED_MAX: usize = 10_000;

/// The bounds of the engine.
#[derive(Clone, Copy, Debug)]
pub struct EngineConfig {
    /// Players are spread over this many lanes, each with its own connection.
    pub lanes: usize,
    /// The most commands that are committed together.
    pub batch_max: usize,
    /// The most commands of one provider that wait in one lane; one more is told that the node is
    /// busy.
    pub queue_max: usize,
    /// The longest that one batch may take before its connection is given up, and that each
    /// step of making a new one may take.
    pub batch_timeout: Duration,
}

impl EngineConfig {
    /// The longest that the database works on one batch: it gives up before the lane does, so that
    /// the connection outlives it.
    pub(super) fn statement_timeout(&self) -> Duration {
        self.batch_timeout * 3 / 4
    }

    /// The longest that a batch waits for a row that somebody else has locked.
    pub(super) fn lock_timeout(&self) -> Duration {
        (self.batch_timeout / 6).min(Duration::from_millis(100))
    }
}

pub(super) struct Lane {
    name: String,
    connection: Connection,
    config: EngineConfig,
    outbox: Arc<dyn Outbox>,
    reader: RepeatReader,
    slow_path: SlowPath,
    meters: LaneMeters,
    /// What the next batch begins with.
    again: Vec<Group>,
    /// The most movements in one statement: halved when one takes too long, and grown again.
    movements: usize,
    damaged: HashMap<PlayerId, Instant>,
    /// True from the first interruption to the next success, so that an outage is logged twice.
    interrupted: bool,
}

/// Groups that are tried together, and how often that has failed for no reason to be found.
struct Part {
    groups: Vec<Group>,
    failures: u8,
}

/// Handles that are used for every batch.
struct LaneMeters {
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
        batch::join(again, usual)
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
        let commands = batch.trails().count();
        trail::note(batch.trails(), || {
            let care = if unusual { "read" } else { "assumed" };
            let result = tried.as_ref().map_or_else(WriteError::as_str, |_| "ok");
            Leg { what: What::Batch { commands, care }, from, to: Instant::now(), result }
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
        trail::note(batch.trails(), || {
            let result = if written.is_ok() { "ok" } else { "failed" };
            Leg { what: What::Commit, from: started, to: started + took, result }
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
    fn again(&mut self, group: Group) {
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

    /// After a part that failed as a whole: takes out those that it failed for, and has the others
    /// tried again at once.
    async fn resolve(&mut self, part: Part, error: WriteError, parts: &mut Vec<Part>) {
        counter!("wallet_redo_total", "cause" => error.as_str()).increment(1);
        let culprits = match &error {
            WriteError::Lost(sqlx::Error::PoolTimedOut) => return self.give_up(part, parts).await,
            WriteError::Lost(error) => return self.reconnect(part, error, parts).await,
            WriteError::TooSlow(_) => {
                self.movements = (self.movements / 2).max(1);
                return self.halve(part, &error, parts);
            }
            WriteError::Other(_) => return self.halve(part, &error, parts),
            WriteError::Taken(_) => self.take_out_taken(part).await,
            WriteError::Locked(_) => self.take_out_locked(part).await,
        };
        match culprits {
            // Somebody who is gone by now.
            Ok(Part { groups, failures: 0 }) => parts.push(Part { groups, failures: 1 }),
            Ok(part) => self.halve(part, &error, parts),
            Err((part, lost)) => self.reconnect(part, &lost, parts).await,
        }
    }

    /// The database did not say anything in time, not even that it had given up by itself: perhaps
    /// there is too much in the batch, perhaps somebody holds a wallet locked.
    async fn give_up(&mut self, part: Part, parts: &mut Vec<Part>) {
        self.movements = (self.movements / 2).max(1);
        self.reconnect(part, &sqlx::Error::PoolTimedOut, parts).await;
        let Some(part) = parts.pop() else { return };
        match self.take_out_locked(part).await {
            Ok(part) | Err((part, _)) => parts.push(part),
        }
    }

    /// The connection is lost, and with it the answer whether the batch was committed: its keys
    /// tell.
    async fn reconnect(&mut self, part: Part, error: &sqlx::Error, parts: &mut Vec<Part>) {
        if !std::mem::replace(&mut self.interrupted, true) {
            tracing::warn!(lane = self.name, %error, "interrupted, trying again");
        }
        self.outbox.database_lost();
        self.connection.disconnect();
        tokio::time::sleep(RETRY_PAUSE).await;
        let mut part = part;
        for group in &mut part.groups {
            group.known = Known::Unusual;
        }
        parts.push(part);
    }

    /// Whoever the fault is, half of the others are rid of it.
    fn halve(&mut self, part: Part, error: &WriteError, parts: &mut Vec<Part>) {
        let mut groups = part.groups;
        if groups.len() > 1 {
            let rest = groups.split_off(groups.len() / 2);
            parts.push(Part { groups: rest, failures: part.failures });
            parts.push(Part { groups, failures: part.failures });
            return;
        }
        let Some(group) = groups.pop() else { return };
        match error {
            WriteError::Other(error) => {
                tracing::error!(
                    lane = self.name, player = %group.player, error, "a player's commands failed"
                );
                group.fail(ExecuteError::Internal);
            }
            _ => self.slow_path.push(group),
        }
    }

    /// Those whose keys are in the ledger are read for; those whose chain is damaged get nothing.
    async fn take_out_taken(&mut self, part: Part) -> Result<Part, (Part, sqlx::Error)> {
        let found = {
            let with_place = |(place, group): (usize, &Group)| {
                group.keys().map(|key| (place, key)).collect::<Vec<_>>()
            };
            let keys: Vec<_> = part.groups.iter().enumerate().flat_map(with_place).collect();
            let of_keys: Vec<_> = keys.iter().map(|(_, key)| key).collect();
            let players: Vec<_> = part.groups.iter().map(|group| &group.player).collect();
            let look = async {
                let connection = self.connection.get().await?;
                let taken = culprits::taken(connection, &of_keys).await?;
                let damaged = culprits::damaged(connection, &players).await?;
                Ok::<_, WriteError>((taken, damaged))
            };
            look.await.map(|(taken, damaged)| {
                let taken: Vec<usize> =
                    taken.iter().filter_map(|at| keys.get(*at)).map(|(group, _)| *group).collect();
                (taken, damaged)
            })
        };
        let (taken, damaged) = match found {
            Ok(found) => found,
            Err(error) => return Err((part, error.into_sqlx())),
        };
        let mut rest = Part { groups: Vec::new(), failures: part.failures };
        if !taken.is_empty() || !damaged.is_empty() {
            rest.failures = 0;
        }
        for (place, mut group) in part.groups.into_iter().enumerate() {
            if damaged.contains(&group.player) {
                self.set_aside_damaged(group);
            } else if taken.contains(&place) {
                group.known = Known::Unusual;
                group.contended = group.contended.saturating_add(1);
                self.again(group);
            } else {
                rest.groups.push(group);
            }
        }
        Ok(rest)
    }

    /// Those whose wallets somebody holds locked go on on the slow path.
    async fn take_out_locked(&mut self, part: Part) -> Result<Part, (Part, sqlx::Error)> {
        let found = {
            let players: Vec<_> = part.groups.iter().map(|group| &group.player).collect();
            let look = async {
                let connection = self.connection.get().await?;
                Ok::<_, WriteError>(culprits::locked(connection, &players).await?)
            };
            look.await
        };
        let locked = match found {
            Ok(locked) => locked,
            Err(error) => return Err((part, error.into_sqlx())),
        };
        let mut rest = Part { groups: Vec::new(), failures: part.failures };
        if !locked.is_empty() {
            rest.failures = 0;
        }
        for group in part.groups {
            if locked.contains(&group.player) {
                self.slow_path.push(group);
            } else {
                rest.groups.push(group);
            }
        }
        Ok(rest)
    }

    fn set_aside_damaged(&mut self, group: Group) {
        damaged(&group.player);
        if self.damaged.len() < DAMAGED_MAX {
            self.damaged.insert(group.player.clone(), Instant::now() + DAMAGED_PAUSE);
        }
        group.fail(ExecuteError::Unavailable);
    }
}

/// Answers after a while: whoever is told at once to try again does so at once.
fn fail_later(job: Job) {
    tokio::spawn(async move {
        tokio::time::sleep(DAMAGED_ANSWER).await;
        job.fail(ExecuteError::Unavailable);
    });
}

/// A wallet that is behind its ledger is a person's to put right. Until then nothing moves.
pub(super) fn damaged(player: &PlayerId) {
    counter!("wallet_damaged_chains_total").increment(1);
    tracing::error!(%player, "the ledger has rows beyond the wallet's version: nothing is moved");
}

/// Something that this version cannot read costs its own player the answer, and nobody else.
pub(super) fn unreadable(group: Group) {
    counter!("wallet_unreadable_total").increment(1);
    tracing::error!(player = %group.player, "a stored value is not one that this version knows");
    group.fail(ExecuteError::Internal);
}

/// A number of things as metrics take it.
fn count(things: usize) -> f64 {
    f64::from(u32::try_from(things).unwrap_or(u32::MAX))
}
