//! A player's transactions as a stream: a page at a time, and the next one only when the caller
//! has taken the last, so that no stream holds much more than a page. A task of its own reads, so
//! that the stream's time is over when it is over, even for a caller who reads nothing.
//!
//! A page looks through all of the player's rows. What is left after the first one is therefore
//! read in one statement, by one stream at a time and as long as its caller keeps up.

use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{self, BoxStream, StreamExt};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout, timeout_at};
use tonic::Status;

use super::call::Call;
use super::refusal::Refusal;
use super::{encode, proto};
use crate::app::App;
use crate::core::{PlayerId, Row};
use crate::engine::WalletError;
use crate::http::callback::failure_of;
use crate::http::layers::Told;
use crate::providers::Failure;
use crate::store::ledger::log;

/// Rows that are read at once.
const PAGE: u16 = 500;
/// Rows that wait for the caller.
const WAITING: usize = 64;
/// A caller who takes nothing for so long is read for in pages, which hold no connection.
const PATIENCE: Duration = Duration::from_secs(1);

struct Reader {
    app: Arc<App>,
    /// The place of the stream, as long as it lasts.
    call: Arc<Call>,
    player: PlayerId,
    after: i64,
    deadline: Instant,
    keeps_up: bool,
}

/// How far the reading of a long ledger has come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rest {
    /// To the end.
    Read,
    /// No further: pages are to go on.
    Open,
    /// There is nobody left to read for.
    Unwanted,
}

/// What goes to the caller; `None` when that was all.
type Next = Option<proto::Transaction>;

/// What the client has moved on the player's wallet since that version.
pub fn stream(
    (app, call): (Arc<App>, Arc<Call>),
    player: PlayerId,
    after: i64,
    deadline: Instant,
) -> BoxStream<'static, Result<proto::Transaction, Status>> {
    let (sender, receiver) = mpsc::channel(WAITING);
    tokio::spawn(Reader { app, call, player, after, deadline, keeps_up: true }.run(sender));
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
        match timeout_at(self.deadline, self.read(&sender)).await {
            Ok(Ok(true)) => {
                let player = Some(self.player);
                self.call.tell(Told { outcome: "ok", player, ..Told::default() });
            }
            // The caller is gone: nothing is said, and nobody hears it.
            Ok(Ok(false)) => {}
            Ok(Err(refusal)) => {
                self.call.tell_refused(&refusal);
                let _: Result<_, mpsc::error::TrySendError<_>> = sender.try_send(Err(refusal));
            }
            Err(_) => self.call.tell_refused(&Failure::Timeout.into()),
        }
    }

    /// False when there is nobody left to read for.
    async fn read(
        &mut self,
        sender: &mpsc::Sender<Result<Next, Refusal>>,
    ) -> Result<bool, Refusal> {
        loop {
            let page = self.page().await?;
            let mut rest = if page.len() < usize::from(PAGE) { Rest::Read } else { Rest::Open };
            for row in page {
                self.after = row.link.map_or(self.after, |link| link.version);
                if sender.send(Ok(Some(encode::transaction(&row)))).await.is_err() {
                    return Ok(false);
                }
            }
            if rest == Rest::Open {
                rest = self.rest(sender).await;
            }
            match rest {
                Rest::Read => return Ok(sender.send(Ok(None)).await.is_ok()),
                Rest::Open => {}
                Rest::Unwanted => return Ok(false),
            }
        }
    }

    /// Reads all that is left, if nobody else does so just now, as long as the caller keeps up.
    async fn rest(&mut self, sender: &mpsc::Sender<Result<Next, Refusal>>) -> Rest {
        let app = Arc::clone(&self.app);
        let Some(_place) =
            self.keeps_up.then(|| app.office.long_stream.try_acquire().ok()).flatten()
        else {
            return Rest::Open;
        };
        let (client, player) = (self.call.client.id.clone(), self.player.clone());
        let left = self.deadline.saturating_duration_since(Instant::now()).as_millis();
        let from = (self.after, u64::try_from(left).unwrap_or(u64::MAX).max(1));
        let (rows, chunks) = mpsc::channel(1);
        let whose = (&client, &player);
        let read = log::all_decided_after(&app.office.pool, whose, from, rows);
        let (read, rest) = tokio::join!(read, self.pass_on(chunks, sender));
        // Where it fails, pages go on behind the last row, or say what is wrong.
        let rest = if read.is_ok() { rest } else { Rest::Open };
        self.keeps_up = rest != Rest::Open;
        rest
    }

    /// Passes on what comes, as long as the caller keeps up.
    async fn pass_on(
        &mut self,
        mut chunks: mpsc::Receiver<Vec<Row>>,
        sender: &mpsc::Sender<Result<Next, Refusal>>,
    ) -> Rest {
        while let Some(chunk) = chunks.recv().await {
            for row in chunk {
                match timeout(PATIENCE, sender.reserve()).await {
                    Ok(Ok(place)) => place.send(Ok(Some(encode::transaction(&row)))),
                    Ok(Err(_)) => return Rest::Unwanted,
                    Err(_) => return Rest::Open,
                }
                self.after = row.link.map_or(self.after, |link| link.version);
            }
        }
        Rest::Read
    }

    async fn page(&self) -> Result<Vec<Row>, Refusal> {
        let whose = (&self.call.client.id, &self.player);
        let page = log::decided_after(self.app.wallet.pool(), whose, self.after, PAGE).await;
        page.map_err(|error| failure_of(WalletError::from(error)).into())
    }
}
