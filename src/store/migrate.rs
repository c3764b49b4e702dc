//! Bringing the schema up to date while nodes are at work.

use std::time::Duration;

use sqlx::migrate::{MigrateError, Migration, Migrator};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use super::config::DatabaseConfig;

/// The schema, embedded.
pub static MIGRATOR: Migrator = sqlx::migrate!();

/// The longest that a change of a table waits for its lock: calls queue up behind one that waits.
const LOCK_TIMEOUT: Duration = Duration::from_secs(2);
/// Held by whoever migrates.
const LOCK: i64 = 0x7365_616d_6c65_7373;

/// Why the schema is not current.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    /// The database URL cannot be read.
    #[error("database.url is no URL")]
    Url,
    /// Somebody else is at it.
    #[error("another process is migrating this database")]
    Taken,
    /// A migration failed. What came before it stays, and it can be tried again.
    #[error(transparent)]
    Migration(#[from] MigrateError),
    /// There is no way to the database.
    #[error(
        "no PostgreSQL answers at database.url (DATABASE_URL): is it running, is that where? {0}"
    )]
    Unreachable(#[source] sqlx::Error),
    /// PostgreSQL is there and says no.
    #[error("PostgreSQL lets nobody in as database.url (DATABASE_URL) says: {0}")]
    NotLetIn(#[source] sqlx::Error),
    /// The database did not do it.
    #[error(transparent)]
    Database(sqlx::Error),
}

impl From<sqlx::Error> for SchemaError {
    fn from(error: sqlx::Error) -> Self {
        let code = error.as_database_error().and_then(|error| error.code());
        match (&error, code.as_deref()) {
            (sqlx::Error::Io(_), _) => Self::Unreachable(error),
            // Unknown user, wrong password, no such database, no right to connect.
            (_, Some("28000" | "28P01" | "3D000" | "42501")) => Self::NotLetIn(error),
            _ => Self::Database(error),
        }
    }
}

impl DatabaseConfig {
    /// Applies the migrations that are missing. No statement is too long for it, because an index
    /// on a big table takes its time; but no call waits long behind a lock that it waits for.
    ///
    /// # Errors
    /// [`SchemaError`].
    pub async fn migrate(&self) -> Result<(), SchemaError> {
        let hosts = self.migration_hosts().map_err(|_| SchemaError::Url)?;
        let mut connection = hosts.connect().await?;
        // Not waited for: whoever waits has a snapshot, and an index that is built concurrently
        // waits for everybody who has one. It goes with the connection.
        let taken: bool = sqlx::query_scalar("SELECT pg_try_advisory_lock($1)")
            .bind(LOCK)
            .fetch_one(&mut connection)
            .await?;
        if !taken {
            return Err(SchemaError::Taken);
        }
        for migration in MIGRATOR.iter() {
            prepare(&mut connection, migration).await?;
            MIGRATOR.run_to(migration.version, &mut connection).await?;
        }
        // The server may take a moment to notice the connection's end; whoever comes next does not
        // have to be told meanwhile that somebody is at it.
        sqlx::query("SELECT pg_advisory_unlock($1)").bind(LOCK).execute(&mut connection).await?;
        connection.close().await?;
        Ok(())
    }
}

async fn prepare(connection: &mut PgConnection, migration: &Migration) -> Result<(), SchemaError> {
    // Nobody queues up behind an index that is built concurrently, and it waits for the end of
    // every transaction that is open, be it an export.
    let timeout = if migration.no_tx { Duration::ZERO } else { LOCK_TIMEOUT };
    sqlx::query("SELECT set_config('lock_timeout', $1, false)")
        .bind(timeout.as_millis().to_string())
        .execute(&mut *connection)
        .await?;
    match index_of(migration) {
        Some(index) => drop_unfinished(connection, migration, index).await,
        None => Ok(()),
    }
}

/// The index that a migration builds beside the traffic, and nothing else (`docs/migrations.md`).
fn index_of(migration: &Migration) -> Option<&str> {
    let lines = migration.sql.as_str().lines().filter(|line| !line.trim_start().starts_with("--"));
    let mut words = lines.flat_map(str::split_whitespace).skip_while(|word| *word != "CREATE");
    words.find(|word| *word == "CONCURRENTLY")?;
    words.next()
}

/// An index whose building was cut off stays, is kept up to date, and answers nothing. One that was
/// built to its end without that having been written down is built again as well: nobody counts on
/// it yet.
async fn drop_unfinished(
    connection: &mut PgConnection,
    migration: &Migration,
    index: &str,
) -> Result<(), SchemaError> {
    let is_there: bool = sqlx::query_scalar(
        "SELECT EXISTS (SELECT FROM pg_class c WHERE c.relname = $2 AND c.relkind = 'i'
                          AND c.relnamespace = current_schema()::regnamespace)
           AND NOT EXISTS (SELECT FROM _sqlx_migrations WHERE version = $1)",
    )
    .bind(migration.version)
    .bind(index)
    .fetch_one(&mut *connection)
    .await?;
    if is_there {
        // A word of the migration's own, so it needs no quotes.
        let sql = format!("DROP INDEX CONCURRENTLY IF EXISTS {index}");
        sqlx::query(AssertSqlSafe(sql)).execute(&mut *connection).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_migration_builds_beside_the_traffic_is_found_by_its_name() {
        let found: Vec<_> = MIGRATOR
            .iter()
            .filter_map(|migration| Some((migration.version, index_of(migration)?)))
            .take(3)
            .collect();
        let built =
            [(7, "trx_log_parked_reversal"), (8, "trx_log_version"), (9, "trx_log_free_round")];
        assert_eq!(found, built);
    }
}
