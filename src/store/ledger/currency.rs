//! Rows as people read them: with what their money is counted in, which the wallet alone knows.

use std::collections::{HashMap, HashSet};

use sqlx::PgPool;

use crate::core::{Currency, PlayerId, Row};
use crate::store::LookupError;

/// A row, and its wallet's currency.
#[derive(Clone, Debug)]
pub struct RowWithCurrency {
    /// The row.
    pub row: Row,
    /// `None` where the wallet is not there, which nothing here brings about.
    pub currency: Option<Currency>,
}

/// These rows, in their order.
///
/// # Errors
/// [`LookupError`].
pub async fn with_currencies(
    pool: &PgPool,
    rows: Vec<Row>,
) -> Result<Vec<RowWithCurrency>, LookupError> {
    let currencies = currencies(pool, rows.iter().map(|row| &row.player)).await?;
    let with = |row: Row| RowWithCurrency { currency: currencies.get(&row.player).cloned(), row };
    Ok(rows.into_iter().map(with).collect())
}

/// What the wallets of these players are counted in.
///
/// # Errors
/// [`LookupError`].
pub async fn currencies(
    pool: &PgPool,
    players: impl Iterator<Item = &PlayerId>,
) -> Result<HashMap<PlayerId, Currency>, LookupError> {
    let players: Vec<&str> =
        players.map(PlayerId::as_str).collect::<HashSet<_>>().into_iter().collect();
    if players.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = sqlx::query!(
        "SELECT player_id, currency FROM wallet WHERE player_id = ANY($1)",
        &players as &[&str],
    )
    .fetch_all(pool)
    .await
    .map_err(LookupError::of_search)?;
    let read = |player: &str, currency: &str| {
        Some((PlayerId::parse(player).ok()?, Currency::parse(currency).ok()?))
    };
    rows.into_iter()
        .map(|row| read(&row.player_id, &row.currency).ok_or(LookupError::Unreadable("wallet")))
        .collect()
}
