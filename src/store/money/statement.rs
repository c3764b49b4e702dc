//! The text of the one statement that moves money: it proves, player by player, what was taken for
//! granted, and counts from the wallets as it finds them. A player of whom something does not hold is
//! left out whole; nobody else notices.
//!
//! READ COMMITTED looks at a locked row again as it is by then, but at nothing else. So what was
//! judged by the past (a round's stake that stands, a debit that a credit names) must not be carried
//! over a commit in between: there the locked wallet must still have the version of the statement's
//! snapshot.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::columns::{Circumstances, Keys, NamedDebits, Rows, Wallets};
use super::written::Found;
use crate::core::Amount;

/// The rows of a round that are looked at for a stake that stands. Where none of the first so many
/// does, the round is read with time enough.
const ROUND_WINDOW: i64 = 64;

/// A batch, as the statement takes it.
pub(super) struct Columns<'a> {
    pub(super) rows: Rows<'a>,
    pub(super) circumstances: Circumstances<'a>,
    pub(super) wallets: Wallets<'a>,
    pub(super) keys: Keys<'a>,
    pub(super) debits: NamedDebits<'a>,
}

/// The statement's text. What only some batches need stands in it for those alone (parked rows that are
/// decided, credits that name their debit): nearly every batch is without, and does not have the
/// database prepare for it each time.
macro_rules! statement {
    (
        $batch:ident, $promoted:tt, $check:tt,
        $named:tt, $column:tt, $value:tt, $array:tt $(, $parameter:expr)*
    ) => {
        sqlx::query_as!(
            Found,
            r#"
        WITH failing AS MATERIALIZED (
            SELECT k.who, 'key' AS what, NULL AS player_id, NULL AS provider,
                   NULL::bytea AS token_hash, NULL AS game_id
            FROM (SELECT unnest($43::int[]) AS who, unnest($44::text[]) AS provider,
                         unnest($45::text[]) AS tx_id
                  LIMIT $42) k
            WHERE EXISTS (
                SELECT FROM trx_log t
                WHERE t.provider = k.provider AND t.tx_id = k.tx_id OFFSET 0)
            UNION ALL
            SELECT c.who, CASE WHEN c.round_id IS NULL THEN 'standing' ELSE 'round' END,
                   c.player_id, c.provider, c.token_hash, c.game_id
            FROM (SELECT unnest($23::int[]) AS who, unnest($24::text[]) AS player_id,
                         unnest($25::text[]) AS provider, unnest($26::bytea[]) AS token_hash,
                         unnest($27::text[]) AS game_id, unnest($28::text[]) AS round_id
                  LIMIT $42) c
            WHERE c.token_hash IS NOT NULL AND NOT EXISTS (
                    SELECT FROM session s
                    WHERE s.token_hash = c.token_hash AND s.player_id = c.player_id
                      AND s.provider = c.provider AND s.expires_at > now()
                      AND s.replaced_by IS NULL
                      AND (s.game_id IS NULL OR s.game_id = c.game_id) OFFSET 0)
               OR c.game_id IS NOT NULL AND EXISTS (
                    SELECT FROM game g
                    WHERE g.provider = c.provider AND g.game_id = c.game_id AND NOT g.enabled
                    OFFSET 0)
               -- A stake that stands, among the first rows of the round: never a count of them all.
               OR c.round_id IS NOT NULL AND NOT EXISTS (
                    SELECT FROM (
                        SELECT t.provider, t.tx_id, t.kind, t.outcome FROM trx_log t
                        WHERE t.player_id = c.player_id AND t.round_id = c.round_id
                        LIMIT $40) t
                    WHERE t.provider = c.provider AND t.kind = 'debit' AND t.outcome = 'applied'
                      AND NOT EXISTS (
                        SELECT FROM trx_log x
                        WHERE x.provider = c.provider AND x.player_id = c.player_id
                          AND x.reverses = t.tx_id AND x.outcome = 'applied' OFFSET 0)
                    OFFSET 0)"#
                + $named
                + r#"
        ), moved AS (
            UPDATE wallet w
            SET balance_micros = w.balance_micros + d.delta,
                version = w.version + d.steps,
                status = coalesce(d.status, w.status),
                updated_at = now()
            -- The LIMIT has the planner expect one row, and so begin with these, in their order.
            FROM (SELECT unnest($29::int[]) AS who, unnest($30::text[]) AS player_id,
                         unnest($31::bigint[]) AS delta, unnest($32::bigint[]) AS steps,
                         unnest($33::text[]) AS status, unnest($34::bigint[]) AS version,
                         unnest($35::bigint[]) AS lowest, unnest($36::bigint[]) AS highest,
                         unnest($37::bigint[]) AS stake, unnest($38::text[]) AS currency,
                         unnest($39::bool[]) AS judged
                  LIMIT $42) d
            WHERE w.player_id = d.player_id
              AND w.balance_micros + d.lowest >= 0
              AND CASE WHEN d.version IS NOT NULL THEN w.version = d.version
                  ELSE w.status = 'active'
                   AND w.balance_micros + d.highest <= $41
                   AND (w.bet_limit_micros IS NULL OR d.stake <= w.bet_limit_micros)
                   AND (d.currency IS NULL OR d.currency = w.currency)
                   -- Of the snapshot, however new the locked row is.
                   AND (NOT d.judged OR w.version = (
                        SELECT s.version FROM wallet s WHERE s.player_id = d.player_id)) END
              AND d.who <> ALL (ARRAY(SELECT who FROM failing))
            RETURNING d.who, w.balance_micros, w.version, w.currency, w.status
        ), ends AS MATERIALIZED (
            SELECT array_agg(who) AS whos, array_agg(balance_micros) AS balances,
                   array_agg(version) AS versions
            FROM moved
        ), logged AS (
            INSERT INTO trx_log (
                provider, tx_id, player_id, transaction_id, kind, category, outcome, reason,
                requested_micros, amount_micros, shortfall_micros, balance_after_micros,
                wallet_version, reverses, round_id, game_id, fingerprint, detail, occurred_at,
                created_at, parked_at, parked_command"#
                + $column
                + r#")
            SELECT r.provider, r.tx_id, r.player_id, r.transaction_id, r.kind, r.category,
                   r.outcome, r.reason, r.requested, r.amount, r.shortfall,
                   (SELECT balances FROM ends)[e.at] - r.balance_back,
                   (SELECT versions FROM ends)[e.at] - r.version_back,
                   r.reverses, r.round_id, r.game_id, r.fingerprint, r.detail, r.occurred_at,
                   r.created_at, CASE WHEN r.outcome = 'parked' THEN now() END,
                   r.parked_command"#
                + $value
                + r#"
            FROM (SELECT unnest($1::int[]) AS who, unnest($2::text[]) AS provider,
                         unnest($3::text[]) AS tx_id, unnest($4::bool[]) AS promotes,
                         unnest($5::text[]) AS player_id, unnest($6::uuid[]) AS transaction_id,
                         unnest($7::text[]) AS kind, unnest($8::text[]) AS category,
                         unnest($9::text[]) AS outcome, unnest($10::text[]) AS reason,
                         unnest($11::bigint[]) AS requested, unnest($12::bigint[]) AS amount,
                         unnest($13::bigint[]) AS shortfall,
                         unnest($14::bigint[]) AS balance_back,
                         unnest($15::bigint[]) AS version_back, unnest($16::text[]) AS reverses,
                         unnest($17::text[]) AS round_id, unnest($18::text[]) AS game_id,
                         unnest($19::bigint[]) AS fingerprint, unnest($20::text[]) AS detail,
                         unnest($21::timestamptz[]) AS occurred_at,
                         unnest($22::timestamptz[]) AS created_at,
                         unnest($46::text[]) AS parked_command"#
                + $array
                + r#"
                  LIMIT $42) r
            CROSS JOIN LATERAL (
                SELECT array_position((SELECT whos FROM ends), r.who) AS at OFFSET 0) e
            WHERE NOT r.promotes AND (e.at IS NOT NULL OR r.who < 0)
        )"#
                + $promoted
                + r#"
        SELECT m.who AS "who!", 'moved' AS "what!", m.balance_micros AS "balance?",
               m.version AS "version?", m.currency AS "currency?", m.status AS "status?",
               NULL::bigint AS "bet_limit?", NULL AS "session_player?",
               NULL AS "session_provider?", NULL AS "session_game?", NULL::bool AS "live?", NULL::bool AS "enabled?"
        FROM moved m
        UNION ALL
        -- Why a stake cannot be placed is told at once, with the wallet as it is.
        SELECT f.who, f.what, w.balance_micros, w.version, w.currency, w.status,
               w.bet_limit_micros, s.player_id, s.provider, s.game_id,
               s.expires_at > now() AND s.replaced_by IS NULL, g.enabled
        FROM failing f
        LEFT JOIN LATERAL (
            SELECT w.* FROM wallet w
            WHERE f.what = 'standing' AND w.player_id = f.player_id OFFSET 0) w ON true
        LEFT JOIN LATERAL (
            SELECT s.* FROM session s WHERE s.token_hash = f.token_hash OFFSET 0) s ON true
        LEFT JOIN LATERAL (
            SELECT g.enabled FROM game g
            WHERE g.provider = f.provider AND g.game_id = f.game_id OFFSET 0) g ON true
        UNION ALL
        SELECT d.who, 'wallet', w.balance_micros, w.version, w.currency, w.status,
               w.bet_limit_micros, NULL, NULL, NULL, NULL, NULL
        FROM (SELECT unnest($29::int[]) AS who, unnest($30::text[]) AS player_id LIMIT $42) d
        CROSS JOIN LATERAL (
            SELECT s.* FROM wallet s WHERE s.player_id = d.player_id OFFSET 0) w
        WHERE d.who <> ALL (ARRAY(SELECT who FROM moved))
          AND d.who <> ALL (ARRAY(SELECT who FROM failing))"#
                + $check,
            &$batch.rows.whos as &[i32],
            &$batch.rows.providers as &[&str],
            &$batch.rows.tx_ids as &[&str],
            &$batch.rows.promotes as &[bool],
            &$batch.rows.players as &[&str],
            &$batch.rows.transaction_ids as &[Uuid],
            &$batch.rows.kinds as &[&str],
            &$batch.rows.categories as &[&str],
            &$batch.rows.outcomes as &[&str],
            &$batch.rows.reasons as &[Option<&str>],
            &$batch.rows.requested as &[i64],
            &$batch.rows.amounts as &[i64],
            &$batch.rows.shortfalls as &[i64],
            &$batch.rows.balances_back as &[Option<i64>],
            &$batch.rows.versions_back as &[Option<i64>],
            &$batch.rows.reverses as &[Option<&str>],
            &$batch.rows.rounds as &[Option<&str>],
            &$batch.rows.games as &[Option<&str>],
            &$batch.rows.fingerprints as &[i64],
            &$batch.rows.details as &[Option<&str>],
            &$batch.rows.occurred as &[Option<DateTime<Utc>>],
            &$batch.rows.created as &[DateTime<Utc>],
            &$batch.circumstances.whos as &[i32],
            &$batch.circumstances.players as &[&str],
            &$batch.circumstances.providers as &[&str],
            &$batch.circumstances.tokens as &[Option<&[u8]>],
            &$batch.circumstances.games as &[Option<&str>],
            &$batch.circumstances.rounds as &[Option<&str>],
            &$batch.wallets.whos as &[i32],
            &$batch.wallets.players as &[&str],
            &$batch.wallets.deltas as &[i64],
            &$batch.wallets.steps as &[i64],
            &$batch.wallets.statuses as &[Option<&str>],
            &$batch.wallets.versions as &[Option<i64>],
            &$batch.wallets.lowest as &[i64],
            &$batch.wallets.highest as &[i64],
            &$batch.wallets.stakes as &[i64],
            &$batch.wallets.currencies as &[Option<&str>],
            &$batch.wallets.judged as &[bool],
            ROUND_WINDOW,
            Amount::MAX.micros().get(),
            i64::MAX,
            &$batch.keys.whos as &[i32],
            &$batch.keys.providers as &[&str],
            &$batch.keys.tx_ids as &[&str],
            &$batch.rows.parked_commands as &[Option<&str>],
            $($parameter,)*
        )
    };
}

/// The statement where nothing parked is decided.
macro_rules! inserting {
    ($($batch_and_names:tt)*) => { with_names!("", "", $($batch_and_names)*) };
}

/// The statement where parked rows are decided, too.
macro_rules! promoting {
    ($($batch_and_names:tt)*) => {
        with_names!(
            r#", promoted AS (
            UPDATE trx_log t
            SET outcome = p.outcome, reason = p.reason, requested_micros = p.requested,
                amount_micros = p.amount, shortfall_micros = p.shortfall,
                balance_after_micros = (SELECT balances FROM ends)[p.at] - p.balance_back,
                wallet_version = (SELECT versions FROM ends)[p.at] - p.version_back,
                category = p.category, round_id = p.round_id, game_id = p.game_id, detail = p.detail,
                parked_command = NULL
            -- Found one by one: no other way to these rows is as sure to be the short one.
            FROM (SELECT q.*, array_position((SELECT whos FROM ends), q.who) AS at, (
                      SELECT CASE WHEN x.outcome = 'parked' AND x.player_id = q.player_id
                                  THEN x.ctid END
                      FROM trx_log x
                      WHERE x.provider = q.provider AND x.tx_id = q.tx_id OFFSET 0) AS place
                  FROM (SELECT unnest($1::int[]) AS who, unnest($2::text[]) AS provider,
                               unnest($3::text[]) AS tx_id, unnest($4::bool[]) AS promotes,
                               unnest($5::text[]) AS player_id, unnest($8::text[]) AS category,
                               unnest($9::text[]) AS outcome, unnest($10::text[]) AS reason,
                               unnest($11::bigint[]) AS requested,
                               unnest($12::bigint[]) AS amount,
                               unnest($13::bigint[]) AS shortfall,
                               unnest($14::bigint[]) AS balance_back,
                               unnest($15::bigint[]) AS version_back,
                               unnest($17::text[]) AS round_id, unnest($18::text[]) AS game_id,
                               unnest($20::text[]) AS detail
                        LIMIT $42) q
                  WHERE q.promotes
                  LIMIT $42) p
            WHERE p.at IS NOT NULL AND t.ctid = p.place
            RETURNING p.who
        )"#,
            r#"
        UNION ALL
        -- A parked row that is to be decided and is not there any more was decided without a
        -- version, which nobody does. Division by zero is how plain SQL undoes a whole statement.
        SELECT -1, 'promoted', NULL, NULL, NULL, NULL, 1 / CASE WHEN
                (SELECT count(*) FROM promoted) = (
                    SELECT count(*)
                    FROM (SELECT unnest($1::int[]) AS who, unnest($4::bool[]) AS promotes
                          LIMIT $42) q
                    WHERE q.promotes AND q.who = ANY (ARRAY(SELECT who FROM moved)))
            THEN 1 ELSE 0 END, NULL, NULL, NULL, NULL, NULL"#,
            $($batch_and_names)*
        )
    };
}

