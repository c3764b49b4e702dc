//! The ledger, newest first, in pages that stay right while rows arrive.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::docs::{self, refusals};
use super::error;
use super::extract::QueryParams;
use super::wire::{Faults, moment, money};
use crate::app::App;
use crate::core::{Micros, PlayerId, ProviderId, RoundId, Row};
use crate::http::problem::{FieldError, Problem};
use crate::store::log::{self, Filter};

const DEFAULT_LIMIT: u16 = 50;
const MAX_LIMIT: u16 = 500;

/// Which rows.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// Of one player.
    #[param(example = "p-42")]
    player_id: Option<String>,
    /// Of one provider; `operator` for deposits, withdrawals and changes of status.
    #[param(example = "pragmatic")]
    provider: Option<String>,
    /// Of one round.
    #[param(example = "5103188801")]
    round_id: Option<String>,
    /// How many at most.
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<u16>,
    /// The `next_cursor` of the page before.
    #[param(example = "019a1c9e7b3a7d2e8f4061b2c3d4e5f6")]
    cursor: Option<String>,
}

/// A page.
#[derive(Serialize, ToSchema)]
pub struct TransactionPage {
    items: Vec<Transaction>,
    /// For the next page; `null` on the last.
    next_cursor: Option<String>,
}

/// One row of the ledger. Money is in major units, with two to six decimals.
#[derive(Serialize, ToSchema)]
pub struct Transaction {
    transaction_id: String,
    /// Who said it.
    provider: String,
    /// The idempotency key, unique per provider.
    tx_id: String,
    player_id: String,
    #[schema(schema_with = docs::kind)]
    kind: &'static str,
    #[schema(schema_with = docs::category)]
    category: &'static str,
    #[schema(schema_with = docs::outcome)]
    outcome: &'static str,
    /// Why it was refused, parked or left without effect; or what a person should look at.
    reason: Option<&'static str>,
    /// What moved, signed by its effect on the balance.
    amount: String,
    /// What was asked for, signed likewise.
    requested: String,
    /// What a reversal of a win could not take.
    shortfall: String,
    /// `null` while parked.
    balance_after: Option<String>,
    /// The wallet's version after it; `null` while parked.
    version: Option<i64>,
    round_id: Option<String>,
    game_id: Option<String>,
    /// The `tx_id` that a reversal undoes.
    reverses: Option<String>,
    /// What else was said.
    detail: Option<String>,
    /// The provider's clock.
    #[schema(format = DateTime)]
    occurred_at: Option<String>,
    /// Our clock.
    #[schema(format = DateTime)]
    created_at: String,
}

impl From<Row> for Transaction {
    fn from(row: Row) -> Self {
        Self {
            transaction_id: row.transaction_id.to_string(),
            provider: row.key.provider.to_string(),
            tx_id: row.key.tx_id.to_string(),
            player_id: row.player.to_string(),
            kind: row.kind.as_str(),
            category: row.category.as_str(),
            outcome: row.outcome.as_str(),
            reason: row.reason.map(|reason| reason.as_str()),
            amount: money(row.amount),
            requested: money(row.requested),
            shortfall: money(row.shortfall),
            balance_after: row.link.map(|link| money(Micros::new(link.balance_after))),
            version: row.link.map(|link| link.version),
            round_id: row.round.map(|round| round.to_string()),
            game_id: row.game.map(|game| game.to_string()),
            reverses: row.reverses.map(|target| target.to_string()),
            detail: row.detail.map(String::from),
            occurred_at: row.occurred_at.map(moment),
            created_at: moment(row.created_at),
        }
    }
}

refusals!(ListRefusals: docs::of_all() => error::bad_query(
    "the query has values that cannot be used",
    vec![FieldError { field: "limit", detail: "must be 1 to 500".to_owned() }],
));

/// List the ledger, newest first. Follow `next_cursor` with the same filter.
#[utoipa::path(
    get, path = "/operator/v1/transactions", tag = "transactions", params(ListQuery),
    responses(
        (status = 200, description = "A page.", body = TransactionPage, example = json!({
            "items": [{
                "transaction_id": "019a1c9e7b3a7d2e8f4061b2c3d4e5f6", "provider": "operator",
                "tx_id": "deposit:p-42 cashier-2026-000042", "player_id": "p-42",
                "kind": "credit", "category": "deposit", "outcome": "applied", "reason": null,
                "amount": "100.00", "requested": "100.00", "shortfall": "0.00",
                "balance_after": "100.00", "version": 1, "round_id": null, "game_id": null,
                "reverses": null, "detail": null, "occurred_at": null,
                "created_at": "2026-10-01T09:30:00.123456Z"
            }],
            "next_cursor": "019a1c9e7b3a7d2e8f4061b2c3d4e5f6"
        })),
        ListRefusals
    )
)]
pub async fn list(
    State(app): State<Arc<App>>,
    QueryParams(query): QueryParams<ListQuery>,
) -> Result<Json<TransactionPage>, Problem> {
    let filter = filter(&query)?;
    // One more than asked for tells whether there is a next page.
    let one_more = Filter { limit: filter.limit.saturating_add(1), ..filter.clone() };
    let mut rows = log::page(app.wallet.pool(), &one_more).await?;
    let more = rows.len() > usize::from(filter.limit);
    rows.truncate(usize::from(filter.limit));
    let last = rows.last().filter(|_| more).map(|row| row.transaction_id.to_string());
    let items = rows.into_iter().map(Transaction::from).collect();
    Ok(Json(TransactionPage { items, next_cursor: last }))
}

fn filter(query: &ListQuery) -> Result<Filter, Problem> {
    let mut faults = Faults::default();
    let player = query.player_id.as_ref().map(PlayerId::parse);
    let provider = query.provider.as_ref().map(ProviderId::parse);
    let round = query.round_id.as_ref().map(RoundId::parse);
    let cursor = query
        .cursor
        .as_deref()
        .map(Uuid::try_parse)
        .map(|parsed| parsed.map_err(|_| "is not the `next_cursor` of a page"));
    let limit = query.limit.unwrap_or(DEFAULT_LIMIT);
    let in_range = if (1..=MAX_LIMIT).contains(&limit) { Ok(()) } else { Err("must be 1 to 500") };
    let filter = Filter {
        player: faults.check_optional("player_id", player),
        provider: faults.check_optional("provider", provider),
        round: faults.check_optional("round_id", round),
        before: faults.check_optional("cursor", cursor),
        limit,
    };
    faults.check("limit", in_range);
    faults
        .none_or(|errors| error::bad_query("the query has values that cannot be used", errors))?;
    Ok(filter)
}
