//! The check after every workload: chains without gaps, sums that are the balances, and
//! exactly the rows that were acknowledged.

use anyhow::Context;
use serde::Serialize;
use sqlx::{Connection, PgConnection, Row};

use super::database::Postgres;

/// What was found.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Integrity {
    pub workload: String,
    pub database: String,
    pub players: i64,
    /// Rows of the provider that are there.
    pub rows: i64,
    /// Rows that replies have acknowledged.
    pub acknowledged: i64,
    /// Calls that were not answered as expected: each may have left a row.
    pub unclear: i64,
    /// Versions of a player that are missing or there twice.
    pub gaps: i64,
    /// Rows whose balance is not the one before plus what moved.
    pub breaks: i64,
    /// Wallets whose version is not the number of their rows.
    pub versions_off: i64,
    /// Wallets whose balance is not the sum of what was applied.
    pub balances_off: i64,
    /// Rows without a wallet, and rows that are parked for ever.
    pub strays: i64,
}

impl Integrity {
    pub fn holds(&self) -> bool {
        let counted =
            self.rows >= self.acknowledged && self.rows <= self.acknowledged + self.unclear;
        counted
            && self.players > 0
            && [self.gaps, self.breaks, self.versions_off, self.balances_off, self.strays]
                .iter()
                .all(|faults| *faults == 0)
    }
}

/// Ids of ten digits are the players that are measured; what only fills the table has longer
/// ones.
const CHECK: &str = "
    WITH chain AS (
        SELECT player_id, wallet_version, amount_micros, balance_after_micros,
               row_number() OVER of_player AS place,
               lag(balance_after_micros, 1, 0) OVER of_player AS before
        FROM trx_log
        WHERE length(player_id) = 10 AND wallet_version IS NOT NULL
        WINDOW of_player AS (PARTITION BY player_id ORDER BY wallet_version)
    ), summed AS (
        SELECT player_id, count(*) AS rows, sum(amount_micros) AS total,
               count(*) FILTER (WHERE wallet_version <> place) AS gaps,
               count(*) FILTER (WHERE balance_after_micros <> before + amount_micros) AS breaks
        FROM chain GROUP BY player_id
    )
    SELECT count(w.player_id) AS players,
           coalesce(sum(s.gaps), 0)::bigint AS gaps,
           coalesce(sum(s.breaks), 0)::bigint AS breaks,
           count(*) FILTER (WHERE w.version <> coalesce(s.rows, 0)) AS versions_off,
           count(*) FILTER (WHERE w.balance_micros <> coalesce(s.total, 0)) AS balances_off,
           count(*) FILTER (WHERE w.player_id IS NULL)
               + (SELECT count(*) FROM trx_log WHERE outcome = 'parked') AS strays,
           (SELECT count(*) FROM trx_log
            WHERE provider = 'pragmatic' AND length(player_id) = 10) AS rows
    FROM (SELECT * FROM wallet WHERE length(player_id) = 10) w
    FULL JOIN summed s USING (player_id)";

/// Looks at a database after a workload.
pub async fn check(
    postgres: &Postgres,
    database: &str,
    (acknowledged, unclear): (u64, u64),
) -> anyhow::Result<Integrity> {
    let mut connection = postgres.connect(database).await?;
    let mut found = look(&mut connection).await?;
    connection.close().await?;
    found.database = database.to_owned();
    found.acknowledged = i64::try_from(acknowledged)?;
    found.unclear = i64::try_from(unclear)?;
    Ok(found)
}

async fn look(connection: &mut PgConnection) -> anyhow::Result<Integrity> {
    let row = sqlx::query(CHECK).fetch_one(connection).await.context("the integrity check")?;
    Ok(Integrity {
        players: row.try_get("players")?,
        rows: row.try_get("rows")?,
        gaps: row.try_get("gaps")?,
        breaks: row.try_get("breaks")?,
        versions_off: row.try_get("versions_off")?,
        balances_off: row.try_get("balances_off")?,
        strays: row.try_get("strays")?,
        ..Integrity::default()
    })
}

/// Damages that the check has to notice, each on a database that had none.
const DAMAGES: [(&str, &str); 5] = [
    (
        "a lost row",
        "DELETE FROM trx_log WHERE ctid = (SELECT ctid FROM trx_log
         WHERE provider = 'pragmatic' AND length(player_id) = 10 LIMIT 1)",
    ),
    (
        "a row that moved more than its balance says",
        "UPDATE trx_log SET amount_micros = amount_micros - 1 WHERE ctid = (SELECT ctid
         FROM trx_log WHERE outcome = 'applied' AND length(player_id) = 10 LIMIT 1)",
    ),
    (
        "a balance that no row explains",
        "UPDATE wallet SET balance_micros = balance_micros + 1 WHERE ctid = (SELECT ctid
         FROM wallet WHERE length(player_id) = 10 LIMIT 1)",
    ),
    (
        "a version that no row has taken",
        "UPDATE wallet SET version = version + 1 WHERE ctid = (SELECT ctid
         FROM wallet WHERE length(player_id) = 10 LIMIT 1)",
    ),
    (
        "a wallet that is gone",
        "DELETE FROM wallet WHERE ctid = (SELECT ctid
         FROM wallet WHERE length(player_id) = 10 LIMIT 1)",
    ),
];

/// Proves the check on a database where it holds: it must notice every damage (each is undone),
/// and an acknowledgement without a row. Answers what it did not notice.
pub async fn prove(postgres: &Postgres, sound: &Integrity) -> anyhow::Result<Vec<&'static str>> {
    let mut connection = postgres.connect(&sound.database).await?;
    let mut missed = Vec::new();
    for (name, damage) in DAMAGES {
        let mut transaction = connection.begin().await?;
        let touched = sqlx::query(damage).execute(&mut *transaction).await?.rows_affected();
        anyhow::ensure!(touched == 1, "{name}: {touched} rows were touched");
        let found = look(&mut transaction).await?;
        let expected = Integrity { acknowledged: sound.acknowledged, ..found };
        if expected.holds() {
            missed.push(name);
        }
        transaction.rollback().await?;
    }
    let lost = Integrity { acknowledged: sound.acknowledged + 1, ..sound.clone() };
    if lost.holds() {
        missed.push("an acknowledgement without a row");
    }
    Ok(missed)
}
