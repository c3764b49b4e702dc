//! How connections to PostgreSQL are made.

use std::time::Duration;

use secrecy::SecretString;
use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{Connection as _, PgConnection, Postgres, Transaction};
use tokio::time::timeout;

use super::hosts::{Hosts, must_be_primary};
use super::lookout::Lookout;

/// A connection that was idle for longer is tested before it is used.
const PING_AFTER_IDLE: Duration = Duration::from_millis(250);
/// One whose host has vanished without a word does not pass that test in this time.
const PING_PATIENCE: Duration = Duration::from_millis(500);

/// The longest that a look at what a lane needs takes.
const LOOK: Duration = Duration::from_secs(4);
/// It waits for nobody's lock.
const LOOK_LOCK: Duration = Duration::from_millis(100);
/// A lease is renewed while another one is.
const LEASE_CONNECTIONS: u32 = 2;

/// The schema, embedded.
pub static MIGRATOR: Migrator = sqlx::migrate!();

/// Where the database is and how it may be used.
#[derive(Clone, Debug)]
pub struct DatabaseConfig {
    /// A `postgres://` URL, of one host or of several with commas between, of which one takes
    /// writes; or `file:` and the path of a file that holds it. It may hold a password, so it is
    /// never shown.
    pub url: SecretString,
    /// Connections for look-ups, beside one for each lane.
    pub pool_max: u32,
    /// The longest wait for a connection, and for any single statement.
    pub timeout: Duration,
}

impl DatabaseConfig {
    /// Where and how connections for look-ups are made.
    fn hosts(&self) -> Result<Hosts, sqlx::Error> {
        let timeout = self.timeout;
        Hosts::parse(&self.url, move |options| for_look_ups(options, timeout))
    }

    /// Where and how a connection of the engine's is made. No statement takes longer than
    /// `statement`, or waits longer than `lock` for a row.
    ///
    /// # Errors
    /// Where the URL cannot be read; the message does not repeat it.
    pub fn engine_hosts(&self, statement: Duration, lock: Duration) -> Result<Hosts, sqlx::Error> {
        let timeout = self.timeout;
        Hosts::parse(&self.url, move |options| {
            for_engine(options, timeout, statement, lock).application_name("seamless-wallet-lane")
        })
    }

    /// Where and how it is looked whether a lane could commit: as a lane would.
    pub(super) fn lookout_hosts(&self) -> Result<Hosts, sqlx::Error> {
        let timeout = self.timeout;
        Hosts::parse(&self.url, move |options| {
            for_engine(options, timeout, LOOK, LOOK_LOCK).application_name("seamless-wallet-look")
        })
    }

    /// Where and how jobs' leases are kept.
    fn lease_hosts(&self) -> Result<Hosts, sqlx::Error> {
        let timeout = self.timeout;
        Hosts::parse(&self.url, move |options| {
            for_look_ups(options, timeout).application_name("seamless-wallet-lease")
        })
    }

    /// Where and how connections for people's searches are made: by index or not at all.
    fn office_hosts(&self, statement: Duration) -> Result<Hosts, sqlx::Error> {
        let timeout = self.timeout;
        Hosts::parse(&self.url, move |options| {
            for_look_ups(options, timeout).application_name("seamless-wallet-office").options([
                ("statement_timeout", statement.as_millis().to_string()),
                ("enable_seqscan", "off".to_owned()),
                ("jit", "off".to_owned()),
            ])
        })
    }

    /// Where and how the schema is changed: see `migrate` for what waits how long.
    pub(super) fn migration_hosts(&self) -> Result<Hosts, sqlx::Error> {
        Hosts::parse(&self.url, |options| {
            options
                .application_name("seamless-wallet-migrate")
                .options([("statement_timeout", "0"), ("idle_in_transaction_session_timeout", "0")])
        })
    }
}

fn for_look_ups(options: PgConnectOptions, timeout: Duration) -> PgConnectOptions {
    options.application_name("seamless-wallet").options([
        ("statement_timeout", timeout.as_millis().to_string()),
        // A node that is stopped in the middle of a transaction would keep its locks, on a
        // player or on a job's lease, until it went on.
        ("idle_in_transaction_session_timeout", timeout.as_millis().to_string()),
        // The best plan of a listing depends on which of its filters are set.
        ("plan_cache_mode", "force_custom_plan".to_owned()),
    ])
}

/// The engine's statements are few, joined by key, and always the same: they are planned once, for
/// look-ups by index. What is answered is on disk.
fn for_engine(
    options: PgConnectOptions,
    timeout: Duration,
    statement: Duration,
    lock: Duration,
) -> PgConnectOptions {
    for_look_ups(options, timeout).options([
        ("statement_timeout", &*statement.as_millis().max(1).to_string()),
        ("lock_timeout", &*lock.as_millis().max(1).to_string()),
        ("synchronous_commit", "on"),
        ("plan_cache_mode", "force_generic_plan"),
        ("jit", "off"),
        ("enable_seqscan", "off"),
        ("enable_hashjoin", "off"),
        ("enable_mergejoin", "off"),
    ])
}

/// A pool for look-ups. Connections are made when they are needed, so that a node can start
/// before its database. Of several hosts it uses the one that takes writes, so that nothing is
/// looked up that is older than what was answered.
///
/// # Errors
/// Where the URL cannot be read.
pub fn connect_pool(config: &DatabaseConfig, lookout: &Lookout) -> Result<PgPool, sqlx::Error> {
    Ok(connect(config.hosts()?, config, config.pool_max, lookout))
}

/// A pool for the leases of jobs, which do not wait behind look-ups.
///
/// # Errors
/// Where the URL cannot be read.
pub fn connect_leases(config: &DatabaseConfig, lookout: &Lookout) -> Result<PgPool, sqlx::Error> {
    Ok(connect(config.lease_hosts()?, config, LEASE_CONNECTIONS, lookout))
}

/// A pool for what people search or export, so that however many there are, callbacks have their
/// own connections. No statement takes longer than `timeout`, from the first one on.
///
/// # Errors
/// Where the URL cannot be read.
pub fn connect_office(
    config: &DatabaseConfig,
    connections: u32,
    timeout: Duration,
    lookout: &Lookout,
) -> Result<PgPool, sqlx::Error> {
    Ok(connect(config.office_hosts(timeout)?, config, connections, lookout))
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

fn connect(hosts: Hosts, config: &DatabaseConfig, connections: u32, lookout: &Lookout) -> PgPool {
    let changed = lookout.changed();
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
    if lookout.refuses_standbys() {
        options = options.after_connect(|connection, _| Box::pin(must_be_primary(connection)));
    }
    let pool = options.connect_lazy_with(hosts.options(0).unwrap_or_default());
    lookout.lead(hosts, pool.clone());
    pool
}
