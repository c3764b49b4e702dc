//! Looking up what was decided before, for many calls at once: their rows and their wallets in one
//! snapshot, so that no answer shows a balance from before its row.

use std::collections::HashMap;

use sqlx::PgConnection;

use crate::core::{Attempt, History, Key, PlayerId, ProviderId, TransactionId, TxId, WalletState};
use crate::store::LookupError;
use crate::store::rows::{stored_row, wallet_state};

/// What was found.
#[derive(Debug, Default)]
pub struct Repeats {
    /// Of the players of whom a key was found.
    pub wallets: HashMap<PlayerId, WalletState>,
    /// The rows under the attempts' own keys, and whether they were reversed since.
    pub history: History,
}

/// Looks the attempts' own keys up, whoever's they are: one round trip.
///
/// # Errors
/// [`LookupError`].
pub async fn find(
    connection: &mut PgConnection,
    attempts: &[&Attempt],
) -> Result<Repeats, LookupError> {
    let mut players: Vec<&str> = Vec::with_capacity(attempts.len());
    let mut providers: Vec<&str> = Vec::with_capacity(attempts.len());
    let mut tx_ids: Vec<&str> = Vec::with_capacity(attempts.len());
    for attempt in attempts {
        for movement in &attempt.command.movements {
            players.push(attempt.command.player.as_str());
            providers.push(attempt.command.provider.as_str());
            tx_ids.push(movement.tx_id.as_str());
        }
    }
    let rows = sqlx::query!(
        r#"
        SELECT k.player_id AS "asking_player!",
               t.provider, t.tx_id, t.player_id, t.transaction_id, t.kind, t.category, t.outcome,
               t.reason, t.requested_micros, t.amount_micros, t.shortfall_micros,
               t.balance_after_micros, t.wallet_version, t.reverses, t.settles, t.round_id, t.game_id,
               t.fingerprint, t.detail, t.occurred_at, t.created_at, t.parked_at,
               (SELECT x.transaction_id FROM trx_log x
                WHERE x.provider = t.provider AND x.player_id = t.player_id
                  AND x.reverses = t.tx_id AND x.outcome = 'applied' OFFSET 0) AS reversed_by,
               -- The first one undid the target, or left its tombstone behind itself in the chain.
               CASE WHEN t.reason = 'already_reversed' THEN coalesce(
                   (SELECT x.transaction_id FROM trx_log x
                    WHERE x.provider = t.provider AND x.player_id = t.player_id
                      AND x.reverses = t.reverses AND x.outcome = 'applied' OFFSET 0),
                   (SELECT x.transaction_id
                    FROM (SELECT o.wallet_version FROM trx_log o
                          WHERE o.provider = t.provider AND o.tx_id = t.reverses
                            AND o.outcome = 'tombstone' OFFSET 0) o
                    CROSS JOIN LATERAL (
                        SELECT x.transaction_id FROM trx_log x
                        WHERE x.player_id = t.player_id
                          AND x.wallet_version = o.wallet_version - 1
                          AND x.provider = t.provider AND x.reverses = t.reverses OFFSET 0) x))
               END AS first_reversal,
               w.currency AS wallet_currency, w.balance_micros AS wallet_balance,
               w.version AS wallet_at, w.status AS wallet_status,
               w.bet_limit_micros AS wallet_bet_limit
        FROM unnest($1::text[], $2::text[], $3::text[]) AS k(player_id, provider, tx_id)
        CROSS JOIN LATERAL (
            SELECT t.* FROM trx_log t
            WHERE t.provider = k.provider AND t.tx_id = k.tx_id OFFSET 0) t
        CROSS JOIN LATERAL (
            SELECT w.* FROM wallet w WHERE w.player_id = k.player_id OFFSET 0) w
        "#,
        &players as &[&str],
        &providers as &[&str],
        &tx_ids as &[&str],
    )
    .fetch_all(connection)
    .await?;
    let mut found = Repeats::default();
    for row in rows {
        let (Ok(player), Ok(provider), Ok(tx_id)) = (
            PlayerId::parse(row.asking_player),
            ProviderId::parse(&row.provider),
            TxId::parse(&row.tx_id),
        ) else {
            continue;
        };
        if let Some(id) = row.reversed_by {
            let target = Key { provider: provider.clone(), tx_id };
            found.history.learn_reversed(target, TransactionId::new(id));
        }
        if let Some((id, target)) = row.first_reversal.zip(row.reverses.as_ref())
            && let Ok(tx_id) = TxId::parse(target)
        {
            let target = Key { provider, tx_id };
            found.history.learn_forestalled(target, TransactionId::new(id));
        }
        let wallet = wallet_state(
            player.clone(),
            &row.wallet_currency,
            row.wallet_balance,
            row.wallet_at,
            &row.wallet_status,
            row.wallet_bet_limit,
        );
        if let Ok(wallet) = wallet {
            found.wallets.insert(player, wallet);
        }
        let stored = stored_row!(row);
        // What this version cannot read is as if it had not been found: the lane sees to it.
        if let Ok(row) = stored.into_row() {
            found.history.learn_row(row);
        }
    }
    Ok(found)
}
