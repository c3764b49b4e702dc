//! A player's account over a period, from the chain of versions: what was there, what moved,
//! what was left.
//!
//! A period holds the versions from the first row of its time to the last before the first row
//! after it. So periods that follow one another share no row and leave none out, whatever the
//! clocks of the nodes said, and a movement that had to wait stands where it was decided.

use chrono::{DateTime, Utc};
use sqlx::PgPool;
use uuid::Uuid;

use super::search::first_id_at;
use crate::core::{Category, Kind, Micros, PlayerId};
use crate::store::LookupError;

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

/// A player's account over a period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Where it begins and ends.
    pub period: Period,
    /// What moved in it, by purpose.
    pub totals: Vec<Total>,
}

/// From the millisecond to before the millisecond, as far as they are given.
pub type Times = (Option<DateTime<Utc>>, Option<DateTime<Utc>>);

/// The account from the millisecond `from` to before the millisecond `to`. All of the player's
/// rows are looked through, once.
///
/// # Errors
/// [`LookupError`]; [`LookupError::TooSlow`] where the pool's statements may not take so long.
pub async fn account(
    pool: &PgPool,
    player: &PlayerId,
    (from, to): Times,
) -> Result<Account, LookupError> {
    let rows = sqlx::query!(
        r#"
        WITH own AS MATERIALIZED (
            SELECT wallet_version, balance_after_micros, transaction_id, kind, category,
                   amount_micros
            FROM trx_log /* account */ WHERE player_id = $1 AND wallet_version IS NOT NULL
        ), edges AS (
            SELECT coalesce(max(wallet_version), 0) + 1 AS next,
                   min(wallet_version) FILTER (WHERE transaction_id >= $2) AS first,
                   min(wallet_version) FILTER (WHERE transaction_id >= $3) AS after
            FROM own
        ), marks AS (
            SELECT coalesce(first, next) - 1 AS opening, coalesce(after, next) - 1 AS closing
            FROM edges
        ), period AS MATERIALIZED (
            SELECT m.opening, m.closing,
                   max(o.balance_after_micros) FILTER (WHERE o.wallet_version = m.opening)
                       AS at_opening,
                   max(o.balance_after_micros) FILTER (WHERE o.wallet_version = m.closing)
                       AS at_closing
            FROM marks m LEFT JOIN own o ON true
            GROUP BY m.opening, m.closing
        )
        SELECT p.opening AS "opening!", p.closing AS "closing!", p.at_opening, p.at_closing,
               t.kind AS "kind?", t.category AS "category?",
               t.count AS "count?", t.amount AS "amount?"
        FROM period p LEFT JOIN LATERAL (
            SELECT kind, category, count(*) AS count, sum(amount_micros)::bigint AS amount
            FROM own
            WHERE wallet_version > p.opening AND wallet_version <= p.closing
              AND amount_micros <> 0
            GROUP BY kind, category
        ) t ON true
        ORDER BY t.kind, t.category
        "#,
        player.as_str(),
        from.map_or(Uuid::nil(), first_id_at),
        to.map(first_id_at),
    )
    .fetch_all(pool)
    .await
    .map_err(LookupError::of_search)?;
    let whole = rows.first().ok_or(LookupError::Unreadable("trx_log"))?;
    // Before the first row there was nothing.
    let mark = |version, balance: Option<i64>| Mark {
        version,
        balance: Micros::new(balance.unwrap_or_default()),
    };
    let period = Period {
        opening: mark(whole.opening, whole.at_opening),
        closing: mark(whole.closing, whole.at_closing),
    };
    let mut totals = Vec::new();
    for row in rows {
        // A period in which nothing moved has one row, and no total.
        let (Some(kind), Some(category)) = (row.kind, row.category) else { continue };
        totals.push(Total {
            kind: Kind::parse(&kind).ok_or(LookupError::Unreadable("trx_log.kind"))?,
            category: Category::parse(&category)
                .ok_or(LookupError::Unreadable("trx_log.category"))?,
            count: row.count.unwrap_or_default(),
            amount: Micros::new(row.amount.unwrap_or_default()),
        });
    }
    Ok(Account { period, totals })
}
