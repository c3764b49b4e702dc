//! Calls that came under a key which says something else.

use chrono::{DateTime, Utc};
use sqlx::PgPool;
use uuid::Uuid;

use crate::core::{
    Category, GameId, Key, Kind, Micros, PlayerId, ProviderId, RoundId, TransactionId, TxId,
};
use crate::store::LookupError;

/// One of them.
#[derive(Clone, Debug)]
pub struct Mismatch {
    /// The key that was used twice.
    pub key: Key,
    /// Whose wallet was named.
    pub player: PlayerId,
    /// The round that was named.
    pub round: Option<RoundId>,
    /// The game that was named.
    pub game: Option<GameId>,
    /// What was asked for.
    pub kind: Kind,
    /// Why.
    pub category: Category,
    /// How much, signed by the effect that it would have had.
    pub requested: Micros,
    /// The row that has the key.
    pub transaction_id: TransactionId,
    /// Our clock on arrival.
    pub at: DateTime<Utc>,
}

/// Keeps one.
///
/// # Errors
/// [`LookupError`].
pub async fn keep(pool: &PgPool, mismatch: &Mismatch) -> Result<(), LookupError> {
    sqlx::query!(
        "INSERT INTO ledger_mismatch (mismatch_id, provider, tx_id, player_id, round_id, game_id,
                                      kind, category, requested_micros, transaction_id, at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        Uuid::now_v7(),
        mismatch.key.provider.as_str(),
        mismatch.key.tx_id.as_str(),
        mismatch.player.as_str(),
        mismatch.round.as_ref().map(RoundId::as_str),
        mismatch.game.as_ref().map(GameId::as_str),
        mismatch.kind.as_str(),
        mismatch.category.as_str(),
        mismatch.requested.get(),
        mismatch.transaction_id.uuid(),
        mismatch.at,
    )
    .execute(pool)
    .await?;
    Ok(())
}

/// Those that named this round of this player, or a key of it, in order.
///
/// # Errors
/// [`LookupError`].
pub async fn of_round(
    pool: &PgPool,
    player: &PlayerId,
    round: &RoundId,
    provider: Option<&ProviderId>,
    limit: i64,
) -> Result<Vec<Mismatch>, LookupError> {
    let rows = sqlx::query!(
        r#"
        SELECT m.provider, m.tx_id, m.player_id, m.round_id, m.game_id, m.kind, m.category,
               m.requested_micros, m.transaction_id, m.at
        FROM ledger_mismatch m
        WHERE m.player_id = $1 AND ($3::text IS NULL OR m.provider = $3)
          AND (m.round_id = $2 OR EXISTS (
              SELECT FROM trx_log t
              WHERE t.player_id = $1 AND t.round_id = $2 AND t.provider = m.provider
                AND t.tx_id = m.tx_id))
        ORDER BY m.mismatch_id
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
            let mismatch = || {
                Some(Mismatch {
                    key: Key {
                        provider: ProviderId::parse(&row.provider).ok()?,
                        tx_id: TxId::parse(&row.tx_id).ok()?,
                    },
                    player: PlayerId::parse(&row.player_id).ok()?,
                    round: row.round_id.as_ref().map(RoundId::parse).transpose().ok()?,
                    game: row.game_id.as_ref().map(GameId::parse).transpose().ok()?,
                    kind: Kind::parse(&row.kind)?,
                    category: Category::parse(&row.category)?,
                    requested: Micros::new(row.requested_micros),
                    transaction_id: TransactionId::new(row.transaction_id),
                    at: row.at,
                })
            };
            mismatch().ok_or(LookupError::Unreadable("ledger_mismatch"))
        })
        .collect()
}
