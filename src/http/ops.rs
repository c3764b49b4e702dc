//! The ops port: metrics, and whether the node lives and is ready.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use metrics::{Unit, describe_gauge, gauge};
use metrics_exporter_prometheus::PrometheusHandle;
use serde::Serialize;
use tokio::sync::watch;

use crate::app::App;
use crate::cache::CacheState;
use crate::http::server::Stage;

#[derive(Clone)]
struct Ops {
    app: Arc<App>,
    metrics: PrometheusHandle,
    stage: watch::Receiver<Stage>,
}

#[derive(Serialize)]
struct Readiness {
    ready: bool,
    /// The process has been asked to end.
    leaving: bool,
    database: &'static str,
    schema: &'static str,
    /// Whether a lane could commit.
    writes: &'static str,
    redis: &'static str,
    /// How far the node's clock is ahead of the database's, in seconds.
    #[serde(skip)]
    clock_skew: Option<f64>,
}

/// `/metrics`, `/livez` and `/readyz`.
pub fn router(app: &Arc<App>, metrics: PrometheusHandle, stage: watch::Receiver<Stage>) -> Router {
    Router::new()
        .route("/metrics", get(render))
        .route("/livez", get(|| async { "alive\n" }))
        .route("/readyz", get(ready))
        .with_state(Ops { app: Arc::clone(app), metrics, stage })
}

/// Tells the recorder what is looked up whenever somebody asks for the metrics.
pub fn describe_metrics() {
    describe_gauge!("wallet_build_info", "1; the label says which version this is");
    describe_gauge!("wallet_ready", "1 while the node is ready, as /readyz says");
    describe_gauge!("wallet_database_up", "1 while PostgreSQL answers");
    describe_gauge!("wallet_database_takes_writes", "1 while a command could be committed");
    describe_gauge!(
        "wallet_clock_skew_seconds",
        Unit::Seconds,
        "How far the node's clock is ahead of PostgreSQL's"
    );
    describe_gauge!("wallet_database_connections", "Connections for look-ups: busy, idle");
    describe_gauge!("wallet_queued_commands", "Commands waiting now");
    describe_gauge!("wallet_in_flight_calls", "Calls in progress");
    describe_gauge!("wallet_in_flight_calls_max", "Calls in progress, above which one is shed");
}

async fn render(State(ops): State<Ops>) -> Response {
    let app = &ops.app;
    let readiness = look(&ops).await;
    gauge!("wallet_ready").set(flag(readiness.ready));
    gauge!("wallet_database_up").set(flag(readiness.database == "up"));
    gauge!("wallet_database_takes_writes").set(flag(readiness.writes == "taken"));
    if let Some(seconds) = readiness.clock_skew {
        gauge!("wallet_clock_skew_seconds").set(seconds);
    }
    gauge!("wallet_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
    let pool = app.wallet.pool();
    let (all, idle) = (usize::try_from(pool.size()).unwrap_or(usize::MAX), pool.num_idle());
    for (state, connections) in [("busy", all.saturating_sub(idle)), ("idle", idle)] {
        gauge!("wallet_database_connections", "state" => state).set(count(connections));
    }
    gauge!("wallet_queued_commands").set(count(app.wallet.queued()));
    for provider in app.providers.values() {
        let (name, most) = (provider.id.to_string(), provider.in_flight_max);
        let in_flight = most.saturating_sub(provider.in_flight.available_permits());
        gauge!("wallet_in_flight_calls", "provider" => name.clone()).set(count(in_flight));
        gauge!("wallet_in_flight_calls_max", "provider" => name).set(count(most));
    }
    let kind = [("content-type", "text/plain; version=0.0.4")];
    (kind, ops.metrics.render()).into_response()
}

fn flag(is_set: bool) -> f64 {
    if is_set { 1.0 } else { 0.0 }
}

/// A number of things as metrics take it.
fn count(things: usize) -> f64 {
    f64::from(u32::try_from(things).unwrap_or(u32::MAX))
}

async fn ready(State(ops): State<Ops>) -> Response {
    let readiness = look(&ops).await;
    let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(readiness)).into_response()
}

/// Ready with a database that has this build's schema and takes what a lane commits. It was seen on
/// a connection of its own, so nobody waits here. Without Redis the node is slower, not wrong, so it
/// stays ready. One that is about to end is not, though it still serves.
async fn look(Ops { app, stage, .. }: &Ops) -> Readiness {
    let leaving = *stage.borrow() != Stage::Serving;
    readiness(app, leaving).await
}

/// Whether a node that is asked to end, or not, is ready.
pub async fn is_ready(app: &App, leaving: bool) -> bool {
    readiness(app, leaving).await.ready
}

async fn readiness(app: &App, leaving: bool) -> Readiness {
    let health = app.database.health().await;
    let database = if health.answers { "up" } else { "down" };
    let schema = match health.schema_is_current {
        Some(true) => "current",
        Some(false) => "not migrated",
        None => "unknown",
    };
    let writes = match (health.answers, health.takes_writes) {
        (_, true) => "taken",
        (true, false) => "refused",
        (false, false) => "unknown",
    };
    let redis = match app.wallet.cache().state() {
        CacheState::Disabled => "not configured",
        CacheState::Up => "up",
        CacheState::Broken => "down: degraded",
    };
    let ready = health.takes_writes && !leaving;
    let clock_skew = health.clock_skew;
    Readiness { ready, leaving, database, schema, writes, redis, clock_skew }
}
