//! Parked movements that wait for the next attempt: which are due, and what came of it.

use std::time::Duration;

use sqlx::PgPool;

use super::lease::{Fence, FencedError, fenced};
use crate::core::{Key, ParkedPart, ParkedRow, PlayerId, ProviderId, TxId};
use crate::store::LookupError;
use crate::store::rows::stored_row;

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

/// How long a provider's movements wait before they are tried without it.
pub type Grace<'a> = (&'a ProviderId, Duration);

/// What to take next: a few of each player, of as many players as fit, in the players' order.
#[derive(Clone, Debug)]
pub struct Turn {
    /// Of the players behind this one.
    pub after: String,
    /// At most so many of each player.
    pub each: u16,
    /// At most so many in all.
    pub limit: u16,
}

/// What a turn came to.
#[derive(Debug, Default)]
pub struct Due {
    /// What was taken: the first of each player, then the second.
    pub places: Vec<Place>,
    /// Movements whose keys this version cannot read. They wait.
    pub unreadable: u64,
    /// The last player that was looked at; `None` where nothing was due.
    pub last: Option<String>,
}

/// Takes what is due. Nobody else takes it before the first pause is over, so a node that dies
/// with it in hand has only delayed it.
///
/// # Errors
/// [`FencedError`].
pub async fn take_due(
    pool: &PgPool,
    fence: &Fence,
    turn: &Turn,
    backoff: Backoff,
) -> Result<Due, FencedError> {
    let rows = sqlx::query!(
        r#"
        WITH RECURSIVE held AS (
            SELECT 1 FROM job_lease WHERE name = $1 AND fencing = $2 FOR SHARE
        ), turn AS (
            SELECT $3::text COLLATE "C" AS player_id, 0::bigint AS place
            UNION ALL
            SELECT n.player_id, t.place + 1
            FROM turn t
            CROSS JOIN LATERAL (
                SELECT p.player_id FROM parked_movement p
                WHERE p.dead_at IS NULL AND p.next_attempt_at <= now()
                  AND p.player_id > t.player_id
                ORDER BY p.player_id
                LIMIT 1) n
            WHERE t.place < $5
        ), due AS (
            SELECT d.player_id, d.provider, d.tx_id, d.nth
            FROM turn t
            CROSS JOIN LATERAL (
                SELECT p.player_id, p.provider, p.tx_id,
                       row_number() OVER (ORDER BY p.next_attempt_at) AS nth
                FROM parked_movement p
                WHERE p.player_id = t.player_id AND p.dead_at IS NULL
                  AND p.next_attempt_at <= now()
                ORDER BY p.next_attempt_at
                LIMIT $4) d
            WHERE t.place > 0
            ORDER BY t.place
            LIMIT $5
        ), taken AS (
            UPDATE parked_movement p
            SET next_attempt_at = now() + make_interval(secs => $6)
            FROM held, due d
            WHERE p.player_id = d.player_id AND p.provider = d.provider AND p.tx_id = d.tx_id
              AND p.dead_at IS NULL AND p.next_attempt_at <= now()
            RETURNING p.player_id, p.provider, p.tx_id, d.nth
        )
        SELECT (SELECT count(*) FROM held) AS "held!", t.player_id AS "player_id?",
               t.provider AS "provider?", t.tx_id AS "tx_id?"
        FROM (SELECT 1) one LEFT JOIN taken t ON true
        ORDER BY t.nth, t.player_id
        "#,
        fence.name,
        fence.fencing,
        turn.after,
        i64::from(turn.each),
        i64::from(turn.limit),
        backoff.first.as_secs_f64(),
    )
    .fetch_all(pool)
    .await?;
    let mut due = Due::default();
    for row in rows {
        fenced(row.held, 0)?;
        let (Some(player), Some(provider), Some(tx_id)) = (row.player_id, row.provider, row.tx_id)
        else {
            continue;
        };
        match place(&player, &provider, &tx_id) {
            Some(place) => due.places.push(place),
            None => {
                tracing::error!(player, provider, tx_id, "a parked movement cannot be read");
                let line = (&*player, &*provider, &*tx_id);
                pause(pool, fence, line, "unreadable", backoff).await?;
                due.unreadable += 1;
            }
        }
        due.last = due.last.max(Some(player));
    }
    Ok(due)
}

/// A row that is still parked, as far as it can be read.
#[derive(Debug)]
pub enum StillParked {
    /// With what was kept to decide it.
    Whole(Box<ParkedRow>),
    /// It was parked by a program that kept nothing with it: only its provider's own call says
    /// what it was.
    WithoutTerms,
    /// It holds what this version does not know.
    Unreadable,
}

