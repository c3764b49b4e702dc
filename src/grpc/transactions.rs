//! A player's transactions as a stream: a page at a time, and the next one only when the caller
//! has taken the last, so that no stream holds much more than a page. A task of its own reads, so
//! that the stream's time is over when it is over, even for a caller who reads nothing. Between two
//! pages no connection is held, however slow the caller is.

use std::sync::Arc;

use futures_util::stream::{self, BoxStream, StreamExt};
use tokio::sync::mpsc;
use tokio::time::timeout_at;
use tonic::Status;

use super::call::Call;
use super::refusal::Refusal;
use super::{encode, proto};
use crate::app::App;
use crate::core::{PlayerId, Row};
use crate::edge::record::CallOutcome;
use crate::engine::WalletError;
use crate::http::callback::failure_of;
use crate::providers::Failure;
use crate::store::ledger::log;

/// Rows that are read at once.
const PAGE: u16 = 500;
/// Rows that wait for the caller.
const WAITING: usize = 64;
struct Reader {
    app: Arc<App>,
    /// The place of the stream, as long as it lasts.
    call: Call,
    player: PlayerId,
    after: i64,
}

/// What goes to the caller; `None` when that was all.
type Next = Option<proto::Transaction>;

/// What the client has moved on the player's wallet since that version.
pub fn stream(
    app: Arc<App>,
    call: Call,
    player: PlayerId,
    after: i64,
) -> BoxStream<'static, Result<proto::Transaction, Status>> {
    let (sender, receiver) = mpsc::channel(WAITING);
    tokio::spawn(Reader { app, call, player, after }.run(sender));
    stream::unfold(Some(receiver), |receiver| async {
        let mut receiver = receiver?;
        match receiver.recv().await {
            Some(Ok(Some(transaction))) => Some((Ok(transaction), Some(receiver))),
            Some(Ok(None)) => None,
            Some(Err(refusal)) => Some((Err(refusal.status()), None)),
            // The reader had no time left to say so.
            None => Some((Err(Refusal::from(Failure::Timeout).status()), None)),
        }
    })
    .boxed()
}

impl Reader {
    async fn run(mut self, sender: mpsc::Sender<Result<Next, Refusal>>) {
        match timeout_at(self.call.common().deadline(), self.read(&sender)).await {
            Ok(Ok(true)) => {
                let player = Some(self.player);
                self.call.ended(CallOutcome { word: "ok", player, ..CallOutcome::default() });
            }
            // The caller is gone: nothing is said, and nobody hears it.
            Ok(Ok(false)) => {}
            Ok(Err(refusal)) => {
                self.call.ended_refused(&refusal);
                let _: Result<_, mpsc::error::TrySendError<_>> = sender.try_send(Err(refusal));
            }
            Err(_) => self.call.ended_refused(&Failure::Timeout.into()),
        }
    }

    /// False when there is nobody left to read for.
    async fn read(
        &mut self,
        sender: &mpsc::Sender<Result<Next, Refusal>>,
    ) -> Result<bool, Refusal> {
        loop {
            let page = self.page().await?;
            let is_last = page.len() < usize::from(PAGE);
            for row in page {
                self.after = row.link.map_or(self.after, |link| link.version);
                if sender.send(Ok(Some(encode::transaction(&row)))).await.is_err() {
                    return Ok(false);
                }
            }
            if is_last {
                return Ok(sender.send(Ok(None)).await.is_ok());
            }
        }
    }

    async fn page(&self) -> Result<Vec<Row>, Refusal> {
        let whose = (&self.call.client().id, &self.player);
        let page = log::decided_after(self.app.wallet.pool(), whose, self.after, PAGE).await;
        page.map_err(|error| failure_of(WalletError::from(error)).into())
    }
}
