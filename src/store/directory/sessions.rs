//! Launch tokens. Only their hashes are stored. A token belongs to one player as long as anything is
//! known of it.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::PgPool;

use crate::core::{GameId, PlayerId, ProviderId, SessionFact, TokenHash, WalletState};
use crate::store::LookupError;
use crate::store::pool::begin_transaction;
use crate::store::rows::{session_fact, stored, wallet_state};

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

/// What came of storing a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Issued {
    /// It is open.
    Done,
    /// There is no such player.
    PlayerUnknown,
    /// The token is another player's, and stays so.
    AnotherPlayers,
}

/// Stores a session, or gives a token that is the player's already new contents.
///
/// # Errors
/// [`LookupError`].
pub async fn issue(pool: &PgPool, session: &NewSession) -> Result<Issued, LookupError> {
    let done = sqlx::query!(
        r#"
        WITH owner AS (
            SELECT player_id FROM wallet WHERE player_id = $2
        ), stored AS (
            INSERT INTO session (token_hash, player_id, provider, game_id, expires_at)
            SELECT $1, player_id, $3, $4, $5 FROM owner
            ON CONFLICT (token_hash) DO UPDATE
            SET provider = excluded.provider, game_id = excluded.game_id,
                expires_at = excluded.expires_at, replaced_by = NULL
            WHERE session.player_id = excluded.player_id
            RETURNING 1
        )
        SELECT EXISTS (SELECT FROM owner) AS "known!", EXISTS (SELECT FROM stored) AS "stored!"
        "#,
        session.token.as_bytes().as_slice(),
        session.player.as_str(),
        session.provider.as_str(),
        session.game.as_ref().map(GameId::as_str),
        session.expires_at,
    )
    .fetch_one(pool)
    .await?;
    Ok(match (done.known, done.stored) {
        (_, true) => Issued::Done,
        (true, false) => Issued::AnotherPlayers,
        (false, false) => Issued::PlayerUnknown,
    })
}

/// What is behind a token that somebody comes with.
#[derive(Clone, Debug)]
pub struct Launch {
    /// The session.
    pub session: SessionFact,
    /// The player's wallet.
    pub wallet: WalletState,
    /// True where the token was replaced by the very one that is asked about, and that is open.
    pub is_replaced: bool,
}

/// The session and the player's wallet behind a token, in one round trip, and whether `by` took its
/// place.
///
/// # Errors
/// [`LookupError`].
pub async fn launch(
    pool: &PgPool,
    token: &TokenHash,
    by: Option<&TokenHash>,
) -> Result<Option<Launch>, LookupError> {
    let row = sqlx::query!(
        r#"
        SELECT s.player_id, s.provider, s.game_id,
               s.expires_at > now() AND s.replaced_by IS NULL AS "live!",
               EXISTS (
                   SELECT FROM session n
                   WHERE n.token_hash = $2 AND n.token_hash = s.replaced_by
                     AND n.expires_at > now() AND n.replaced_by IS NULL) AS "is_replaced!",
               w.currency, w.balance_micros, w.version, w.status, w.bet_limit_micros
        FROM session s JOIN wallet w ON w.player_id = s.player_id
        WHERE s.token_hash = $1
        "#,
        token.as_bytes().as_slice(),
        by.map(|by| by.as_bytes().as_slice()),
    )
    .fetch_optional(pool)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let session = session_fact(&row.player_id, &row.provider, row.game_id.as_deref(), row.live)?;
    let wallet = wallet_state(
        session.player.clone(),
        &row.currency,
        row.balance_micros,
        row.version,
        &row.status,
        row.bet_limit_micros,
    )?;
    Ok(Some(Launch { session, wallet, is_replaced: row.is_replaced }))
}

/// What came of putting one token in the place of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replaced {
    /// The old one opens nothing any more, and the new one what the old one did.
    Done,
    /// The old one is over: somebody else was first, or its time is up.
    Over,
    /// The new one is another player's or provider's, or was ended before. The old one is as it was.
    Taken,
}

