//! Games that are on or off.

use sqlx::PgPool;

use crate::core::{GameId, GameState, ProviderId};
use crate::store::LookupError;

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

/// A game that somebody has switched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Switched {
    /// Whose.
    pub provider: String,
    /// Which.
    pub game_id: String,
    /// Whether it takes stakes.
    pub enabled: bool,
}

/// Which switched games to list, in order.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Of one provider.
    pub provider: Option<ProviderId>,
    /// On, or off.
    pub enabled: Option<bool>,
    /// After this game of this provider: the last of the page before.
    pub after: Option<(String, String)>,
    /// At most so many.
    pub limit: u16,
}

/// A page of the games that somebody has switched. All others are on.
///
/// # Errors
/// [`LookupError`].
pub async fn page(pool: &PgPool, filter: &Filter) -> Result<Vec<Switched>, LookupError> {
    let (provider, game) = filter.after.clone().unwrap_or_default();
    let games = sqlx::query_as!(
        Switched,
        "SELECT provider, game_id, enabled FROM game
         WHERE (provider, game_id) > ($1, $2)
           AND ($3::text IS NULL OR provider = $3)
           AND ($4::bool IS NULL OR enabled = $4)
         ORDER BY provider, game_id
         LIMIT $5",
        provider,
        game,
        filter.provider.as_ref().map(ProviderId::as_str),
        filter.enabled,
        i64::from(filter.limit),
    )
    .fetch_all(pool)
    .await?;
    Ok(games)
}
