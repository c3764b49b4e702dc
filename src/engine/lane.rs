//! One lane: takes what waits, reads, decides, writes, answers.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use metrics::{Gauge, Histogram, counter, gauge, histogram};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::ExecuteError;
use super::batch::{Plan, Step};
use super::lanes::{Job, Outbox, Settled};
use crate::core::{Attempt, Receipt};
use crate::fault_point::{self, Moment};
use crate::store::LookupError;
use crate::store::hosts::Hosts;
use crate::store::money::connection::Line;
use crate::store::money::read::{self, Depth};
use crate::store::money::write::{self, WriteError};
use crate::telemetry::trail::{self, Leg, What};

/// The pause before a lane asks again after a failure.
const RETRY_PAUSE: Duration = Duration::from_millis(20);

/// The bounds of the engine.
#[derive(Clone, Copy, Debug)]
pub struct EngineConfig {
    /// Players are spread over this many lanes, each with its own connection.
    pub lanes: usize,
    /// The most commands that are committed together.
    pub batch_max: usize,
    /// The most commands that wait in one lane; one more is told that the node is busy.
    pub queue_max: usize,
    /// The longest that one batch may take before its connection is given up, and that each
    /// step of making a new one may take.
    pub batch_timeout: Duration,
}

pub(super) struct Lane {
    name: String,
    line: Line,
    config: EngineConfig,
    outbox: Arc<dyn Outbox>,
    meters: LaneMeters,
    /// True from the first interruption to the next success, so that an outage is logged twice.
    interrupted: bool,
}

/// What came of one try at a batch.
enum Tried {
    /// Committed; these jobs need a transaction of their own.
    Done { left: Vec<Job> },
    /// Nothing was written, or it is not known: try again in this way.
    Again { jobs: Vec<Job>, with: Care },
}

/// How carefully a batch is tried: each failure leads to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Care {
    /// Keys that the cache has not seen are taken for new; where one is not, the write fails.
    Hopeful,
    /// Every key is looked up first.
    Thorough,
    /// Command by command, also looking for keys that other players have taken.
    Alone,
}

impl Care {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Hopeful => "hopeful",
            Self::Thorough => "thorough",
            Self::Alone => "alone",
        }
    }

    const fn depth(self) -> Depth {
        match self {
            Self::Hopeful => Depth::Needed,
            Self::Thorough => Depth::Everything,
            Self::Alone => Depth::AcrossPlayers,
        }
    }
}

enum Fault {
    /// The callers' deadlines passed before anything was written.
    Late,
    Conflict,
    Transient(sqlx::Error),
    Other(String),
}

impl Fault {
    const fn as_str(&self) -> &'static str {
        match self {
            Self::Late => "late",
            Self::Conflict => "conflict",
            Self::Transient(_) => "database",
            Self::Other(_) => "error",
        }
    }
}

impl From<WriteError> for Fault {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Conflict => Self::Conflict,
            WriteError::Transient(error) => Self::Transient(error),
            WriteError::Other(error) => Self::Other(error.to_string()),
        }
    }
}

impl From<LookupError> for Fault {
    fn from(error: LookupError) -> Self {
        match error {
            LookupError::Unavailable(error) => Self::Transient(error),
            other => Self::Other(other.to_string()),
        }
    }
}

/// Handles that are used for every batch.
struct LaneMeters {
    queue_depth: Gauge,
    batch_size: Histogram,
    update_duration: Histogram,
}

impl LaneMeters {
    fn new(number: usize) -> Self {
        Self {
            queue_depth: gauge!("wallet_queue_depth", "lane" => number.to_string()),
            batch_size: histogram!("wallet_batch_size"),
            update_duration: histogram!("wallet_update_duration_seconds"),
        }
    }
}

impl Lane {
    pub(super) fn new(
        number: usize,
        hosts: Hosts,
        config: EngineConfig,
        outbox: Arc<dyn Outbox>,
    ) -> Self {
        let meters = LaneMeters::new(number);
        let name = number.to_string();
        let line = Line::to(hosts, config.batch_timeout);
        Self { name, line, config, outbox, meters, interrupted: false }
    }

