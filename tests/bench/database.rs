//! Databases: made, filled with players, copied for each workload.

use std::path::PathBuf;

use anyhow::Context;
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use super::calls::{FIRST_PLAYER, TOKEN};

/// What each player begins with, in micros.
pub const DEPOSIT: i64 = 1_000_000_000_000;

/// The PostgreSQL that everything runs on.
#[derive(Clone, Debug)]
pub struct Postgres {
    /// The directory of its socket.
    pub sockets: PathBuf,
    /// The directory of its programs.
    pub programs: PathBuf,
    /// Its data directory.
    pub data: PathBuf,
    /// A program that restarts it.
    pub restart: PathBuf,
}

impl Postgres {
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@localhost/{database}?host={}", self.sockets.display())
    }

    pub fn pid(&self) -> anyhow::Result<u32> {
        let file = std::fs::read_to_string(self.data.join("postmaster.pid"))?;
        Ok(file.lines().next().unwrap_or_default().parse()?)
    }

    pub async fn connect(&self, database: &str) -> anyhow::Result<PgConnection> {
        let options: PgConnectOptions = self.url(database).parse()?;
        Ok(PgConnection::connect_with(&options).await?)
    }

    /// Runs statements one after another.
    pub async fn run(&self, database: &str, statements: &[&str]) -> anyhow::Result<()> {
        let mut connection = self.connect(database).await?;
        for statement in statements {
            sqlx::raw_sql(AssertSqlSafe(*statement))
                .execute(&mut connection)
                .await
                .with_context(|| (*statement).to_owned())?;
        }
        connection.close().await?;
        Ok(())
    }

    /// A new, empty database in the place of an old one.
    pub async fn create(&self, name: &str) -> anyhow::Result<()> {
        self.drop(name).await?;
        self.run("postgres", &[&format!("CREATE DATABASE {name}")]).await
    }

    /// A copy of a database that nobody uses.
    pub async fn copy(&self, from: &str, name: &str) -> anyhow::Result<()> {
        self.drop(name).await?;
        self.run("postgres", &[&format!("CREATE DATABASE {name} TEMPLATE {from}")]).await
    }

    pub async fn drop(&self, name: &str) -> anyhow::Result<()> {
        self.run("postgres", &[&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")]).await
    }

    /// Opens players with a deposit and a session each: the rows that the wallet itself would
    /// have written, so that each chain begins at its first version.
    pub async fn seed(&self, database: &str, players: u64) -> anyhow::Result<()> {
        let all = format!(
            "FROM (SELECT ({FIRST_PLAYER} + i)::text AS id FROM generate_series(0, {}) i) p",
            players - 1
        );
        self.run(
            database,
            &[
                &format!(
                    "INSERT INTO wallet (player_id, currency, balance_micros, version)
                     SELECT id, 'EUR', {DEPOSIT}, 1 {all}"
                ),
                &format!(
                    "INSERT INTO trx_log (provider, tx_id, player_id, transaction_id, kind,
                         category, outcome, requested_micros, amount_micros,
                         balance_after_micros, wallet_version, fingerprint, created_at)
                     SELECT 'operator', 'seed-deposit:' || id, id, gen_random_uuid(), 'credit',
                         'deposit', 'applied', {DEPOSIT}, {DEPOSIT}, {DEPOSIT}, 1, 0, now() {all}"
                ),
                &format!(
                    "INSERT INTO session (token_hash, player_id, provider, expires_at)
                     SELECT sha256(convert_to('{TOKEN}' || id, 'UTF8')), id, 'pragmatic',
                         now() + interval '1 day' {all}"
                ),
                "VACUUM (ANALYZE)",
            ],
        )
        .await
    }

    /// Everything dirty is written, so that no run pays for another's.
    pub async fn settle(&self) -> anyhow::Result<()> {
        self.run("postgres", &["CHECKPOINT"]).await
    }

    /// Transactions that a database has committed, as far as its sessions have told.
    pub async fn commits(&self, database: &str) -> anyhow::Result<i64> {
        let mut connection = self.connect("postgres").await?;
        let commits =
            sqlx::query_scalar("SELECT xact_commit FROM pg_stat_database WHERE datname = $1")
                .bind(database)
                .fetch_one(&mut connection)
                .await?;
        Ok(commits)
    }

    pub async fn setting(&self, name: &str) -> anyhow::Result<String> {
        let mut connection = self.connect("postgres").await?;
        Ok(sqlx::query_scalar("SELECT current_setting($1)")
            .bind(name)
            .fetch_one(&mut connection)
            .await?)
    }
}
