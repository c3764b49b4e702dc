//! The group-committing engine: commands that arrive while a transaction is in flight are
//! committed together in the next one. There is no artificial delay, so a lone call waits for
//! nobody, and a hot wallet costs one row lock for a whole batch.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use sqlx::postgres::PgConnectOptions;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::ExecuteError;
use super::connect::DatabaseConfig;
pub use super::lane::EngineConfig;
use super::lane::{Job, Lane};
use crate::core::{Attempt, PlayerId, Receipt};

/// The lanes. Clones share them.
#[derive(Clone)]
pub struct Engine {
    lanes: Arc<[mpsc::Sender<Job>]>,
}

/// The running lanes; they end when the last [`Engine`] is dropped and their queues are empty.
pub struct Lanes(Vec<JoinHandle<()>>);

impl Engine {
    /// Starts the lanes. They connect when they get work, so the database may come later.
    ///
    /// # Errors
    /// Where the database URL cannot be read.
    pub fn start(
        config: EngineConfig,
        database: &DatabaseConfig,
    ) -> Result<(Self, Lanes), sqlx::Error> {
        let options: PgConnectOptions = database.lane_options()?;
        let (senders, tasks): (Vec<_>, Vec<_>) = (0..config.lanes.max(1))
            .map(|number| {
                let (sender, queue) = mpsc::channel(config.queue_max);
                let lane = Lane::new(number, options.clone(), config);
                (sender, tokio::spawn(lane.run(queue)))
            })
            .unzip();
        Ok((Self { lanes: senders.into() }, Lanes(tasks)))
    }

    /// Executes an attempt, once, whatever becomes of the caller.
    ///
    /// # Errors
    /// [`ExecuteError`]; after `Timeout` and `Unavailable` the command may have been executed.
    pub async fn execute(
        &self,
        attempt: Arc<Attempt>,
        repeat_expected: bool,
        deadline: Instant,
    ) -> Result<Receipt, ExecuteError> {
        let lane = self.lane_of(&attempt.command.player).ok_or(ExecuteError::Internal)?;
        let (answer, receipt) = oneshot::channel();
        lane.try_send(Job { attempt, repeat_expected, deadline, answer }).map_err(|error| {
            match error {
                mpsc::error::TrySendError::Full(_) => ExecuteError::Busy,
                mpsc::error::TrySendError::Closed(_) => ExecuteError::Unavailable,
            }
        })?;
        match tokio::time::timeout_at(deadline, receipt).await {
            Ok(Ok(result)) => result,
            // The lane died with the command in hand: only a fault of ours does that.
            Ok(Err(_)) => Err(ExecuteError::Internal),
            Err(_) => Err(ExecuteError::Timeout),
        }
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

impl Lanes {
    /// Waits until every accepted command has been answered. All [`Engine`]s must be dropped.
    pub async fn finish(self) {
        for task in self.0 {
            if let Err(error) = task.await {
                tracing::error!(%error, "a lane ended in a panic");
            }
        }
    }
}
