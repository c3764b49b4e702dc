//! What reconciliations did and found. Written under the job's fence alone.

use chrono::{DateTime, Utc};
use sqlx::PgPool;
use uuid::Uuid;

use super::audit::Mark;
use super::lease::{Fence, FencedError, fenced};
use crate::core::{Micros, PlayerId};
use crate::store::LookupError;
use crate::store::pool::begin_transaction;

/// One pass over the wallets, as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// Its id, which grows with time.
    pub run_id: Uuid,
    /// `window` or `full`.
    pub scope: String,
    /// `running`, `done` or `failed`.
    pub state: String,
    /// Who ran it.
    pub holder: String,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// When it ended, if it did.
    pub finished_at: Option<DateTime<Utc>>,
    /// What it looked at and found.
    pub totals: Totals,
    /// Why it failed.
    pub error: Option<String>,
}

/// What a pass looked at and found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Totals {
    /// Wallets.
    pub wallets: i64,
    /// Of these, with a balance in Redis.
    pub cached: i64,
    /// Wallets whose chain was followed through the ledger.
    pub chains: i64,
    /// Of these, from the first row on.
    pub whole_chains: i64,
    /// Findings.
    pub findings: i64,
    /// The sum of their absolute differences.
    pub drift_micros: i64,
}

/// Something that is otherwise than it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drift {
    /// Its id, which grows with time.
    pub drift_id: Uuid,
    /// The pass that found it.
    pub run_id: Uuid,
    /// Whose.
    pub player: PlayerId,
    /// The word for what it is.
    pub kind: String,
    /// What should be there.
    pub expected: Option<Mark>,
    /// What is there.
    pub found_balance: Option<Micros>,
    /// What is there.
    pub found_version: Option<i64>,
    /// The absolute difference.
    pub drift: Micros,
    /// True when it was put right.
    pub repaired: bool,
    /// What else there is to say.
    pub detail: Option<String>,
    /// When.
    pub found_at: DateTime<Utc>,
}

/// Begins a pass. Earlier ones that never ended have failed: there is one holder at a time.
///
/// # Errors
/// [`FencedError`].
pub async fn begin(
    pool: &PgPool,
    fence: &Fence,
    run_id: Uuid,
    scope: &str,
) -> Result<(), FencedError> {
    let row = sqlx::query!(
        r#"
        WITH held AS (
            SELECT 1 FROM job_lease WHERE name = $1 AND fencing = $2 FOR SHARE
        ), given_up AS (
            UPDATE reconciliation_run SET state = 'failed', finished_at = now(),
                   error = 'its holder went away'
            WHERE state = 'running' AND EXISTS (SELECT FROM held)
        ), begun AS (
            INSERT INTO reconciliation_run (run_id, scope, holder, fencing, started_at)
            SELECT $3, $4, $5, $2, now() FROM held
            RETURNING 1
        )
        SELECT (SELECT count(*) FROM held) AS "held!", (SELECT count(*) FROM begun) AS "done!"
        "#,
        fence.name,
        fence.fencing,
        run_id,
        scope,
        fence.holder,
    )
    .fetch_one(pool)
    .await?;
    fenced(row.held, row.done).map(drop)
}

/// Ends a pass, well or with an error.
///
/// # Errors
/// [`FencedError`].
pub async fn end(
    pool: &PgPool,
    fence: &Fence,
    run_id: Uuid,
    totals: &Totals,
    error: Option<&str>,
) -> Result<(), FencedError> {
    let row = sqlx::query!(
        r#"
        WITH held AS (
            SELECT 1 FROM job_lease WHERE name = $1 AND fencing = $2 FOR SHARE
        ), ended AS (
            UPDATE reconciliation_run
            SET state = CASE WHEN $4::text IS NULL THEN 'done' ELSE 'failed' END, error = $4,
                finished_at = now(), wallets = $5, cached = $6, chains = $7, whole_chains = $8,
                findings = $9, drift_micros = $10
            WHERE run_id = $3 AND EXISTS (SELECT FROM held)
            RETURNING 1
        )
        SELECT (SELECT count(*) FROM held) AS "held!", (SELECT count(*) FROM ended) AS "done!"
        "#,
        fence.name,
        fence.fencing,
        run_id,
        error,
        totals.wallets,
        totals.cached,
        totals.chains,
        totals.whole_chains,
        totals.findings,
        totals.drift_micros,
    )
    .fetch_one(pool)
    .await?;
    fenced(row.held, row.done).map(drop)
}