    /// Runs until the queue is closed and empty. A panic costs the batch in hand, whose callers
    /// are told to try again, and the connection, but never the lane.
    pub(super) async fn run(mut self, mut queue: mpsc::Receiver<Job>) {
        while AssertUnwindSafe(self.work(&mut queue)).catch_unwind().await.is_err() {
            counter!("wallet_panics_total").increment(1);
            tracing::error!(lane = self.name, "a lane panicked and goes on with the next batch");
            self.line.hang_up();
        }
    }

    async fn work(&mut self, queue: &mut mpsc::Receiver<Job>) {
        let mut batch = Vec::with_capacity(self.config.batch_max);
        while queue.recv_many(&mut batch, self.config.batch_max).await > 0 {
            self.meters.queue_depth.set(count(queue.len()));
            self.execute(std::mem::take(&mut batch)).await;
        }
    }

    /// Tries a batch until every job is answered.
    async fn execute(&mut self, mut jobs: Vec<Job>) {
        let mut care = Care::Hopeful;
        loop {
            jobs = answer_late(jobs);
            if jobs.is_empty() {
                return;
            }
            if care == Care::Alone && jobs.len() > 1 {
                for job in jobs {
                    self.execute_alone(vec![job]).await;
                }
                return;
            }
            match self.bounded_try(jobs, care).await {
                Tried::Done { left } => {
                    for job in left {
                        self.execute_alone(vec![job]).await;
                    }
                    return;
                }
                Tried::Again { jobs: again, with } => {
                    jobs = again;
                    care = with;
                }
            }
        }
    }

    /// As [`Self::execute`] for a single job, from the most careful way on.
    async fn execute_alone(&mut self, mut jobs: Vec<Job>) {
        loop {
            jobs = answer_late(jobs);
            if jobs.is_empty() {
                return;
            }
            match self.bounded_try(jobs, Care::Alone).await {
                Tried::Done { left } => {
                    debug_assert!(left.is_empty(), "a lone job needs nobody else");
                    return;
                }
                Tried::Again { jobs: again, .. } => jobs = again,
            }
        }
    }

    /// One try. A database that does not answer costs the connection, never more time than
    /// the batch may take: what it did is found out on the next one, by the keys. The callers'
    /// deadlines do not cut it short: who comes with little time left would cost all others a
    /// connection that is only slow.
    async fn bounded_try(&mut self, jobs: Vec<Job>, care: Care) -> Tried {
        let from = Instant::now();
        let limit = from + self.config.batch_timeout;
        let tried = match tokio::time::timeout_at(limit, self.try_batch(&jobs, care)).await {
            Ok(tried) => tried,
            Err(_) => Err(Fault::Transient(sqlx::Error::PoolTimedOut)),
        };
        trail::note(jobs.iter().map(|job| &job.trail), || {
            let what = What::Batch { commands: jobs.len(), care: care.as_str() };
            let result = tried.as_ref().map_or_else(Fault::as_str, |_| "ok");
            Leg { what, from, to: Instant::now(), result }
        });
        match tried {
            Ok(plan) => {
                if std::mem::take(&mut self.interrupted) {
                    tracing::info!(lane = self.name, "the database answers again");
                }
                self.meters.batch_size.record(count(jobs.len()));
                Tried::Done { left: self.answer(jobs, plan) }
            }
            Err(Fault::Late) => Tried::Again { jobs, with: care },
            Err(Fault::Conflict) => {
                counter!("wallet_redo_total", "cause" => "conflict").increment(1);
                let with = if care == Care::Hopeful { Care::Thorough } else { Care::Alone };
                Tried::Again { jobs, with }
            }
            Err(Fault::Transient(error)) => {
                counter!("wallet_redo_total", "cause" => "database").increment(1);
                if !std::mem::replace(&mut self.interrupted, true) {
                    tracing::warn!(lane = self.name, %error, "interrupted, trying again");
                }
                self.line.hang_up();
                tokio::time::sleep(RETRY_PAUSE).await;
                let with = if care == Care::Hopeful { Care::Thorough } else { care };
                Tried::Again { jobs, with }
            }
            Err(Fault::Other(error)) if jobs.len() > 1 => {
                tracing::error!(lane = self.name, error, "batch failed, trying one by one");
                self.line.hang_up();
                Tried::Again { jobs, with: Care::Alone }
            }
            Err(Fault::Other(error)) => {
                tracing::error!(lane = self.name, error, "command failed");
                self.line.hang_up();
                for job in jobs {
                    tell(job, ExecuteError::Internal);
                }
                Tried::Done { left: Vec::new() }
            }
        }
    }

