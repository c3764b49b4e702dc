//! Searching the ledger. No search is without a bound, and none needs an index of its own,
//! because an index costs every bet:
//!
//! | given | read by | bound |
//! |---|---|---|
//! | `transaction_id` | `trx_log_transaction` | one row |
//! | `tx_id` | the primary key, once for each provider | a row for each provider |
//! | a player (and a round) | `trx_log_round` | the player's rows, and the statement's time-out |
//! | anything else | `trx_log_transaction`, newest first | so many rows at once |
//!
//! A span of time is a span of operator transaction ids: UUIDv7 begin with the milliseconds. The
//! last way looks at a number of rows and says how far it has come, so that a filter which finds
//! nothing is answered as quickly as one which finds everything.

use chrono::{DateTime, Utc};
use sqlx::{Connection as _, PgPool};
use tokio::sync::mpsc;
use uuid::Uuid;

use super::chunks::send_all;
use super::currency::{RowWithCurrency, currencies, with_currencies};
use crate::core::{
    Category, GameId, Kind, PlayerId, ProviderId, RoundId, Row, RowOutcome, TransactionId, TxId,
};
use crate::store::LookupError;
use crate::store::rows::StoredRow;

/// Rows that an export takes at once, and no more than that are looked at for it.
const CHUNK: u16 = 2000;

/// Which rows.
#[derive(Clone, Debug, Default)]
pub struct Search {
    /// Of one player.
    pub player: Option<PlayerId>,
    /// Of these providers; empty for all. A search by `tx_id` has to name them.
    pub providers: Vec<ProviderId>,
    /// Of one round.
    pub round: Option<RoundId>,
    /// Of one game.
    pub game: Option<GameId>,
    /// Under this key.
    pub tx_id: Option<TxId>,
    /// The one with this operator transaction id.
    pub transaction_id: Option<TransactionId>,
    /// Of one kind.
    pub kind: Option<Kind>,
    /// Of one category.
    pub category: Option<Category>,
    /// With this outcome.
    pub outcome: Option<RowOutcome>,
    /// Not before this millisecond.
    pub from: Option<DateTime<Utc>>,
    /// Before this millisecond.
    pub to: Option<DateTime<Utc>>,
    /// Older than this operator transaction id.
    pub before: Option<Uuid>,
}

/// What bounds a search.
#[derive(Clone, Copy, Debug)]
pub struct Bound {
    /// Older than this operator transaction id: the last of the page before.
    pub before: Option<Uuid>,
    /// At most so many rows are found.
    pub limit: u16,
    /// At most so many are looked at where neither a player nor a key narrows it; at least 1.
    pub examine: u32,
}

/// Part of what was searched for, newest first.
#[derive(Debug, Default)]
pub struct Page {
    /// What was found.
    pub rows: Vec<RowWithCurrency>,
    /// Where to go on; `None` at the end. A page may be short, or empty, and not be the last.
    pub next: Option<Uuid>,
}

/// How a search is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Key,
    Player,
    Time,
}

