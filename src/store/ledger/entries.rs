//! The entries of a statement, in the order of a player's chain of versions.

use sqlx::{Connection as _, PgPool};
use tokio::sync::mpsc;

use super::chunks::send_all;
use super::currency::RowWithCurrency;
use crate::core::{Currency, PlayerId, Row};
use crate::store::LookupError;
use crate::store::rows::StoredRow;

/// Rows that an export takes at once.
const CHUNK: usize = 1000;
/// Which entries.
#[derive(Clone, Copy, Debug)]
pub struct Entries {
    /// After this version.
    pub after: i64,
    /// Up to this version, which has to be decided already.
    pub last: i64,
    /// Also those that moved nothing.
    pub all: bool,
}

/// So many entries of a player, oldest first; fewer only where there are no more.
///
/// # Errors
/// [`LookupError`].
pub async fn page(
    pool: &PgPool,
    player: &PlayerId,
    which: Entries,
    limit: u16,
) -> Result<Vec<Row>, LookupError> {
    let rows = sqlx::query_as!(
        StoredRow,
        r#"
        SELECT provider, tx_id, player_id, transaction_id, kind, category, outcome, reason,
               requested_micros, amount_micros, shortfall_micros, balance_after_micros,
               wallet_version, reverses, settles, round_id, game_id, fingerprint, detail, occurred_at,
               created_at, parked_at
        FROM trx_log /* entries */
        WHERE player_id = $1 AND wallet_version > $2 AND wallet_version <= $3
          AND ($4 OR amount_micros <> 0)
        ORDER BY wallet_version
        LIMIT $5
        "#,
        player.as_str(),
        which.after,
        which.last,
        which.all,
        i64::from(limit),
    )
    .fetch_all(pool)
    .await
    .map_err(LookupError::of_search)?;
    rows.into_iter().map(StoredRow::into_row).collect()
}

/// All entries of a player, oldest first, in chunks. They come from the server as they are taken.
///
/// # Errors
/// [`LookupError`].
pub async fn export(
    pool: &PgPool,
    (player, currency): (&PlayerId, &Currency),
    which: Entries,
    to: &mpsc::Sender<Vec<RowWithCurrency>>,
) -> Result<(), LookupError> {
    let mut connection = crate::store::pool::own(pool).await?;
    let found = sqlx::query_as!(
        StoredRow,
        r#"
        SELECT provider, tx_id, player_id, transaction_id, kind, category, outcome, reason,
               requested_micros, amount_micros, shortfall_micros, balance_after_micros,
               wallet_version, reverses, settles, round_id, game_id, fingerprint, detail, occurred_at,
               created_at, parked_at
        FROM trx_log /* all entries */
        WHERE player_id = $1 AND wallet_version > $2 AND wallet_version <= $3
          AND ($4 OR amount_micros <> 0)
        ORDER BY wallet_version
        "#,
        player.as_str(),
        which.after,
        which.last,
        which.all,
    )
    .fetch(&mut connection);
    let sent =
        send_all(found, |row| RowWithCurrency { row, currency: Some(currency.clone()) }, CHUNK, to)
            .await;
    // It ends either way; so it says goodbye.
    let _: Result<(), sqlx::Error> = connection.close().await;
    sent
}
