//! The layers around routes that do nothing, hang, or break.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use axum::response::Response;
use axum::routing::{get, post};
use http_body_util::BodyExt;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;
use tower::ServiceExt;

use super::auth::Keys;
use super::extract::JsonBody;
use super::layers::{Limits, around};
use crate::config::{OperatorKey, Role};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body1 {
    #[serde(rename = "number")]
    _number: u8,
}

async fn nothing() -> StatusCode {
    StatusCode::NO_CONTENT
}

async fn take(JsonBody(_): JsonBody<Body1>) -> StatusCode {
    StatusCode::NO_CONTENT
}

async fn hang() -> StatusCode {
    std::future::pending().await
}

async fn break_down() -> StatusCode {
    panic!("on purpose")
}

fn api(in_flight: usize) -> Router {
    let key = |name: &str, role| OperatorKey {
        name: name.to_owned(),
        role,
        sha256: hex::encode(Sha256::digest(name)),
    };
    let limits = Limits {
        keys: Keys::new(&[key("reader", Role::Read), key("writer", Role::Write)]),
        deadline: Duration::from_millis(100),
        body_max: 64,
        in_flight: Arc::new(Semaphore::new(in_flight)),
    };
    let routes = Router::new()
        .route("/v1/thing", get(nothing).post(take))
        .route("/v1/hang", get(hang))
        .route("/v1/break", post(break_down));
    Router::new()
        .nest_service("/operator", around(limits, routes))
        .route("/{provider}", get(nothing))
        .route("/{provider}/{*operation}", get(nothing))
}

struct Said {
    status: u16,
    code: String,
    response: Response<()>,
}

impl Said {
    fn header(&self, name: &str) -> Option<&str> {
        self.response.headers().get(name)?.to_str().ok()
    }
}

async fn call(api: Router, line: &str, key: &str, json: &str) -> Said {
    let (method, path) = line.split_once(' ').expect("a method and a path");
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("authorization", format!("Bearer {key}"))
        .header("content-type", "application/json")
        .header("x-request-id", "r-1")
        .body(Body::from(json.to_owned()))
        .expect("a request");
    let (parts, body) = api.oneshot(request).await.expect("a response").into_parts();
    let bytes = body.collect().await.expect("a body").to_bytes();
    let code = if bytes.is_empty() {
        String::new()
    } else {
        let kind = parts.headers.get("content-type").map(|kind| kind.as_bytes());
        assert_eq!(kind, Some(b"application/problem+json".as_slice()), "{line}");
        let problem: serde_json::Value = serde_json::from_slice(&bytes).expect("JSON");
        assert_eq!(problem["status"], parts.status.as_u16());
        problem["code"].as_str().expect("a code").to_owned()
    };
    Said { status: parts.status.as_u16(), code, response: Response::from_parts(parts, ()) }
}

async fn says(line: &str, key: &str, json: &str, status: u16, code: &str) -> Said {
    let reply = call(api(8), line, key, json).await;
    assert_eq!((reply.status, reply.code.as_str()), (status, code), "{line} {json}");
    assert_eq!(reply.header("x-request-id"), Some("r-1"), "{line}");
    assert_eq!(reply.header("cache-control"), Some("no-store"), "{line}");
    reply
}

#[tokio::test]
async fn a_call_without_a_known_key_learns_nothing() {
    for line in ["GET /operator/v1/thing", "GET /operator/v1/none", "PUT /operator/v1/thing"] {
        let reply = says(line, "stranger", "", 401, "unauthorized").await;
        assert_eq!(reply.header("www-authenticate"), Some("Bearer"));
    }
}

#[tokio::test]
async fn a_reading_key_looks_and_does_not_change() {
    says("GET /operator/v1/thing", "reader", "", 204, "").await;
    says("POST /operator/v1/thing", "reader", "{\"number\":1}", 403, "read_only_key").await;
    says("POST /operator/v1/thing", "writer", "{\"number\":1}", 204, "").await;
}

#[tokio::test]
async fn an_unknown_path_and_a_wrong_method_are_problems_too() {
    for path in
        ["/operator/v1/none", "/operator/v1/", "/operator/v2/thing", "/operator", "/operator/"]
    {
        says(&format!("GET {path}"), "writer", "", 404, "not_found").await;
    }
    let reply = says("PUT /operator/v1/thing", "writer", "", 405, "method_not_allowed").await;
    assert_eq!(reply.header("allow"), Some("GET,HEAD,POST"));
}

#[tokio::test]
async fn a_body_that_cannot_be_used_is_told_what_is_wrong() {
    let line = "POST /operator/v1/thing";
    for json in ["", "{", "{\"number\":1} x", "\u{feff}{}"] {
        says(line, "writer", json, 400, "malformed_json").await;
    }
    for json in ["{}", "[]", "{\"number\":\"1\"}", "{\"number\":1,\"x\":1}", "{\"number\":300}"] {
        says(line, "writer", json, 422, "invalid_body").await;
    }
    let twice = "{\"number\":1,\"number\":1}";
    says(line, "writer", twice, 422, "invalid_body").await;
    says(line, "writer", &" ".repeat(65), 413, "body_too_large").await;
}

#[tokio::test]
async fn a_call_that_hangs_is_cut_off_at_its_deadline() {
    says("GET /operator/v1/hang", "reader", "", 504, "timeout").await;
}

#[tokio::test]
async fn a_handler_that_panics_is_a_problem_and_no_broken_connection() {
    says("POST /operator/v1/break", "writer", "", 500, "internal_error").await;
}

#[tokio::test]
async fn one_call_too_many_is_told_when_to_come_again() {
    let reply = call(api(0), "GET /operator/v1/thing", "reader", "").await;
    assert_eq!((reply.status, reply.code.as_str()), (503, "busy"));
    assert_eq!(reply.header("retry-after"), Some("1"));
}
