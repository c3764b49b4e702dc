//! The statements that move money. Each is one transaction, whole or not at all.

use sqlx::{Connection, PgConnection};
use uuid::Uuid;

use crate::core::{Decision, Row, WalletState};
use crate::store::is_transient;

/// Why a write did not commit.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// A wallet has moved on, or a key is taken: nothing was written. Read again.
    #[error("conflict")]
    Conflict,
    /// The connection broke, or the database asks for a retry. It may have committed.
    #[error("transient: {0}")]
    Transient(#[source] sqlx::Error),
    /// A fault of ours.
    #[error("database: {0}")]
    Other(#[source] sqlx::Error),
}

impl From<sqlx::Error> for WriteError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            // 22012 is raised on purpose when a count is off; 23505 says that a key is taken, or
            // a target reversed.
            sqlx::Error::Database(db)
                if matches!(db.code().as_deref(), Some("22012" | "23505")) =>
            {
                Self::Conflict
            }
            _ if is_transient(&error) => Self::Transient(error),
            _ => Self::Other(error),
        }
    }
}

/// One wallet before and after the decisions of a batch.
#[derive(Debug)]
pub struct WalletChange<'a> {
    /// As read.
    pub before: &'a WalletState,
    /// As decided.
    pub after: &'a WalletState,
}

/// Writes a batch: all rows and all wallets, or nothing. A key that is taken fails the statement
/// by itself. `ON CONFLICT DO NOTHING` would look every unique index up first, for each row, and
/// then the count would be off all the same. `changes` and `rows` must be in the
/// order of the players, so that two nodes take the row locks in the same order.
///
/// # Errors
/// [`WriteError`].
pub async fn batch(
    connection: &mut PgConnection,
    changes: &[WalletChange<'_>],
    rows: &[&Row],
) -> Result<(), WriteError> {
    let columns = Columns::of(rows);
    let wallets = Wallets::of(changes);
    sqlx::query!(
        r#"
        WITH logged AS (
            INSERT INTO trx_log (
                provider, tx_id, player_id, transaction_id, kind, category, outcome, reason,
                requested_micros, amount_micros, shortfall_micros, balance_after_micros,
                wallet_version, reverses, round_id, game_id, fingerprint, detail, occurred_at,
                created_at)
            SELECT * FROM unnest(
                $1::text[], $2::text[], $3::text[], $4::uuid[], $5::text[], $6::text[],
                $7::text[], $8::text[], $9::bigint[], $10::bigint[], $11::bigint[],
                $12::bigint[], $13::bigint[], $14::text[], $15::text[], $16::text[],
                $17::bigint[], $18::text[], $19::timestamptz[], $20::timestamptz[])
            RETURNING 1
        ), moved AS (
            UPDATE wallet w
            SET balance_micros = w.balance_micros + d.delta,
                version = w.version + d.steps,
                status = d.status,
                updated_at = now()
            FROM unnest($21::text[], $22::bigint[], $23::bigint[], $24::bigint[], $25::text[])
                 AS d(player_id, version, delta, steps, status)
            WHERE w.player_id = d.player_id AND w.version = d.version
              AND w.balance_micros + d.delta >= 0
            RETURNING 1
        )
        -- Division by zero is how plain SQL undoes a whole statement when a count is off.
        SELECT 1 / CASE WHEN (SELECT count(*) FROM logged) = $26
                         AND (SELECT count(*) FROM moved) = $27
                        THEN 1 ELSE 0 END AS whole
        "#,
        &columns.providers as &[&str],
        &columns.tx_ids as &[&str],
        &columns.players as &[&str],
        &columns.transaction_ids as &[Uuid],
        &columns.kinds as &[&str],
        &columns.categories as &[&str],
        &columns.outcomes as &[&str],
        &columns.reasons as &[Option<&str>],
        &columns.requested as &[i64],
        &columns.amounts as &[i64],
        &columns.shortfalls as &[i64],
        &columns.balances as &[Option<i64>],
        &columns.versions as &[Option<i64>],
        &columns.reverses as &[Option<&str>],
        &columns.rounds as &[Option<&str>],
        &columns.games as &[Option<&str>],
        &columns.fingerprints as &[i64],
        &columns.details as &[Option<&str>],
        &columns.occurred as &[Option<chrono::DateTime<chrono::Utc>>],
        &columns.created as &[chrono::DateTime<chrono::Utc>],
        &wallets.players as &[&str],
        &wallets.versions as &[i64],
        &wallets.deltas as &[i64],
        &wallets.steps as &[i64],
        &wallets.statuses as &[&str],
        i64::try_from(rows.len()).unwrap_or(i64::MAX),
        i64::try_from(changes.len()).unwrap_or(i64::MAX),
    )
    .fetch_one(connection)
    .await?;
    Ok(())
}

/// Writes one decision that also decides parked rows: those leave the parking place, the new
/// rows come in and the wallet moves in one transaction.
///
/// # Errors
/// [`WriteError`].
pub async fn with_promotions(
    connection: &mut PgConnection,
    before: &WalletState,
    decision: &Decision,
) -> Result<(), WriteError> {
    let mut transaction = connection.begin().await?;
    for row in &decision.promotions {
        let link = row.link.ok_or(WriteError::Conflict)?;
        let promoted = sqlx::query!(
            r#"
            UPDATE trx_log
            SET outcome = $4, reason = $5, amount_micros = $6, shortfall_micros = $7,
                balance_after_micros = $8, wallet_version = $9, requested_micros = $10,
                category = $11, round_id = $12, game_id = $13
            WHERE player_id = $1 AND provider = $2 AND tx_id = $3 AND outcome = 'parked'
            "#,
            row.player.as_str(),
            row.key.provider.as_str(),
            row.key.tx_id.as_str(),
            row.outcome.as_str(),
            row.reason.map(crate::core::Reason::as_str),
            row.amount.get(),
            row.shortfall.get(),
            link.balance_after,
            link.version,
            row.requested.get(),
            row.category.as_str(),
            row.round.as_ref().map(crate::core::RoundId::as_str),
            row.game.as_ref().map(crate::core::GameId::as_str),
        )
        .execute(&mut *transaction)
        .await?;
        if promoted.rows_affected() != 1 {
            return Err(WriteError::Conflict);
        }
    }
    let rows: Vec<&Row> = decision.inserts.iter().collect();
    let change = WalletChange { before, after: &decision.wallet };
    batch(&mut transaction, &[change], &rows).await?;
    transaction.commit().await?;
    Ok(())
}

/// Rows turned into columns, the shape that `unnest` takes.
#[derive(Default)]
struct Columns<'a> {
    providers: Vec<&'a str>,
    tx_ids: Vec<&'a str>,
    players: Vec<&'a str>,
    transaction_ids: Vec<Uuid>,
    kinds: Vec<&'a str>,
    categories: Vec<&'a str>,
    outcomes: Vec<&'a str>,
    reasons: Vec<Option<&'a str>>,
    requested: Vec<i64>,
    amounts: Vec<i64>,
    shortfalls: Vec<i64>,
    balances: Vec<Option<i64>>,
    versions: Vec<Option<i64>>,
    reverses: Vec<Option<&'a str>>,
    rounds: Vec<Option<&'a str>>,
    games: Vec<Option<&'a str>>,
    fingerprints: Vec<i64>,
    details: Vec<Option<&'a str>>,
    occurred: Vec<Option<chrono::DateTime<chrono::Utc>>>,
    created: Vec<chrono::DateTime<chrono::Utc>>,
}