/// Puts a token in the place of another that is open: for the same player, provider and game, and to
/// the same end. One that is open and the player's already is opened for that.
///
/// # Errors
/// [`LookupError`].
pub async fn replace(
    pool: &PgPool,
    old: &TokenHash,
    new: &TokenHash,
) -> Result<Replaced, LookupError> {
    // Whoever waits for the old one's row looks at it again. No end is how plain SQL undoes all of it
    // where the new token is not to be had, also where that has become so in the same moment.
    let done = sqlx::query!(
        "WITH used AS (
             UPDATE session SET replaced_by = $2
             WHERE token_hash = $1 AND replaced_by IS NULL AND expires_at > now()
             RETURNING player_id, provider, game_id, expires_at
         )
         INSERT INTO session (token_hash, player_id, provider, game_id, expires_at)
         SELECT $2, player_id, provider, game_id, expires_at FROM used
         ON CONFLICT (token_hash) DO UPDATE
         SET game_id = excluded.game_id,
             expires_at = CASE WHEN session.player_id = excluded.player_id
                                AND session.provider = excluded.provider
                                AND session.replaced_by IS NULL
                               THEN excluded.expires_at END",
        old.as_bytes().as_slice(),
        new.as_bytes().as_slice(),
    )
    .execute(pool)
    .await;
    match done {
        Ok(done) if done.rows_affected() == 1 => Ok(Replaced::Done),
        Ok(_) => Ok(Replaced::Over),
        Err(error) if is_not_null_violation(&error) => Ok(Replaced::Taken),
        Err(error) => Err(error.into()),
    }
}

fn is_not_null_violation(error: &sqlx::Error) -> bool {
    error.as_database_error().and_then(sqlx::error::DatabaseError::code).as_deref() == Some("23502")
}

/// Whose a token is, also of one that is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The player.
    pub player: PlayerId,
    /// At which provider.
    pub provider: ProviderId,
    /// For so long at least nobody else can be.
    pub kept: Duration,
    /// It was ended before its time, and nothing took its place.
    pub is_revoked: bool,
}

/// Whose a token is; `None` where nothing is known of it.
///
/// # Errors
/// [`LookupError`].
pub async fn owner(pool: &PgPool, token: &TokenHash) -> Result<Option<Owner>, LookupError> {
    let found = sqlx::query!(
        r#"SELECT player_id, provider, extract(epoch FROM expires_at - now())::float8 AS "left!",
                  replaced_by IS NOT DISTINCT FROM '' AS "revoked!"
           FROM session WHERE token_hash = $1"#,
        token.as_bytes().as_slice(),
    )
    .fetch_optional(pool)
    .await?;
    let Some(row) = found else { return Ok(None) };
    Ok(Some(Owner {
        player: stored(PlayerId::parse(&row.player_id), "session.player_id")?,
        provider: stored(ProviderId::parse(&row.provider), "session.provider")?,
        kept: Duration::try_from_secs_f64(row.left).unwrap_or_default(),
        is_revoked: row.revoked,
    }))
}

/// Ends a session now, and whatever took its place. False when there was none, or it was ended
/// before.
///
/// # Errors
/// [`LookupError`].
pub async fn revoke(pool: &PgPool, token: &TokenHash) -> Result<bool, LookupError> {
    let mut next = token.as_bytes().to_vec();
    let mut any = false;
    // One by one, because none can be replaced any more once it has ended: so the last one is found.
    // All or none, because one that has ended does not say any more what took its place.
    let mut transaction = begin_transaction(pool).await?;
    loop {
        let ended = sqlx::query_scalar!(
            r#"
            UPDATE session s SET replaced_by = ''
            FROM (SELECT token_hash, replaced_by FROM session
                  WHERE token_hash = $1 FOR UPDATE) before
            WHERE s.token_hash = before.token_hash AND before.replaced_by IS DISTINCT FROM ''
            RETURNING before.replaced_by
            "#,
            next,
        )
        .fetch_optional(&mut *transaction)
        .await?;
        any |= ended.is_some();
        match ended.flatten() {
            Some(successor) => next = successor,
            None => break,
        }
    }
    transaction.commit().await?;
    Ok(any)
}
