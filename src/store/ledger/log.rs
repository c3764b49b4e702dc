//! Looking a movement up by its key, and a player's by their order.

use sqlx::PgPool;

use crate::core::{Key, PlayerId, ProviderId, Row};
use crate::store::LookupError;
use crate::store::rows::{StoredRow, stored};

/// A player's decided rows of one provider behind a version of the wallet, in the order in which
/// they were decided. Versions have no gap and none is given later than a greater one, so whoever
/// goes on behind the last one seen misses nothing.
///
/// # Errors
/// [`LookupError`].
pub async fn decided_after(
    pool: &PgPool,
    (provider, player): (&ProviderId, &PlayerId),
    version: i64,
    limit: u16,
) -> Result<Vec<Row>, LookupError> {
    let rows = sqlx::query_as!(
        StoredRow,
        r#"
        SELECT provider, tx_id, player_id, transaction_id, kind, category, outcome, reason,
               requested_micros, amount_micros, shortfall_micros, balance_after_micros,
               wallet_version, reverses, settles, round_id, game_id, fingerprint, detail, occurred_at,
               created_at, parked_at
        FROM trx_log
        WHERE player_id = $1 AND provider = $2 AND wallet_version > $3
        ORDER BY wallet_version
        LIMIT $4
        "#,
        player.as_str(),
        provider.as_str(),
        version,
        i64::from(limit),
    )
    .fetch_all(pool)
    .await?;
    rows.into_iter().map(StoredRow::into_row).collect()
}

/// Whose movement stands under this key, whatever became of it.
///
/// # Errors
/// [`LookupError`].
pub async fn player_of(pool: &PgPool, key: &Key) -> Result<Option<PlayerId>, LookupError> {
    let found = sqlx::query_scalar!(
        "SELECT player_id FROM trx_log WHERE provider = $1 AND tx_id = $2",
        key.provider.as_str(),
        key.tx_id.as_str(),
    )
    .fetch_optional(pool)
    .await?;
    stored(found.map(PlayerId::parse).transpose(), "trx_log.player_id")
}

/// The row of a player under this key, whatever became of it.
///
/// # Errors
/// [`LookupError`].
pub async fn find(pool: &PgPool, player: &PlayerId, key: &Key) -> Result<Option<Row>, LookupError> {
    let row = sqlx::query_as!(
        StoredRow,
        r#"
        SELECT provider, tx_id, player_id, transaction_id, kind, category, outcome, reason,
               requested_micros, amount_micros, shortfall_micros, balance_after_micros,
               wallet_version, reverses, settles, round_id, game_id, fingerprint, detail, occurred_at,
               created_at, parked_at
        FROM trx_log
        WHERE player_id = $1 AND provider = $2 AND tx_id = $3
        "#,
        player.as_str(),
        key.provider.as_str(),
        key.tx_id.as_str(),
    )
    .fetch_optional(pool)
    .await?;
    row.map(StoredRow::into_row).transpose()
}
