//! Everything that was ever said about a round of a player.

use chrono::{DateTime, Utc};
use sqlx::PgPool;

use crate::core::{PlayerId, ProviderId, RoundId, Row};
use crate::store::LookupError;
use crate::store::rows::stored_row;

/// A row of a round, and what is known of one that waits.
#[derive(Clone, Debug)]
pub struct Event {
    /// The row.
    pub row: Row,
    /// While it waits and the job knows of it.
    pub retry: Option<Retry>,
}

/// What is known of a row that waits.
#[derive(Clone, Debug)]
pub struct Retry {
    /// Attempts so far, beside the provider's own.
    pub attempts: i32,
    /// When it is tried again; `None` once it was given up.
    pub next_attempt_at: Option<DateTime<Utc>>,
    /// Why it was given up.
    pub dead_reason: Option<String>,
}

/// The rows of a round in the order of their arrival, at most `limit`. Reversals that name no
/// round are found by what they undo.
///
/// # Errors
/// [`LookupError`].
pub async fn history(
    pool: &PgPool,
    player: &PlayerId,
    round: &RoundId,
    provider: Option<&ProviderId>,
    limit: i64,
) -> Result<Vec<Event>, LookupError> {
    let rows = sqlx::query!(
        r#"
        WITH named AS MATERIALIZED (
            SELECT * FROM trx_log /* round */
            WHERE player_id = $1 AND round_id = $2 AND ($3::text IS NULL OR provider = $3)
        ), told AS (
            SELECT * FROM named
            UNION ALL
            SELECT t.* FROM trx_log t
            WHERE t.player_id = $1 AND t.round_id IS NULL AND t.reverses IS NOT NULL
              AND EXISTS (SELECT FROM named n
                          WHERE n.provider = t.provider AND n.tx_id = t.reverses)
        )
        SELECT t.provider AS "provider!", t.tx_id AS "tx_id!", t.player_id AS "player_id!",
               t.transaction_id AS "transaction_id!", t.kind AS "kind!",
               t.category AS "category!", t.outcome AS "outcome!", t.reason,
               t.requested_micros AS "requested_micros!", t.amount_micros AS "amount_micros!",
               t.shortfall_micros AS "shortfall_micros!", t.balance_after_micros,
               t.wallet_version, t.reverses, t.settles, t.round_id, t.game_id,
               t.fingerprint AS "fingerprint!", t.detail, t.occurred_at,
               t.created_at AS "created_at!", t.parked_at,
               p.attempts AS "attempts?", p.next_attempt_at AS "next_attempt_at?",
               p.dead_at AS "dead_at?", p.dead_reason AS "dead_reason?"
        FROM told t
        LEFT JOIN parked_movement p ON p.player_id = t.player_id AND p.provider = t.provider
                                   AND p.tx_id = t.tx_id AND t.outcome = 'parked'
        ORDER BY t.transaction_id
        LIMIT $4
        "#,
        player.as_str(),
        round.as_str(),
        provider.map(ProviderId::as_str),
        limit,
    )
    .fetch_all(pool)
    .await
    .map_err(LookupError::of_search)?;
    rows.into_iter()
        .map(|row| {
            let stored = stored_row!(row);
            let (dead_at, dead_reason, next) = (row.dead_at, row.dead_reason, row.next_attempt_at);
            let retry = row.attempts.map(|attempts| Retry {
                attempts,
                next_attempt_at: next.filter(|_| dead_at.is_none()),
                dead_reason,
            });
            Ok(Event { row: stored.into_row()?, retry })
        })
        .collect()
}
