//! The group-committing engine: commands that arrive while a transaction is in flight are
//! committed together in the next one. There is no artificial delay, so a lone call waits for
//! nobody, and a hot wallet costs one row lock for a whole batch.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::io;
use std::sync::Arc;

use tokio::runtime::Builder;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::ExecuteError;
pub use super::lane::EngineConfig;
use super::lane::Lane;
use crate::core::{Attempt, PlayerId, Receipt};
use crate::store::DatabaseConfig;
use crate::telemetry::trail::Traced;

/// A command on its way through a lane.
pub struct Job {
    /// What to decide.
    pub attempt: Arc<Attempt>,
    /// True when the cache has seen the key before: its row is looked up at once.
    pub repeat_expected: bool,
    /// After it nobody waits for the answer, and nothing new is begun.
    pub deadline: Instant,
    /// Where the caller waits, or has gone.
    pub answer: Answer,
    /// Where it is written down what happens to it.
    pub trail: Traced,
}

/// How a caller is told.
pub type Answer = oneshot::Sender<Result<Receipt, ExecuteError>>;

/// A command that was decided and committed, and whose caller does not know it yet.
pub struct Settled {
    /// What was decided.
    pub attempt: Arc<Attempt>,
    /// What came of it.
    pub receipt: Receipt,
    /// Where the caller waits, or has gone.
    pub answer: Answer,
    /// Where it is written down what happens to it.
    pub trail: Traced,
}

/// Takes what a lane has committed, a batch at a time, and answers the callers.
pub trait Outbox: Send + Sync + 'static {
    /// Must not wait: the lane goes on with its next batch when this returns.
    fn settle(&self, batch: Vec<Settled>);
}

/// Answers at once.
pub struct Directly;

impl Outbox for Directly {
    fn settle(&self, batch: Vec<Settled>) {
        for Settled { receipt, answer, .. } in batch {
            // The caller may have gone; the work is done all the same.
            let _: Result<(), Result<Receipt, ExecuteError>> = answer.send(Ok(receipt));
        }
    }
}

/// The lanes. Clones share them.
#[derive(Clone)]
pub struct Engine {
    lanes: Arc<[mpsc::Sender<Job>]>,
}

/// The running lanes; they end when the last [`Engine`] is dropped and their queues are empty.
pub struct Lanes(Vec<oneshot::Receiver<()>>);

impl Engine {
    /// Starts the lanes. They connect when they get work, so the database may come later.
    ///
    /// # Errors
    /// Where the database URL cannot be read, and where the system gives no more threads.
    pub fn start(
        config: EngineConfig,
        database: &DatabaseConfig,
        outbox: Arc<dyn Outbox>,
    ) -> Result<(Self, Lanes), sqlx::Error> {
        let hosts = database.lane_hosts()?;
        let (senders, ends): (Vec<_>, Vec<_>) = (0..config.lanes.max(1))
            .map(|number| {
                let (sender, queue) = mpsc::channel(config.queue_max);
                let lane = Lane::new(number, hosts.clone(), config, Arc::clone(&outbox));
                Ok((sender, on_its_own_thread(number, lane.run(queue))?))
            })
            .collect::<io::Result<Vec<_>>>()?
            .into_iter()
            .unzip();
        Ok((Self { lanes: senders.into() }, Lanes(ends)))
    }

    /// Takes a job, which is then executed once, whatever becomes of the caller; or answers it
    /// that the queue is full.
    pub fn submit(&self, job: Job) {
        let Some(lane) = self.lane_of(&job.attempt.command.player) else { return };
        if let Err(refused) = lane.try_send(job) {
            let (job, error) = match refused {
                mpsc::error::TrySendError::Full(job) => (job, ExecuteError::Busy),
                mpsc::error::TrySendError::Closed(job) => (job, ExecuteError::Unavailable),
            };
            let _: Result<(), Result<Receipt, ExecuteError>> = job.answer.send(Err(error));
        }
    }

    /// Executes an attempt and waits for the receipt.
    ///
    /// # Errors
    /// [`ExecuteError`]; after `Timeout` and `Unavailable` the command may have been executed.
    pub async fn execute(
        &self,
        attempt: Arc<Attempt>,
        repeat_expected: bool,
        deadline: Instant,
    ) -> Result<Receipt, ExecuteError> {
        let (answer, receipt) = oneshot::channel();
        self.submit(Job { attempt, repeat_expected, deadline, answer, trail: None });
        receipt_by(deadline, receipt).await
    }

    /// Commands that wait, over all lanes.
    pub fn queued(&self) -> usize {
        self.lanes.iter().map(|lane| lane.max_capacity() - lane.capacity()).sum()
    }

    /// One player's commands always meet in the same lane, so they never race in one node.
    fn lane_of(&self, player: &PlayerId) -> Option<&mpsc::Sender<Job>> {
        let mut hasher = DefaultHasher::new();
        player.hash(&mut hasher);
        let count = u64::try_from(self.lanes.len()).ok()?;
        let at = usize::try_from(hasher.finish().checked_rem(count)?).ok()?;
        self.lanes.get(at)
    }
}

/// The answer, if it comes before the deadline.
///
/// # Errors
/// [`ExecuteError`].
pub async fn receipt_by(
    deadline: Instant,
    receipt: oneshot::Receiver<Result<Receipt, ExecuteError>>,
) -> Result<Receipt, ExecuteError> {
    match tokio::time::timeout_at(deadline, receipt).await {
        Ok(Ok(result)) => result,
        // Whoever had the command in hand died with it: only a fault of ours does that.
        Ok(Err(_)) => Err(ExecuteError::Internal),
        Err(_) => Err(ExecuteError::Timeout),
    }
}

/// Runs a lane on a thread of its own: what it waits for comes from PostgreSQL, and it should
/// not also wait for a thread that reads calls or speaks to Redis. Says when it has ended.
fn on_its_own_thread(
    number: usize,
    lane: impl Future<Output = ()> + Send + 'static,
) -> io::Result<oneshot::Receiver<()>> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let (end, ended) = oneshot::channel();
    std::thread::Builder::new().name(format!("lane-{number}")).spawn(move || {
        runtime.block_on(lane);
        // Whoever waited may have given up.
        let _: Result<(), ()> = end.send(());
    })?;
    Ok(ended)
}

impl Lanes {
    /// Waits until every accepted command has been decided. All [`Engine`]s must be dropped.
    pub async fn finish(self) {
        for ended in self.0 {
            if ended.await.is_err() {
                tracing::error!("a lane ended in a panic");
            }
        }
    }
}
