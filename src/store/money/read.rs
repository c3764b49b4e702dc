//! What a decision needs to know, read without locks: a wallet's version is always read
//! before the rows that are judged by it, so whatever commits in between fails the write.

use std::collections::HashMap;

use sqlx::PgConnection;

use crate::core::{
    Action, Attempt, GameId, GameState, History, PlayerId, ProviderId, RoundFacts, RoundId,
    SessionFact, Standing, TxId, WalletState,
};
use crate::store::LookupError;
use crate::store::rows::{StoredRow, stored, wallet_state};

/// Everything that a batch is decided on.
#[derive(Debug, Default)]
pub struct Facts {
    /// By player; a player without a wallet is missing.
    pub wallets: HashMap<PlayerId, WalletState>,
    /// One for each attempt, in order.
    pub standings: Vec<Standing>,
    /// Of all players together: keys belong to one player each.
    pub history: History,
    /// True when a row was decided after its wallet had been read. Whoever answers from both
    /// shows a balance from before the row.
    pub torn: bool,
}

/// Reads wallets, sessions, games and, where a policy turns on them, rounds: one round trip.
///
/// # Errors
/// [`LookupError`].
pub async fn standing(
    connection: &mut PgConnection,
    attempts: &[&Attempt],
) -> Result<Facts, LookupError> {
    let mut players: Vec<&str> = Vec::with_capacity(attempts.len());
    let mut tokens: Vec<Option<&[u8]>> = Vec::with_capacity(attempts.len());
    let mut providers: Vec<&str> = Vec::with_capacity(attempts.len());
    let mut games: Vec<Option<&str>> = Vec::with_capacity(attempts.len());
    let mut rounds: Vec<Option<&str>> = Vec::with_capacity(attempts.len());
    for attempt in attempts {
        let command = &attempt.command;
        let has_debit = command.movements.iter().any(|m| matches!(m.action, Action::Debit(_)));
        players.push(command.player.as_str());
        providers.push(command.provider.as_str());
        tokens.push(command.token.as_ref().filter(|_| has_debit).map(|t| t.as_bytes().as_slice()));
        games.push(command.game.as_ref().filter(|_| has_debit).map(GameId::as_str));
        rounds.push(judged_round(attempt).map(RoundId::as_str));
    }
    let rows = sqlx::query!(
        r#"
        SELECT c.place AS "place!", w.currency AS "currency!",
               w.balance_micros AS "balance_micros!", w.version AS "version!",
               w.status AS "status!", w.bet_limit_micros AS "bet_limit_micros?",
               s.player_id AS "session_player?", s.provider AS "session_provider?",
               s.expires_at AS "expires_at?", g.enabled AS "enabled?",
               r.debits AS "debits!", r.cancelled AS "cancelled!", r.credits AS "credits!"
        FROM unnest($1::text[], $2::bytea[], $3::text[], $4::text[], $5::text[])
             WITH ORDINALITY AS c(player_id, token_hash, provider, game_id, round_id, place)
        JOIN wallet w ON w.player_id = c.player_id
        LEFT JOIN session s ON s.token_hash = c.token_hash
        LEFT JOIN game g ON g.provider = c.provider AND g.game_id = c.game_id
        CROSS JOIN LATERAL (
            SELECT count(*) FILTER (WHERE t.kind = 'debit' AND t.outcome = 'applied'
                       OR t.kind IN ('debit', 'reverse') AND t.outcome = 'tombstone') AS debits,
                   count(*) FILTER (WHERE t.kind IN ('debit', 'reverse') AND t.outcome = 'tombstone'
                       OR t.kind = 'reverse' AND t.outcome = 'applied'
                          AND t.category IN ('bet', 'tip')) AS cancelled,
                   count(*) FILTER (WHERE t.kind = 'credit' AND t.outcome = 'applied') AS credits
            FROM trx_log t
            WHERE t.player_id = c.player_id AND t.round_id = c.round_id
              AND t.provider = c.provider
        ) r
        "#,
        &players as &[&str],
        &tokens as &[Option<&[u8]>],
        &providers as &[&str],
        &games as &[Option<&str>],
        &rounds as &[Option<&str>],
    )
    .fetch_all(connection)
    .await?;

    let mut facts =
        Facts { standings: vec![Standing::default(); attempts.len()], ..Facts::default() };
    for row in rows {
        let place = usize::try_from(row.place - 1).ok();
        let Some((place, attempt)) = place.and_then(|at| Some((at, attempts.get(at)?))) else {
            continue;
        };
        let command = &attempt.command;
        let session = match (row.session_player, row.session_provider, row.expires_at) {
            (Some(player), Some(provider), Some(expires_at)) => Some(SessionFact {
                player: stored(PlayerId::parse(player), "session.player_id")?,
                provider: stored(ProviderId::parse(provider), "session.provider")?,
                expires_at,
            }),
            _ => None,
        };
        let game = if row.enabled == Some(false) { GameState::Disabled } else { GameState::Open };
        if let Some(slot) = facts.standings.get_mut(place) {
            *slot = Standing { session, game };
        }
        if let Some(round) = judged_round(attempt) {
            let seen =
                RoundFacts { debits: row.debits, cancelled: row.cancelled, credits: row.credits };
            let (player, provider) = (command.player.clone(), command.provider.clone());
            facts.history.learn_round(player, provider, round.clone(), seen);
        }
        if !facts.wallets.contains_key(&command.player) {
            let wallet = wallet_state(
                command.player.clone(),
                &row.currency,
                row.balance_micros,
                row.version,
                &row.status,
                row.bet_limit_micros,
            )?;
            facts.wallets.insert(command.player.clone(), wallet);
        }
    }
    Ok(facts)
}

