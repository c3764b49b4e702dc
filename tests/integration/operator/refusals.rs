//! What is not understood, and who is not let in.

use axum::http::Method;
use serde_json::{Value, json};

use super::{Office, assert_problem};
use crate::support::node::json_lines;
use crate::support::operator::{KEY, READER_KEY, call, call_with, get};

#[tokio::test]
async fn a_call_that_is_not_understood_is_told_why() {
    let office = Office::open().await;
    office.bank.open("ann", "10.00").await;
    for query in
        ["limit=0", "limit=501", "limit=x", "cursor=x", "player_id=", "x=1", "limit=1&limit=2"]
    {
        let reply = get(office.api(), &format!("/transactions?{query}")).await;
        assert_problem(&reply, 400, "invalid_query");
    }
    assert_problem(&get(office.api(), "/players/ann?x=1").await, 400, "invalid_query");
    assert_problem(&get(office.api(), "/players/%FF").await, 400, "invalid_path");
    let long = format!("/players/{}", "p".repeat(101));
    assert_problem(&get(office.api(), &long).await, 400, "invalid_path");
    for path in ["/nothing", "/players/ann/nothing", "/"] {
        assert_problem(&get(office.api(), path).await, 404, "not_found");
    }
    let outside = [("authorization", format!("Bearer {KEY}"))];
    let outside = outside.each_ref().map(|(name, value)| (*name, value.as_str()));
    let reply = office.api().send(Method::GET, "/operator/v2/players", &outside, "").await;
    assert_problem(&reply.expect("a reply"), 404, "not_found");
    let wrong = call(office.api(), Method::DELETE, "/players/ann", None).await;
    assert_problem(&wrong, 405, "method_not_allowed");
    assert_eq!(wrong.header("allow"), "GET,HEAD,PATCH");
}

#[tokio::test]
async fn a_body_that_is_not_understood_is_told_why() {
    let office = Office::open().await;
    let good = r#"{"player_id":"ann","currency":"EUR"}"#;
    let form = office.send("application/x-www-form-urlencoded", good).await;
    assert_problem(&form, 415, "wrong_content_type");
    assert_eq!(office.send("application/json; charset=utf-8", good).await.status, 201);
    for body in ["", "{", "nonsense", r#"{"player_id":"ann","currency":"EUR"} {}"#] {
        assert_problem(&office.send("application/json", body).await, 400, "malformed_json");
    }
    for body in [
        "[]",
        r#"{"player_id":"ann"}"#,
        r#"{"player_id":7,"currency":"EUR"}"#,
        r#"{"player_id":"ann","currency":"EUR","vip":true}"#,
        r#"{"player_id":"ann","player_id":"bob","currency":"EUR"}"#,
    ] {
        assert_problem(&office.send("application/json", body).await, 422, "invalid_body");
    }
    let huge = format!(r#"{{"player_id":"{}","currency":"EUR"}}"#, "x".repeat(70_000));
    assert_problem(&office.send("application/json", &huge).await, 413, "body_too_large");
}

#[tokio::test]
async fn a_key_is_needed_and_one_for_reading_does_not_write() {
    let office = Office::open().await;
    office.bank.open("ann", "10.00").await;
    let wrong = format!("Bearer {KEY}x");
    let basic = format!("Basic {KEY}");
    for authorization in [None, Some(""), Some("Bearer"), Some(wrong.as_str()), Some(&basic)] {
        let headers: Vec<_> =
            authorization.map(|value| ("authorization", value)).into_iter().collect();
        for path in ["/players/ann", "/nothing"] {
            let reply = call_with(office.api(), Method::GET, path, None, &headers).await;
            assert_problem(&reply, 401, "unauthorized");
            assert_eq!(reply.header("www-authenticate"), "Bearer");
        }
    }
    let reader = format!("Bearer {READER_KEY}");
    let headers = [("authorization", reader.as_str()), ("idempotency-key", "k")];
    for (method, path) in [
        (Method::POST, "/players"),
        (Method::PATCH, "/players/ann"),
        (Method::POST, "/players/ann/deposits"),
        (Method::POST, "/players/ann/withdrawals"),
        (Method::POST, "/sessions"),
        (Method::POST, "/sessions/revoke"),
        (Method::PUT, "/games/pragmatic/g"),
    ] {
        let reply = call_with(office.api(), method, path, Some(&json!({})), &headers).await;
        assert_problem(&reply, 403, "read_only_key");
    }
    assert_eq!(office.player("ann").await["balance"], "10.00");
    let log = office.node.settled_log().await;
    assert!(!log.contains(KEY) && !log.contains(READER_KEY), "a key is in the log");
}

#[tokio::test]
async fn every_call_is_one_line_in_the_log_and_one_in_the_metrics() {
    let office = Office::open().await;
    office.bank.open("ann", "10.00").await;
    let bearer = format!("Bearer {READER_KEY}");
    let headers = [("authorization", bearer.as_str()), ("x-request-id", "support-case-7")];
    let reply = call_with(office.api(), Method::GET, "/players/ann", None, &headers).await;
    assert_eq!(reply.header("x-request-id"), "support-case-7");
    call_with(office.api(), Method::GET, "/nothing", None, &[("x-request-id", "stranger")]).await;

    let lines = json_lines(&office.node.settled_log().await);
    let line_of = |id: &str| {
        let found: Vec<_> = lines.iter().filter(|line| line["request_id"] == id).collect();
        assert_eq!(found.len(), 1, "{found:?}");
        found[0].clone()
    };
    let line = line_of("support-case-7");
    assert_eq!((&line["message"], &line["key"]), (&json!("operator call"), &json!("readr")));
    let route = "/operator/v1/players/{player_id}";
    assert_eq!((&line["method"], &line["route"]), (&json!("GET"), &json!(route)));
    assert_eq!(line["status"], 200);
    assert!(line["latency_us"].is_u64(), "{line}");
    let stranger = line_of("stranger");
    assert_eq!((&stranger["key"], &stranger["status"]), (&Value::Null, &json!(401)));

    let labels = [("method", "GET"), ("route", route), ("status", "200")];
    assert!((office.node.metric("wallet_operator_calls_total", &labels).await - 1.0).abs() < 0.1);
    let strangers = [("route", "unmatched"), ("status", "401")];
    assert!(
        (office.node.metric("wallet_operator_calls_total", &strangers).await - 1.0).abs() < 0.1
    );
    let timed = "wallet_operator_call_duration_seconds_count";
    assert!((office.node.metric(timed, &[("route", route)]).await - 1.0).abs() < 0.1);
}
