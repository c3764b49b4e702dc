//! The operator's side: JSON with a bearer key.

use axum::http::Method;
use serde_json::Value;

use super::http::{Endpoint, Reply};

/// A key that may change things.
pub const KEY: &str = "demo-operator-key";
/// A key that may look.
pub const READER_KEY: &str = "demo-reader-key";

/// A call that changes something, such as `POST /players`; the path is below the API's prefix.
pub async fn call(to: &Endpoint, method: Method, path: &str, body: Option<&Value>) -> Reply {
    call_with(to, method, path, body, &[("authorization", &format!("Bearer {KEY}"))]).await
}

/// A look.
pub async fn get(to: &Endpoint, path: &str) -> Reply {
    let bearer = format!("Bearer {READER_KEY}");
    call_with(to, Method::GET, path, None, &[("authorization", &bearer)]).await
}

/// A call with headers of one's own, such as an `Idempotency-Key` or no bearer at all.
pub async fn call_with(
    to: &Endpoint,
    method: Method,
    path: &str,
    body: Option<&Value>,
    headers: &[(&str, &str)],
) -> Reply {
    let mut all = vec![("content-type", "application/json")];
    all.extend_from_slice(headers);
    let body = body.map(Value::to_string).unwrap_or_default();
    let path = format!("/operator/v1{path}");
    to.send(method, &path, &all, body).await.unwrap_or_else(|error| panic!("{path}: {error}"))
}
