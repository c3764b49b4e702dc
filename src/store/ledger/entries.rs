//! The entries of a statement, in the order of a player's chain of versions.
//!
//! No index has a player's rows in that order, because an index costs every bet. But versions are
//! given one after the other and leave none out, and nearly always in the order of time. So what
//! follows an entry is looked for behind it in time first, among everybody's rows, and what was
//! found is known to be all of it: its versions have no gap. Only where they have one (the next
//! entry is far away in time, or is a movement that waited and has an old id) all of the player's
//! rows are looked through.

use sqlx::PgPool;
use tokio::sync::mpsc;
use uuid::Uuid;

use super::chunks::send_all;
use super::listed::Listed;
use crate::core::{Currency, PlayerId, Row};
use crate::store::LookupError;
use crate::store::rows::StoredRow;

/// Rows that an export takes at once.
const CHUNK: usize = 1000;
/// So often one page looks further along in time: where most entries moved nothing, it takes
/// several stretches to fill it with those that did.
const STRETCHES_MAX: usize = 8;

/// Which entries.
#[derive(Clone, Copy, Debug)]
pub struct Entries {
    /// After this version.
    pub after: i64,
    /// The operator transaction id of the first of them, or of the last before; it tells where in
    /// time they begin.
    pub begin_at: Option<Uuid>,
    /// Up to this version, which has to be decided already.
    pub last: i64,
    /// Also those that moved nothing.
    pub all: bool,
}

/// So many entries of a player, oldest first; fewer only where there are no more. For what is
/// close in time it looks at no more than `examine` rows at once, and at no more than the player
/// has.
///
/// # Errors
/// [`LookupError`].
pub async fn page(
    pool: &PgPool,
    player: &PlayerId,
    mut which: Entries,
    (limit, examine): (u16, u32),
) -> Result<Vec<Row>, LookupError> {
    let examine = i64::from(examine).min(which.last);
    let mut found = Vec::new();
    for _ in 0..STRETCHES_MAX {
        if found.len() >= limit.into() || which.after >= which.last {
            break;
        }
        let Some(id) = which.begin_at else { break };
        let until = which.after.saturating_add(limit.into()).min(which.last);
        let near = close_by(pool, player, (which.after, until), (id, examine)).await?;
        for row in in_order(near, which.after) {
            which.after = which.after.saturating_add(1);
            which.begin_at = Some(row.transaction_id.uuid());
            if which.all || row.amount.get() != 0 {
                found.push(row);
            }
        }
        if which.after < until {
            break;
        }
    }
    found.truncate(limit.into());
    let missing = usize::from(limit).saturating_sub(found.len());
    if missing > 0 && which.after < which.last {
        let missing = i64::try_from(missing).unwrap_or(i64::MAX);
        found.extend(among_all(pool, player, which, missing).await?);
    }
    Ok(found)
}

/// Those that follow the version without a gap.
fn in_order(mut rows: Vec<Row>, after: i64) -> impl Iterator<Item = Row> {
    let version = |row: &Row| row.link.map_or(i64::MAX, |link| link.version);
    rows.sort_by_key(version);
    let expected = after.saturating_add(1)..;
    rows.into_iter().zip(expected).take_while(move |(row, next)| version(row) == *next).map(|r| r.0)
}

/// Of the rows from that one on, so many at most, those with these versions.
async fn close_by(
    pool: &PgPool,
    player: &PlayerId,
    (after, until): (i64, i64),
    (id, examine): (Uuid, i64),
) -> Result<Vec<Row>, LookupError> {
    let rows = sqlx::query_as!(
        StoredRow,
        r#"
        SELECT provider AS "provider!", tx_id AS "tx_id!", player_id AS "player_id!",
               transaction_id AS "transaction_id!", kind AS "kind!", category AS "category!",
               outcome AS "outcome!", reason, requested_micros AS "requested_micros!",
               amount_micros AS "amount_micros!", shortfall_micros AS "shortfall_micros!",
               balance_after_micros, wallet_version, reverses, round_id, game_id,
               fingerprint AS "fingerprint!", detail, occurred_at,
               created_at AS "created_at!", NULL::bigint AS round_credits
        FROM (
            SELECT * FROM trx_log /* entries close by */
            WHERE transaction_id >= $2
            ORDER BY transaction_id
            LIMIT $5
        ) near
        WHERE player_id = $1 AND wallet_version > $3 AND wallet_version <= $4
        LIMIT $4 - $3
        "#,
        player.as_str(),
        id,
        after,
        until,
        examine,
    )
    .fetch_all(pool)
    .await
    .map_err(LookupError::of_search)?;
    rows.into_iter().map(StoredRow::into_row).collect()
}

async fn among_all(
    pool: &PgPool,
    player: &PlayerId,
    which: Entries,
    limit: i64,
) -> Result<Vec<Row>, LookupError> {
    let rows = sqlx::query_as!(
        StoredRow,
        r#"
        SELECT provider, tx_id, player_id, transaction_id, kind, category, outcome, reason,
               requested_micros, amount_micros, shortfall_micros, balance_after_micros,
               wallet_version, reverses, round_id, game_id, fingerprint, detail, occurred_at,
               created_at, NULL::bigint AS round_credits
        FROM trx_log /* entries */
        WHERE player_id = $1 AND wallet_version > $2 AND wallet_version <= $3
          AND ($4 OR amount_micros <> 0)
        ORDER BY wallet_version
        LIMIT $5
        "#,
        player.as_str(),
        which.after,
        which.last,
        which.all,
        limit,
    )
    .fetch_all(pool)
    .await
    .map_err(LookupError::of_search)?;
    rows.into_iter().map(StoredRow::into_row).collect()
}

/// All entries of a player, oldest first, in chunks. They come from the server as they are taken.
///
/// # Errors
/// [`LookupError`].
pub async fn export(
    pool: &PgPool,
    (player, currency): (&PlayerId, &Currency),
    (which, timeout_ms): (Entries, u64),
    to: &mpsc::Sender<Vec<Listed>>,
) -> Result<(), LookupError> {
    let mut transaction = crate::store::connect::patient(pool, timeout_ms).await?;
    let found = sqlx::query_as!(
        StoredRow,
        r#"
        SELECT provider, tx_id, player_id, transaction_id, kind, category, outcome, reason,
               requested_micros, amount_micros, shortfall_micros, balance_after_micros,
               wallet_version, reverses, round_id, game_id, fingerprint, detail, occurred_at,
               created_at, NULL::bigint AS round_credits
        FROM trx_log /* all entries */
        WHERE player_id = $1 AND wallet_version > $2 AND wallet_version <= $3
          AND ($4 OR amount_micros <> 0)
        ORDER BY wallet_version
        "#,
        player.as_str(),
        which.after,
        which.last,
        which.all,
    )
    .fetch(&mut *transaction);
    send_all(found, |row| Listed { row, currency: Some(currency.clone()) }, CHUNK, to).await
}
