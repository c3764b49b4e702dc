//! What reconciliations did and found, newest first.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::openapi::Object;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::docs::{self, refusals};
use super::error;
use super::extract::QueryParams;
use super::wire::{Faults, moment, money};
use crate::app::App;
use crate::core::{Micros, PlayerId};
use crate::http::problem::{FieldError, Problem};
use crate::jobs::reconcile::Kind;
use crate::store::jobs::reconciliation::{self, Drift, DriftFilter, Run, RunFilter};

const DEFAULT_LIMIT: u16 = 50;
const MAX_LIMIT: u16 = 500;

/// A page that is asked for.
pub(super) struct Page {
    pub(super) before: Option<Uuid>,
    pub(super) limit: u16,
}

/// Reads what every listing takes.
pub(super) fn page_of(faults: &mut Faults, limit: Option<u16>, cursor: Option<&str>) -> Page {
    let limit = limit.unwrap_or(DEFAULT_LIMIT);
    let in_range = if (1..=MAX_LIMIT).contains(&limit) { Ok(()) } else { Err("must be 1 to 500") };
    faults.check("limit", in_range);
    let cursor = cursor
        .map(Uuid::try_parse)
        .map(|parsed| parsed.map_err(|_| "is not the `next_cursor` of a page"));
    Page { before: faults.check_optional("cursor", cursor), limit }
}

/// A query with a value that will not do.
pub(super) fn bad_values(field: &'static str, detail: &str) -> Problem {
    error::bad_query(
        "the query has values that cannot be used",
        vec![FieldError { field, detail: detail.to_owned() }],
    )
}

/// One of the words that a listing may be narrowed by.
pub(super) fn one_of(word: String, words: &[&str]) -> Result<String, String> {
    if words.contains(&word.as_str()) {
        Ok(word)
    } else {
        Err(format!("must be one of {}", words.join(", ")))
    }
}

const SCOPES: &[&str] = &["window", "full"];
const STATES: &[&str] = &["running", "done", "failed"];

fn scopes() -> Object {
    docs::words(SCOPES.iter().copied())
}

fn states() -> Object {
    docs::words(STATES.iter().copied())
}

/// Which runs.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RunQuery {
    /// `window` or `full`.
    #[param(schema_with = scopes)]
    scope: Option<String>,
    /// `running`, `done` or `failed`.
    #[param(schema_with = states)]
    state: Option<String>,
    /// Only those that found something.
    with_findings: Option<bool>,
    /// How many at most.
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<u16>,
    /// The `next_cursor` of the page before.
    #[param(example = "019a1c9e7b3a7d2e8f4061b2c3d4e5f6")]
    cursor: Option<String>,
}

/// A page.
#[derive(Serialize, ToSchema)]
pub struct RunPage {
    items: Vec<ReconciliationRun>,
    /// For the next page; `null` on the last.
    next_cursor: Option<String>,
}

/// One pass over the wallets.
#[derive(Serialize, ToSchema)]
pub struct ReconciliationRun {
    run_id: String,
    /// `window`: players who moved since the last run; `full`: all, from their first rows.
    scope: String,
    /// `running`, `done` or `failed`.
    state: String,
    /// Who ran it.
    holder: String,
    #[schema(format = DateTime)]
    started_at: String,
    #[schema(format = DateTime)]
    finished_at: Option<String>,
    /// Wallets that were looked at.
    wallets: i64,
    /// Of these, with a balance in Redis.
    cached: i64,
    /// Wallets whose chain was followed through the ledger.
    chains: i64,
    /// Of these, from the first row on.
    whole_chains: i64,
    findings: i64,
    /// The sum of the absolute differences, over all currencies.
    drift: String,
    /// Why it failed.
    error: Option<String>,
}

impl From<Run> for ReconciliationRun {
    fn from(run: Run) -> Self {
        Self {
            run_id: run.run_id.simple().to_string(),
            scope: run.scope,
            state: run.state,
            holder: run.holder,
            started_at: moment(run.started_at),
            finished_at: run.finished_at.map(moment),
            wallets: run.totals.wallets,
            cached: run.totals.cached,
            chains: run.totals.chains,
            whole_chains: run.totals.whole_chains,
            findings: run.totals.findings,
            drift: money(Micros::new(run.totals.drift_micros)),
            error: run.error,
        }
    }
}

refusals!(RunRefusals: docs::of_all() => bad_values("limit", "must be 1 to 500"));

/// List reconciliations, newest first.
///
/// Follow `next_cursor` with the same filter.
#[utoipa::path(
    get, path = "/operator/v1/reconciliation/runs", tag = "reconciliation", params(RunQuery),
    responses(
        (status = 200, description = "A page.", body = RunPage, example = json!({
            "items": [{
                "run_id": "019a1c9e7b3a7d2e8f4061b2c3d4e5f6", "scope": "window", "state": "done",
                "holder": "wallet-1/4711/0a1b2c3d", "started_at": "2026-10-01T09:30:00.000000Z",
                "finished_at": "2026-10-01T09:30:41.000000Z", "wallets": 1000000,
                "cached": 8123, "chains": 20417, "whole_chains": 0, "findings": 1,
                "drift": "100.00", "error": null
            }],
            "next_cursor": null
        })),
        RunRefusals
    )
)]
pub async fn runs(
    State(app): State<Arc<App>>,
    QueryParams(query): QueryParams<RunQuery>,
) -> Result<Json<RunPage>, Problem> {
    let mut faults = Faults::default();
    let page = page_of(&mut faults, query.limit, query.cursor.as_deref());
    let scope = query.scope.map(|scope| one_of(scope, SCOPES));
    let state = query.state.map(|state| one_of(state, STATES));
    let filter = RunFilter {
        scope: faults.check_optional("scope", scope),
        state: faults.check_optional("state", state),
        with_findings: query.with_findings.unwrap_or(false),
        before: page.before,
        limit: page.limit.saturating_add(1),
    };
    faults
        .none_or(|errors| error::bad_query("the query has values that cannot be used", errors))?;
    let mut items = reconciliation::runs(app.wallet.pool(), &filter).await?;
    let more = items.len() > usize::from(page.limit);
    items.truncate(page.limit.into());
    let last = items.last().filter(|_| more);
    Ok(Json(RunPage {
        next_cursor: last.map(|run| run.run_id.simple().to_string()),
        items: items.into_iter().map(ReconciliationRun::from).collect(),
    }))
}

