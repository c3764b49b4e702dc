//! Parked movements as a person sees them, and what a person can do about them.

use chrono::{DateTime, Utc};
use sqlx::PgPool;
use uuid::Uuid;

use super::parked::Place;
use crate::core::{Currency, Key, PlayerId, ProviderId, Row, TxId};
use crate::store::LookupError;
use crate::store::rows::{stored, stored_row};

/// A parked movement with what the job knows of it.
#[derive(Clone, Debug)]
pub struct Parked {
    /// Its row of the ledger.
    pub row: Row,
    /// Its wallet's, if that is there.
    pub currency: Option<Currency>,
    /// Attempts of the job's so far.
    pub attempts: i32,
    /// When the job tries again; `None` where it has not heard of it yet, or has given it up.
    pub next_attempt_at: Option<DateTime<Utc>>,
    /// Why the last attempt left it where it is.
    pub last_reason: Option<String>,
    /// When it was given up, and why.
    pub dead: Option<(DateTime<Utc>, String)>,
}

/// Which parked movements to list, newest first.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Of one player.
    pub player: Option<PlayerId>,
    /// Of one provider.
    pub provider: Option<ProviderId>,
    /// Given up, or not.
    pub dead: Option<bool>,
    /// Older than this one: the last of the page before.
    pub before: Option<Uuid>,
    /// At most so many.
    pub limit: u16,
}

/// A page of parked movements.
#[derive(Debug, Default)]
pub struct Page {
    /// Those that can be read.
    pub items: Vec<Parked>,
    /// The transaction ids of those that hold what this version does not know.
    pub unreadable: Vec<Uuid>,
    /// The last of them all, where there may be more.
    pub next: Option<Uuid>,
}

/// Where a parked movement is, by its transaction id: also one that holds what this version does not
/// know; `or_elsewhere`, also one that a person has decided elsewhere. With what it reverses.
///
/// # Errors
/// [`LookupError`].
pub async fn place(
    pool: &PgPool,
    id: Uuid,
    or_elsewhere: bool,
) -> Result<Option<(Place, Option<TxId>)>, LookupError> {
    let found = sqlx::query!(
        "SELECT player_id, provider, tx_id, reverses FROM trx_log
         WHERE transaction_id = $1
           AND (outcome = 'parked' OR $2 AND reason = 'decided_elsewhere')",
        id,
        or_elsewhere,
    )
    .fetch_optional(pool)
    .await?;
    let Some(row) = found else { return Ok(None) };
    let place = Place {
        player: stored(PlayerId::parse(&row.player_id), "trx_log.player_id")?,
        key: Key {
            provider: stored(ProviderId::parse(&row.provider), "trx_log.provider")?,
            tx_id: stored(TxId::parse(&row.tx_id), "trx_log.tx_id")?,
        },
    };
    let reverses = row.reverses.map(TxId::parse).transpose();
    Ok(Some((place, stored(reverses, "trx_log.reverses")?)))
}

