//! What runs by itself, on one node at a time: reconciliation, the next attempt at parked
//! movements, cleaning up. Each job is a step that ends (`run_once`, with a report) and a short
//! loop around it; a lease with a fencing number says which node runs it.
//!
//! - `lease`: who may run a job, and the end of a run whose lease was lost;
//! - `reconcile`: Redis against PostgreSQL, the ledger against the wallets;
//! - `reapply`: parked movements, through the wallet's one door. No job takes a player's money;
//! - `cleanup`: claims and sessions that are over;
//! - `context`: what they work with; `meters`, `throttle`, `progress`.
//!
//! Nothing here knows HTTP, SQL, Redis or any protocol's word.

pub mod cleanup;
mod context;
mod lease;
mod meters;
mod progress;
pub mod reapply;
pub mod reconcile;
mod throttle;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use metrics::counter;
use serde::Serialize;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

pub use context::Context;
pub use lease::Lease;
pub use meters::describe_metrics;
pub use progress::Progress;

use crate::store::LookupError;
use crate::store::jobs::lease::{Fence, FencedError, Takeover};
use crate::telemetry::instance_name;

/// One of the jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Job {
    /// Compares Redis with PostgreSQL, and the ledger with the wallets.
    Reconcile,
    /// Tries parked movements again.
    Reapply,
    /// Removes ended sessions, old reports and claims without an expiry.
    Cleanup,
}

impl Job {
    /// Every job.
    pub const ALL: [Self; 3] = [Self::Reconcile, Self::Reapply, Self::Cleanup];

    /// The word for leases, metrics and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reconcile => "reconcile",
            Self::Reapply => "reapply",
            Self::Cleanup => "cleanup",
        }
    }

    /// The time from the end of a run to the next.
    const fn every(self, context: &Context) -> Duration {
        Duration::from_secs(match self {
            Self::Reconcile => context.settings.reconcile_every_s,
            Self::Reapply => context.settings.reapply_every_s,
            Self::Cleanup => context.settings.cleanup_every_s,
        })
    }
}

/// What came of a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Report {
    /// Of [`Job::Reconcile`].
    Reconcile(reconcile::Report),
    /// Of [`Job::Reapply`].
    Reapply(reapply::Report),
    /// Of [`Job::Cleanup`].
    Cleanup(cleanup::Report),
}

/// Why a run came to no end.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// Somebody else runs the job by now. Nothing was written since.
    #[error("the lease has passed to another holder")]
    Fenced,
    /// The database did not answer, or not as it should.
    #[error(transparent)]
    Database(LookupError),
    /// The wallet was too busy, or could not reach the database.
    #[error("the wallet did not answer")]
    Unanswered,
    /// A fault of ours.
    #[error("the run panicked")]
    Panicked,
}

impl From<LookupError> for JobError {
    fn from(error: LookupError) -> Self {
        Self::Database(error)
    }
}

impl From<FencedError> for JobError {
    fn from(error: FencedError) -> Self {
        match error {
            FencedError::Fenced => Self::Fenced,
            FencedError::Database(error) => Self::Database(error),
        }
    }
}

/// Runs one step of a job under a lease that is held.
///
/// # Errors
/// [`JobError`].
pub async fn run_once(
    context: &Arc<Context>,
    job: Job,
    lease: &mut Lease,
    scope: reconcile::Scope,
    progress: &Progress,
) -> Result<Report, JobError> {
    let fence = lease.fence().cloned().ok_or(JobError::Fenced)?;
    let started = Instant::now();
    // Boxed: the compiler lays out what is below it only once.
    let step = AssertUnwindSafe(step(context, job, &fence, scope, progress).boxed()).catch_unwind();
    let step = async { step.await.unwrap_or(Err(JobError::Panicked)) };
    let result = lease.while_running(step).await;
    meters::run_ended(job, started.elapsed(), &result);
    match &result {
        Ok(report) => {
            let report = serde_json::to_string(report).unwrap_or_default();
            let took_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
            // A job that looks every few seconds and finds nothing has nothing to say.
            match job {
                Job::Reconcile => tracing::info!(job = job.as_str(), took_ms, report, "job done"),
                Job::Reapply | Job::Cleanup => {
                    tracing::debug!(job = job.as_str(), took_ms, report, "job done");
                }
            }
        }
        Err(JobError::Fenced) => {
            tracing::warn!(job = job.as_str(), "the lease was lost: the run was given up");
        }
        Err(JobError::Panicked) => {
            counter!("wallet_panics_total").increment(1);
            tracing::error!(job = job.as_str(), "a job panicked");
        }
        Err(error) => tracing::error!(job = job.as_str(), %error, "job failed"),
    }
    result
}

async fn step(
    context: &Arc<Context>,
    job: Job,
    fence: &Fence,
    scope: reconcile::Scope,
    progress: &Progress,
) -> Result<Report, JobError> {
    Ok(match job {
        Job::Reconcile => {
            Report::Reconcile(reconcile::run_once(context, fence, scope, progress).await?)
        }
        Job::Reapply => Report::Reapply(reapply::run_once(context, fence).await?),
        Job::Cleanup => Report::Cleanup(cleanup::run_once(context, fence, progress).await?),
    })
}

/// The loops of a node.
pub struct Jobs {
    stop: watch::Sender<bool>,
    loops: Vec<JoinHandle<()>>,
}

impl Jobs {
    /// Starts a loop for each job.
    pub fn start(context: &Arc<Context>) -> Self {
        let (stop, stopping) = watch::channel(false);
        let holder = instance_name();
        let loops = Job::ALL.map(|job| {
            let lease = Lease::new(context, job, holder.clone());
            tokio::spawn(run_loop(Arc::clone(context), job, lease, stopping.clone()))
        });
        Self { stop, loops: loops.into() }
    }

    /// Ends the loops, whatever they are at, and gives the leases back.
    pub async fn finish(self) {
        self.stop.send_replace(true);
        for task in self.loops {
            if let Err(error) = task.await {
                tracing::error!(%error, "a job's loop ended in a panic");
            }
        }
    }
}

async fn run_loop(
    context: Arc<Context>,
    job: Job,
    mut lease: Lease,
    mut stop: watch::Receiver<bool>,
) {
    meters::leads(job, false);
    loop {
        let tick = async {
            let pause = tick(&context, job, &mut lease).await;
            tokio::time::sleep(pause).await;
        };
        tokio::select! {
            // A step can be dropped anywhere: each of its writes is whole, and what it has
            // given to the wallet's door runs to its end.
            _ = stop.wait_for(|stopped| *stopped) => break,
            () = tick => {}
        }
    }
    meters::leads(job, false);
    lease.release().await;
}

/// Keeps or takes the lease, runs what is due, and says how long to wait.
async fn tick(context: &Arc<Context>, job: Job, lease: &mut Lease) -> Duration {
    let interval = lease.renewal_interval();
    let held = lease.hold(Takeover::IfExpired).await;
    meters::leads(job, held);
    if !held {
        return interval;
    }
    let every = job.every(context);
    let due_in = lease.since_run().map_or(Duration::ZERO, |since| every.saturating_sub(since));
    if !due_in.is_zero() {
        return due_in.min(interval);
    }
    let scope = reconcile::Scope::Window;
    let _logged_and_counted = run_once(context, job, lease, scope, &Progress::none()).await;
    // One that has lost its lease says so at once.
    meters::leads(job, lease.fence().is_some());
    interval.min(every)
}
