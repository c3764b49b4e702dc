//! Pools of connections, and transactions and connections out of them.

use std::time::Duration;

use sqlx::postgres::{PgPool, PgPoolOptions};
use sqlx::{Connection as _, PgConnection, Postgres, Transaction};
use tokio::time::timeout;

use super::config::DatabaseConfig;
use super::hosts::{Hosts, must_be_primary};
use super::monitor::DatabaseMonitor;

/// A connection that was idle for longer is tested before it is used.
const PING_AFTER_IDLE: Duration = Duration::from_millis(250);
/// One whose host has vanished without a word does not pass that test in this time.
const PING_PATIENCE: Duration = Duration::from_millis(500);
/// A lease is renewed while another one is.
const LEASE_CONNECTIONS: u32 = 2;

/// A pool for look-ups. Connections are made when they are needed, so that a node can start
/// before its database. Of several hosts it uses the one that takes writes, so that nothing is
/// looked up that is older than what was answered.
///
/// # Errors
/// Where the URL cannot be read.
pub fn connect_pool(
    config: &DatabaseConfig,
    monitor: &DatabaseMonitor,
) -> Result<PgPool, sqlx::Error> {
    Ok(connect(config.look_up_hosts()?, config, config.pool_max, monitor))
}

/// A pool for the leases of jobs, which do not wait behind look-ups.
///
/// # Errors
/// Where the URL cannot be read.
pub fn connect_leases(
    config: &DatabaseConfig,
    monitor: &DatabaseMonitor,
) -> Result<PgPool, sqlx::Error> {
    Ok(connect(config.lease_hosts()?, config, LEASE_CONNECTIONS, monitor))
}

/// A pool for what people search or export, so that however many there are, callbacks have their
/// own connections. No statement takes longer than `timeout`, from the first one on.
///
/// # Errors
/// Where the URL cannot be read.
pub fn connect_back_office(
    config: &DatabaseConfig,
    connections: u32,
    timeout: Duration,
    monitor: &DatabaseMonitor,
) -> Result<PgPool, sqlx::Error> {
    Ok(connect(config.back_office_hosts(timeout)?, config, connections, monitor))
}

/// Begins a transaction, in a task of its own. Whoever gave up waiting while `BEGIN` is on its way
/// would leave to the pool a connection in a transaction that nobody knows of: what the next one
/// writes there would be lost, and its locks would stay (sqlx 0.9.0, its issue 4393; mended there
/// after that release).
///
/// # Errors
/// Where there is no connection.
pub async fn begin_transaction(
    pool: &PgPool,
) -> Result<Transaction<'static, Postgres>, sqlx::Error> {
    let pool = pool.clone();
    let begun = tokio::spawn(async move { pool.begin().await });
    begun.await.unwrap_or(Err(sqlx::Error::WorkerCrashed))
}

/// A transaction whose statements may take so long.
///
/// # Errors
/// [`LookupError`](super::LookupError).
pub(super) async fn patient(
    pool: &PgPool,
    timeout_ms: u64,
) -> Result<Transaction<'static, Postgres>, super::LookupError> {
    let mut transaction = begin_transaction(pool).await?;
    sqlx::query!("SELECT set_config('statement_timeout', $1, true)", timeout_ms.to_string())
        .fetch_one(&mut *transaction)
        .await?;
    Ok(transaction)
}

/// A connection that goes with its user. A long answer that nobody reads to its end any more ends
/// with it; a pool would read the rest before the next one.
pub(super) async fn own(pool: &PgPool) -> Result<PgConnection, sqlx::Error> {
    Ok(pool.acquire().await?.detach())
}

fn connect(
    hosts: Hosts,
    config: &DatabaseConfig,
    connections: u32,
    monitor: &DatabaseMonitor,
) -> PgPool {
    let changed = monitor.changed();
    let mut options = PgPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(config.timeout)
        // A ping on each use costs a round trip; without any, a restarted database would cost
        // one failed look-up for each connection that it has closed.
        .test_before_acquire(false)
        .before_acquire(move |connection, state| {
            let is_outdated = changed.is_after(state.age);
            Box::pin(async move {
                Ok(!is_outdated
                    && (state.idle_for < PING_AFTER_IDLE
                        || matches!(timeout(PING_PATIENCE, connection.ping()).await, Ok(Ok(())))))
            })
        });
    if monitor.refuses_standbys() {
        options = options.after_connect(|connection, _| Box::pin(must_be_primary(connection)));
    }
    let pool = options.connect_lazy_with(hosts.options(0).unwrap_or_default());
    monitor.add_follower(hosts, pool.clone());
    pool
}