/// A page of parked movements.
///
/// # Errors
/// [`LookupError`].
pub async fn page(pool: &PgPool, filter: &Filter) -> Result<Page, LookupError> {
    let rows = sqlx::query!(
        r#"
        SELECT t.provider, t.tx_id, t.player_id, t.transaction_id, t.kind, t.category,
               t.outcome, t.reason, t.requested_micros, t.amount_micros, t.shortfall_micros,
               t.balance_after_micros, t.wallet_version, t.reverses, t.settles, t.round_id, t.game_id,
               t.fingerprint, t.detail, t.occurred_at, t.created_at, t.parked_at,
               p.attempts AS "attempts?", p.next_attempt_at AS "next_attempt_at?",
               p.last_reason AS "last_reason?", p.dead_at AS "dead_at?",
               p.dead_reason AS "dead_reason?", w.currency AS "currency?"
        FROM trx_log t
        LEFT JOIN wallet w ON w.player_id = t.player_id
        LEFT JOIN parked_movement p ON p.player_id = t.player_id AND p.provider = t.provider
                                   AND p.tx_id = t.tx_id
        WHERE t.outcome = 'parked'
          AND ($1::text IS NULL OR t.player_id = $1)
          AND ($2::text IS NULL OR t.provider = $2)
          AND ($3::bool IS NULL OR (p.dead_at IS NOT NULL) = $3)
          AND ($4::uuid IS NULL OR t.transaction_id < $4)
        ORDER BY t.transaction_id DESC
        LIMIT $5
        "#,
        filter.player.as_ref().map(PlayerId::as_str),
        filter.provider.as_ref().map(ProviderId::as_str),
        filter.dead,
        filter.before,
        i64::from(filter.limit).saturating_add(1),
    )
    .fetch_all(pool)
    .await?;
    let limit = usize::from(filter.limit);
    let mut page = Page::default();
    if rows.len() > limit {
        let last = limit.checked_sub(1).and_then(|last| rows.get(last));
        page.next = last.map(|row| row.transaction_id);
    }
    for row in rows.into_iter().take(limit) {
        let id = row.transaction_id;
        let stored = stored_row!(row);
        let Ok(read) = stored.into_row() else {
            page.unreadable.push(id);
            continue;
        };
        page.items.push(Parked {
            row: read,
            currency: row.currency.and_then(|code| Currency::parse(code).ok()),
            attempts: row.attempts.unwrap_or_default(),
            next_attempt_at: row.next_attempt_at.filter(|_| row.dead_at.is_none()),
            last_reason: row.last_reason,
            dead: row.dead_at.zip(row.dead_reason),
        });
    }
    Ok(page)
}

/// A person leaves a movement to its provider: nothing else tries it. False where it is not parked (any more).
///
/// # Errors
/// [`LookupError`].
pub async fn leave_to_provider(
    pool: &PgPool,
    place: &Place,
    reason: &str,
) -> Result<bool, LookupError> {
    let done = sqlx::query!(
        "INSERT INTO parked_movement AS p
             (provider, tx_id, player_id, next_attempt_at, dead_at, dead_reason,
              given_up_by_person)
         SELECT provider, tx_id, player_id, now(), now(), $4, true FROM trx_log
         WHERE player_id = $1 AND provider = $2 AND tx_id = $3 AND outcome = 'parked'
         ON CONFLICT (player_id, provider, tx_id) DO UPDATE
         SET dead_at = coalesce(p.dead_at, now()), dead_reason = $4, given_up_by_person = true",
        place.player.as_str(),
        place.key.provider.as_str(),
        place.key.tx_id.as_str(),
        reason,
    )
    .execute(pool)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// A person wants a movement to be tried again, from the first attempt on.
///
/// # Errors
/// [`LookupError`].
pub async fn reset_attempts(pool: &PgPool, place: &Place) -> Result<(), LookupError> {
    sqlx::query!(
        "UPDATE parked_movement
         SET attempts = 0, next_attempt_at = now(), dead_at = NULL, dead_reason = NULL,
             given_up_by_person = false
         WHERE player_id = $1 AND provider = $2 AND tx_id = $3",
        place.player.as_str(),
        place.key.provider.as_str(),
        place.key.tx_id.as_str(),
    )
    .execute(pool)
    .await?;
    Ok(())
}

/// A wallet was opened, or opened again: what waits for it is due now, also what was given up for
/// want of it, unless by a person. What is more than a call should do is found by the job.
///
/// # Errors
/// [`LookupError`].
pub async fn make_due(pool: &PgPool, player: &PlayerId) -> Result<(), LookupError> {
    sqlx::query!(
        "UPDATE parked_movement p
         SET attempts = 0, next_attempt_at = now(), dead_at = NULL, dead_reason = NULL
         WHERE (p.player_id, p.provider, p.tx_id) IN (
             SELECT d.player_id, d.provider, d.tx_id FROM parked_movement d
             WHERE d.player_id = $1 AND NOT d.given_up_by_person
               AND d.last_reason IN ('wallet_closed', 'player_unknown')
               AND (d.dead_at IS NULL OR d.dead_reason IN ('wallet_closed', 'player_unknown'))
             LIMIT 1000)",
        player.as_str(),
    )
    .execute(pool)
    .await?;
    Ok(())
}
