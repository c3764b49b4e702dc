//! How connections to PostgreSQL are made.

use std::str::FromStr;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use sqlx::Connection as _;
use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};

/// A connection that was idle for longer is tested before it is used.
const PING_AFTER_IDLE: Duration = Duration::from_millis(250);

/// The schema, embedded.
pub static MIGRATOR: Migrator = sqlx::migrate!();

/// Where the database is and how it may be used.
#[derive(Clone, Debug)]
pub struct DatabaseConfig {
    /// A `postgres://` URL. It may hold a password, so it is never shown.
    pub url: SecretString,
    /// Connections for look-ups, beside one for each lane.
    pub pool_max: u32,
    /// The longest wait for a connection, and for any single statement.
    pub timeout: Duration,
}

impl DatabaseConfig {
    /// Connection options for look-ups.
    ///
    /// # Errors
    /// Where the URL cannot be read; the message does not repeat it.
    pub fn options(&self) -> Result<PgConnectOptions, sqlx::Error> {
        Ok(PgConnectOptions::from_str(self.url.expose_secret())?
            .application_name("seamless-wallet")
            .options([
                ("statement_timeout", self.timeout.as_millis().to_string()),
                // The best plan of a listing depends on which of its filters are set.
                ("plan_cache_mode", "force_custom_plan".to_owned()),
            ]))
    }

    /// Connection options for a lane, whose statements are few, joined by key, and always the
    /// same: they are planned once, for look-ups by index. What is answered is on disk.
    ///
    /// # Errors
    /// Where the URL cannot be read; the message does not repeat it.
    pub fn lane_options(&self) -> Result<PgConnectOptions, sqlx::Error> {
        Ok(self.options()?.application_name("seamless-wallet-lane").options([
            ("synchronous_commit", "on"),
            ("plan_cache_mode", "force_generic_plan"),
            ("jit", "off"),
            ("enable_seqscan", "off"),
            ("enable_hashjoin", "off"),
            ("enable_mergejoin", "off"),
        ]))
    }
}

/// A pool for look-ups. Connections are made when they are needed, so that a node can start
/// before its database.
///
/// # Errors
/// Where the URL cannot be read.
pub fn connect_pool(config: &DatabaseConfig) -> Result<PgPool, sqlx::Error> {
    Ok(PgPoolOptions::new()
        .max_connections(config.pool_max)
        .acquire_timeout(config.timeout)
        // A ping on each use costs a round trip; without any, a restarted database would cost
        // one failed look-up for each connection that it has closed.
        .test_before_acquire(false)
        .before_acquire(|connection, state| {
            Box::pin(async move {
                Ok(state.idle_for < PING_AFTER_IDLE || connection.ping().await.is_ok())
            })
        })
        .connect_lazy_with(config.options()?))
}

/// True when the database has exactly the migrations of this build, or newer ones as well.
///
/// # Errors
/// Where the database cannot be asked.
pub async fn schema_is_current(pool: &PgPool) -> Result<bool, sqlx::Error> {
    let newest = MIGRATOR.iter().map(|migration| migration.version).max().unwrap_or_default();
    let found: Result<Option<i64>, _> =
        sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations WHERE success")
            .fetch_one(pool)
            .await;
    match found {
        Ok(version) => Ok(version.is_some_and(|version| version >= newest)),
        // 42P01: the table is not there, so nothing was ever migrated.
        Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some("42P01") => Ok(false),
        Err(error) => Err(error),
    }
}
