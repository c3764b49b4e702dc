//! A connection of the engine's. It is made on the side, and goes on being made when nobody waits
//! for it any more: a database whose answers are so slow that connecting takes longer than a batch
//! may take would otherwise be begun with anew for each batch, and never be reached at all.

use std::time::Duration;

use sqlx::PgConnection;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::{WriteError, write};
use crate::store::hosts::Hosts;

/// Before it is connected again where that has failed: a server that refuses everybody is not to be
/// kept busy with it.
const AFTER_A_FAILURE: Duration = Duration::from_millis(50);

/// A connection, made when it is asked for.
pub struct Connection {
    hosts: Hosts,
    /// The longest that each step of connecting may take.
    step_timeout: Duration,
    state: State,
    /// The last attempt to connect has failed.
    failed: bool,
}

enum State {
    Disconnected,
    Connecting(JoinHandle<Result<PgConnection, sqlx::Error>>),
    Connected(PgConnection),
}

impl Connection {
    /// Not connected yet.
    pub const fn to(hosts: Hosts, step_timeout: Duration) -> Self {
        Self { hosts, step_timeout, state: State::Disconnected, failed: false }
    }

    /// The connection, made where there is none. Who stops waiting for it leaves it to the next
    /// one who asks.
    ///
    /// # Errors
    /// Where it cannot be made.
    pub async fn get(&mut self) -> Result<&mut PgConnection, sqlx::Error> {
        if matches!(self.state, State::Disconnected) {
            let pause = if self.failed { AFTER_A_FAILURE } else { Duration::ZERO };
            let connecting = connect(self.hosts.clone(), self.step_timeout);
            self.state = State::Connecting(tokio::spawn(async move {
                sleep(pause).await;
                connecting.await
            }));
        }
        if let State::Connecting(connecting) = &mut self.state {
            let connected = connecting.await.unwrap_or(Err(sqlx::Error::WorkerCrashed));
            self.state = State::Disconnected;
            self.failed = connected.is_err();
            self.state = State::Connected(connected?);
        }
        match &mut self.state {
            State::Connected(connection) => Ok(connection),
            State::Disconnected | State::Connecting(_) => Err(sqlx::Error::WorkerCrashed),
        }
    }

    /// Gives up a connection that has failed; one that is being made goes on being made.
    pub fn disconnect(&mut self) {
        if matches!(self.state, State::Connected(_)) {
            self.state = State::Disconnected;
        }
    }
}

/// Connects, and has prepared what every batch says, so that the first batch need not wait for
/// that as well. A server that takes none is no connection.
async fn connect(hosts: Hosts, step_timeout: Duration) -> Result<PgConnection, sqlx::Error> {
    let mut connection = in_time(step_timeout, hosts.connect()).await??;
    match in_time(step_timeout, write::batch(&mut connection, &[])).await? {
        Err(WriteError::Lost(error)) => Err(error),
        // Another fault is the batch's to deal with.
        Ok(_) | Err(_) => Ok(connection),
    }
}

async fn in_time<T>(limit: Duration, step: impl Future<Output = T>) -> Result<T, sqlx::Error> {
    timeout(limit, step).await.map_err(|_| sqlx::Error::PoolTimedOut)
}