    /// Hands the decided jobs to the outbox and gives back those that need a transaction of
    /// their own.
    fn answer(&self, jobs: Vec<Job>, plan: Plan) -> Vec<Job> {
        let mut left = Vec::new();
        let mut settled = Vec::with_capacity(jobs.len());
        for (job, step) in jobs.into_iter().zip(plan.steps) {
            match step {
                Step::Decided(decision) => {
                    let Job { attempt, answer, trail, .. } = job;
                    let receipt = decision.into_receipt();
                    settled.push(Settled { attempt, receipt, answer, trail });
                }
                Step::NoWallet => tell(job, ExecuteError::PlayerUnknown),
                Step::Later => left.push(job),
            }
        }
        self.outbox.settle(settled);
        left
    }

    /// Reads, decides and writes; on success every decision has been committed.
    async fn try_batch(&mut self, jobs: &[Job], care: Care) -> Result<Plan, Fault> {
        let Self { line, meters, .. } = self;
        let connection = line.connection().await.map_err(LookupError::from)?;
        let attempts: Vec<&Attempt> = jobs.iter().map(|job| &*job.attempt).collect();
        let mut facts = read::standing(connection, &attempts).await?;
        let hinted: Vec<(&Attempt, bool)> =
            jobs.iter().map(|job| (&*job.attempt, job.repeat_expected)).collect();
        read::prior_rows(connection, &hinted, care.depth(), &mut facts).await?;
        if facts.torn {
            return Err(Fault::Conflict);
        }
        let plan = Plan::make(&attempts, facts);
        if care == Care::Hopeful && plan.guesses() {
            return Err(Fault::Conflict);
        }
        fault_point::reached(Moment::Claimed);
        let started = Instant::now();
        // What nobody waits for any more is not decided. One who still does decides for all of
        // the batch, or a crowd of short deadlines would keep each other from being served.
        if jobs.iter().all(|job| job.deadline <= started) {
            return Err(Fault::Late);
        }
        let written = if let Some(alone) = plan.alone() {
            write::with_promotions(connection, alone.0, alone.1).await
        } else {
            let (changes, rows) = plan.writes();
            if rows.is_empty() {
                return Ok(plan);
            }
            write::batch(connection, &changes, &rows).await
        };
        let took = started.elapsed();
        trail::note(jobs.iter().map(|job| &job.trail), || {
            let result = if written.is_ok() { "ok" } else { "failed" };
            Leg { what: What::Commit, from: started, to: started + took, result }
        });
        written?;
        meters.update_duration.record(took.as_secs_f64());
        Ok(plan)
    }
}

/// Answers the jobs that nobody waits for any more; nothing of theirs was begun or, after a
/// failure, is begun again.
fn answer_late(jobs: Vec<Job>) -> Vec<Job> {
    let now = Instant::now();
    let (late, timely): (Vec<_>, Vec<_>) = jobs.into_iter().partition(|job| job.deadline <= now);
    for job in late {
        tell(job, ExecuteError::Timeout);
    }
    timely
}

/// Tells a caller, who may have gone, that nothing came of it.
fn tell(job: Job, error: ExecuteError) {
    let _: Result<(), Result<Receipt, ExecuteError>> = job.answer.send(Err(error));
}

/// A number of things as metrics take it.
fn count(things: usize) -> f64 {
    f64::from(u32::try_from(things).unwrap_or(u32::MAX))
}
