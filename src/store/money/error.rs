//! Why a statement of the engine's did not come to its end.

use crate::store::{LookupError, is_transient};

/// Why a batch was not written. Only after [`Self::Lost`] may it have committed all the same.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// A key, or a place in a chain, was taken by somebody else in the same moment.
    #[error("a key was taken meanwhile: {0}")]
    Taken(#[source] sqlx::Error),
    /// A row stayed locked by somebody else, or they wait for each other.
    #[error("a row is locked: {0}")]
    Locked(#[source] sqlx::Error),
    /// It took longer than a statement may.
    #[error("too slow: {0}")]
    TooSlow(#[source] sqlx::Error),
    /// The connection broke, or the database asks for a retry.
    #[error("interrupted: {0}")]
    Lost(#[source] sqlx::Error),
    /// A fault of ours.
    #[error("{0}")]
    Other(String),
}

impl WriteError {
    /// What the database said.
    pub fn into_sqlx(self) -> sqlx::Error {
        match self {
            Self::Taken(error) | Self::Locked(error) | Self::TooSlow(error) | Self::Lost(error) => {
                error
            }
            Self::Other(text) => sqlx::Error::Protocol(text),
        }
    }

    /// The word for metrics and traces.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Taken(_) => "key_taken",
            Self::Locked(_) => "locked",
            Self::TooSlow(_) => "too_slow",
            Self::Lost(_) => "database",
            Self::Other(_) => "error",
        }
    }
}

impl From<sqlx::Error> for WriteError {
    fn from(error: sqlx::Error) -> Self {
        let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
        match code.as_deref() {
            // unique_violation
            Some("23505") => Self::Taken(error),
            // lock_not_available, deadlock_detected
            Some("55P03" | "40P01") => Self::Locked(error),
            // query_canceled, here by statement_timeout
            Some("57014") => Self::TooSlow(error),
            _ if is_transient(&error) => Self::Lost(error),
            _ => Self::Other(error.to_string()),
        }
    }
}

impl From<LookupError> for WriteError {
    fn from(error: LookupError) -> Self {
        match error {
            LookupError::Unavailable(error)
            | LookupError::TimedOut(error)
            | LookupError::Other(error) => error.into(),
            other => Self::Other(other.to_string()),
        }
    }
}