impl<'a> Columns<'a> {
    fn of(rows: &[&'a Row]) -> Self {
        let mut columns = Self::default();
        for row in rows {
            columns.providers.push(row.key.provider.as_str());
            columns.tx_ids.push(row.key.tx_id.as_str());
            columns.players.push(row.player.as_str());
            columns.transaction_ids.push(row.transaction_id.uuid());
            columns.kinds.push(row.kind.as_str());
            columns.categories.push(row.category.as_str());
            columns.outcomes.push(row.outcome.as_str());
            columns.reasons.push(row.reason.map(crate::core::Reason::as_str));
            columns.requested.push(row.requested.get());
            columns.amounts.push(row.amount.get());
            columns.shortfalls.push(row.shortfall.get());
            columns.balances.push(row.link.map(|link| link.balance_after));
            columns.versions.push(row.link.map(|link| link.version));
            columns.reverses.push(row.reverses.as_ref().map(crate::core::TxId::as_str));
            columns.rounds.push(row.round.as_ref().map(crate::core::RoundId::as_str));
            columns.games.push(row.game.as_ref().map(crate::core::GameId::as_str));
            columns.fingerprints.push(row.fingerprint);
            columns.details.push(row.detail.as_deref());
            columns.occurred.push(row.occurred_at);
            columns.created.push(row.created_at);
        }
        columns
    }
}

#[derive(Default)]
struct Wallets<'a> {
    players: Vec<&'a str>,
    versions: Vec<i64>,
    deltas: Vec<i64>,
    steps: Vec<i64>,
    statuses: Vec<&'a str>,
}

impl<'a> Wallets<'a> {
    fn of(changes: &[WalletChange<'a>]) -> Self {
        let mut wallets = Self::default();
        for WalletChange { before, after } in changes {
            wallets.players.push(before.player.as_str());
            wallets.versions.push(before.version);
            wallets.deltas.push(after.balance.get() - before.balance.get());
            wallets.steps.push(after.version - before.version);
            wallets.statuses.push(after.status.as_str());
        }
        wallets
    }
}