/// The smallest operator transaction id of a millisecond.
pub fn first_id_at(at: DateTime<Utc>) -> Uuid {
    let millis = u64::try_from(at.timestamp_millis()).unwrap_or_default();
    let [.., a, b, c, d, e, f] = millis.to_be_bytes();
    Uuid::from_bytes([a, b, c, d, e, f, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
}

impl Search {
    const fn way(&self) -> Way {
        match self {
            Self { transaction_id: Some(_), .. } | Self { tx_id: Some(_), .. } => Way::Key,
            Self { player: Some(_), .. } => Way::Player,
            _ => Way::Time,
        }
    }

    fn oldest(&self) -> Uuid {
        self.from.map_or(Uuid::nil(), first_id_at)
    }

    fn end(&self, before: Option<Uuid>) -> Uuid {
        let to = self.to.map_or(Uuid::max(), first_id_at);
        [self.before, before].into_iter().flatten().fold(to, Uuid::min)
    }

    fn provider_names(&self) -> Option<Vec<&str>> {
        (!self.providers.is_empty()).then(|| self.providers.iter().map(|p| p.as_str()).collect())
    }
}

/// One page.
///
/// # Errors
/// [`LookupError`]; [`LookupError::TooSlow`] where a player has too many rows.
pub async fn page(pool: &PgPool, search: &Search, bound: Bound) -> Result<Page, LookupError> {
    let end = search.end(bound.before);
    let (oldest, goes_on) = match search.way() {
        Way::Key | Way::Player => (search.oldest(), None),
        Way::Time => {
            let reached = reach(pool, (search.oldest(), end), bound.examine).await?;
            (reached.unwrap_or_else(|| search.oldest()), reached)
        }
    };
    // One more than asked for tells whether there is a next page.
    let limit = i64::from(bound.limit).saturating_add(1);
    let rows = match search.way() {
        Way::Player => of_player(pool, search, (oldest, end), limit).await?,
        Way::Key | Way::Time => newest(pool, search, (oldest, end), limit).await?,
    };
    let more = rows.len() > usize::from(bound.limit);
    let mut page = Page { rows: with_currencies(pool, rows).await?, next: goes_on };
    if more {
        page.rows.truncate(usize::from(bound.limit));
        page.next = page.rows.last().map(|last| last.row.transaction_id.uuid());
    }
    Ok(page)
}

/// Everything, in chunks, newest first. It waits while the receiver is behind, and ends when
/// there is none any more.
///
/// # Errors
/// [`LookupError`].
pub async fn export(
    pool: &PgPool,
    search: &Search,
    to: &mpsc::Sender<Vec<RowWithCurrency>>,
) -> Result<(), LookupError> {
    if search.way() == Way::Player {
        return export_of_player(pool, search, to).await;
    }
    let mut bound = Bound { before: None, limit: CHUNK, examine: CHUNK.into() };
    loop {
        // A statement for each chunk: a long one would keep the database from clearing the
        // versions of wallets that bets leave behind.
        let Page { rows, next } = page(pool, search, bound).await?;
        if !rows.is_empty() && to.send(rows).await.is_err() || next.is_none() || to.is_closed() {
            return Ok(());
        }
        bound.before = next;
    }
}

/// The last of the rows that may be looked at; `None` where all may.
async fn reach(
    pool: &PgPool,
    (oldest, end): (Uuid, Uuid),
    examine: u32,
) -> Result<Option<Uuid>, LookupError> {
    let last = sqlx::query_scalar!(
        "SELECT transaction_id FROM trx_log /* how far */
         WHERE transaction_id < $1 AND transaction_id >= $2
         ORDER BY transaction_id DESC OFFSET $3 LIMIT 1",
        end,
        oldest,
        i64::from(examine.saturating_sub(1)),
    )
    .fetch_optional(pool)
    .await
    .map_err(LookupError::of_search)?;
    Ok(last)
}

async fn newest(
    pool: &PgPool,
    search: &Search,
    (oldest, end): (Uuid, Uuid),
    limit: i64,
) -> Result<Vec<Row>, LookupError> {
    let names = search.provider_names();
    let rows = sqlx::query_as!(
        StoredRow,
        r#"
        SELECT provider, tx_id, player_id, transaction_id, kind, category, outcome, reason,
               requested_micros, amount_micros, shortfall_micros, balance_after_micros,
               wallet_version, reverses, settles, round_id, game_id, fingerprint, detail, occurred_at,
               created_at, parked_at
        FROM trx_log /* by key or time */
        WHERE transaction_id < $1 AND transaction_id >= $2
          AND ($3::uuid IS NULL OR transaction_id = $3)
          AND ($4::text IS NULL OR tx_id = $4)
          AND ($5::text[] IS NULL OR provider = ANY($5))
          AND ($6::text IS NULL OR player_id = $6)
          AND ($7::text IS NULL OR round_id = $7)
          AND ($8::text IS NULL OR game_id = $8)
          AND ($9::text IS NULL OR kind = $9)
          AND ($10::text IS NULL OR category = $10)
          AND ($11::text IS NULL OR outcome = $11)
        ORDER BY transaction_id DESC
        LIMIT $12
        "#,
        end,
        oldest,
        search.transaction_id.map(|id| id.uuid()),
        search.tx_id.as_ref().map(TxId::as_str),
        names.as_deref() as Option<&[&str]>,
        search.player.as_ref().map(PlayerId::as_str),
        search.round.as_ref().map(RoundId::as_str),
        search.game.as_ref().map(GameId::as_str),
        search.kind.map(Kind::as_str),
        search.category.map(Category::as_str),
        search.outcome.map(RowOutcome::as_str),
        limit,
    )
    .fetch_all(pool)
    .await
    .map_err(LookupError::of_search)?;
    rows.into_iter().map(StoredRow::into_row).collect()
}

/// Within `OFFSET 0`, because the planner would otherwise hope to meet the player soon on a walk
/// through everybody's rows.
async fn of_player(
    pool: &PgPool,
    search: &Search,
    (oldest, end): (Uuid, Uuid),
    limit: i64,
) -> Result<Vec<Row>, LookupError> {
    let names = search.provider_names();
    let rows = sqlx::query_as!(
        StoredRow,
        r#"
        SELECT provider AS "provider!", tx_id AS "tx_id!", player_id AS "player_id!",
               transaction_id AS "transaction_id!", kind AS "kind!", category AS "category!",
               outcome AS "outcome!", reason, requested_micros AS "requested_micros!",
               amount_micros AS "amount_micros!", shortfall_micros AS "shortfall_micros!",
               balance_after_micros, wallet_version, reverses, settles, round_id, game_id,
               fingerprint AS "fingerprint!", detail, occurred_at,
               created_at AS "created_at!", parked_at
        FROM (
            SELECT * FROM trx_log /* by player */
            WHERE player_id = $1
              AND transaction_id < $2 AND transaction_id >= $3
              AND ($4::text IS NULL OR round_id = $4)
              AND ($5::text[] IS NULL OR provider = ANY($5))
              AND ($6::text IS NULL OR game_id = $6)
              AND ($7::text IS NULL OR kind = $7)
              AND ($8::text IS NULL OR category = $8)
              AND ($9::text IS NULL OR outcome = $9)
            OFFSET 0
        ) own
        ORDER BY transaction_id DESC
        LIMIT $10
        "#,
        search.player.as_ref().map(PlayerId::as_str),
        end,
        oldest,
        search.round.as_ref().map(RoundId::as_str),
        names.as_deref() as Option<&[&str]>,
        search.game.as_ref().map(GameId::as_str),
        search.kind.map(Kind::as_str),
        search.category.map(Category::as_str),
        search.outcome.map(RowOutcome::as_str),
        limit,
    )
    .fetch_all(pool)
    .await
    .map_err(LookupError::of_search)?;
    rows.into_iter().map(StoredRow::into_row).collect()
}

/// In one statement, because nothing but a sort brings one player's rows into order. They come
/// from the server as they are taken, so neither side holds them all.
async fn export_of_player(
    pool: &PgPool,
    search: &Search,
    to: &mpsc::Sender<Vec<RowWithCurrency>>,
) -> Result<(), LookupError> {
    let names = search.provider_names();
    // Before its own connection: one export holds one.
    let currency = currencies(pool, search.player.iter()).await?.into_values().next();
    let mut connection = crate::store::pool::own(pool).await?;
    let found = sqlx::query_as!(
        StoredRow,
        r#"
        SELECT provider, tx_id, player_id, transaction_id, kind, category, outcome, reason,
               requested_micros, amount_micros, shortfall_micros, balance_after_micros,
               wallet_version, reverses, settles, round_id, game_id, fingerprint, detail, occurred_at,
               created_at, parked_at
        FROM trx_log /* all of a player */
        WHERE player_id = $1
          AND transaction_id < $2 AND transaction_id >= $3
          AND ($4::text IS NULL OR round_id = $4)
          AND ($5::text[] IS NULL OR provider = ANY($5))
          AND ($6::text IS NULL OR game_id = $6)
          AND ($7::text IS NULL OR kind = $7)
          AND ($8::text IS NULL OR category = $8)
          AND ($9::text IS NULL OR outcome = $9)
        ORDER BY transaction_id DESC
        "#,
        search.player.as_ref().map(PlayerId::as_str),
        search.end(None),
        search.oldest(),
        search.round.as_ref().map(RoundId::as_str),
        names.as_deref() as Option<&[&str]>,
        search.game.as_ref().map(GameId::as_str),
        search.kind.map(Kind::as_str),
        search.category.map(Category::as_str),
        search.outcome.map(RowOutcome::as_str),
    )
    .fetch(&mut connection);
    let sent = send_all(
        found,
        |row| RowWithCurrency { row, currency: currency.clone() },
        CHUNK.into(),
        to,
    )
    .await;
    // It ends either way; so it says goodbye.
    let _: Result<(), sqlx::Error> = connection.close().await;
    sent
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_the_smallest_id_of_its_millisecond() {
        let at = DateTime::from_timestamp_millis(0x019a_1c9e_7b3a).expect("a moment");
        let first = first_id_at(at);
        assert_eq!(first.to_string(), "019a1c9e-7b3a-0000-0000-000000000000");
        let id: Uuid = "019a1c9e-7b3a-7d2e-8f40-61b2c3d4e5f6".parse().expect("an id");
        assert!(first < id && id < first_id_at(at + chrono::TimeDelta::milliseconds(1)));
        assert_eq!(first_id_at(DateTime::UNIX_EPOCH - chrono::TimeDelta::days(1)), Uuid::nil());
    }
}
