//! Whose an issue of free rounds is: the operator has granted it, and the provider's calls about it
//! need not say it.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::audited::{self, AUTHOR_MAX, REASON_MAX};
use super::docs::{self, refusals};
use super::error;
use super::extract::{JsonBody, QueryParams};
use super::layers::Call;
use super::players::find;
use super::reconciliation::{bad_values, page_of};
use super::transactions::bad_query;
use super::wire::{Faults, moment, one_line};
use crate::app::App;
use crate::core::{Currency, IssueId, PlayerId, Reason};
use crate::free_rounds::issues::settle;
use crate::http::problem::Problem;
use crate::provider::Provider;
use crate::store::directory::issues::{self, Unassigned};
use crate::store::directory::operator_audit::{AuditEvent, AuditOutcome};

/// An issue that was granted to a player.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewIssue {
    /// The slug of a configured provider.
    provider: String,
    /// The provider's id of the issue, 1 to 255 bytes.
    issue_id: String,
    player_id: String,
    /// The wallet's.
    currency: String,
    /// For those who ask later.
    #[schema(min_length = 1, max_length = 500)]
    reason: Option<String>,
    /// The person who decided it.
    #[schema(min_length = 1, max_length = 100)]
    author: Option<String>,
}

/// An issue whose player is known.
#[derive(Serialize, ToSchema)]
pub struct Issue {
    provider: String,
    issue_id: String,
    player_id: String,
    currency: String,
    /// Of what the issue had come to before this call and was booked by it; `null` where nothing
    /// had waited, or where it still waits.
    transaction_id: Option<String>,
    /// True where what the issue came to still waits: it is tried again and again.
    waiting: bool,
}

refusals!(TellRefusals: docs::of_bodies() =>
    docs::in_body("provider", NO_ISSUES),
    error::refused(Reason::PlayerUnknown),
    error::refused(Reason::CurrencyMismatch),
    error::currency_unknown("TON"));

const NO_ISSUES: &str = "is no configured provider whose free rounds have issues";

/// Say whose an issue of free rounds is.
///
/// To be called when the rounds are granted, before they can be played. What the issue has come to
/// already, as long as nobody knew its player, is booked at once. A repeat changes nothing; where
/// one id is granted to several players, each is said.
#[utoipa::path(
    post, path = "/operator/v1/free-rounds", tag = "free-rounds",
    request_body(content = NewIssue, example = json!({
        "provider": "softswiss", "issue_id": "issue-77", "player_id": "demo-player",
        "currency": "EUR", "reason": "welcome offer", "author": "m.rossi"
    })),
    responses(
        (status = 201, description = "It is known now.", body = Issue, example = json!({
            "provider": "softswiss", "issue_id": "issue-77", "player_id": "demo-player",
            "currency": "EUR", "transaction_id": null, "waiting": false
        })),
        (status = 200, description = "It was known already.", body = Issue, example = json!({
            "provider": "softswiss", "issue_id": "issue-77", "player_id": "demo-player",
            "currency": "EUR", "transaction_id": null, "waiting": false
        })),
        TellRefusals
    )
)]
pub async fn tell(
    State(app): State<Arc<App>>,
    call: Call,
    JsonBody(body): JsonBody<NewIssue>,
) -> Result<(StatusCode, Json<Issue>), Problem> {
    let mut faults = Faults::default();
    let provider = faults.check("provider", with_issues(&app, &body.provider));
    let issue = faults.check("issue_id", IssueId::parse(&body.issue_id));
    let player = faults.check("player_id", PlayerId::parse(&body.player_id));
    let currency = faults.check("currency", Currency::parse(&body.currency));
    let reason = body.reason.as_deref().map(|text| one_line(text, REASON_MAX));
    let author = body.author.as_deref().map(|text| one_line(text, AUTHOR_MAX));
    let (reason, author) =
        (faults.check_optional("reason", reason), faults.check_optional("author", author));
    let (Some(provider), Some(issue), Some(player), Some(currency)) =
        (provider, issue, player, currency)
    else {
        return Err(error::wrong_values(faults.into_errors()));
    };
    faults.none_or(error::wrong_values)?;
    refuse_strange(&app, &provider, &player, &currency).await?;
    let event = AuditEvent {
        author,
        reason,
        player: Some(player.clone()),
        provider: Some(provider.id.to_string()),
        subject: Some(issue.to_string()),
        ..audited::event(&call, "free_rounds")
    };
    audited::run(&app, event, make(&app, &provider, &issue, &player, &currency)).await
}