/// With credits that name their debit, or without.
macro_rules! with_names {
    ($promoted:tt, $check:tt, $batch:ident, without) => {
        statement!($batch, $promoted, $check, "", "", "", "")
    };
    ($promoted:tt, $check:tt, $batch:ident, with) => {
        statement!(
            $batch,
            $promoted,
            $check,
            r#"
            UNION ALL
            SELECT n.who, 'debit', NULL, NULL, NULL, NULL
            FROM (SELECT unnest($48::int[]) AS who, unnest($49::text[]) AS player_id,
                         unnest($50::text[]) AS provider, unnest($51::text[]) AS tx_id,
                         unnest($52::bool[]) AS stands, unnest($53::bool[]) AS unpaid
                  LIMIT $42) n
            WHERE n.stands AND (
                    NOT EXISTS (
                        SELECT FROM trx_log t
                        WHERE t.provider = n.provider AND t.tx_id = n.tx_id
                          AND t.player_id = n.player_id AND t.kind = 'debit'
                          AND t.outcome = 'applied' OFFSET 0)
                    OR EXISTS (
                        SELECT FROM trx_log x
                        WHERE x.provider = n.provider AND x.player_id = n.player_id
                          AND x.reverses = n.tx_id AND x.outcome = 'applied' OFFSET 0))
               OR n.unpaid AND EXISTS (
                    SELECT FROM trx_log c
                    WHERE c.player_id = n.player_id AND c.provider = n.provider
                      AND c.settles = n.tx_id AND c.outcome IN ('applied', 'noted') OFFSET 0)"#,
            r#", settles"#,
            r#", r.settles"#,
            r#", unnest($47::text[]) AS settles"#,
            &$batch.rows.settles as &[Option<&str>],
            &$batch.debits.whos as &[i32],
            &$batch.debits.players as &[&str],
            &$batch.debits.providers as &[&str],
            &$batch.debits.tx_ids as &[&str],
            &$batch.debits.stand as &[bool],
            &$batch.debits.unpaid as &[bool]
        )
    };
}

impl Columns<'_> {
    /// Has it done. What it returns is what became of each change.
    pub(super) async fn execute(
        &self,
        connection: &mut PgConnection,
    ) -> Result<Vec<Found>, sqlx::Error> {
        let promotes = self.rows.promotes.contains(&true);
        let names = self.rows.settles.iter().any(Option::is_some) || !self.debits.whos.is_empty();
        match (promotes, names) {
            (false, false) => inserting!(self, without).fetch_all(connection).await,
            (true, false) => promoting!(self, without).fetch_all(connection).await,
            (false, true) => inserting!(self, with).fetch_all(connection).await,
            (true, true) => promoting!(self, with).fetch_all(connection).await,
        }
    }
}
