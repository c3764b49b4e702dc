//! Calls that are known to be repeats do not enter a lane: they are looked up beside it, as many
//! together as have come in. What was decided is answered; whatever was not goes to the lane.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

use super::ExecuteError;
use super::job::{Job, Outbox, Settled};
use super::queue::{Full, Queue};
use crate::core::{Attempt, Decision, RowOutcome, Standing, decide};
use crate::store::money::WriteError;
use crate::store::money::connection::Connection;
use crate::store::money::repeats::{self, Repeats};
use crate::telemetry::timeline::{self, Kind, Stage};

/// The most calls that wait to be looked up; what comes beyond them goes to the lane.
const WAITING_MAX: usize = 2048;
/// The most that are looked up together.
const TOGETHER: usize = 128;

/// Where the lane hands repeats in.
pub(super) struct RepeatReader(mpsc::Sender<Job>);

/// What does the looking up.
pub(super) struct Reading {
    jobs: mpsc::Receiver<Job>,
    connection: Connection,
    lane: Arc<Queue>,
    outbox: Arc<dyn Outbox>,
    time_limit: Duration,
}

impl RepeatReader {
    /// The reader of one lane, and the work that it does.
    pub(super) fn new(
        connection: Connection,
        lane: Arc<Queue>,
        outbox: Arc<dyn Outbox>,
        time_limit: Duration,
    ) -> (Self, Reading) {
        let (sender, jobs) = mpsc::channel(WAITING_MAX);
        (Self(sender), Reading { jobs, connection, lane, outbox, time_limit })
    }

    /// Has a call looked up; gives it back where too many wait.
    pub(super) fn push(&self, job: Job) -> Result<(), Job> {
        self.0.try_send(job).map_err(mpsc::error::TrySendError::into_inner)
    }
}

impl Reading {
    /// Runs until the lane has ended and everything is looked up.
    pub(super) async fn run(mut self) {
        let mut jobs = Vec::with_capacity(TOGETHER);
        while self.jobs.recv_many(&mut jobs, TOGETHER).await > 0 {
            let now = Instant::now();
            let (late, timely): (Vec<_>, Vec<_>) = jobs.drain(..).partition(|of| of.is_late(now));
            late.into_iter().for_each(|job: Job| job.fail(ExecuteError::Timeout));
            self.look_up(timely).await;
        }
    }

    async fn look_up(&mut self, jobs: Vec<Job>) {
        let attempts: Vec<&Attempt> = jobs.iter().map(|job| &*job.attempt).collect();
        let find = async {
            let connection = self.connection.get().await?;
            Ok::<_, WriteError>(repeats::find(connection, &attempts).await?)
        };
        let from = Instant::now();
        let (found, result) = match timeout(self.time_limit, find).await {
            Ok(Ok(found)) => (found, "ok"),
            failed => {
                if !matches!(failed, Ok(Err(WriteError::Other(_)))) {
                    self.outbox.database_lost();
                    self.connection.disconnect();
                }
                (Repeats::default(), "failed")
            }
        };
        timeline::note(jobs.iter().map(|job| &job.timeline), || {
            let kind = Kind::Batch { commands: jobs.len(), basis: "repeats" };
            Stage { kind, from, to: Instant::now(), result }
        });
        let mut settled: Vec<Settled> = Vec::with_capacity(jobs.len());
        for job in jobs {
            match decided_before(&job.attempt, &found) {
                Some(decision) => settled.push(job.settled(decision.into_receipt())),
                None => self.to_the_lane(job),
            }
        }
        if !settled.is_empty() {
            self.outbox.settle(settled);
        }
    }

    fn to_the_lane(&self, job: Job) {
        match self.lane.push(Job { unusual: true, ..job }) {
            Ok(()) => {}
            Err((job, Full::Provider)) => job.fail(ExecuteError::Busy),
            Err((job, Full::Closed)) => job.fail(ExecuteError::Unavailable),
        }
    }
}

/// What was decided, where all of it was.
fn decided_before(attempt: &Attempt, found: &Repeats) -> Option<Decision> {
    let command = &attempt.command;
    let wallet = found.wallets.get(&command.player)?;
    let all = command.movements.iter().all(|movement| {
        let row = found.history.row(&command.key(&movement.tx_id));
        row.is_some_and(|row| row.outcome != RowOutcome::Parked)
    });
    if !all {
        return None;
    }
    // Sessions and games are nothing to what is decided.
    let decision = decide(wallet, &Standing::default(), &found.history, attempt);
    (decision.inserts.is_empty() && decision.promotions.is_empty()).then_some(decision)
}