/// No money goes to a wallet that is not there, of another currency, or that cannot be counted.
async fn refuse_strange(
    app: &App,
    provider: &Provider,
    player: &PlayerId,
    currency: &Currency,
) -> Result<(), Problem> {
    let wallet = find(app, player).await?;
    if wallet.currency != *currency {
        return Err(error::refused(Reason::CurrencyMismatch));
    }
    if !provider.adapter.can_count(currency) {
        return Err(error::currency_unknown(currency.as_str()));
    }
    Ok(())
}

async fn make(
    app: &App,
    provider: &Provider,
    issue: &IssueId,
    player: &PlayerId,
    currency: &Currency,
) -> Result<((StatusCode, Json<Issue>), AuditOutcome), Problem> {
    let new = issues::remember(app.wallet.pool(), &provider.id, issue, player, true).await?;
    let settled = settle(&app.wallet, &app.providers, Some((&provider.id, issue))).await?;
    let booked = settled.booked.first();
    let issue = Issue {
        provider: provider.id.to_string(),
        issue_id: issue.to_string(),
        player_id: player.to_string(),
        currency: currency.to_string(),
        transaction_id: booked.map(ToString::to_string),
        waiting: settled.left > 0,
    };
    let end = AuditOutcome {
        outcome: if new { "done" } else { "repeated" },
        transaction_id: booked.map(|id| id.uuid()),
        after: audited::state(&issue),
    };
    let status = if new { StatusCode::CREATED } else { StatusCode::OK };
    Ok(((status, Json(issue)), end))
}

fn with_issues(app: &App, slug: &str) -> Result<Arc<Provider>, &'static str> {
    let provider = app.providers.get(slug).filter(|known| known.adapter.issues().is_some());
    provider.map(Arc::clone).ok_or(NO_ISSUES)
}

/// How many.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct WaitingQuery {
    /// How many at most.
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<u16>,
}

/// The oldest results that wait. There may be more: they follow when these are booked.
#[derive(Serialize, ToSchema)]
pub struct WaitingList {
    items: Vec<WaitingResult>,
}

/// What an issue of free rounds came to, which nobody can book.
#[derive(Serialize, ToSchema)]
pub struct WaitingResult {
    provider: String,
    issue_id: String,
    /// The player whom the call named; `null` for nobody.
    player_id: Option<String>,
    /// The currency that the call named.
    currency: Option<String>,
    /// The issue's state in the provider's word.
    status: String,
    /// What it came to, in the smallest unit of the player's currency.
    units: String,
    /// How often the provider has said it.
    calls: i64,
    #[schema(format = DateTime)]
    first_at: String,
    #[schema(format = DateTime)]
    last_at: String,
}

impl From<Unassigned> for WaitingResult {
    fn from(result: Unassigned) -> Self {
        let call = result.call;
        Self {
            provider: result.provider.to_string(),
            issue_id: call.issue.to_string(),
            player_id: call.player.map(|player| player.to_string()),
            currency: call.currency.map(|currency| currency.to_string()),
            status: call.status.into(),
            units: call.units.to_string(),
            calls: result.calls,
            first_at: moment(result.first_at),
            last_at: moment(result.last_at),
        }
    }
}

refusals!(ListRefusals: docs::of_all() => bad_values("limit", "must be 1 to 500"));

/// List what issues of free rounds came to and cannot be booked, because nobody has said whose they
/// are (or how many decimals the currency has): the oldest first.
#[utoipa::path(
    get, path = "/operator/v1/free-rounds", tag = "free-rounds", params(WaitingQuery),
    responses(
        (status = 200, description = "Those that wait.", body = WaitingList, example = json!({
            "items": [{
                "provider": "softswiss", "issue_id": "issue-77", "player_id": null,
                "currency": null, "status": "played", "units": "1250", "calls": 3,
                "first_at": "2026-10-02T08:00:00.123456Z", "last_at": "2026-10-02T08:01:00.123456Z"
            }]
        })),
        ListRefusals
    )
)]
pub async fn list(
    State(app): State<Arc<App>>,
    QueryParams(query): QueryParams<WaitingQuery>,
) -> Result<Json<WaitingList>, Problem> {
    let mut faults = Faults::default();
    let page = page_of(&mut faults, query.limit, None);
    faults.none_or(bad_query)?;
    let items = issues::unassigned(app.wallet.pool(), page.limit).await?;
    Ok(Json(WaitingList { items: items.into_iter().map(WaitingResult::from).collect() }))
}
