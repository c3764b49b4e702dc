//! Who may run a job: a row with a holder, an end, and a number that grows with every change
//! of hands. All time is the database's own.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::PgPool;

use crate::store::LookupError;

/// The right to write for a job. Every write of a job names it in its own statement, which
/// does nothing once the number has moved on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fence {
    /// The job's lease.
    pub name: &'static str,
    /// Who holds it.
    pub holder: String,
    /// The lease's number while it is held.
    pub fencing: i64,
}

/// Why a write of a job came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum FencedError {
    /// The lease is somebody else's by now: nothing was written.
    #[error("the lease has passed to another holder")]
    Fenced,
    /// The database did not do it.
    #[error(transparent)]
    Database(#[from] LookupError),
}

impl From<sqlx::Error> for FencedError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error.into())
    }
}

/// A lease that was just taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acquired {
    /// What its writes have to name.
    pub fence: Fence,
    /// When the job last came to its end, if it ever did.
    pub ran_at: Option<DateTime<Utc>>,
    /// How long ago that was.
    pub since_run: Option<Duration>,
}

/// Whose lease may be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takeover {
    /// Of a holder who let it run out.
    IfExpired,
    /// Also of one who is not running the job at the moment.
    IfIdle,
}

/// A lease as others see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Who holds it, or held it last.
    pub holder: String,
    /// Since when it is at work, if it is.
    pub running_since: Option<DateTime<Utc>>,
}

/// Takes the lease if it may be taken.
///
/// # Errors
/// [`LookupError`].
pub async fn take(
    pool: &PgPool,
    (name, holder): (&'static str, &str),
    ttl: Duration,
    takeover: Takeover,
) -> Result<Option<Acquired>, LookupError> {
    let row = sqlx::query!(
        r#"
        INSERT INTO job_lease AS l (name, holder, fencing, expires_at)
        VALUES ($1, $2, 1, now() + make_interval(secs => $3))
        ON CONFLICT (name) DO UPDATE
        SET holder = excluded.holder, fencing = l.fencing + 1,
            expires_at = excluded.expires_at, running_since = NULL
        WHERE l.expires_at <= now() OR ($4 AND l.running_since IS NULL)
        RETURNING fencing, ran_at,
                  extract(epoch FROM now() - ran_at)::float8 AS since_run
        "#,
        name,
        holder,
        ttl.as_secs_f64(),
        takeover == Takeover::IfIdle,
    )
    .fetch_optional(pool)
    .await?;
    Ok(row.map(|row| Acquired {
        fence: Fence { name, holder: holder.to_owned(), fencing: row.fencing },
        ran_at: row.ran_at,
        since_run: row
            .since_run
            .map(|seconds| Duration::try_from_secs_f64(seconds).unwrap_or_default()),
    }))
}

/// Keeps the lease for another `ttl`, and says whether a run is in progress. False when it is
/// somebody else's by now.
///
/// # Errors
/// [`LookupError`].
pub async fn renew(
    pool: &PgPool,
    fence: &Fence,
    ttl: Duration,
    running: bool,
) -> Result<bool, LookupError> {
    let done = sqlx::query!(
        r#"
        UPDATE job_lease
        SET expires_at = now() + make_interval(secs => $3),
            running_since = CASE WHEN $4 THEN coalesce(running_since, now()) END
        WHERE name = $1 AND fencing = $2
        "#,
        fence.name,
        fence.fencing,
        ttl.as_secs_f64(),
        running,
    )
    .execute(pool)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Notes that a run came to its end.
///
/// # Errors
/// [`FencedError`].
pub async fn finish(pool: &PgPool, fence: &Fence) -> Result<(), FencedError> {
    let done = sqlx::query!(
        "UPDATE job_lease SET running_since = NULL, ran_at = now()
         WHERE name = $1 AND fencing = $2",
        fence.name,
        fence.fencing,
    )
    .execute(pool)
    .await?;
    if done.rows_affected() == 1 { Ok(()) } else { Err(FencedError::Fenced) }
}

/// Gives the lease back, so that the next holder need not wait for its end.
///
/// # Errors
/// [`LookupError`].
pub async fn release(pool: &PgPool, fence: &Fence) -> Result<(), LookupError> {
    sqlx::query!(
        "UPDATE job_lease SET expires_at = now(), running_since = NULL
         WHERE name = $1 AND fencing = $2",
        fence.name,
        fence.fencing,
    )
    .execute(pool)
    .await?;
    Ok(())
}

/// Who holds a lease.
///
/// # Errors
/// [`LookupError`].
pub async fn find(pool: &PgPool, name: &str) -> Result<Option<Held>, LookupError> {
    let row = sqlx::query!("SELECT holder, running_since FROM job_lease WHERE name = $1", name)
        .fetch_optional(pool)
        .await?;
    Ok(row.map(|row| Held { holder: row.holder, running_since: row.running_since }))
}

/// What a fenced statement says: whether the lease was held, and how many rows it changed.
pub(super) fn fenced(held: i64, done: i64) -> Result<u64, FencedError> {
    if held == 1 { Ok(u64::try_from(done).unwrap_or_default()) } else { Err(FencedError::Fenced) }
}
