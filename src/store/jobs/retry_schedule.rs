//! The schedule of retries (`parked_movement`) kept in step with the ledger: which movements are
//! parked, which have been decided, which have a wallet again, how many wait.
//!
//! However many are parked, a statement looks at a bounded part of them, and the next one goes on
//! behind it.

use chrono::{DateTime, Utc};
use sqlx::PgPool;
use uuid::Uuid;

use super::lease::{Fence, FencedError, fenced};
use super::parked::{Backoff, Grace};
use crate::store::LookupError;

/// The rows that one statement looks at.
const CHUNK: i64 = 2_000;
/// The players that one statement looks at.
const PLAYERS: i64 = 500;
/// The oldest rows among which the oldest that waits is looked for.
const OLDEST: i64 = 2_000;

/// What there is to be watched.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Backlog {
    /// Movements that wait.
    pub parked: i64,
    /// Movements that were given up.
    pub dead: i64,
    /// The age of the oldest that waits, in seconds; where very many older ones were given up, it
    /// is no older than that.
    pub oldest_seconds: f64,
}

/// How far the rounds through the parked movements have come.
#[derive(Clone, Debug, Default)]
pub struct Scan {
    /// The last row of the ledger that was looked at.
    entered: Option<(DateTime<Utc>, Uuid)>,
    /// The last line of the schedule that was looked at.
    left: (String, String, String),
    /// The last player whose wallet was looked at.
    revived: String,
}

