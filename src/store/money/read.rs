//! What a decision needs to know that is judged by the past, read without locks: a wallet's version
//! is read before the rows that are judged by it, so whatever commits in between is seen when the
//! version is compared.

use sqlx::PgConnection;

use super::facts::{Facts, is_reversal, reversals};
use super::settlements;
use crate::core::policy::Settlement;
use crate::core::{
    Action, Attempt, Command, GameId, GameState, Key, Movement, PlayerId, RoundFacts, RoundId,
    Standing, TransactionId, TxId,
};
use crate::store::LookupError;
use crate::store::rows::{session_fact, stored_row, wallet_state};

/// Reads everything that the attempts are judged by: one round trip for wallets, sessions, games
/// and rounds, one for prior rows, and one for what settles single debits, where a policy asks for it.
/// Of a round, of the round of a target and of what settles a debit, at most `window` rows are looked
/// at, and all that it takes where there is none.
///
/// # Errors
/// [`LookupError`].
pub async fn facts(
    connection: &mut PgConnection,
    attempts: &[&Attempt],
    window: Option<i64>,
) -> Result<Facts, LookupError> {
    let mut facts = standing(connection, attempts, window).await?;
    prior_rows(connection, attempts, window, &mut facts).await?;
    settlements::read(connection, attempts, window, &mut facts).await?;
    Ok(facts)
}

/// Wallets, sessions, games and, where a policy turns on them, rounds.
async fn standing(
    connection: &mut PgConnection,
    attempts: &[&Attempt],
    window: Option<i64>,
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
    // Each reversal beside takes one stake at most from those that were found to stand.
    let enough = 1 + reversals(attempts);
    let rows = sqlx::query!(
        r#"
        SELECT c.place AS "place!", w.currency AS "currency!",
               w.balance_micros AS "balance_micros!", w.version AS "version!",
               w.status AS "status!", w.bet_limit_micros AS "bet_limit_micros?",
               s.player_id AS "session_player?", s.provider AS "session_provider?",
               s.game_id AS "session_game?",
               s.expires_at > now() AND s.replaced_by IS NULL AS "live?", now() AS "now!", g.enabled AS "enabled?",
               r.standing AS "standing!", r.staked AS "staked!", r.paid AS "paid!",
               CASE WHEN $6::bigint IS NOT NULL AND c.round_id IS NOT NULL THEN EXISTS (
                   SELECT FROM trx_log t
                   WHERE t.player_id = c.player_id AND t.round_id = c.round_id OFFSET $6)
               ELSE false END AS "more!"
        FROM unnest($1::text[], $2::bytea[], $3::text[], $4::text[], $5::text[])
             WITH ORDINALITY AS c(player_id, token_hash, provider, game_id, round_id, place)
        CROSS JOIN LATERAL (
            SELECT w.* FROM wallet w WHERE w.player_id = c.player_id OFFSET 0) w
        LEFT JOIN LATERAL (
            SELECT s.* FROM session s WHERE s.token_hash = c.token_hash OFFSET 0) s ON true
        LEFT JOIN LATERAL (
            SELECT g.enabled FROM game g
            WHERE g.provider = c.provider AND g.game_id = c.game_id OFFSET 0) g ON true
        CROSS JOIN LATERAL (
            -- Each of them looks no further than it has to: a round may be long.
            SELECT (SELECT count(*)
                    FROM (
                        SELECT FROM (
                            SELECT t.provider, t.tx_id, t.kind, t.outcome FROM trx_log t
                            WHERE t.player_id = c.player_id AND t.round_id = c.round_id
                            LIMIT $6) t
                        WHERE t.provider = c.provider AND t.kind = 'debit'
                          AND t.outcome = 'applied' AND NOT EXISTS (
                            SELECT FROM trx_log x
                            WHERE x.provider = c.provider AND x.player_id = c.player_id
                              AND x.reverses = t.tx_id AND x.outcome = 'applied' OFFSET 0)
                        LIMIT $7) t) AS standing,
                   EXISTS (
                        SELECT FROM (
                            SELECT t.provider, t.kind, t.outcome FROM trx_log t
                            WHERE t.player_id = c.player_id AND t.round_id = c.round_id
                            LIMIT $6) t
                        WHERE t.provider = c.provider
                          AND (t.kind = 'debit' AND t.outcome = 'applied'
                               OR t.kind IN ('debit', 'reverse') AND t.outcome = 'tombstone')
                        OFFSET 0) AS staked,
                   EXISTS (
                        SELECT FROM (
                            SELECT t.provider, t.kind, t.outcome FROM trx_log t
                            WHERE t.player_id = c.player_id AND t.round_id = c.round_id
                            LIMIT $6) t
                        WHERE t.provider = c.provider AND t.kind = 'credit'
                          AND t.outcome IN ('applied', 'noted') OFFSET 0) AS paid
        ) r
        "#,
        &players as &[&str],
        &tokens as &[Option<&[u8]>],
        &providers as &[&str],
        &games as &[Option<&str>],
        &rounds as &[Option<&str>],
        window,
        enough,
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
        let wallet = wallet_state(
            command.player.clone(),
            &row.currency,
            row.balance_micros,
            row.version,
            &row.status,
            row.bet_limit_micros,
        );
        let session = match (row.session_player, row.session_provider, row.live) {
            (Some(player), Some(provider), Some(live)) => {
                session_fact(&player, &provider, row.session_game.as_deref(), live).map(Some)
            }
            _ => Ok(None),
        };
        let (Ok(wallet), Ok(session)) = (wallet, session) else {
            facts.unreadable.insert(command.player.clone());
            continue;
        };
        let game = if row.enabled == Some(false) { GameState::Disabled } else { GameState::Open };
        if let Some(slot) = facts.standings.get_mut(place) {
            *slot = Standing { session, game, now: row.now };
        }
        if let Some(round) = judged_round(attempt) {
            let seen = round_facts(row.standing, row.staked, row.paid);
            if row.more && is_undetermined(command, seen, enough) {
                facts.undetermined.insert(command.player.clone());
            }
            let (player, provider) = (command.player.clone(), command.provider.clone());
            facts.history.learn_round(player, provider, round.clone(), seen);
        }
        facts.wallets.entry(command.player.clone()).or_insert(wallet);
    }
    Ok(facts)
}

