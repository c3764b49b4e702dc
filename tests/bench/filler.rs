//! A trx_log that has been in use for long.

use sqlx::{Connection, Row};

use super::calls::FIRST_PLAYER;
use super::database::Postgres;

/// Rows for one statement.
const CHUNK: u64 = 1_000_000;

/// Adds `rows` rows. They belong to players whose ids stand between those of the measured
/// players in every index, so that each page of an index is as likely to be needed as in a
/// table that has really grown. Their keys are random, their transactions in order of time,
/// their chains and balances whole. Indexes are made afterwards, as they were.
pub async fn fill(
    postgres: &Postgres,
    database: &str,
    rows: u64,
    players: u64,
) -> anyhow::Result<()> {
    let mut connection = postgres.connect(database).await?;
    // The constraint of the key, and every other index, as the migrations made them.
    let mut make = Vec::new();
    let mut unmake = Vec::new();
    let constraints = "SELECT conname::text AS name, pg_get_constraintdef(oid) AS definition
        FROM pg_constraint WHERE conrelid = 'trx_log'::regclass AND contype IN ('p', 'u')";
    for row in sqlx::query(constraints).fetch_all(&mut connection).await? {
        let (name, definition): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        unmake.push(format!("ALTER TABLE trx_log DROP CONSTRAINT {name}"));
        make.push(format!("ALTER TABLE trx_log ADD CONSTRAINT {name} {definition}"));
    }
    let indexes = "SELECT i.indexrelid::regclass::text AS name, pg_get_indexdef(i.indexrelid)
        FROM pg_index i WHERE i.indrelid = 'trx_log'::regclass AND NOT EXISTS (
            SELECT FROM pg_constraint c WHERE c.conindid = i.indexrelid)";
    for row in sqlx::query(indexes).fetch_all(&mut connection).await? {
        let (name, definition): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        unmake.push(format!("DROP INDEX {name}"));
        make.push(definition);
    }
    connection.close().await?;

    let rest = rows % players;
    let mut statements = unmake;
    statements.push(format!(
        "INSERT INTO wallet (player_id, currency, balance_micros, version)
         SELECT ({FIRST_PLAYER} + i)::text || 'f', 'EUR', 10000 * v, v FROM (
             SELECT i, {} + CASE WHEN i < {rest} THEN 1 ELSE 0 END AS v
             FROM generate_series(0, {} - 1) i) p",
        rows / players,
        players
    ));
    for first in (0..rows).step_by(usize::try_from(CHUNK)?) {
        let last = (first + CHUNK).min(rows) - 1;
        statements.push(format!(
            "INSERT INTO trx_log (provider, tx_id, player_id, transaction_id, kind, category,
                 outcome, requested_micros, amount_micros, balance_after_micros, wallet_version,
                 round_id, game_id, fingerprint, occurred_at, created_at)
             SELECT 'pragmatic', left(md5(i::text), 24), ({FIRST_PLAYER} + i % {players})::text || 'f',
                 (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7000'
                     || '8' || lpad(to_hex(i), 15, '0'))::uuid,
                 'credit', 'win', 'applied', 10000, 10000, 10000 * (i / {players} + 1),
                 i / {players} + 1, (500000000000 + i)::text, 'vs20olympgate', i, at, at
             FROM (SELECT i, now() - interval '30 days' * (1 - i::float8 / {rows}) AS at
                   FROM generate_series({first}::bigint, {last}) i) f"
        ));
    }
    statements.push("SET maintenance_work_mem = '1GB'".to_owned());
    statements.extend(make);
    statements.push("RESET maintenance_work_mem".to_owned());
    statements.push("VACUUM (ANALYZE)".to_owned());
    let statements: Vec<&str> = statements.iter().map(String::as_str).collect();
    postgres.run(database, &statements).await
}

/// Reads the table's indexes, and the wallets, into memory.
pub async fn warm(postgres: &Postgres, database: &str) -> anyhow::Result<()> {
    postgres
        .run(
            database,
            &[
                "CREATE EXTENSION IF NOT EXISTS pg_prewarm",
                "SELECT sum(pg_prewarm(indexrelid, 'read')) FROM pg_index
                 WHERE indrelid = 'trx_log'::regclass",
                "SELECT pg_prewarm('wallet'), pg_prewarm('wallet_pkey'), pg_prewarm('session'),
                        pg_prewarm('session_pkey')",
            ],
        )
        .await
}
