//! Reading wallets and their ledger for a reconciliation: in chunks by key, without locks.
//! Each statement is one snapshot.

use sqlx::PgPool;
use uuid::Uuid;

use crate::core::{Micros, PlayerId, WalletState};
use crate::store::LookupError;
use crate::store::connect::begin_transaction;
use crate::store::rows::wallet_state;

/// A place in a player's chain: the version and the balance after it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    /// How many decided rows there are up to here.
    pub version: i64,
    /// What they add up to.
    pub balance: Micros,
}

impl Mark {
    /// Before a player's first row.
    pub const START: Self = Self { version: 0, balance: Micros::ZERO };

    /// Where a wallet stands.
    pub const fn of(wallet: &WalletState) -> Self {
        Self { version: wallet.version, balance: wallet.balance }
    }
}

/// A wallet, and how far its chain was followed before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marked {
    /// As it is now.
    pub wallet: WalletState,
    /// As far as an earlier pass has come; `None` for a player it has not met.
    pub mark: Option<Mark>,
}

/// What the ledger holds of a player behind a mark, and the wallet in the same snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    /// Whose.
    pub player: PlayerId,
    /// Where it was followed from.
    pub from: Mark,
    /// What the wallet says.
    pub wallet: Mark,
    /// Decided rows.
    pub rows: i64,
    /// What they moved together.
    pub moved: Micros,
    /// Rows that do not follow from the one before them.
    pub broken: i64,
    /// The first of these, by its version.
    pub broken_at: Option<i64>,
}

