//! Whose issues of free rounds are, and what came of those of which nobody has said it yet.

use chrono::{DateTime, Utc};
use sqlx::PgPool;

use crate::core::{Currency, IssueCall, IssueId, IssueState, PlayerId, ProviderId, TxId};
use crate::store::LookupError;
use crate::store::rows::stored;

/// Players of one issue that are looked at: more than anybody issues under one id.
const OWNERS_MAX: i64 = 100;

/// A player of an issue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The player.
    pub player: PlayerId,
    /// The wallet's.
    pub currency: Currency,
    /// True where the operator said so, false where a call of the provider's did.
    pub by_operator: bool,
}

/// The players of an issue, as far as they are known and have wallets.
///
/// # Errors
/// [`LookupError`].
pub async fn owners(
    pool: &PgPool,
    provider: &ProviderId,
    issue: &IssueId,
) -> Result<Vec<Owner>, LookupError> {
    let rows = sqlx::query!(
        "SELECT i.player_id, i.told, w.currency
         FROM free_round_issue i JOIN wallet w USING (player_id)
         WHERE i.provider = $1 AND i.issue_id = $2
         ORDER BY i.created_at, i.player_id LIMIT $3",
        provider.as_str(),
        issue.as_str(),
        OWNERS_MAX,
    )
    .fetch_all(pool)
    .await?;
    let owner = |row: (String, bool, String)| {
        let (player, told, currency) = row;
        Ok(Owner {
            player: stored(PlayerId::parse(player), "free_round_issue.player_id")?,
            currency: stored(Currency::parse(currency), "wallet.currency")?,
            by_operator: told,
        })
    };
    rows.into_iter().map(|row| owner((row.player_id, row.told, row.currency))).collect()
}

/// Remembers that a player has an issue. What the operator says stays said. True where that is
/// news.
///
/// # Errors
/// [`LookupError`].
pub async fn remember(
    pool: &PgPool,
    provider: &ProviderId,
    issue: &IssueId,
    player: &PlayerId,
    told: bool,
) -> Result<bool, LookupError> {
    let done = sqlx::query!(
        "INSERT INTO free_round_issue AS i (provider, issue_id, player_id, told)
         VALUES ($1, $2, $3, $4)
         ON CONFLICT (provider, issue_id, player_id) DO UPDATE SET told = true
         WHERE excluded.told AND NOT i.told",
        provider.as_str(),
        issue.as_str(),
        player.as_str(),
        told,
    )
    .execute(pool)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Which of these keys have a decided row of that player.
///
/// # Errors
/// [`LookupError`].
pub async fn decided(
    pool: &PgPool,
    provider: &ProviderId,
    player: &PlayerId,
    keys: &[&TxId],
) -> Result<Vec<String>, LookupError> {
    let keys: Vec<&str> = keys.iter().map(|key| key.as_str()).collect();
    let found = sqlx::query_scalar!(
        "SELECT tx_id FROM trx_log
         WHERE provider = $1 AND tx_id = ANY($2::text[]) AND player_id = $3
           AND outcome <> 'parked'",
        provider.as_str(),
        &keys as &[&str],
        player.as_str(),
    )
    .fetch_all(pool)
    .await?;
    Ok(found)
}

/// What an issue came to, as long as nobody has said whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unassigned {
    /// Whose words these are.
    pub provider: ProviderId,
    /// The call that ended the issue.
    pub call: IssueCall,
    /// How often it came.
    pub calls: i64,
    /// When it first came.
    pub first_at: DateTime<Utc>,
    /// When it last came.
    pub last_at: DateTime<Utc>,
}

/// Keeps what an issue came to until somebody says whose it is. The first such call counts, as it
/// does where that is known; what it says is given back.
///
/// # Errors
/// [`LookupError`]: then nothing is kept.
pub async fn keep(
    pool: &PgPool,
    provider: &ProviderId,
    call: &IssueCall,
) -> Result<i128, LookupError> {
    let units = sqlx::query_scalar!(
        "INSERT INTO free_round_result AS r
             (provider, issue_id, player_id, currency, status, units)
         VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (provider, issue_id, player_id)
         DO UPDATE SET calls = r.calls + 1, last_at = now()
         RETURNING units",
        provider.as_str(),
        call.issue.as_str(),
        named(call),
        call.currency.as_ref().map(Currency::as_str),
        &call.status,
        call.units.to_string(),
    )
    .fetch_one(pool)
    .await?;
    stored(units.parse(), "free_round_result.units")
}

