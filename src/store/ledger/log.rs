//! Looking a movement up by its key, and a player's by their order.

use sqlx::PgPool;
use tokio::sync::mpsc;

use super::chunks::send_all;
use crate::core::{Key, PlayerId, ProviderId, Row};
use crate::store::LookupError;
use crate::store::rows::StoredRow;

/// Rows that a long stream takes at once.
const CHUNK: usize = 500;

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
               wallet_version, reverses, round_id, game_id, fingerprint, detail, occurred_at,
               created_at, NULL::bigint AS round_credits
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

/// The same without an end, in one statement, in chunks: no index has a player's rows in their
/// order, so each page has to look through all of them. It waits while the receiver is behind, and
/// ends when there is none any more.
///
/// # Errors
/// [`LookupError`].
pub async fn all_decided_after(
    pool: &PgPool,
    (provider, player): (&ProviderId, &PlayerId),
    (version, timeout_ms): (i64, u64),
    to: mpsc::Sender<Vec<Row>>,
) -> Result<(), LookupError> {
    let mut connection = crate::store::connect::patient_connection(pool, timeout_ms).await?;
    let found = sqlx::query_as!(
        StoredRow,
        r#"
        SELECT provider, tx_id, player_id, transaction_id, kind, category, outcome, reason,
               requested_micros, amount_micros, shortfall_micros, balance_after_micros,
               wallet_version, reverses, round_id, game_id, fingerprint, detail, occurred_at,
               created_at, NULL::bigint AS round_credits
        FROM trx_log /* all decided */
        WHERE player_id = $1 AND provider = $2 AND wallet_version > $3
        ORDER BY wallet_version
        "#,
        player.as_str(),
        provider.as_str(),
        version,
    )
    .fetch(&mut *connection);
    send_all(found, |row| row, CHUNK, &to).await
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
               wallet_version, reverses, round_id, game_id, fingerprint, detail, occurred_at,
               created_at, NULL::bigint AS round_credits
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
