//! Why a look-up came to nothing, and what of it may be otherwise in a moment.

/// Why a look-up came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum LookupError {
    /// The database cannot be reached, or did not answer in time.
    #[error("database unavailable: {0}")]
    Unavailable(#[source] sqlx::Error),
    /// A search for a person took longer than one may.
    #[error("the search took too long")]
    TooSlow,
    /// Any other statement took longer than one may.
    #[error("a statement took too long: {0}")]
    TimedOut(#[source] sqlx::Error),
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
        match error.into() {
            Self::TimedOut(_) => Self::TooSlow,
            error => error,
        }
    }
}

impl From<sqlx::Error> for LookupError {
    fn from(error: sqlx::Error) -> Self {
        // 57014: the statement was cancelled, which `statement_timeout` alone does here.
        match error.as_database_error().and_then(|error| error.code()).as_deref() {
            Some("57014") => Self::TimedOut(error),
            _ if is_transient(&error) => Self::Unavailable(error),
            _ => Self::Other(error),
        }
    }
}

/// What a server says, by the class of its code, of itself and not of what it was asked: the same
/// statement may succeed on another connection, or a moment later.
const PASSING: [&str; 12] = [
    "08", // the connection
    "0A", // a plan of before a migration (of what the statements here may run into)
    "25", // read-only, or a transaction that was ended
    "26", // a statement that somebody between has forgotten
    "28", // the credentials
    "3D", "3F", // the database, or the schema, is not there
    "40", // a rollback: serialisation, deadlock
    "42", // a table or a privilege is not there; the statements were checked when they were built
    "53", // resources
    "57", // the operator's doing
    "58", // the system under it
];

/// True when the same statement may succeed on another connection or a moment later: the
/// connection is gone, the server is starting, stopping or not as it should be, or it asks for a
/// retry.
pub(crate) fn is_transient(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed
        // The address is in a file that cannot be read for the moment.
        | sqlx::Error::Configuration(_) => true,
        sqlx::Error::Database(error) => error
            .code()
            .is_some_and(|code| PASSING.iter().any(|class| code.starts_with(class))),
        _ => false,
    }
}
