//! PostgreSQL: the only authority on money and on what has been done, and the only SQL.
//!
//! [`connect`] and [`hosts`] make connections. [`engine`] commits commands in groups; [`commit`]
//! and [`read`] are its statements. [`lease`], [`audit`], [`reconciliation`], [`mod@parked`] and
//! [`expiry`] are what the jobs say. [`search`], [`statement`], [`entries`], [`rounds`], [`listed`]
//! and [`provider_rows`] read the ledger for people, [`operator_audit`] and [`mismatches`] keep
//! what it has no room for. The other files are look-ups that move no money. Nothing here knows a
//! provider, HTTP or Redis.

pub mod connect;
pub mod directory;
pub mod hosts;
pub mod jobs;
pub mod ledger;
mod migrate;
pub mod money;
mod rows;

pub use connect::{DatabaseConfig, MIGRATOR, ask, begin_transaction, connect_office, connect_pool};
pub use migrate::SchemaError;
pub use sqlx::PgPool;

/// Why a look-up came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum LookupError {
    /// The database cannot be reached, or did not answer in time.
    #[error("database unavailable: {0}")]
    Unavailable(#[source] sqlx::Error),
    /// A search for a person took longer than one may.
    #[error("the search took too long")]
    TooSlow,
    /// A stored value is not one that this version knows.
    #[error("stored value not understood: {0}")]
    Unreadable(&'static str),
    /// Anything else: a fault of ours.
    #[error("database: {0}")]
    Other(#[source] sqlx::Error),
}

impl LookupError {
    /// What went wrong with a search whose time is limited by `statement_timeout`.
    pub(crate) fn of_search(error: sqlx::Error) -> Self {
        // 57014: the statement was cancelled.
        match error.as_database_error().and_then(|error| error.code()).as_deref() {
            Some("57014") => Self::TooSlow,
            _ => error.into(),
        }
    }
}

impl From<sqlx::Error> for LookupError {
    fn from(error: sqlx::Error) -> Self {
        if is_transient(&error) { Self::Unavailable(error) } else { Self::Other(error) }
    }
}

/// True when the same statement may succeed on another connection or a moment later: the
/// connection is gone, the server is starting or stopping, or it asks for a retry.
pub(crate) fn is_transient(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => true,
        sqlx::Error::Database(error) => error.code().is_some_and(|code| {
            // 08 connection, 40 rollback (serialisation, deadlock), 53 resources, 57 operator.
            ["08", "40", "53", "57"].iter().any(|class| code.starts_with(class))
        }),
        _ => false,
    }
}
