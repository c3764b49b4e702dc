//! HTTP: providers' callbacks, the operator's API, and the ops port. It knows adapters and
//! the wallet's door; it knows no SQL, no Redis and no provider's word.

pub mod callback;
pub mod layers;
pub mod openapi;
pub mod operator;
pub mod ops;
pub mod problem;
pub mod server;

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::app::App;

/// Everything on the API port.
pub fn router(app: &Arc<App>) -> Router {
    Router::new()
        // As a service: it answers for every path below, where a provider's routes would too.
        .nest_service("/operator", operator::router(app))
        .merge(callback::router(app))
        .fallback(not_found)
}

async fn not_found() -> Response {
    problem::Problem::new(StatusCode::NOT_FOUND, "not_found", "there is nothing at this path")
        .into_response()
}