/// Those of a player's movements of one provider that are still parked, in the order of the keys.
///
/// # Errors
/// [`LookupError`].
pub async fn find(
    pool: &PgPool,
    (player, provider): (&PlayerId, &ProviderId),
    tx_ids: &[&TxId],
) -> Result<Vec<StillParked>, LookupError> {
    let tx_ids: Vec<&str> = tx_ids.iter().map(|tx_id| tx_id.as_str()).collect();
    let rows = sqlx::query!(
        r#"
        SELECT t.provider, t.tx_id, t.player_id, t.transaction_id, t.kind, t.category, t.outcome,
               t.reason, t.requested_micros, t.amount_micros, t.shortfall_micros,
               t.balance_after_micros, t.wallet_version, t.reverses, t.settles, t.round_id, t.game_id,
               t.fingerprint, t.detail, t.occurred_at, t.created_at, t.parked_at, t.parked_command
        FROM unnest($3::text[]) WITH ORDINALITY AS k(tx_id, place)
        CROSS JOIN LATERAL (
            SELECT t.* FROM trx_log t WHERE t.provider = $2 AND t.tx_id = k.tx_id OFFSET 0) t
        WHERE t.player_id = $1 AND t.outcome = 'parked'
        ORDER BY k.place
        "#,
        player.as_str(),
        provider.as_str(),
        &tx_ids as &[&str],
    )
    .fetch_all(pool)
    .await?;
    let found = rows.into_iter().map(|row| {
        let Some(kept) = row.parked_command else { return StillParked::WithoutTerms };
        let stored = stored_row!(row);
        match (stored.into_row(), ParkedPart::parse(&kept)) {
            (Ok(row), Some(part)) => StillParked::Whole(Box::new(ParkedRow { row, part })),
            _ => StillParked::Unreadable,
        }
    });
    Ok(found.collect())
}

/// The keys of the parked reversals of a movement.
///
/// # Errors
/// [`LookupError`].
pub async fn reversals_of(pool: &PgPool, place: &Place) -> Result<Vec<TxId>, LookupError> {
    let found = sqlx::query_scalar!(
        "SELECT tx_id FROM trx_log
         WHERE player_id = $1 AND provider = $2 AND reverses = $3 AND outcome = 'parked'
         ORDER BY transaction_id",
        place.player.as_str(),
        place.key.provider.as_str(),
        place.key.tx_id.as_str(),
    )
    .fetch_all(pool)
    .await?;
    let tx_ids: Result<_, _> = found.into_iter().map(TxId::parse).collect();
    tx_ids.map_err(|_| LookupError::Unreadable("trx_log.tx_id"))
}

/// Notes that an attempt left a movement where it is. True where it is dead now.
///
/// # Errors
/// [`FencedError`].
pub async fn reschedule(
    pool: &PgPool,
    fence: &Fence,
    place: &Place,
    reason: &str,
    backoff: Backoff,
) -> Result<bool, FencedError> {
    let Key { provider, tx_id } = &place.key;
    let line = (place.player.as_str(), provider.as_str(), tx_id.as_str());
    pause(pool, fence, line, reason, backoff).await
}

async fn pause(
    pool: &PgPool,
    fence: &Fence,
    (player, provider, tx_id): (&str, &str, &str),
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
        player,
        provider,
        tx_id,
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

/// Takes a movement that was decided out of the books.
///
/// # Errors
/// [`FencedError`].
pub async fn remove(pool: &PgPool, fence: &Fence, place: &Place) -> Result<(), FencedError> {
    let row = sqlx::query!(
        r#"
        WITH held AS (
            SELECT 1 FROM job_lease WHERE name = $1 AND fencing = $2 FOR SHARE
        ), gone AS (
            DELETE FROM parked_movement p USING held
            WHERE p.player_id = $3 AND p.provider = $4 AND p.tx_id = $5
        )
        SELECT (SELECT count(*) FROM held) AS "held!"
        "#,
        fence.name,
        fence.fencing,
        place.player.as_str(),
        place.key.provider.as_str(),
        place.key.tx_id.as_str(),
    )
    .fetch_one(pool)
    .await?;
    fenced(row.held, 0).map(drop)
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

fn place(player: &str, provider: &str, tx_id: &str) -> Option<Place> {
    Some(Place {
        player: PlayerId::parse(player).ok()?,
        key: Key { provider: ProviderId::parse(provider).ok()?, tx_id: TxId::parse(tx_id).ok()? },
    })
}
