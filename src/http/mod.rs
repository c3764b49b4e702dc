//! HTTP: providers' callbacks, the operator's API, and the ops port. It knows adapters and
//! the wallet's door; it knows no SQL, no Redis and no provider's word.

pub mod body;
pub mod call;
pub mod callback;
pub mod docs;
pub mod files;
pub mod openapi;
pub mod operator;
pub mod ops;
pub mod problem;
pub mod server;
pub mod threads;

use std::any::Any;
use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use metrics::counter;
use tower_http::catch_panic::CatchPanicLayer;

use crate::app::App;

/// Everything on the API port. `docs` is what the API page's try-out starts with; without it
/// there is no page.
pub fn router(app: &Arc<App>, docs: Option<docs::Demo>) -> Router {
    Router::new()
        .merge(docs.map_or_else(Router::new, docs::router))
        // As a service: it answers for every path below, where a provider's routes would too.
        .nest_service("/operator", operator::router(app))
        // Everything else is a provider's, or nobody's.
        .fallback_service(callback::service(app))
        // Callbacks and the operator's API contain their own panics, in their own shapes. This
        // one is for the layers that do it.
        .layer(CatchPanicLayer::custom(last_resort))
}

fn last_resort(_panic: Box<dyn Any + Send>) -> Response {
    counter!("wallet_panics_total").increment(1);
    tracing::error!("a layer panicked");
    problem::Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "a fault of ours")
        .into_response()
}
