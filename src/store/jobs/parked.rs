//! Parked movements that wait for the next attempt: which are due, and what came of it.

use std::time::Duration;

use sqlx::PgPool;

use super::lease::{Fence, FencedError, fenced};
use crate::core::{Key, PlayerId, ProviderId, Row, TxId};
use crate::store::LookupError;
use crate::store::rows::StoredRow;

/// The most that one statement takes into or out of the books.
const AT_ONCE: i64 = 1000;

/// A parked movement, by its place in the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    /// Whose.
    pub player: PlayerId,
    /// Its key.
    pub key: Key,
}

/// How long attempts are apart, and how many there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// After the first attempt; it doubles with each further one …
    pub first: Duration,
    /// … up to this.
    pub longest: Duration,
    /// After so many a movement is dead.
    pub attempts: i32,
}

/// What there is to be watched.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Standing {
    /// Movements that wait.
    pub parked: i64,
    /// Movements that were given up.
    pub dead: i64,
    /// The age of the oldest that waits, in seconds.
    pub oldest_seconds: f64,
}

/// Takes newly parked rows into the books, and those out that were decided meanwhile. A row
/// is due once its provider's grace period is over.
///
/// # Errors
/// [`FencedError`].
pub async fn keep_books(
    pool: &PgPool,
    fence: &Fence,
    graces: &[(&ProviderId, Duration)],
    backoff: Backoff,
) -> Result<(), FencedError> {
    let providers: Vec<&str> = graces.iter().map(|(provider, _)| provider.as_str()).collect();
    let seconds: Vec<f64> = graces.iter().map(|(_, grace)| grace.as_secs_f64()).collect();
    let row = sqlx::query!(
        r#"
        WITH held AS (
            SELECT 1 FROM job_lease WHERE name = $1 AND fencing = $2 FOR SHARE
        ), entered AS (
            INSERT INTO parked_movement (provider, tx_id, player_id, next_attempt_at)
            SELECT t.provider, t.tx_id, t.player_id,
                   t.created_at + make_interval(secs => CASE
                       WHEN t.reason = 'debit_unknown' THEN coalesce(g.grace, 0) ELSE $5 END)
            FROM held, trx_log t
            LEFT JOIN unnest($3::text[], $4::float8[]) AS g(provider, grace)
                   ON g.provider = t.provider
            WHERE t.outcome = 'parked' AND NOT EXISTS (
                SELECT FROM parked_movement p
                WHERE p.player_id = t.player_id AND p.provider = t.provider
                  AND p.tx_id = t.tx_id)
            ORDER BY t.created_at
            LIMIT $6
            ON CONFLICT DO NOTHING
        ), left_over AS (
            DELETE FROM parked_movement
            WHERE (player_id, provider, tx_id) IN (
                SELECT p.player_id, p.provider, p.tx_id
                FROM held, parked_movement p
                WHERE NOT EXISTS (
                    SELECT FROM trx_log t
                    WHERE t.player_id = p.player_id AND t.provider = p.provider
                      AND t.tx_id = p.tx_id AND t.outcome = 'parked')
                LIMIT $6)
        )
        SELECT (SELECT count(*) FROM held) AS "held!"
        "#,
        fence.name,
        fence.fencing,
        &providers as &[&str],
        &seconds,
        backoff.first.as_secs_f64(),
        AT_ONCE,
    )
    .fetch_one(pool)
    .await?;
    fenced(row.held, 0).map(drop)
}

/// Takes what is due. Nobody else takes it before the first pause is over, so a node that dies
/// with it in hand has only delayed it.
///
/// # Errors
/// [`FencedError`].
pub async fn take_due(
    pool: &PgPool,
    fence: &Fence,
    limit: u16,
    backoff: Backoff,
) -> Result<Vec<Place>, FencedError> {
    let rows = sqlx::query!(
        r#"
        WITH held AS (
            SELECT 1 FROM job_lease WHERE name = $1 AND fencing = $2 FOR SHARE
        ), due AS (
            SELECT player_id, provider, tx_id FROM parked_movement
            WHERE dead_at IS NULL AND next_attempt_at <= now()
            ORDER BY next_attempt_at
            LIMIT $3
            FOR UPDATE SKIP LOCKED
        ), taken AS (
            UPDATE parked_movement p
            SET next_attempt_at = now() + make_interval(secs => $4)
            FROM held, due d
            WHERE p.player_id = d.player_id AND p.provider = d.provider AND p.tx_id = d.tx_id
            RETURNING p.player_id, p.provider, p.tx_id
        )
        SELECT (SELECT count(*) FROM held) AS "held!", t.player_id AS "player_id?",
               t.provider AS "provider?", t.tx_id AS "tx_id?"
        FROM (SELECT 1) one LEFT JOIN taken t ON true
        "#,
        fence.name,
        fence.fencing,
        i64::from(limit),
        backoff.first.as_secs_f64(),
    )
    .fetch_all(pool)
    .await?;
    let mut places = Vec::with_capacity(rows.len());
    for row in rows {
        fenced(row.held, 0)?;
        if let (Some(player), Some(provider), Some(tx_id)) =
            (row.player_id, row.provider, row.tx_id)
        {
            places.push(place(&player, &provider, &tx_id)?);
        }
    }
    Ok(places)
}