/// Stores findings.
///
/// # Errors
/// [`FencedError`].
pub async fn record(pool: &PgPool, fence: &Fence, drifts: &[Drift]) -> Result<(), FencedError> {
    for drift in drifts {
        let row = sqlx::query!(
            r#"
            WITH held AS (
                SELECT 1 FROM job_lease WHERE name = $1 AND fencing = $2 FOR SHARE
            ), recorded AS (
                INSERT INTO reconciliation_drift (
                    drift_id, run_id, player_id, kind, expected_micros, found_micros,
                    expected_version, found_version, drift_micros, repaired, detail)
                SELECT $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13 FROM held
                RETURNING 1
            )
            SELECT (SELECT count(*) FROM held) AS "held!",
                   (SELECT count(*) FROM recorded) AS "done!"
            "#,
            fence.name,
            fence.fencing,
            drift.drift_id,
            drift.run_id,
            drift.player.as_str(),
            drift.kind,
            drift.expected.map(|mark| mark.balance.get()),
            drift.found_balance.map(Micros::get),
            drift.expected.map(|mark| mark.version),
            drift.found_version,
            drift.drift.get(),
            drift.repaired,
            drift.detail,
        )
        .fetch_one(pool)
        .await?;
        fenced(row.held, row.done)?;
    }
    Ok(())
}

/// Remembers how far chains were found to be right.
///
/// # Errors
/// [`FencedError`].
pub async fn mark(
    pool: &PgPool,
    fence: &Fence,
    marks: &[(PlayerId, Mark)],
) -> Result<(), FencedError> {
    if marks.is_empty() {
        return Ok(());
    }
    let players: Vec<&str> = marks.iter().map(|(player, _)| player.as_str()).collect();
    let versions: Vec<i64> = marks.iter().map(|(_, mark)| mark.version).collect();
    let balances: Vec<i64> = marks.iter().map(|(_, mark)| mark.balance.get()).collect();
    let mut transaction = begin_transaction(pool).await?;
    // A mark that is lost costs the next pass a longer look; waiting for the disk would make
    // every bet's commit wait, too.
    sqlx::query("SET LOCAL synchronous_commit = off").execute(&mut *transaction).await?;
    let row = sqlx::query!(
        r#"
        WITH held AS (
            SELECT 1 FROM job_lease WHERE name = $1 AND fencing = $2 FOR SHARE
        ), marked AS (
            INSERT INTO reconciliation_mark (player_id, version, balance_micros)
            SELECT m.player_id, m.version, m.balance
            FROM held, unnest($3::text[], $4::bigint[], $5::bigint[])
                 AS m(player_id, version, balance)
            ON CONFLICT (player_id) DO UPDATE
            SET version = excluded.version, balance_micros = excluded.balance_micros
            RETURNING 1
        )
        SELECT (SELECT count(*) FROM held) AS "held!", (SELECT count(*) FROM marked) AS "done!"
        "#,
        fence.name,
        fence.fencing,
        &players as &[&str],
        &versions,
        &balances,
    )
    .fetch_one(&mut *transaction)
    .await?;
    transaction.commit().await?;
    fenced(row.held, row.done).map(drop)
}