/// The player whom a call names; empty for nobody.
fn named(call: &IssueCall) -> &str {
    call.player.as_ref().map_or("", PlayerId::as_str)
}

/// Forgets what is booked.
///
/// # Errors
/// [`LookupError`].
pub async fn forget(
    pool: &PgPool,
    provider: &ProviderId,
    call: &IssueCall,
) -> Result<(), LookupError> {
    sqlx::query!(
        "DELETE FROM free_round_result WHERE provider = $1 AND issue_id = $2 AND player_id = $3",
        provider.as_str(),
        call.issue.as_str(),
        named(call),
    )
    .execute(pool)
    .await?;
    Ok(())
}

/// Takes a few results to try: those whose owner may be known by now, and which have not been tried
/// for longest; of one issue alone, where one is named.
///
/// # Errors
/// [`LookupError`].
pub async fn take(
    pool: &PgPool,
    only: Option<(&ProviderId, &IssueId)>,
    limit: i64,
) -> Result<Vec<Unassigned>, LookupError> {
    let (provider, issue) = only.unzip();
    let rows = sqlx::query_as!(
        Columns,
        "UPDATE free_round_result r SET tried_at = now()
         WHERE (provider, issue_id, player_id) IN (
             SELECT r.provider, r.issue_id, r.player_id FROM free_round_result r
             WHERE ($1::text IS NULL OR r.provider = $1) AND ($2::text IS NULL OR r.issue_id = $2)
               AND (EXISTS (SELECT FROM free_round_issue i
                            WHERE i.provider = r.provider AND i.issue_id = r.issue_id)
                    OR EXISTS (SELECT FROM wallet w WHERE w.player_id = r.player_id))
             ORDER BY r.tried_at LIMIT $3 FOR UPDATE SKIP LOCKED)
         RETURNING provider, issue_id, player_id, currency, status, units, calls, first_at, last_at",
        provider.map(ProviderId::as_str),
        issue.map(IssueId::as_str),
        limit,
    )
    .fetch_all(pool)
    .await?;
    rows.into_iter().map(Unassigned::try_from).collect()
}

/// The results that wait, the oldest first.
///
/// # Errors
/// [`LookupError`].
pub async fn unassigned(pool: &PgPool, limit: u16) -> Result<Vec<Unassigned>, LookupError> {
    let rows = sqlx::query_as!(
        Columns,
        "SELECT provider, issue_id, player_id, currency, status, units, calls, first_at, last_at
         FROM free_round_result ORDER BY first_at, provider, issue_id, player_id LIMIT $1",
        i64::from(limit),
    )
    .fetch_all(pool)
    .await?;
    rows.into_iter().map(Unassigned::try_from).collect()
}

/// How many wait.
///
/// # Errors
/// [`LookupError`].
pub async fn count(pool: &PgPool) -> Result<i64, LookupError> {
    let count = sqlx::query_scalar!(r#"SELECT count(*) AS "count!" FROM free_round_result"#);
    Ok(count.fetch_one(pool).await?)
}

struct Columns {
    provider: String,
    issue_id: String,
    player_id: String,
    currency: Option<String>,
    status: String,
    units: String,
    calls: i64,
    first_at: DateTime<Utc>,
    last_at: DateTime<Utc>,
}

impl TryFrom<Columns> for Unassigned {
    type Error = LookupError;

    fn try_from(row: Columns) -> Result<Self, LookupError> {
        let player = Some(row.player_id).filter(|player| !player.is_empty());
        let player = player.map(PlayerId::parse).transpose();
        Ok(Self {
            provider: stored(ProviderId::parse(row.provider), "free_round_result.provider")?,
            call: IssueCall {
                issue: stored(IssueId::parse(row.issue_id), "free_round_result.issue_id")?,
                player: stored(player, "free_round_result.player_id")?,
                currency: stored(
                    row.currency.map(Currency::parse).transpose(),
                    "free_round_result.currency",
                )?,
                session: None,
                state: IssueState::Final,
                status: row.status.into(),
                units: stored(row.units.parse(), "free_round_result.units")?,
            },
            calls: row.calls,
            first_at: row.first_at,
            last_at: row.last_at,
        })
    }
}