/// Schedules parked rows: the newest, and the next ones of a round through all of them.
/// One that waits for its debit is due once the grace period of its own terms is over (its
/// provider's present one where they are not there), any other after the first pause. What would
/// take money is left out, because only its provider's own call does that. True while there may be
/// as many more.
///
/// # Errors
/// [`FencedError`].
pub async fn add_parked(
    pool: &PgPool,
    fence: &Fence,
    scan: &mut Scan,
    graces: &[Grace<'_>],
    backoff: Backoff,
) -> Result<bool, FencedError> {
    let providers: Vec<&str> = graces.iter().map(|(provider, _)| provider.as_str()).collect();
    let seconds: Vec<f64> = graces.iter().map(|(_, grace)| grace.as_secs_f64()).collect();
    let (after, after_id) = scan.entered.unwrap_or((DateTime::UNIX_EPOCH, Uuid::nil()));
    let row = sqlx::query!(
        r#"
        WITH held AS (
            SELECT 1 FROM job_lease WHERE name = $1 AND fencing = $2 FOR SHARE
        ), round AS MATERIALIZED (
            SELECT t.* FROM trx_log t
            WHERE t.outcome = 'parked' AND t.created_at >= $7
              AND (t.created_at, t.transaction_id) > ($7, $8)
            ORDER BY t.created_at, t.transaction_id
            LIMIT $6
        ), newest AS MATERIALIZED (
            SELECT t.* FROM trx_log t
            WHERE t.outcome = 'parked'
            ORDER BY t.created_at DESC
            LIMIT $6
        ), entered AS (
            INSERT INTO parked_movement (provider, tx_id, player_id, next_attempt_at)
            SELECT t.provider, t.tx_id, t.player_id,
                   coalesce(t.parked_at, t.created_at) + make_interval(secs => CASE
                       WHEN t.reason <> 'debit_unknown' THEN $5
                       -- Text, so that no row can fail the statement; in the names and values of
                       -- the JSON a quotation mark has a backslash before it.
                       ELSE least(1e9, coalesce(substring(
                                t.parked_command FROM '"grace_ms":([0-9]{1,15})')::float8 / 1000,
                            g.grace, 0)) END)
            FROM held, (SELECT * FROM round UNION ALL SELECT * FROM newest) t
            LEFT JOIN unnest($3::text[], $4::float8[]) AS g(provider, grace)
                   ON g.provider = t.provider
            WHERE NOT (t.kind = 'adjust' AND t.requested_micros < 0)
              AND NOT EXISTS (
                SELECT FROM parked_movement p
                WHERE p.player_id = t.player_id AND p.provider = t.provider
                  AND p.tx_id = t.tx_id OFFSET 0)
            ON CONFLICT DO NOTHING
            RETURNING 1
        )
        SELECT (SELECT count(*) FROM held) AS "held!",
               (SELECT count(*) FROM entered) AS "entered!",
               (SELECT count(*) FROM round) AS "seen!", l.created_at AS "at?",
               l.transaction_id AS "id?"
        FROM (SELECT 1) one LEFT JOIN (
            SELECT created_at, transaction_id FROM round
            ORDER BY created_at DESC, transaction_id DESC LIMIT 1) l ON true
        "#,
        fence.name,
        fence.fencing,
        &providers as &[&str],
        &seconds,
        backoff.first.as_secs_f64(),
        CHUNK,
        after,
        after_id,
    )
    .fetch_one(pool)
    .await?;
    fenced(row.held, 0)?;
    scan.entered = if row.seen < CHUNK { None } else { row.at.zip(row.id) };
    Ok(row.entered >= CHUNK)
}

/// Takes the next part of those out of the books that were decided meanwhile.
///
/// # Errors
/// [`FencedError`].
pub async fn remove_decided(
    pool: &PgPool,
    fence: &Fence,
    scan: &mut Scan,
) -> Result<(), FencedError> {
    let (player, provider, tx_id) = &scan.left;
    let row = sqlx::query!(
        r#"
        WITH held AS (
            SELECT 1 FROM job_lease WHERE name = $1 AND fencing = $2 FOR SHARE
        ), round AS MATERIALIZED (
            SELECT p.player_id, p.provider, p.tx_id
            FROM parked_movement p
            WHERE (p.player_id, p.provider, p.tx_id) > ($3, $4, $5)
            ORDER BY p.player_id, p.provider, p.tx_id
            LIMIT $6
        ), left_over AS (
            DELETE FROM parked_movement p
            USING held, round r
            WHERE p.player_id = r.player_id AND p.provider = r.provider AND p.tx_id = r.tx_id
              AND NOT EXISTS (
                SELECT FROM trx_log t
                WHERE t.provider = r.provider AND t.tx_id = r.tx_id
                  AND t.player_id = r.player_id AND t.outcome = 'parked' OFFSET 0)
        )
        SELECT (SELECT count(*) FROM held) AS "held!", (SELECT count(*) FROM round) AS "seen!",
               l.player_id AS "player_id?", l.provider AS "provider?", l.tx_id AS "tx_id?"
        FROM (SELECT 1) one LEFT JOIN (
            SELECT player_id, provider, tx_id FROM round
            ORDER BY player_id DESC, provider DESC, tx_id DESC LIMIT 1) l ON true
        "#,
        fence.name,
        fence.fencing,
        player,
        provider,
        tx_id,
        CHUNK,
    )
    .fetch_one(pool)
    .await?;
    fenced(row.held, 0)?;
    scan.left = match (row.player_id, row.provider, row.tx_id) {
        (Some(player), Some(provider), Some(tx_id)) if row.seen >= CHUNK => {
            (player, provider, tx_id)
        }
        _ => Default::default(),
    };
    Ok(())
}

/// What waited for a wallet is due when there is one that takes it, also what was given up for that
/// reason, unless by a person. It looks at the next so many players. True while a player may have
/// more.
///
/// # Errors
/// [`FencedError`].
pub async fn revive_dead(
    pool: &PgPool,
    fence: &Fence,
    scan: &mut Scan,
    backoff: Backoff,
) -> Result<bool, FencedError> {
    let row = sqlx::query!(
        r#"
        WITH RECURSIVE held AS (
            SELECT 1 FROM job_lease WHERE name = $1 AND fencing = $2 FOR SHARE
        ), player AS (
            SELECT $3::text COLLATE "C" AS player_id, 0::bigint AS place
            UNION ALL
            SELECT n.player_id, l.place + 1
            FROM player l
            CROSS JOIN LATERAL (
                SELECT p.player_id FROM parked_movement p
                WHERE p.last_reason IN ('wallet_closed', 'player_unknown')
                  AND p.player_id > l.player_id
                ORDER BY p.player_id
                LIMIT 1) n
            WHERE l.place < $4
        ), revived AS (
            UPDATE parked_movement p
            SET attempts = 0, next_attempt_at = now(), dead_at = NULL, dead_reason = NULL
            FROM held
            WHERE (p.player_id, p.provider, p.tx_id) IN (
                SELECT d.player_id, d.provider, d.tx_id
                FROM player l
                JOIN wallet w ON w.player_id = l.player_id AND w.status <> 'closed'
                CROSS JOIN LATERAL (
                    SELECT d.player_id, d.provider, d.tx_id FROM parked_movement d
                    WHERE d.player_id = l.player_id AND NOT d.given_up_by_person
                      AND d.last_reason IN ('wallet_closed', 'player_unknown')
                      -- What has just been taken up is not hurried.
                      AND CASE WHEN d.dead_at IS NULL
                          THEN d.next_attempt_at > now() + make_interval(secs => $6)
                          ELSE d.dead_reason IN ('wallet_closed', 'player_unknown') END
                    LIMIT $5) d
                WHERE l.place > 0
                LIMIT $5)
            RETURNING 1
        )
        SELECT (SELECT count(*) FROM held) AS "held!",
               (SELECT count(*) FROM revived) AS "revived!",
               (SELECT max(place) FROM player) AS "players!",
               (SELECT max(player_id) FROM player) AS "last!"
        "#,
        fence.name,
        fence.fencing,
        scan.revived,
        PLAYERS,
        CHUNK,
        backoff.first.as_secs_f64(),
    )
    .fetch_one(pool)
    .await?;
    fenced(row.held, 0)?;
    let more = row.revived >= CHUNK;
    if !more {
        scan.revived = if row.players < PLAYERS { String::new() } else { row.last };
    }
    Ok(more)
}

/// How many wait, how many are dead.
///
/// # Errors
/// [`LookupError`].
pub async fn backlog(pool: &PgPool) -> Result<Backlog, LookupError> {
    let row = sqlx::query!(
        r#"
        WITH oldest AS MATERIALIZED (
            SELECT t.created_at, t.player_id, t.provider, t.tx_id FROM trx_log t
            WHERE t.outcome = 'parked'
            ORDER BY t.created_at
            LIMIT $1
        )
        SELECT (SELECT count(*) FROM trx_log WHERE outcome = 'parked') AS "all!",
               (SELECT count(*) FROM parked_movement WHERE dead_at IS NOT NULL) AS "dead!",
               coalesce(extract(epoch FROM now() - coalesce(
                   (SELECT min(o.created_at) FROM oldest o
                    WHERE NOT EXISTS (
                        SELECT FROM parked_movement p
                        WHERE p.player_id = o.player_id AND p.provider = o.provider
                          AND p.tx_id = o.tx_id AND p.dead_at IS NOT NULL OFFSET 0)),
                   (SELECT max(o.created_at) FROM oldest o))), 0)::float8 AS "oldest!"
        "#,
        OLDEST,
    )
    .fetch_one(pool)
    .await?;
    let parked = row.all.saturating_sub(row.dead).max(0);
    let oldest_seconds = if parked == 0 { 0.0 } else { row.oldest.max(0.0) };
    Ok(Backlog { parked, dead: row.dead, oldest_seconds })
}
