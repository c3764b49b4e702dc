//! Reading wallets and their ledger for a reconciliation: in chunks by key, without locks.
//! Each statement is one snapshot, and none reads more than so many rows of a player.

use sqlx::{PgPool, Postgres, Transaction};

use crate::core::{Micros, PlayerId, WalletState};
use crate::store::LookupError;
use crate::store::pool::patient;
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

/// The most rows of one player that one statement reads. What is decided does not change any more,
/// so a chain can be followed piece by piece: only its last piece has to be of one snapshot with the
/// wallet.
pub const PIECE: i64 = 20_000;

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
    /// Where the last of the rows is.
    pub last: Mark,
    /// False where there may be more.
    pub ended: bool,
}

impl Chain {
    /// With the piece that comes next.
    #[must_use]
    pub fn and(self, next: Self) -> Self {
        Self {
            player: self.player,
            from: self.from,
            wallet: next.wallet,
            rows: self.rows.saturating_add(next.rows),
            moved: Micros::new(self.moved.get().saturating_add(next.moved.get())),
            broken: self.broken.saturating_add(next.broken),
            broken_at: self.broken_at.or(next.broken_at),
            last: next.last,
            ended: next.ended,
        }
    }
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

/// Follows the chains of these players from their marks, for [`PIECE`] rows each at most.
///
/// # Errors
/// [`LookupError`].
pub async fn chains(
    pool: &PgPool,
    players: &[(&PlayerId, Mark)],
) -> Result<Vec<Chain>, LookupError> {
    let ids: Vec<&str> = players.iter().map(|(player, _)| player.as_str()).collect();
    let versions: Vec<i64> = players.iter().map(|(_, mark)| mark.version).collect();
    let balances: Vec<i64> = players.iter().map(|(_, mark)| mark.balance.get()).collect();
    let mut transaction = in_order(pool).await?;
    let rows = sqlx::query!(
        r#"
        SELECT w.player_id, m.version AS "from_version!", m.balance AS "from_micros!",
               w.version, w.balance_micros, r.rows AS "rows!", r.moved AS "moved!",
               r.broken AS "broken!", r.broken_at,
               coalesce(r.last_version, m.version) AS "last_version!",
               coalesce(r.last_micros, m.balance) AS "last_micros!"
        FROM unnest($1::text[], $2::bigint[], $3::bigint[]) AS m(player_id, version, balance)
        JOIN wallet w ON w.player_id = m.player_id
        CROSS JOIN LATERAL (
            SELECT count(*) AS rows,
                   least(greatest(coalesce(sum(l.amount_micros), 0), -9223372036854775807),
                         9223372036854775807)::bigint AS moved,
                   count(*) FILTER (WHERE NOT l.follows) AS broken,
                   min(l.wallet_version) FILTER (WHERE NOT l.follows) AS broken_at,
                   max(l.wallet_version) AS last_version,
                   (array_agg(l.balance_after_micros ORDER BY l.wallet_version DESC))[1]
                       AS last_micros
            FROM (
                SELECT t.amount_micros, t.wallet_version, t.balance_after_micros,
                       t.wallet_version = lag(t.wallet_version, 1, m.version) OVER chain + 1
                       AND t.balance_after_micros::numeric
                           = (lag(t.balance_after_micros, 1, m.balance) OVER chain)::numeric
                             + t.amount_micros
                       AS follows
                FROM (
                    SELECT t.amount_micros, t.wallet_version, t.balance_after_micros
                    FROM trx_log t
                    WHERE t.player_id = w.player_id AND t.wallet_version > m.version
                    ORDER BY t.wallet_version
                    LIMIT $4) t
                WINDOW chain AS (ORDER BY t.wallet_version)
            ) l
        ) r
        "#,
        &ids as &[&str],
        &versions,
        &balances,
        PIECE,
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
                last: Mark { version: row.last_version, balance: Micros::new(row.last_micros) },
                ended: row.rows < PIECE,
            })
        })
        .collect()
}

/// The next players behind `after`, up to and with `upto`, who have rows and no wallet; `limit` at
/// most. Goes from player to player by an index, past all of each one's rows.
///
/// # Errors
/// [`LookupError`].
pub async fn without_wallet(
    pool: &PgPool,
    after: Option<&PlayerId>,
    upto: Option<&PlayerId>,
    limit: i64,
) -> Result<Vec<PlayerId>, LookupError> {
    let players = sqlx::query_scalar!(
        r#"
        WITH RECURSIVE player AS (
            (SELECT t.player_id FROM trx_log t WHERE t.player_id > $1
             ORDER BY t.player_id LIMIT 1)
            UNION ALL
            SELECT (SELECT t.player_id FROM trx_log t WHERE t.player_id > p.player_id
                    ORDER BY t.player_id LIMIT 1)
            FROM player p
            WHERE p.player_id IS NOT NULL AND ($2::text IS NULL OR p.player_id < $2)
        )
        SELECT p.player_id AS "player!" FROM player p
        WHERE p.player_id IS NOT NULL AND ($2::text IS NULL OR p.player_id <= $2)
          AND NOT EXISTS (SELECT FROM wallet w WHERE w.player_id = p.player_id)
        LIMIT $3
        "#,
        after.map_or("", PlayerId::as_str),
        upto.map(PlayerId::as_str),
        limit,
    )
    .fetch_all(pool)
    .await?;
    players.iter().map(|player| stored_player(player)).collect()
}

/// So many decided rows of a player, and what they moved, behind a version; [`PIECE`] at most. And
/// the version that they end at, if there are any.
///
/// # Errors
/// [`LookupError`].
pub async fn rows_behind(
    pool: &PgPool,
    player: &PlayerId,
    version: i64,
) -> Result<(Mark, Option<i64>), LookupError> {
    let mut transaction = in_order(pool).await?;
    let row = sqlx::query!(
        r#"
        SELECT count(*) AS "rows!",
               least(greatest(coalesce(sum(t.amount_micros), 0), -9223372036854775807),
                     9223372036854775807)::bigint AS "moved!",
               max(t.wallet_version) AS last
        FROM (
            SELECT t.amount_micros, t.wallet_version FROM trx_log t
            WHERE t.player_id = $1 AND t.wallet_version > $2
            ORDER BY t.wallet_version
            LIMIT $3) t
        "#,
        player.as_str(),
        version,
        PIECE,
    )
    .fetch_one(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok((Mark { version: row.rows, balance: Micros::new(row.moved) }, row.last))
}

/// A transaction in which a player's rows are read in the order of an index, as far as they are
/// wanted. The planner knows how many rows a player has as a rule; for one with very many it would
/// read and sort them all for each piece.
async fn in_order(pool: &PgPool) -> Result<Transaction<'static, Postgres>, LookupError> {
    // Rows that nobody has read for long come from a slow disk, one by one.
    let mut transaction = patient(pool, 60_000).await?;
    let sql = "SELECT set_config('enable_sort', 'off', true),
                      set_config('enable_bitmapscan', 'off', true)";
    sqlx::query(sql).execute(&mut *transaction).await?;
    Ok(transaction)
}

fn stored_player(text: &str) -> Result<PlayerId, LookupError> {
    PlayerId::parse(text).map_err(|_| LookupError::Unreadable("wallet.player_id"))
}