/// How many wallets there are.
///
/// # Errors
/// [`LookupError`].
pub async fn count(pool: &PgPool) -> Result<u64, LookupError> {
    let count =
        sqlx::query_scalar!(r#"SELECT count(*) AS "count!" FROM wallet"#).fetch_one(pool).await?;
    Ok(u64::try_from(count).unwrap_or_default())
}

/// The next wallets in the order of their ids.
///
/// # Errors
/// [`LookupError`].
pub async fn chunk(
    pool: &PgPool,
    after: Option<&PlayerId>,
    limit: u16,
) -> Result<Vec<Marked>, LookupError> {
    let rows = sqlx::query!(
        r#"
        SELECT w.player_id, w.currency, w.balance_micros, w.version, w.status,
               w.bet_limit_micros, m.version AS "marked_version?",
               m.balance_micros AS "marked_micros?"
        FROM wallet w LEFT JOIN reconciliation_mark m ON m.player_id = w.player_id
        WHERE w.player_id > $1
        ORDER BY w.player_id
        LIMIT $2
        "#,
        after.map_or("", PlayerId::as_str),
        i64::from(limit),
    )
    .fetch_all(pool)
    .await?;
    rows.into_iter()
        .map(|row| {
            let (currency, status) = (row.currency, row.status);
            let wallet = wallet_state(
                stored_player(&row.player_id)?,
                &currency,
                row.balance_micros,
                row.version,
                &status,
                row.bet_limit_micros,
            )?;
            let mark = match (row.marked_version, row.marked_micros) {
                (Some(version), Some(micros)) => {
                    Some(Mark { version, balance: Micros::new(micros) })
                }
                _ => None,
            };
            Ok(Marked { wallet, mark })
        })
        .collect()
}

/// Follows the chains of these players from their marks to their ends. `since` leaves out rows
/// whose operator transaction id is smaller: it makes the look cheap where all new rows are
/// younger than that, and shows a gap where one is not.
///
/// # Errors
/// [`LookupError`].
pub async fn chains(
    pool: &PgPool,
    players: &[(&PlayerId, Mark)],
    since: Option<Uuid>,
) -> Result<Vec<Chain>, LookupError> {
    let ids: Vec<&str> = players.iter().map(|(player, _)| player.as_str()).collect();
    let versions: Vec<i64> = players.iter().map(|(_, mark)| mark.version).collect();
    let balances: Vec<i64> = players.iter().map(|(_, mark)| mark.balance.get()).collect();
    let mut transaction = begin_transaction(pool).await?;
    // The chain of a player who never sleeps may take longer than a look-up should.
    sqlx::query("SET LOCAL statement_timeout = '60s'").execute(&mut *transaction).await?;
    let rows = sqlx::query!(
        r#"
        SELECT w.player_id, m.version AS "from_version!", m.balance AS "from_micros!",
               w.version, w.balance_micros, r.rows AS "rows!", r.moved AS "moved!",
               r.broken AS "broken!", r.broken_at
        FROM unnest($1::text[], $2::bigint[], $3::bigint[]) AS m(player_id, version, balance)
        JOIN wallet w ON w.player_id = m.player_id
        CROSS JOIN LATERAL (
            SELECT count(*) AS rows,
                   least(greatest(coalesce(sum(l.amount_micros), 0), -9223372036854775807),
                         9223372036854775807)::bigint AS moved,
                   count(*) FILTER (WHERE NOT l.follows) AS broken,
                   min(l.wallet_version) FILTER (WHERE NOT l.follows) AS broken_at
            FROM (
                SELECT t.amount_micros, t.wallet_version,
                       t.wallet_version = lag(t.wallet_version, 1, m.version) OVER chain + 1
                       AND t.balance_after_micros::numeric
                           = (lag(t.balance_after_micros, 1, m.balance) OVER chain)::numeric
                             + t.amount_micros
                       AS follows
                FROM trx_log t
                WHERE t.player_id = w.player_id AND t.wallet_version > m.version
                  AND ($4::uuid IS NULL OR t.transaction_id >= $4)
                WINDOW chain AS (ORDER BY t.wallet_version)
            ) l
        ) r
        "#,
        &ids as &[&str],
        &versions,
        &balances,
        since,
    )
    .fetch_all(&mut *transaction)
    .await?;
    transaction.commit().await?;
    rows.into_iter()
        .map(|row| {
            Ok(Chain {
                player: stored_player(&row.player_id)?,
                from: Mark { version: row.from_version, balance: Micros::new(row.from_micros) },
                wallet: Mark { version: row.version, balance: Micros::new(row.balance_micros) },
                rows: row.rows,
                moved: Micros::new(row.moved),
                broken: row.broken,
                broken_at: row.broken_at,
            })
        })
        .collect()
}

/// Players behind `after`, up to and with `upto`, who have decided rows and no wallet: how many rows,
/// and what these moved. What is parked may wait for a wallet.
///
/// # Errors
/// [`LookupError`].
pub async fn orphans(
    pool: &PgPool,
    after: Option<&PlayerId>,
    upto: Option<&PlayerId>,
) -> Result<Vec<(PlayerId, i64, Micros)>, LookupError> {
    let rows = sqlx::query!(
        r#"
        SELECT t.player_id, count(*) AS "rows!",
               least(greatest(sum(t.amount_micros), -9223372036854775807),
                     9223372036854775807)::bigint AS "moved!"
        FROM trx_log t
        WHERE t.player_id > $1 AND ($2::text IS NULL OR t.player_id <= $2)
          AND t.outcome <> 'parked'
          AND NOT EXISTS (SELECT FROM wallet w WHERE w.player_id = t.player_id)
        GROUP BY t.player_id
        ORDER BY t.player_id
        LIMIT 1000
        "#,
        after.map_or("", PlayerId::as_str),
        upto.map(PlayerId::as_str),
    )
    .fetch_all(pool)
    .await?;
    rows.into_iter()
        .map(|row| Ok((stored_player(&row.player_id)?, row.rows, Micros::new(row.moved))))
        .collect()
}

fn stored_player(text: &str) -> Result<PlayerId, LookupError> {
    PlayerId::parse(text).map_err(|_| LookupError::Unreadable("wallet.player_id"))
}
