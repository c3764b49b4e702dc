//! What single free rounds paid.

use sqlx::PgPool;

use crate::core::{Micros, PlayerId, ProviderId};
use crate::store::LookupError;

/// Rows that are added up: more than anybody grants of free rounds under one code.
const ROWS_MAX: i64 = 1000;

/// What was paid spin by spin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PaidBySpin {
    /// Results that paid more than nothing; no more than a thousand are looked at.
    pub results: i64,
    /// What those paid.
    pub amount: Micros,
}

/// What a player's free rounds paid of which the provider said exactly this (`detail`).
///
/// # Errors
/// [`LookupError`].
pub async fn paid_by_spin(
    pool: &PgPool,
    player: &PlayerId,
    provider: &ProviderId,
    detail: &str,
) -> Result<PaidBySpin, LookupError> {
    let row = sqlx::query!(
        r#"
        SELECT count(*) AS "results!",
               least(coalesce(sum(r.amount_micros), 0), 9223372036854775807)::bigint AS "micros!"
        FROM (SELECT amount_micros FROM trx_log
              WHERE player_id = $1 AND provider = $2 AND md5(detail) = md5($3) AND detail = $3
                AND category = 'free_round' AND kind = 'credit' AND amount_micros > 0
              LIMIT $4) r
        "#,
        player.as_str(),
        provider.as_str(),
        detail,
        ROWS_MAX,
    )
    .fetch_one(pool)
    .await
    .map_err(LookupError::of_search)?;
    Ok(PaidBySpin { results: row.results, amount: Micros::new(row.micros) })
}
