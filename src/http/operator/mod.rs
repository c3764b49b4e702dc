//! stub
use crate::app::App;
use axum::Router;
use std::sync::Arc;
#[derive(utoipa::OpenApi)]
#[openapi(info(title = "Seamless wallet"))]
pub struct OperatorApi;
pub fn router(_app: &Arc<App>) -> Router {
    Router::new().fallback(super::not_found)
}