/// The round whose past decides about the attempt, if one does. That of a reversal may: its
/// target may still be on its way, in the same batch.
fn judged_round(attempt: &Attempt) -> Option<&RoundId> {
    let command = &attempt.command;
    let policy = &command.policy;
    let judged = command.movements.iter().any(|movement| {
        is_reversal(movement) && policy.settlement == Settlement::ByRound
            || policy.looks_at_debits() && is_for_a_round(movement)
    });
    command.round.as_ref().filter(|_| judged)
}

/// A round of which `standing` stakes stand. Where none does, one that was cancelled stands for all
/// that were.
fn round_facts(standing: i64, staked: bool, paid: bool) -> RoundFacts {
    let cancelled = i64::from(staked && standing == 0);
    RoundFacts { debits: standing + cancelled, cancelled, credits: i64::from(paid) }
}

/// True when more rows of the round could change what a part of them says: where fewer stakes were
/// found to stand than are `enough`, and where no win was found.
fn is_undetermined(command: &Command, seen: RoundFacts, enough: i64) -> bool {
    command.movements.iter().any(is_for_a_round) && seen.debits - seen.cancelled < enough
        || command.movements.iter().any(is_reversal) && seen.credits == 0
}

/// True for what is paid for a round, and not for one of its debits by name.
fn is_for_a_round(movement: &Movement) -> bool {
    movement.category.settles_a_round() && movement.action.settles().is_none()
}

