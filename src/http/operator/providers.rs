//! How the providers' calls fare, on the node that is asked.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::docs::{self, refusals};
use super::error;
use super::wire::moment;
use crate::app::App;
use crate::http::problem::Problem;
use crate::provider::Provider;
use crate::providers::Failure;

/// The providers of one node. Each node counts its own calls: what all of them did together is
/// in the metrics.
#[derive(Serialize, ToSchema)]
pub struct ProviderList {
    /// The node that was asked.
    node: String,
    /// Since when it counts.
    #[schema(format = DateTime)]
    started_at: String,
    /// By name.
    items: Vec<ProviderStatus>,
}

/// A configured provider and its calls to one node.
#[derive(Serialize, ToSchema)]
pub struct ProviderStatus {
    /// The slug, the first segment of a callback's path.
    provider: String,
    protocol: String,
    /// Calls in progress.
    in_flight: usize,
    /// How many there may be.
    in_flight_max: usize,
    /// The longest that a call may take, in milliseconds.
    deadline_ms: u64,
    /// Networks that may call; empty for all.
    allow: Vec<String>,
    /// Calls since the node's start.
    calls: u64,
    /// Of these, calls at which something was wrong: with the call, or with us. A refusal for a
    /// business reason is none.
    errors: u64,
    /// When the last one came to its end; `null` before the first.
    #[schema(format = DateTime)]
    last_call_at: Option<String>,
    /// Calls by operation and outcome.
    operations: BTreeMap<&'static str, BTreeMap<&'static str, u64>>,
}

impl From<&Provider> for ProviderStatus {
    fn from(provider: &Provider) -> Self {
        let counted = provider.meters.counted();
        let outcomes = counted.iter().flat_map(|operation| &operation.outcomes);
        let sum = |all: u64, (_, count): &(&str, u64)| all.saturating_add(*count);
        Self {
            provider: provider.id.to_string(),
            protocol: provider.protocol.to_owned(),
            in_flight: provider
                .in_flight_max
                .saturating_sub(provider.in_flight.available_permits()),
            in_flight_max: provider.in_flight_max,
            deadline_ms: u64::try_from(provider.deadline.as_millis()).unwrap_or(u64::MAX),
            allow: provider.allow.iter().map(ToString::to_string).collect(),
            calls: outcomes.clone().fold(0, sum),
            errors: outcomes.filter(|(name, _)| Failure::FAULTS.contains(name)).fold(0, sum),
            last_call_at: provider.meters.last_call().map(moment),
            operations: counted
                .into_iter()
                .map(|operation| (operation.operation, operation.outcomes.into_iter().collect()))
                .collect(),
        }
    }
}

refusals!(ListRefusals: docs::of_all() => error::bad_query("this path takes no query", Vec::new()));

/// List the configured providers and what this node knows of their calls since its start.
#[utoipa::path(
    get, path = "/operator/v1/providers", tag = "providers",
    responses(
        (status = 200, description = "As this node has it.", body = ProviderList, example = json!({
            "node": "wallet-1/17/5f0c2a19", "started_at": "2026-10-01T00:00:00.000000Z",
            "items": [{
                "provider": "pragmatic", "protocol": "pragmatic", "in_flight": 3,
                "in_flight_max": 2048, "deadline_ms": 2500, "allow": ["192.0.2.0/24"],
                "calls": 1000, "errors": 1, "last_call_at": "2026-10-01T09:30:00.123000Z",
                "operations": {
                    "bet": {"applied": 590, "insufficient_funds": 9, "timeout": 1},
                    "result": {"applied": 400}
                }
            }]
        })),
        ListRefusals
    )
)]
pub async fn list(State(app): State<Arc<App>>) -> Result<Json<ProviderList>, Problem> {
    let mut items: Vec<ProviderStatus> =
        app.providers.values().map(|provider| ProviderStatus::from(provider.as_ref())).collect();
    items.sort_by(|one, other| one.provider.cmp(&other.provider));
    let (node, started_at) = (app.node.clone(), moment(app.started_at));
    Ok(Json(ProviderList { node, started_at, items }))
}
