//! Who changed what by hand, and why.

use chrono::{DateTime, Utc};
use sqlx::PgPool;
use uuid::Uuid;

use crate::core::{PlayerId, TransactionId};
use crate::store::LookupError;
use crate::store::ledger::search::first_id_at;

/// A change that somebody asks for.
#[derive(Clone, Debug, Default)]
pub struct AuditEvent {
    /// The name of the operator key.
    pub key_name: String,
    /// The person behind the key.
    pub author: Option<String>,
    /// Why.
    pub reason: Option<String>,
    /// What is done, in one word.
    pub action: &'static str,
    /// To whom.
    pub player: Option<PlayerId>,
    /// The provider, where one is concerned.
    pub provider: Option<String>,
    /// The game, or the movement's key.
    pub subject: Option<String>,
    /// Under which key it may be repeated.
    pub idempotency_key: Option<String>,
    /// The movement, where there is one already.
    pub transaction_id: Option<Uuid>,
    /// How it was, as JSON.
    pub before: Option<String>,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct AuditOutcome {
    /// In one word.
    pub outcome: &'static str,
    /// The movement, where there is one.
    pub transaction_id: Option<Uuid>,
    /// How it is, as JSON.
    pub after: Option<String>,
}

/// A change and its result, as written down.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its place in the list.
    pub audit_id: Uuid,
    /// When it was asked for.
    pub at: DateTime<Utc>,
    /// The name of the operator key.
    pub key_name: String,
    /// The person behind the key.
    pub author: Option<String>,
    /// Why.
    pub reason: Option<String>,
    /// What was asked for.
    pub action: String,
    /// To whom.
    pub player_id: Option<String>,
    /// The provider, where one is concerned.
    pub provider: Option<String>,
    /// The game, or the movement's key.
    pub subject: Option<String>,
    /// Under which key.
    pub idempotency_key: Option<String>,
    /// What came of it; `asked` where nobody knows.
    pub outcome: String,
    /// The movement, where there is one.
    pub transaction_id: Option<Uuid>,
    /// JSON.
    pub before_state: Option<String>,
    /// JSON.
    pub after_state: Option<String>,
}

/// Writes down what is asked for, before it is done.
///
/// # Errors
/// [`LookupError`]: then it must not be done.
pub async fn begin(pool: &PgPool, event: &AuditEvent) -> Result<Uuid, LookupError> {
    let id = Uuid::now_v7();
    sqlx::query!(
        "INSERT INTO operator_audit (audit_id, at, key_name, author, reason, action, player_id,
             provider, subject, idempotency_key, outcome, transaction_id, before_state)
         VALUES ($1, now(), $2, $3, $4, $5, $6, $7, $8, $9, 'asked', $10, $11)",
        id,
        event.key_name,
        event.author,
        event.reason,
        event.action,
        event.player.as_ref().map(PlayerId::as_str),
        event.provider,
        event.subject,
        event.idempotency_key,
        event.transaction_id,
        event.before,
    )
    .execute(pool)
    .await?;
    Ok(id)
}

/// Writes down what came of it.
///
/// # Errors
/// [`LookupError`]: the row still says `asked`.
pub async fn end(pool: &PgPool, id: Uuid, end: &AuditOutcome) -> Result<(), LookupError> {
    sqlx::query!(
        "UPDATE operator_audit
         SET outcome = $2, transaction_id = coalesce($3, transaction_id), after_state = $4
         WHERE audit_id = $1",
        id,
        end.outcome,
        end.transaction_id,
        end.after,
    )
    .execute(pool)
    .await?;
    Ok(())
}

/// Which deeds to list, newest first.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// To one player.
    pub player: Option<PlayerId>,
    /// Of one operator key.
    pub key_name: Option<String>,
    /// Of one kind.
    pub action: Option<String>,
    /// Under this key.
    pub idempotency_key: Option<String>,
    /// About one movement.
    pub transaction_id: Option<TransactionId>,
    /// Not before this millisecond.
    pub from: Option<DateTime<Utc>>,
    /// Before this millisecond.
    pub to: Option<DateTime<Utc>>,
    /// Older than this one: the last of the page before.
    pub before: Option<Uuid>,
    /// At most so many.
    pub limit: u16,
}

/// A page of deeds.
///
/// # Errors
/// [`LookupError`].
pub async fn page(pool: &PgPool, filter: &Filter) -> Result<Vec<Entry>, LookupError> {
    let to = filter.to.map_or(Uuid::max(), first_id_at);
    let entries = sqlx::query_as!(
        Entry,
        r#"
        SELECT audit_id, at, key_name, author, reason, action, player_id, provider, subject,
               idempotency_key, outcome, transaction_id, before_state, after_state
        FROM operator_audit /* deeds */
        WHERE audit_id < $1 AND audit_id >= $2
          AND ($3::text IS NULL OR player_id = $3)
          AND ($4::text IS NULL OR key_name = $4)
          AND ($5::text IS NULL OR action = $5)
          AND ($6::uuid IS NULL OR transaction_id = $6)
          AND ($7::text IS NULL OR idempotency_key = $7)
        ORDER BY audit_id DESC
        LIMIT $8
        "#,
        filter.before.map_or(to, |before| before.min(to)),
        filter.from.map_or(Uuid::nil(), first_id_at),
        filter.player.as_ref().map(PlayerId::as_str),
        filter.key_name,
        filter.action,
        filter.transaction_id.map(|id| id.uuid()),
        filter.idempotency_key,
        i64::from(filter.limit),
    )
    .fetch_all(pool)
    .await
    .map_err(LookupError::of_search)?;
    Ok(entries)
}