/// Adds the prior rows of the attempts to what is known: under their own keys, whoever's they are,
/// and of reversals the targets, with what has been paid in the targets' rounds.
async fn prior_rows(
    connection: &mut PgConnection,
    attempts: &[&Attempt],
    window: Option<i64>,
    facts: &mut Facts,
) -> Result<(), LookupError> {
    let wanted = Wanted::of(attempts);
    let rows = sqlx::query!(
        r#"
        SELECT t.provider AS "provider!", t.tx_id AS "tx_id!", t.player_id AS "player_id!",
               t.transaction_id AS "transaction_id!", t.kind AS "kind!",
               t.category AS "category!", t.outcome AS "outcome!", t.reason,
               t.requested_micros AS "requested_micros!", t.amount_micros AS "amount_micros!",
               t.shortfall_micros AS "shortfall_micros!", t.balance_after_micros,
               t.wallet_version, t.reverses, t.settles, t.round_id, t.game_id,
               t.fingerprint AS "fingerprint!", t.detail, t.occurred_at,
               t.created_at AS "created_at!", t.parked_at,
               CASE WHEN k.is_target AND t.kind = 'debit' THEN
                   CASE WHEN EXISTS (
                            SELECT FROM (
                                SELECT c.provider, c.kind, c.outcome FROM trx_log c
                                WHERE c.player_id = t.player_id AND c.round_id = t.round_id
                                LIMIT $5) c
                            WHERE c.provider = t.provider AND c.kind = 'credit'
                              AND c.outcome IN ('applied', 'noted') OFFSET 0) THEN 1::bigint
                        -- None among so many, and there are more.
                        WHEN $5::bigint IS NOT NULL AND EXISTS (
                            SELECT FROM trx_log c
                            WHERE c.player_id = t.player_id AND c.round_id = t.round_id
                            OFFSET $5) THEN -1
                        ELSE 0 END
               END AS round_credits,
               -- A reversal leaves the tombstone behind itself in the chain.
               CASE WHEN t.outcome = 'tombstone' THEN (
                   SELECT x.transaction_id FROM trx_log x
                   WHERE x.player_id = t.player_id AND x.wallet_version = t.wallet_version - 1
                     AND x.provider = t.provider AND x.reverses = t.tx_id OFFSET 0)
               END AS forestalled_by,
               -- That of one that came too late, whatever its key is asked for now.
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
               END AS first_reversal
        FROM unnest($1::text[], $2::text[], $3::text[], $4::bool[])
             AS k(player_id, provider, tx_id, is_target)
        CROSS JOIN LATERAL (
            SELECT t.* FROM trx_log t
            WHERE t.provider = k.provider AND t.tx_id = k.tx_id OFFSET 0) t
        UNION ALL
        SELECT t.provider, t.tx_id, t.player_id, t.transaction_id, t.kind, t.category, t.outcome,
               t.reason, t.requested_micros, t.amount_micros, t.shortfall_micros,
               t.balance_after_micros, t.wallet_version, t.reverses, t.settles, t.round_id, t.game_id,
               t.fingerprint, t.detail, t.occurred_at, t.created_at, t.parked_at,
               NULL, NULL, NULL
        FROM unnest($1::text[], $2::text[], $3::text[]) AS k(player_id, provider, tx_id)
        CROSS JOIN LATERAL (
            SELECT t.* FROM trx_log t
            WHERE t.provider = k.provider AND t.player_id = k.player_id
              AND t.reverses = k.tx_id AND t.outcome = 'applied' OFFSET 0) t
        "#,
        &wanted.players as &[&str],
        &wanted.providers as &[&str],
        &wanted.tx_ids as &[&str],
        &wanted.targets as &[bool],
        window,
    )
    .fetch_all(connection)
    .await?;
    for row in rows {
        let (credits, forestalled_by) = (row.round_credits, row.forestalled_by);
        let first_reversal = row.first_reversal.map(TransactionId::new);
        let key = (row.provider.clone(), row.tx_id.clone(), row.reverses.clone());
        match stored_row!(row).into_row() {
            Ok(row) => {
                if let Some(id) = forestalled_by {
                    facts.history.learn_forestalled(row.key.clone(), TransactionId::new(id));
                }
                if let Some((id, target)) = first_reversal.zip(row.reverses.clone()) {
                    let target = Key { provider: row.key.provider.clone(), tx_id: target };
                    facts.history.learn_forestalled(target, id);
                }
                facts.learn(row, credits);
            }
            Err(_) => facts.unreadable.extend(wanted.who_asked_for(&key)),
        }
    }
    Ok(())
}

/// The keys to look for.
#[derive(Default)]
struct Wanted<'a> {
    players: Vec<&'a str>,
    providers: Vec<&'a str>,
    tx_ids: Vec<&'a str>,
    /// True for a target that what was paid in its round may settle.
    targets: Vec<bool>,
}

impl<'a> Wanted<'a> {
    fn of(attempts: &[&'a Attempt]) -> Self {
        let mut wanted = Self::default();
        for attempt in attempts {
            for movement in &attempt.command.movements {
                wanted.push(attempt, &movement.tx_id, false);
                match &movement.action {
                    Action::Reverse { target, .. }
                    | Action::DecidedElsewhere { target: Some(target) } => {
                        let by_round = attempt.command.policy.settlement == Settlement::ByRound;
                        wanted.push(attempt, target, by_round);
                    }
                    Action::Credit { settles: Some(debit), .. } => {
                        wanted.push(attempt, debit, false);
                    }
                    _ => {}
                }
            }
        }
        wanted
    }

    /// The players who asked for a row, or for what it reverses.
    fn who_asked_for(&self, row: &(String, String, Option<String>)) -> Vec<PlayerId> {
        let keys = self.players.iter().zip(self.providers.iter().zip(&self.tx_ids));
        keys.filter(|(_, (provider, tx_id))| {
            **provider == row.0 && (**tx_id == row.1 || Some(**tx_id) == row.2.as_deref())
        })
        .filter_map(|(player, _)| PlayerId::parse(player).ok())
        .collect()
    }

    fn push(&mut self, attempt: &'a Attempt, tx_id: &'a TxId, is_target: bool) {
        self.players.push(attempt.command.player.as_str());
        self.providers.push(attempt.command.provider.as_str());
        self.tx_ids.push(tx_id.as_str());
        self.targets.push(is_target);
    }
}
