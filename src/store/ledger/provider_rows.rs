//! A provider's applied movements, for comparing them with its own list.

use chrono::{DateTime, Utc};
use sqlx::PgPool;
use uuid::Uuid;

use super::search::first_id_at;
use crate::core::{Micros, ProviderId};
use crate::store::LookupError;

/// What the comparison needs of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderRow {
    /// Its key.
    pub tx_id: String,
    /// Whose.
    pub player: String,
    /// Of the wallet.
    pub currency: String,
    /// Its round.
    pub round: Option<String>,
    /// What became of it.
    pub outcome: String,
    /// What moved, signed by its effect on the balance.
    pub amount: Micros,
    /// The provider's clock where it said so, otherwise ours.
    pub at: DateTime<Utc>,
}

/// The rows under these keys, whatever became of them.
///
/// # Errors
/// [`LookupError`].
pub async fn under_keys(
    pool: &PgPool,
    provider: &ProviderId,
    tx_ids: &[&str],
) -> Result<Vec<ProviderRow>, LookupError> {
    let rows = sqlx::query!(
        r#"
        SELECT t.tx_id, t.player_id, w.currency, t.round_id, t.outcome, t.amount_micros,
               coalesce(t.occurred_at, t.created_at) AS "at!"
        FROM trx_log t JOIN wallet w ON w.player_id = t.player_id
        WHERE t.provider = $1 AND t.tx_id = ANY($2::text[])
        "#,
        provider.as_str(),
        tx_ids as &[&str],
    )
    .fetch_all(pool)
    .await?;
    let rows = rows.into_iter().map(|row| ProviderRow {
        tx_id: row.tx_id,
        player: row.player_id,
        currency: row.currency,
        round: row.round_id,
        outcome: row.outcome,
        amount: Micros::new(row.amount_micros),
        at: row.at,
    });
    Ok(rows.collect())
}

/// A walk over the ledger, oldest first.
#[derive(Clone, Copy, Debug)]
pub struct Walk {
    next: Uuid,
    end: Uuid,
}

impl Walk {
    /// Over the rows that came to us from the millisecond `from` to before the millisecond `to`.
    pub fn over(from: DateTime<Utc>, to: DateTime<Utc>) -> Self {
        Self { next: first_id_at(from), end: first_id_at(to) }
    }
}

/// Looks at the next `examine` (at least 1) rows of the walk and takes those of the provider
/// that moved money; `None` at the end.
///
/// # Errors
/// [`LookupError`].
pub async fn step(
    pool: &PgPool,
    provider: &ProviderId,
    walk: &mut Walk,
    examine: u32,
) -> Result<Option<Vec<ProviderRow>>, LookupError> {
    if walk.next >= walk.end {
        return Ok(None);
    }
    let reached = sqlx::query_scalar!(
        "SELECT transaction_id FROM trx_log /* how far a walk */
         WHERE transaction_id >= $1 AND transaction_id < $2
         ORDER BY transaction_id OFFSET $3 LIMIT 1",
        walk.next,
        walk.end,
        i64::from(examine),
    )
    .fetch_optional(pool)
    .await?;
    let until = reached.unwrap_or(walk.end);
    let rows = sqlx::query!(
        r#"
        SELECT t.tx_id, t.player_id, w.currency, t.round_id, t.outcome, t.amount_micros,
               coalesce(t.occurred_at, t.created_at) AS "at!"
        FROM trx_log t JOIN wallet w ON w.player_id = t.player_id
        WHERE t.transaction_id >= $1 AND t.transaction_id < $2
          AND t.provider = $3 AND t.outcome = 'applied' AND t.amount_micros <> 0
        "#,
        walk.next,
        until,
        provider.as_str(),
    )
    .fetch_all(pool)
    .await?;
    walk.next = until;
    let rows = rows.into_iter().map(|row| ProviderRow {
        tx_id: row.tx_id,
        player: row.player_id,
        currency: row.currency,
        round: row.round_id,
        outcome: row.outcome,
        amount: Micros::new(row.amount_micros),
        at: row.at,
    });
    Ok(Some(rows.collect()))
}
