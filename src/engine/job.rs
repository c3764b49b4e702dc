//! A command on its way, and how its caller is told what came of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::ExecuteError;
use crate::core::{Attempt, Receipt};
use crate::telemetry::timeline::Traced;

/// A command on its way through the engine.
pub struct Job {
    /// What to decide.
    pub attempt: Arc<Attempt>,
    /// Set where the cache has seen the key before, at any time: a hint.
    pub seen: Seen,
    /// True when what was before has to be read: it was looked for elsewhere and is not whole.
    pub unusual: bool,
    /// After it nobody waits for the answer, and nothing new is begun.
    pub deadline: Instant,
    /// Where the caller waits, or has gone.
    pub answer: Answer,
    /// Where it is written down what happens to it.
    pub timeline: Traced,
}

/// How a caller is told.
pub type Answer = oneshot::Sender<Result<Receipt, ExecuteError>>;

/// Whether the cache has seen the key of a command before. It is asked on the side, so the answer
/// may come late or never.
#[derive(Clone, Debug, Default)]
pub struct Seen(Arc<AtomicBool>);

impl Seen {
    /// The cache has.
    pub fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// True when it has, as far as is known by now.
    pub fn get(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Takes the hint: it is good for one look.
    pub(super) fn take(&self) -> bool {
        self.get() && self.0.swap(false, Ordering::Relaxed)
    }
}

impl Job {
    /// True when nobody waits for the answer any more.
    pub(super) fn is_late(&self, now: Instant) -> bool {
        self.deadline <= now
    }

    /// Tells the caller, who may have gone, that nothing came of it.
    pub(super) fn fail(self, error: ExecuteError) {
        let _: Result<(), Result<Receipt, ExecuteError>> = self.answer.send(Err(error));
    }

    /// With what came of it, for the outbox.
    pub(super) fn settled(self, receipt: Receipt) -> Settled {
        let Self { attempt, answer, timeline, .. } = self;
        Settled { attempt, receipt, answer, timeline }
    }
}

/// A command that was decided and committed, and whose caller does not know it yet.
pub struct Settled {
    /// What was decided.
    pub attempt: Arc<Attempt>,
    /// What came of it.
    pub receipt: Receipt,
    /// Where the caller waits, or has gone.
    pub answer: Answer,
    /// Where it is written down what happens to it.
    pub timeline: Traced,
}

/// Takes what was committed, a batch at a time, and answers the callers.
pub trait Outbox: Send + Sync + 'static {
    /// Must not wait: the lane goes on with its next batch when this returns.
    fn settle(&self, batch: Vec<Settled>);

    /// The database was lost, and may come back without what it had committed last.
    fn database_lost(&self) {}
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
