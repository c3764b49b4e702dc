//! Games that are on or off.

use sqlx::PgPool;

use super::LookupError;
use crate::core::{GameId, GameState, ProviderId};

/// Whether a game takes stakes; one that nobody has switched off does.
///
/// # Errors
/// [`LookupError`].
pub async fn state(
    pool: &PgPool,
    provider: &ProviderId,
    game: &GameId,
) -> Result<GameState, LookupError> {
    let enabled = sqlx::query_scalar!(
        "SELECT enabled FROM game WHERE provider = $1 AND game_id = $2",
        provider.as_str(),
        game.as_str(),
    )
    .fetch_optional(pool)
    .await?;
    Ok(if enabled == Some(false) { GameState::Disabled } else { GameState::Open })
}

/// Switches a game on or off.
///
/// # Errors
/// [`LookupError`].
pub async fn switch(
    pool: &PgPool,
    provider: &ProviderId,
    game: &GameId,
    enabled: bool,
) -> Result<(), LookupError> {
    sqlx::query!(
        "INSERT INTO game (provider, game_id, enabled) VALUES ($1, $2, $3)
         ON CONFLICT (provider, game_id) DO UPDATE SET enabled = excluded.enabled",
        provider.as_str(),
        game.as_str(),
        enabled,
    )
    .execute(pool)
    .await?;
    Ok(())
}
