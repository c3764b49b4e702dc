//! Launch tokens. Only their hashes are stored.

use chrono::{DateTime, Utc};
use sqlx::PgPool;

use crate::core::{GameId, PlayerId, ProviderId, TokenHash};
use crate::store::LookupError;
use crate::store::rows::stored;

/// A session to be stored.
#[derive(Clone, Debug)]
pub struct NewSession {
    /// Of the token.
    pub token: TokenHash,
    /// Whose.
    pub player: PlayerId,
    /// For which provider's games.
    pub provider: ProviderId,
    /// For one game, where the operator says so.
    pub game: Option<GameId>,
    /// When it ends.
    pub expires_at: DateTime<Utc>,
}

/// Stores a session, or gives a known token new contents. False when the player is unknown.
///
/// # Errors
/// [`LookupError`].
pub async fn issue(pool: &PgPool, session: &NewSession) -> Result<bool, LookupError> {
    let done = sqlx::query!(
        "INSERT INTO session (token_hash, player_id, provider, game_id, expires_at)
         SELECT $1, player_id, $3, $4, $5 FROM wallet WHERE player_id = $2
         ON CONFLICT (token_hash) DO UPDATE
         SET player_id = excluded.player_id, provider = excluded.provider,
             game_id = excluded.game_id, expires_at = excluded.expires_at",
        session.token.as_bytes().as_slice(),
        session.player.as_str(),
        session.provider.as_str(),
        session.game.as_ref().map(GameId::as_str),
        session.expires_at,
    )
    .execute(pool)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Whose session it is, and at which provider; `None` when there is none.
///
/// # Errors
/// [`LookupError`].
pub async fn owner(
    pool: &PgPool,
    token: &TokenHash,
) -> Result<Option<(PlayerId, String)>, LookupError> {
    let token = token.as_bytes().as_slice();
    let found =
        sqlx::query!("SELECT player_id, provider FROM session WHERE token_hash = $1", token)
            .fetch_optional(pool)
            .await?;
    let Some(row) = found else { return Ok(None) };
    Ok(Some((stored(PlayerId::parse(&row.player_id), "session.player_id")?, row.provider)))
}

/// Ends a session now. False when there was none.
///
/// # Errors
/// [`LookupError`].
pub async fn revoke(pool: &PgPool, token: &TokenHash) -> Result<bool, LookupError> {
    let done =
        sqlx::query!("DELETE FROM session WHERE token_hash = $1", token.as_bytes().as_slice(),)
            .execute(pool)
            .await?;
    Ok(done.rows_affected() == 1)
}