/// Which runs to list, newest first.
#[derive(Clone, Debug, Default)]
pub struct RunFilter {
    /// `window` or `full`.
    pub scope: Option<String>,
    /// `running`, `done` or `failed`.
    pub state: Option<String>,
    /// Only those with findings.
    pub with_findings: bool,
    /// Older than this one: the last of the page before.
    pub before: Option<Uuid>,
    /// At most so many.
    pub limit: u16,
}

/// A page of runs.
///
/// # Errors
/// [`LookupError`].
pub async fn runs(pool: &PgPool, filter: &RunFilter) -> Result<Vec<Run>, LookupError> {
    let rows = sqlx::query!(
        "SELECT run_id, scope, state, holder, started_at, finished_at, wallets, cached, chains,
                whole_chains, findings, drift_micros, error
         FROM reconciliation_run
         WHERE ($1::text IS NULL OR scope = $1) AND ($2::text IS NULL OR state = $2)
           AND (NOT $3 OR findings > 0) AND ($4::uuid IS NULL OR run_id < $4)
         ORDER BY run_id DESC LIMIT $5",
        filter.scope,
        filter.state,
        filter.with_findings,
        filter.before,
        i64::from(filter.limit),
    )
    .fetch_all(pool)
    .await?;
    let run = rows.into_iter().map(|row| Run {
        run_id: row.run_id,
        scope: row.scope,
        state: row.state,
        holder: row.holder,
        started_at: row.started_at,
        finished_at: row.finished_at,
        totals: Totals {
            wallets: row.wallets,
            cached: row.cached,
            chains: row.chains,
            whole_chains: row.whole_chains,
            findings: row.findings,
            drift_micros: row.drift_micros,
        },
        error: row.error,
    });
    Ok(run.collect())
}

/// Which findings to list, newest first.
#[derive(Clone, Debug, Default)]
pub struct DriftFilter {
    /// Of one pass.
    pub run_id: Option<Uuid>,
    /// Of one player.
    pub player: Option<PlayerId>,
    /// Of one kind.
    pub kind: Option<String>,
    /// Put right, or not.
    pub repaired: Option<bool>,
    /// Older than this one: the last of the page before.
    pub before: Option<Uuid>,
    /// At most so many.
    pub limit: u16,
}

/// A page of findings.
///
/// # Errors
/// [`LookupError`].
pub async fn drifts(pool: &PgPool, filter: &DriftFilter) -> Result<Vec<Drift>, LookupError> {
    let rows = sqlx::query!(
        "SELECT drift_id, run_id, player_id, kind, expected_micros, found_micros,
                expected_version, found_version, drift_micros, repaired, detail, found_at
         FROM reconciliation_drift
         WHERE ($1::uuid IS NULL OR run_id = $1) AND ($2::text IS NULL OR player_id = $2)
           AND ($3::text IS NULL OR kind = $3) AND ($4::bool IS NULL OR repaired = $4)
           AND ($5::uuid IS NULL OR drift_id < $5)
         ORDER BY drift_id DESC LIMIT $6",
        filter.run_id,
        filter.player.as_ref().map(PlayerId::as_str),
        filter.kind,
        filter.repaired,
        filter.before,
        i64::from(filter.limit),
    )
    .fetch_all(pool)
    .await?;
    rows.into_iter()
        .map(|row| {
            let expected = row.expected_version.zip(row.expected_micros);
            Ok(Drift {
                drift_id: row.drift_id,
                run_id: row.run_id,
                player: PlayerId::parse(row.player_id)
                    .map_err(|_| LookupError::Unreadable("reconciliation_drift.player_id"))?,
                kind: row.kind,
                expected: expected
                    .map(|(version, micros)| Mark { version, balance: Micros::new(micros) }),
                found_balance: row.found_micros.map(Micros::new),
                found_version: row.found_version,
                drift: Micros::new(row.drift_micros),
                repaired: row.repaired,
                detail: row.detail,
                found_at: row.found_at,
            })
        })
        .collect()
}
