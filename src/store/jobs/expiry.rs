//! Removing what is over, a bounded number at a time.

use std::time::Duration;

use sqlx::PgPool;

use super::lease::{Fence, FencedError, fenced};

/// Removes sessions that ended longer than `kept` ago, and says how many.
///
/// # Errors
/// [`FencedError`].
pub async fn sessions(
    pool: &PgPool,
    fence: &Fence,
    kept: Duration,
    limit: u16,
) -> Result<u64, FencedError> {
    let row = sqlx::query!(
        r#"
        WITH held AS (
            SELECT 1 FROM job_lease WHERE name = $1 AND fencing = $2 FOR SHARE
        ), gone AS (
            DELETE FROM session WHERE token_hash IN (
                SELECT s.token_hash FROM held, session s
                WHERE s.expires_at < now() - make_interval(secs => $3)
                ORDER BY s.expires_at
                LIMIT $4)
            RETURNING 1
        )
        SELECT (SELECT count(*) FROM held) AS "held!", (SELECT count(*) FROM gone) AS "done!"
        "#,
        fence.name,
        fence.fencing,
        kept.as_secs_f64(),
        i64::from(limit),
    )
    .fetch_one(pool)
    .await?;
    fenced(row.held, row.done)
}

/// Removes reconciliation runs that began longer than `kept` ago, what they found, and calls of
/// that time under keys that say something else; says how many rows that were.
///
/// # Errors
/// [`FencedError`].
pub async fn reconciliations(
    pool: &PgPool,
    fence: &Fence,
    kept: Duration,
    limit: u16,
) -> Result<u64, FencedError> {
    let row = sqlx::query!(
        r#"
        WITH held AS (
            SELECT 1 FROM job_lease WHERE name = $1 AND fencing = $2 FOR SHARE
        ), findings AS (
            DELETE FROM reconciliation_drift WHERE drift_id IN (
                SELECT d.drift_id FROM held, reconciliation_drift d
                WHERE d.found_at < now() - make_interval(secs => $3)
                ORDER BY d.drift_id
                LIMIT $4)
            RETURNING 1
        ), runs AS (
            DELETE FROM reconciliation_run WHERE run_id IN (
                SELECT r.run_id FROM held, reconciliation_run r
                WHERE r.started_at < now() - make_interval(secs => $3)
                ORDER BY r.run_id
                LIMIT $4)
            RETURNING 1
        ), mismatches AS (
            DELETE FROM ledger_mismatch WHERE mismatch_id IN (
                SELECT m.mismatch_id FROM held, ledger_mismatch m
                WHERE m.at < now() - make_interval(secs => $3)
                ORDER BY m.mismatch_id
                LIMIT $4)
            RETURNING 1
        )
        SELECT (SELECT count(*) FROM held) AS "held!",
               (SELECT count(*) FROM findings) + (SELECT count(*) FROM runs)
               + (SELECT count(*) FROM mismatches) AS "done!"
        "#,
        fence.name,
        fence.fencing,
        kept.as_secs_f64(),
        i64::from(limit),
    )
    .fetch_one(pool)
    .await?;
    fenced(row.held, row.done)
}