/// The round whose past decides about the attempt, if one does. That of a reversal may: its
/// target may still be on its way, in the same batch.
fn judged_round(attempt: &Attempt) -> Option<&RoundId> {
    let command = &attempt.command;
    let judged = command.movements.iter().any(|movement| {
        matches!(movement.action, Action::Reverse { .. })
            || command.policy.looks_at_round() && movement.category.settles_a_round()
    });
    command.round.as_ref().filter(|_| judged)
}

/// Which rows to look for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// The targets of reversals, and the own keys of attempts that are thought to be repeats.
    Needed,
    /// Also every own key.
    Everything,
    /// Also under other players: a key that was taken there can be seen in no other way.
    AcrossPlayers,
}

/// Adds the prior rows of the attempts to what is known: a round trip only where one is
/// needed.
///
/// # Errors
/// [`LookupError`].
pub async fn prior_rows(
    connection: &mut PgConnection,
    attempts: &[(&Attempt, bool)],
    depth: Depth,
    facts: &mut Facts,
) -> Result<(), LookupError> {
    let mut wanted = Wanted::default();
    for (attempt, repeat_expected) in attempts {
        let own_keys = *repeat_expected || depth != Depth::Needed;
        for movement in &attempt.command.movements {
            if own_keys {
                wanted.push(attempt, &movement.tx_id, false);
            }
            if let Action::Reverse { target, .. } = &movement.action {
                wanted.push(attempt, target, true);
                if !own_keys {
                    // A repeated reversal is told from a second one by its own row.
                    wanted.push(attempt, &movement.tx_id, false);
                }
            }
        }
    }
    if wanted.tx_ids.is_empty() {
        return Ok(());
    }
    let rows = sqlx::query_as!(
        StoredRow,
        r#"
        SELECT t.provider AS "provider!", t.tx_id AS "tx_id!", t.player_id AS "player_id!",
               t.transaction_id AS "transaction_id!", t.kind AS "kind!",
               t.category AS "category!", t.outcome AS "outcome!", t.reason,
               t.requested_micros AS "requested_micros!", t.amount_micros AS "amount_micros!",
               t.shortfall_micros AS "shortfall_micros!", t.balance_after_micros,
               t.wallet_version, t.reverses, t.round_id, t.game_id,
               t.fingerprint AS "fingerprint!", t.detail, t.occurred_at,
               t.created_at AS "created_at!",
               CASE WHEN k.is_target AND t.kind = 'debit' THEN (
                   SELECT count(*) FROM trx_log c
                   WHERE c.player_id = t.player_id AND c.round_id = t.round_id
                     AND c.provider = t.provider AND c.kind = 'credit' AND c.outcome = 'applied'
               ) END AS round_credits
        FROM unnest($1::text[], $2::text[], $3::text[], $4::bool[])
             AS k(player_id, provider, tx_id, is_target)
        JOIN trx_log t ON t.provider = k.provider AND t.tx_id = k.tx_id
                      AND (t.player_id = k.player_id OR $5)
        UNION ALL
        SELECT t.provider, t.tx_id, t.player_id, t.transaction_id, t.kind, t.category, t.outcome,
               t.reason, t.requested_micros, t.amount_micros, t.shortfall_micros,
               t.balance_after_micros, t.wallet_version, t.reverses, t.round_id, t.game_id,
               t.fingerprint, t.detail, t.occurred_at, t.created_at, NULL
        FROM unnest($1::text[], $2::text[], $3::text[]) AS k(player_id, provider, tx_id)
        JOIN trx_log t ON t.provider = k.provider AND t.player_id = k.player_id
                      AND t.reverses = k.tx_id AND t.outcome = 'applied'
        "#,
        &wanted.players as &[&str],
        &wanted.providers as &[&str],
        &wanted.tx_ids as &[&str],
        &wanted.targets as &[bool],
        depth == Depth::AcrossPlayers,
    )
    .fetch_all(connection)
    .await?;
    for row in rows {
        let credits = row.round_credits;
        let row = row.into_row()?;
        let Facts { wallets, history, torn, .. } = &mut *facts;
        let wallet = wallets.get(&row.player);
        *torn |= wallet.zip(row.link).is_some_and(|(wallet, link)| link.version > wallet.version);
        if let (Some(credits), Some(round)) = (credits, &row.round) {
            let (player, provider) = (row.player.clone(), row.key.provider.clone());
            let seen = RoundFacts { credits, ..history.round(&player, &provider, round) };
            history.learn_round(player, provider, round.clone(), seen);
        }
        history.learn_row(row);
    }
    Ok(())
}

#[derive(Default)]
struct Wanted<'a> {
    players: Vec<&'a str>,
    providers: Vec<&'a str>,
    tx_ids: Vec<&'a str>,
    targets: Vec<bool>,
}

impl<'a> Wanted<'a> {
    fn push(&mut self, attempt: &'a Attempt, tx_id: &'a TxId, is_target: bool) {
        self.players.push(attempt.command.player.as_str());
        self.providers.push(attempt.command.provider.as_str());
        self.tx_ids.push(tx_id.as_str());
        self.targets.push(is_target);
    }
}