/// The parked rows of these players, in the order in which they were written.
///
/// # Errors
/// [`LookupError`].
pub async fn rows(pool: &PgPool, players: &[&PlayerId]) -> Result<Vec<Row>, LookupError> {
    let players: Vec<&str> = players.iter().map(|player| player.as_str()).collect();
    let rows = sqlx::query_as!(
        StoredRow,
        r#"
        SELECT provider, tx_id, player_id, transaction_id, kind, category, outcome, reason,
               requested_micros, amount_micros, shortfall_micros, balance_after_micros,
               wallet_version, reverses, round_id, game_id, fingerprint, detail, occurred_at,
               created_at, NULL::bigint AS round_credits
        FROM trx_log
        WHERE outcome = 'parked' AND player_id = ANY($1::text[])
        ORDER BY transaction_id
        "#,
        &players as &[&str],
    )
    .fetch_all(pool)
    .await?;
    rows.into_iter().map(StoredRow::into_row).collect()
}

/// Notes that an attempt left movements where they are. True for those that are dead now.
///
/// # Errors
/// [`FencedError`].
pub async fn keep_waiting(
    pool: &PgPool,
    fence: &Fence,
    place: &Place,
    reason: &str,
    backoff: Backoff,
) -> Result<bool, FencedError> {
    let row = sqlx::query!(
        r#"
        WITH held AS (
            SELECT 1 FROM job_lease WHERE name = $1 AND fencing = $2 FOR SHARE
        ), kept AS (
            UPDATE parked_movement p
            SET attempts = p.attempts + 1, last_reason = $6,
                next_attempt_at = now() + make_interval(secs =>
                    least($7::float8 * power(2::float8, least(p.attempts, 30)), $8::float8)),
                dead_at = CASE WHEN p.attempts + 1 >= $9 THEN now() END,
                dead_reason = CASE WHEN p.attempts + 1 >= $9 THEN $6 END
            FROM held
            WHERE p.player_id = $3 AND p.provider = $4 AND p.tx_id = $5 AND p.dead_at IS NULL
            RETURNING p.dead_at
        )
        SELECT (SELECT count(*) FROM held) AS "held!",
               EXISTS (SELECT FROM kept WHERE dead_at IS NOT NULL) AS "dead!"
        "#,
        fence.name,
        fence.fencing,
        place.player.as_str(),
        place.key.provider.as_str(),
        place.key.tx_id.as_str(),
        reason,
        backoff.first.as_secs_f64(),
        backoff.longest.as_secs_f64(),
        backoff.attempts,
    )
    .fetch_one(pool)
    .await?;
    fenced(row.held, 0)?;
    Ok(row.dead)
}

/// Gives a movement up: no attempt of the job's can decide it.
///
/// # Errors
/// [`FencedError`].
pub async fn give_up(
    pool: &PgPool,
    fence: &Fence,
    place: &Place,
    reason: &str,
) -> Result<(), FencedError> {
    let row = sqlx::query!(
        r#"
        WITH held AS (
            SELECT 1 FROM job_lease WHERE name = $1 AND fencing = $2 FOR SHARE
        ), given_up AS (
            UPDATE parked_movement p SET dead_at = now(), dead_reason = $6, last_reason = $6
            FROM held
            WHERE p.player_id = $3 AND p.provider = $4 AND p.tx_id = $5 AND p.dead_at IS NULL
            RETURNING 1
        )
        SELECT (SELECT count(*) FROM held) AS "held!",
               (SELECT count(*) FROM given_up) AS "done!"
        "#,
        fence.name,
        fence.fencing,
        place.player.as_str(),
        place.key.provider.as_str(),
        place.key.tx_id.as_str(),
        reason,
    )
    .fetch_one(pool)
    .await?;
    fenced(row.held, row.done).map(drop)
}

/// How many wait, how many are dead.
///
/// # Errors
/// [`LookupError`].
pub async fn standing(pool: &PgPool) -> Result<Standing, LookupError> {
    let row = sqlx::query!(
        r#"
        SELECT count(*) FILTER (WHERE p.dead_at IS NULL) AS "parked!",
               count(*) FILTER (WHERE p.dead_at IS NOT NULL) AS "dead!",
               coalesce(extract(epoch FROM now() - min(t.created_at)
                   FILTER (WHERE p.dead_at IS NULL)), 0)::float8 AS "oldest!"
        FROM trx_log t
        LEFT JOIN parked_movement p ON p.player_id = t.player_id AND p.provider = t.provider
                                   AND p.tx_id = t.tx_id
        WHERE t.outcome = 'parked'
        "#
    )
    .fetch_one(pool)
    .await?;
    Ok(Standing { parked: row.parked, dead: row.dead, oldest_seconds: row.oldest.max(0.0) })
}

fn place(player: &str, provider: &str, tx_id: &str) -> Result<Place, LookupError> {
    let unreadable = |_| LookupError::Unreadable("parked_movement");
    Ok(Place {
        player: PlayerId::parse(player).map_err(unreadable)?,
        key: Key {
            provider: ProviderId::parse(provider).map_err(unreadable)?,
            tx_id: TxId::parse(tx_id).map_err(unreadable)?,
        },
    })
}
