//! Wallets as a whole: opening one and looking at it. Money moves in the engine alone.

use std::collections::HashMap;

use sqlx::PgPool;

use crate::core::{Amount, Currency, PlayerId, SessionFact, TokenHash, WalletState};
use crate::store::LookupError;
use crate::store::rows::{session_fact, wallet_state};

/// What came of opening a wallet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opened {
    /// It is new.
    New(WalletState),
    /// It was there, perhaps with another currency than asked for.
    Before(WalletState),
}

/// Opens a wallet, empty and active, unless there is one.
///
/// # Errors
/// [`LookupError`].
pub async fn open(
    pool: &PgPool,
    player: &PlayerId,
    currency: &Currency,
) -> Result<Opened, LookupError> {
    let inserted = sqlx::query!(
        "INSERT INTO wallet (player_id, currency) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        player.as_str(),
        currency.as_str(),
    )
    .execute(pool)
    .await?;
    // A second statement, because only its snapshot is sure to see a wallet that another
    // call has just opened.
    let wallet = find(pool, player).await?.ok_or(LookupError::Unreadable("wallet"))?;
    Ok(if inserted.rows_affected() == 1 { Opened::New(wallet) } else { Opened::Before(wallet) })
}

/// The wallet of a player.
///
/// # Errors
/// [`LookupError`].
pub async fn find(pool: &PgPool, player: &PlayerId) -> Result<Option<WalletState>, LookupError> {
    let row = sqlx::query!(
        "SELECT currency, balance_micros, version, status, bet_limit_micros
         FROM wallet WHERE player_id = $1",
        player.as_str(),
    )
    .fetch_optional(pool)
    .await?;
    row.map(|row| {
        wallet_state(
            player.clone(),
            &row.currency,
            row.balance_micros,
            row.version,
            &row.status,
            row.bet_limit_micros,
        )
    })
    .transpose()
}

/// The currencies that there are wallets of, each once, in order; a look into the index for each.
///
/// # Errors
/// [`LookupError`].
pub async fn currencies(pool: &PgPool) -> Result<Vec<String>, LookupError> {
    let found = sqlx::query_scalar!(
        r#"
        WITH RECURSIVE found AS (
            SELECT min(currency) AS currency FROM wallet
            UNION ALL
            SELECT (SELECT min(w.currency) FROM wallet w WHERE w.currency > f.currency)
            FROM found f WHERE f.currency IS NOT NULL
        )
        SELECT currency AS "currency!" FROM found WHERE currency IS NOT NULL
        "#
    )
    .fetch_all(pool)
    .await?;
    Ok(found)
}

/// The wallets of these players, in one snapshot.
///
/// # Errors
/// [`LookupError`].
pub async fn find_all(
    pool: &PgPool,
    players: &[&PlayerId],
) -> Result<HashMap<PlayerId, WalletState>, LookupError> {
    let ids: Vec<&str> = players.iter().map(|player| player.as_str()).collect();
    let rows = sqlx::query!(
        "SELECT player_id, currency, balance_micros, version, status, bet_limit_micros
         FROM wallet WHERE player_id = ANY($1::text[])",
        &ids as &[&str],
    )
    .fetch_all(pool)
    .await?;
    rows.into_iter()
        .map(|row| {
            let wallet = wallet_state(
                PlayerId::parse(&row.player_id)
                    .map_err(|_| LookupError::Unreadable("wallet.player_id"))?,
                &row.currency,
                row.balance_micros,
                row.version,
                &row.status,
                row.bet_limit_micros,
            )?;
            Ok((wallet.player.clone(), wallet))
        })
        .collect()
}

/// Sets or lifts the player's own limit on a single stake. False for an unknown player.
///
/// # Errors
/// [`LookupError`].
pub async fn set_bet_limit(
    pool: &PgPool,
    player: &PlayerId,
    limit: Option<Amount>,
) -> Result<bool, LookupError> {
    let done = sqlx::query!(
        "UPDATE wallet SET bet_limit_micros = $2, updated_at = now() WHERE player_id = $1",
        player.as_str(),
        limit.map(|limit| limit.micros().get()),
    )
    .execute(pool)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Who is behind a token: the session, and the player's wallet, in one round trip.
///
/// # Errors
/// [`LookupError`].
pub async fn behind_token(
    pool: &PgPool,
    token: &TokenHash,
) -> Result<Option<(SessionFact, WalletState)>, LookupError> {
    let row = sqlx::query!(
        r#"SELECT s.player_id, s.provider, s.game_id, 
                s.expires_at > now() AND s.replaced_by IS NULL AS "live!",
                w.currency, w.balance_micros, w.version, w.status, w.bet_limit_micros
         FROM session s JOIN wallet w ON w.player_id = s.player_id
         WHERE s.token_hash = $1"#,
        token.as_bytes().as_slice(),
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
    Ok(Some((session, wallet)))
}
