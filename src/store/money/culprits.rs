//! Who it was: after a batch that failed as a whole, the ones that it failed for.

use sqlx::PgConnection;

use crate::core::{Key, PlayerId};
use crate::store::LookupError;

/// Which of these keys are in the ledger, under any player: their places.
///
/// # Errors
/// [`LookupError`].
pub async fn taken(
    connection: &mut PgConnection,
    keys: &[&Key],
) -> Result<Vec<usize>, LookupError> {
    let providers: Vec<&str> = keys.iter().map(|key| key.provider.as_str()).collect();
    let tx_ids: Vec<&str> = keys.iter().map(|key| key.tx_id.as_str()).collect();
    let places = sqlx::query_scalar!(
        r#"
        SELECT k.place AS "place!"
        FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS k(provider, tx_id, place)
        WHERE EXISTS (
            SELECT FROM trx_log t WHERE t.provider = k.provider AND t.tx_id = k.tx_id OFFSET 0)
        "#,
        &providers as &[&str],
        &tx_ids as &[&str],
    )
    .fetch_all(connection)
    .await?;
    Ok(places.into_iter().filter_map(|place| usize::try_from(place - 1).ok()).collect())
}

/// Which of these players have rows behind the end of their chain: a wallet that was set back.
///
/// # Errors
/// [`LookupError`].
pub async fn damaged(
    connection: &mut PgConnection,
    players: &[&PlayerId],
) -> Result<Vec<PlayerId>, LookupError> {
    let players: Vec<&str> = players.iter().map(|player| player.as_str()).collect();
    let found = sqlx::query_scalar!(
        r#"
        SELECT p.player_id AS "player_id!"
        FROM unnest($1::text[]) AS p(player_id)
        CROSS JOIN LATERAL (
            SELECT w.version FROM wallet w WHERE w.player_id = p.player_id OFFSET 0) w
        WHERE EXISTS (
            SELECT FROM trx_log t
            WHERE t.player_id = p.player_id AND t.wallet_version > w.version OFFSET 0)
        "#,
        &players as &[&str],
    )
    .fetch_all(connection)
    .await?;
    ids(found)
}

/// Which of these players' wallets somebody else has locked just now. Waits for nobody.
///
/// # Errors
/// [`LookupError`].
pub async fn locked(
    connection: &mut PgConnection,
    players: &[&PlayerId],
) -> Result<Vec<PlayerId>, LookupError> {
    let players: Vec<&str> = players.iter().map(|player| player.as_str()).collect();
    let found = sqlx::query_scalar!(
        r#"
        WITH free AS MATERIALIZED (
            SELECT player_id FROM wallet
            WHERE player_id = ANY ($1::text[])
            FOR NO KEY UPDATE SKIP LOCKED
        )
        SELECT w.player_id FROM wallet w
        WHERE w.player_id = ANY ($1) AND w.player_id <> ALL (ARRAY(SELECT player_id FROM free))
        "#,
        &players as &[&str],
    )
    .fetch_all(connection)
    .await?;
    ids(found)
}

fn ids(players: Vec<String>) -> Result<Vec<PlayerId>, LookupError> {
    let id = |player| PlayerId::parse(player);
    let ids: Result<_, _> = players.into_iter().map(id).collect();
    ids.map_err(|_| LookupError::Unreadable("wallet.player_id"))
}
