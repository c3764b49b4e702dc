//! The group-committing engine: commands that arrive while a statement is in flight are committed
//! together in the next one. There is no artificial delay, so a lone call waits for nobody, and a
//! hot wallet costs one row lock for a whole batch.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::io;
use std::sync::Arc;

use tokio::runtime::Builder;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::ExecuteError;
use super::config::EngineConfig;
use super::job::{Job, Outbox, Seen, receipt_by};
use super::lane::Lane;
use super::queue::{Full, Queue};
use super::repeat_reader::RepeatReader;
use super::slow_path::SlowPath;
use crate::core::{Attempt, PlayerId, Receipt};
use crate::store::DatabaseConfig;
use crate::store::money::connection::Connection;

/// The lanes. Clones share them.
#[derive(Clone)]
pub struct Engine {
    lanes: Arc<Queues>,
}

/// Dropped with the last [`Engine`]: then nothing comes any more.
struct Queues(Vec<Arc<Queue>>);

impl Drop for Queues {
    fn drop(&mut self) {
        self.0.iter().for_each(|queue| queue.close());
    }
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
        let mut queues = Vec::with_capacity(config.lanes);
        let mut ends = Vec::with_capacity(config.lanes);
        for number in 0..config.lanes.max(1) {
            let queue = Arc::new(Queue::new(config.queue_max));
            let work = lane(number, Arc::clone(&queue), config, database, &outbox)?;
            ends.push(on_its_own_thread(number, work)?);
            queues.push(queue);
        }
        Ok((Self { lanes: Arc::new(Queues(queues)) }, Lanes(ends)))
    }

    /// Takes a job, which is then executed once, whatever becomes of the caller; or answers it
    /// that the queue is full.
    pub fn submit(&self, job: Job) {
        let Some(lane) = self.lane_of(&job.attempt.command.player) else { return };
        match lane.push(job) {
            Ok(()) => {}
            Err((job, Full::Provider)) => job.fail(ExecuteError::Busy),
            Err((job, Full::Closed)) => job.fail(ExecuteError::Unavailable),
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
        let seen = Seen::default();
        if repeat_expected {
            seen.set();
        }
        self.submit(Job { attempt, seen, unusual: false, deadline, answer, timeline: None });
        receipt_by(deadline, receipt).await
    }

    /// Commands that wait, over all lanes.
    pub fn queued(&self) -> usize {
        self.lanes.0.iter().map(|lane| lane.len()).sum()
    }

    /// One player's commands always meet in the same lane, so they never race in one node.
    fn lane_of(&self, player: &PlayerId) -> Option<&Queue> {
        let mut hasher = DefaultHasher::new();
        player.hash(&mut hasher);
        let count = u64::try_from(self.lanes.0.len()).ok()?;
        let at = usize::try_from(hasher.finish().checked_rem(count)?).ok()?;
        self.lanes.0.get(at).map(|queue| &**queue)
    }
}

/// The whole work of one lane: its batches, what is looked up beside them, and what is slow.
fn lane(
    number: usize,
    queue: Arc<Queue>,
    config: EngineConfig,
    database: &DatabaseConfig,
    outbox: &Arc<dyn Outbox>,
) -> Result<impl Future<Output = ()> + Send + use<>, sqlx::Error> {
    let limit = config.batch_timeout;
    let in_time = database.engine_hosts(config.statement_timeout(), config.lock_timeout())?;
    // What is slow may take as long as any statement.
    let patient_limit = database.timeout.max(limit);
    let patient = database.engine_hosts(patient_limit, config.lock_timeout())?;
    let (reader, reading) = RepeatReader::new(
        Connection::to(in_time.clone(), limit),
        Arc::clone(&queue),
        Arc::clone(outbox),
        limit,
    );
    let (slow_path, working) = SlowPath::new(
        number,
        Connection::to(patient, limit),
        Arc::clone(outbox),
        patient_limit * 2,
    );
    let connection = Connection::to(in_time, limit);
    let lane = Lane::new(number, connection, config, Arc::clone(outbox), (reader, slow_path));
    Ok(async move {
        tokio::join!(lane.run(queue), reading.run(), working.run());
    })
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
