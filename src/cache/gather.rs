//! Calls that wait while Redis is busy with others go to it together, as one: a round trip and
//! the client's own work are paid for once. Nobody waits for company.

use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

/// The most that go together: Redis does nothing else while it works on them.
const TOGETHER: usize = 128;
/// The most that wait; one more is told that Redis is not there.
const MAX_WAITING: usize = 8192;

/// Where asks meet. The work ends when this is dropped.
pub(super) struct Gather<Q, A> {
    queue: mpsc::Sender<Waiting<Q, A>>,
    patience: Duration,
}

struct Waiting<Q, A> {
    ask: Q,
    answer: oneshot::Sender<A>,
}

impl<Q: Send + 'static, A: Send + 'static> Gather<Q, A> {
    /// Starts to take asks. `ask_all` gives an answer for each ask, in order, or none at all.
    pub(super) fn start<W>(
        patience: Duration,
        ask_all: impl Fn(Vec<Q>) -> W + Send + 'static,
    ) -> Self
    where
        W: Future<Output = Option<Vec<A>>> + Send,
    {
        let (queue, mut waiting) = mpsc::channel::<Waiting<Q, A>>(MAX_WAITING);
        tokio::spawn(async move {
            let mut batch = Vec::with_capacity(TOGETHER);
            while waiting.recv_many(&mut batch, TOGETHER).await > 0 {
                let (asks, askers): (Vec<_>, Vec<_>) =
                    batch.drain(..).map(|waiting| (waiting.ask, waiting.answer)).unzip();
                // Without answers the askers are dropped, which tells them.
                for (asker, answer) in
                    askers.into_iter().zip(ask_all(asks).await.unwrap_or_default())
                {
                    // Who has lost patience has gone.
                    let _: Result<(), A> = asker.send(answer);
                }
            }
        });
        Self { queue, patience }
    }

    /// The answer, unless there is none within the patience.
    pub(super) async fn ask(&self, ask: Q) -> Option<A> {
        let (answer, reply) = oneshot::channel();
        self.queue.try_send(Waiting { ask, answer }).ok()?;
        timeout(self.patience, reply).await.ok()?.ok()
    }
}
