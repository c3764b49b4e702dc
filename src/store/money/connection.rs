//! A lane's connection. It is made on the side, and goes on being made when nobody waits for it
//! any more: a database whose answers are so slow that connecting takes longer than a batch may
//! take would otherwise be begun with anew for each batch, and never be reached at all.

use std::time::Duration;

use sqlx::PgConnection;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::{read, write};
use crate::store::hosts::Hosts;

pub(crate) struct Line {
    hosts: Hosts,
    /// The longest that each step of connecting may take.
    patience: Duration,
    state: State,
}

enum State {
    Down,
    Dialling(JoinHandle<Result<PgConnection, sqlx::Error>>),
    Up(PgConnection),
}

impl Line {
    /// Not connected yet.
    pub(crate) const fn to(hosts: Hosts, patience: Duration) -> Self {
        Self { hosts, patience, state: State::Down }
    }

    /// The connection, made where there is none. Who stops waiting for it leaves it to the next
    /// one who asks.
    pub(crate) async fn connection(&mut self) -> Result<&mut PgConnection, sqlx::Error> {
        if matches!(self.state, State::Down) {
            let dialling = tokio::spawn(dial(self.hosts.clone(), self.patience));
            self.state = State::Dialling(dialling);
        }
        if let State::Dialling(dialling) = &mut self.state {
            let dialled = dialling.await.unwrap_or(Err(sqlx::Error::WorkerCrashed));
            self.state = State::Down;
            self.state = State::Up(dialled?);
        }
        match &mut self.state {
            State::Up(connection) => Ok(connection),
            State::Down | State::Dialling(_) => Err(sqlx::Error::WorkerCrashed),
        }
    }

    /// Gives up a connection that has failed.
    pub(crate) fn hang_up(&mut self) {
        if matches!(self.state, State::Up(_)) {
            self.state = State::Down;
        }
    }
}

/// Connects, and has prepared what every batch says, so that the first batch need not wait for
/// that as well.
async fn dial(hosts: Hosts, patience: Duration) -> Result<PgConnection, sqlx::Error> {
    let mut connection = in_time(patience, hosts.connect()).await??;
    // A fault in them is the batch's to deal with.
    let _: Result<read::Facts, _> = in_time(patience, read::standing(&mut connection, &[])).await?;
    let _: Result<(), _> = in_time(patience, write::batch(&mut connection, &[], &[])).await?;
    Ok(connection)
}

async fn in_time<T>(patience: Duration, step: impl Future<Output = T>) -> Result<T, sqlx::Error> {
    timeout(patience, step).await.map_err(|_| sqlx::Error::PoolTimedOut)
}
