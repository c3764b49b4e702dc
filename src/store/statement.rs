//! A player's account over a period, from the chain of versions: what was there, what moved,
//! what was left.
//!
//! A period holds the versions from the first row of its time to the last before the first row
//! after it. So periods that follow one another share no row and leave none out, whatever the
//! clocks of the nodes said, and a movement that had to wait stands where it was decided.

use chrono::{DateTime, Utc};
use sqlx::PgPool;
use uuid::Uuid;

use super::LookupError;
use super::search::first_id_at;
use crate::core::{Category, Kind, Micros, PlayerId};

/// A place in a player's chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// `wallet.version` there.
    pub version: i64,
    /// The balance there.
    pub balance: Micros,
}

/// Where a period begins and ends: what moved in it are the versions between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    /// After the last row before it.
    pub opening: Mark,
    /// After its last row.
    pub closing: Mark,
}

/// What moved in a period for one purpose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Total {
    /// What the movements are.
    pub kind: Kind,
    /// Why the money moved.
    pub category: Category,
    /// How many moved money.
    pub count: i64,
    /// How much in all, signed by its effect on the balance.
    pub amount: Micros,
}

/// The period from the millisecond `from` to before the millisecond `to`.
///
/// # Errors
/// [`LookupError`].
pub async fn period(
    pool: &PgPool,
    player: &PlayerId,
    (from, to): (Option<DateTime<Utc>>, Option<DateTime<Utc>>),
) -> Result<Period, LookupError> {
    let row = sqlx::query!(
        r#"
        WITH own AS MATERIALIZED (
            SELECT wallet_version, balance_after_micros, transaction_id
            FROM trx_log WHERE player_id = $1 AND wallet_version IS NOT NULL
        ), edges AS (
            SELECT coalesce(max(wallet_version), 0) + 1 AS next,
                   min(wallet_version) FILTER (WHERE transaction_id >= $2) AS first,
                   min(wallet_version) FILTER (WHERE transaction_id >= $3) AS after
            FROM own
        ), marks AS (
            SELECT coalesce(first, next) - 1 AS opening, coalesce(after, next) - 1 AS closing
            FROM edges
        )
        SELECT m.opening AS "opening!", m.closing AS "closing!",
               (SELECT balance_after_micros FROM own WHERE wallet_version = m.opening) AS at_opening,
               (SELECT balance_after_micros FROM own WHERE wallet_version = m.closing) AS at_closing
        FROM marks m
        "#,
        player.as_str(),
        from.map_or(Uuid::nil(), first_id_at),
        to.map(first_id_at),
    )
    .fetch_one(pool)
    .await
    .map_err(LookupError::of_search)?;
    // Before the first row there was nothing.
    let mark = |version, balance: Option<i64>| Mark {
        version,
        balance: Micros::new(balance.unwrap_or_default()),
    };
    Ok(Period {
        opening: mark(row.opening, row.at_opening),
        closing: mark(row.closing, row.at_closing),
    })
}

/// What moved in a period, by purpose.
///
/// # Errors
/// [`LookupError`].
pub async fn totals(
    pool: &PgPool,
    player: &PlayerId,
    period: &Period,
) -> Result<Vec<Total>, LookupError> {
    let rows = sqlx::query!(
        r#"
        SELECT kind, category, count(*) AS "count!", sum(amount_micros)::bigint AS "amount!"
        FROM trx_log
        WHERE player_id = $1 AND wallet_version > $2 AND wallet_version <= $3
          AND amount_micros <> 0
        GROUP BY kind, category
        ORDER BY kind, category
        "#,
        player.as_str(),
        period.opening.version,
        period.closing.version,
    )
    .fetch_all(pool)
    .await
    .map_err(LookupError::of_search)?;
    rows.into_iter()
        .map(|row| {
            Ok(Total {
                kind: Kind::parse(&row.kind).ok_or(LookupError::Unreadable("trx_log.kind"))?,
                category: Category::parse(&row.category)
                    .ok_or(LookupError::Unreadable("trx_log.category"))?,
                count: row.count,
                amount: Micros::new(row.amount),
            })
        })
        .collect()
}