/// Which findings.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DriftQuery {
    /// Of one run.
    #[param(example = "019a1c9e7b3a7d2e8f4061b2c3d4e5f6")]
    run_id: Option<String>,
    /// Of one player.
    #[param(example = "p-42")]
    player_id: Option<String>,
    /// Of one kind.
    #[param(schema_with = docs::drift_kind)]
    kind: Option<String>,
    /// Only what was put right, or only the rest.
    repaired: Option<bool>,
    /// How many at most.
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<u16>,
    /// The `next_cursor` of the page before.
    #[param(example = "019a1c9e7b3a7d2e8f4061b2c3d4e5f6")]
    cursor: Option<String>,
}

/// A page.
#[derive(Serialize, ToSchema)]
pub struct DriftPage {
    items: Vec<ReconciliationDrift>,
    /// For the next page; `null` on the last.
    next_cursor: Option<String>,
}

/// Something that was otherwise than it should be. Money is in the wallet's currency.
#[derive(Serialize, ToSchema)]
pub struct ReconciliationDrift {
    drift_id: String,
    run_id: String,
    player_id: String,
    #[schema(schema_with = docs::drift_kind)]
    kind: String,
    /// What PostgreSQL says: the wallet about a finding in Redis, the ledger about one in the
    /// wallet.
    expected_balance: Option<String>,
    /// What was found instead; `null` where it could not be read.
    found_balance: Option<String>,
    expected_version: Option<i64>,
    found_version: Option<i64>,
    /// The absolute difference of the balances.
    drift: String,
    /// Whether it was put right.
    repaired: bool,
    detail: Option<String>,
    #[schema(format = DateTime)]
    found_at: String,
}

impl From<Drift> for ReconciliationDrift {
    fn from(drift: Drift) -> Self {
        Self {
            drift_id: drift.drift_id.simple().to_string(),
            run_id: drift.run_id.simple().to_string(),
            player_id: drift.player.to_string(),
            kind: drift.kind,
            expected_balance: drift.expected.map(|mark| money(mark.balance)),
            found_balance: drift.found_balance.map(money),
            expected_version: drift.expected.map(|mark| mark.version),
            found_version: drift.found_version,
            drift: money(drift.drift),
            repaired: drift.repaired,
            detail: drift.detail,
            found_at: moment(drift.found_at),
        }
    }
}

refusals!(DriftRefusals: docs::of_all() => bad_values("limit", "must be 1 to 500"));

/// List what reconciliations found, newest first.
///
/// Follow `next_cursor` with the same filter.
#[utoipa::path(
    get, path = "/operator/v1/reconciliation/drift", tag = "reconciliation", params(DriftQuery),
    responses(
        (status = 200, description = "A page.", body = DriftPage, example = json!({
            "items": [{
                "drift_id": "019a1c9e7b3a7d2e8f4061b2c3d4e5f7",
                "run_id": "019a1c9e7b3a7d2e8f4061b2c3d4e5f6", "player_id": "p-42",
                "kind": "cache_ahead", "expected_balance": "100.00", "found_balance": "200.00",
                "expected_version": 12, "found_version": 40, "drift": "100.00", "repaired": true,
                "detail": null, "found_at": "2026-10-01T09:30:00.123456Z"
            }],
            "next_cursor": null
        })),
        DriftRefusals
    )
)]
pub async fn drift(
    State(app): State<Arc<App>>,
    QueryParams(query): QueryParams<DriftQuery>,
) -> Result<Json<DriftPage>, Problem> {
    let mut faults = Faults::default();
    let page = page_of(&mut faults, query.limit, query.cursor.as_deref());
    let run_id = query.run_id.as_deref().map(Uuid::try_parse);
    let run_id = run_id.map(|parsed| parsed.map_err(|_| "is no `run_id`"));
    let kinds = Kind::ALL.map(Kind::as_str);
    let filter = DriftFilter {
        run_id: faults.check_optional("run_id", run_id),
        player: faults.check_optional("player_id", query.player_id.map(PlayerId::parse)),
        kind: faults.check_optional("kind", query.kind.map(|kind| one_of(kind, &kinds))),
        repaired: query.repaired,
        before: page.before,
        limit: page.limit.saturating_add(1),
    };
    faults
        .none_or(|errors| error::bad_query("the query has values that cannot be used", errors))?;
    let mut items = reconciliation::drifts(app.wallet.pool(), &filter).await?;
    let more = items.len() > usize::from(page.limit);
    items.truncate(page.limit.into());
    let last = items.last().filter(|_| more);
    Ok(Json(DriftPage {
        next_cursor: last.map(|drift| drift.drift_id.simple().to_string()),
        items: items.into_iter().map(ReconciliationDrift::from).collect(),
    }))
}
