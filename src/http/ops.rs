//! The ops port: metrics, and whether the node lives and is ready.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use metrics::gauge;
use metrics_exporter_prometheus::PrometheusHandle;
use serde::Serialize;
use tokio::sync::watch;

use crate::app::App;
use crate::cache::CacheState;
use crate::http::server::Stage;
use crate::store::schema_is_current;

/// The longest that `/readyz` waits for the database.
const READY_TIMEOUT: Duration = Duration::from_millis(1500);

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
    redis: &'static str,
}

/// `/metrics`, `/livez` and `/readyz`.
pub fn router(app: &Arc<App>, metrics: PrometheusHandle, stage: watch::Receiver<Stage>) -> Router {
    Router::new()
        .route("/metrics", get(render))
        .route("/livez", get(|| async { "alive\n" }))
        .route("/readyz", get(ready))
        .with_state(Ops { app: Arc::clone(app), metrics, stage })
}

async fn render(State(ops): State<Ops>) -> Response {
    let waiting = u32::try_from(ops.app.wallet.queued()).unwrap_or(u32::MAX);
    gauge!("wallet_queued_commands").set(f64::from(waiting));
    let kind = [("content-type", "text/plain; version=0.0.4")];
    (kind, ops.metrics.render()).into_response()
}

/// Ready with a database that has this build's schema. Without Redis the node is slower, not
/// wrong, so it stays ready. One that is about to end is not, though it still serves.
async fn ready(State(ops): State<Ops>) -> Response {
    let asked = tokio::time::timeout(READY_TIMEOUT, schema_is_current(ops.app.wallet.pool())).await;
    let (database, schema) = match asked {
        Ok(Ok(true)) => ("up", "current"),
        Ok(Ok(false)) => ("up", "not migrated"),
        Ok(Err(_)) | Err(_) => ("down", "unknown"),
    };
    let redis = match ops.app.wallet.cache().state() {
        CacheState::Disabled => "not configured",
        CacheState::Up => "up",
        CacheState::Broken => "down: degraded",
    };
    let leaving = *ops.stage.borrow() != Stage::Serving;
    let ready = schema == "current" && !leaving;
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(Readiness { ready, leaving, database, schema, redis })).into_response()
}
