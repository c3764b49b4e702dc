//! `/docs` without a browser: what is served, how, and when not at all.

use axum::http::StatusCode;
use serde_json::Value;

use super::documents::{NAMES, printed};
use crate::support::database::Database;
use crate::support::node::{Node, Setup};

#[tokio::test]
async fn the_node_serves_each_document_with_itself_as_the_server() {
    let database = Database::fresh().await;
    let node = Node::start(&Setup::on(&database)).await;
    for name in NAMES {
        let reply = node.api.get(&format!("/docs/{name}.json")).await;
        assert_eq!(reply.status, StatusCode::OK);
        assert_eq!(reply.header("content-type"), "application/json");
        let mut served = reply.json();
        let mut checked_in: Value = serde_json::from_str(&printed(name)).expect("JSON");
        assert_eq!(served["servers"][0]["url"], "../");
        served["servers"].take();
        checked_in["servers"].take();
        assert_eq!(served, checked_in, "{name}");
        let page = node.api.get(&format!("/docs/{name}")).await;
        assert_eq!(page.status, StatusCode::OK);
        assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    }
    let all = node.api.get("/docs/openapi.json").await.json();
    assert_eq!(all, node.api.get("/docs/wallet.json").await.json());
    let moved = node.api.get("/docs").await;
    assert_eq!(moved.status, StatusCode::PERMANENT_REDIRECT);
    assert_eq!(moved.header("location"), "docs/");
    for path in ["/docs/other", "/docs/other.json", "/docs/assets/other", "/docs/sign/wallet.js"] {
        let reply = node.api.get(path).await;
        assert_eq!(reply.status, StatusCode::NOT_FOUND, "{path}");
        assert_eq!(reply.json()["code"], "not_found", "{path}");
    }
}

#[tokio::test]
async fn the_page_may_load_nothing_from_elsewhere_and_knows_no_secret() {
    let database = Database::fresh().await;
    let node = Node::start(&Setup::on(&database)).await;
    for path in ["/docs/", "/docs/assets/page.js", "/docs/assets/swagger-ui-bundle.js"] {
        let policy = node.api.get(path).await.header("content-security-policy").to_owned();
        assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{path}: {policy}");
        for word in ["unsafe", "http", "*"] {
            assert!(!policy.contains(word), "{path}: {policy}");
        }
    }
    let setup = node.api.get("/docs/page.json").await.json();
    assert_eq!(setup["demo"], serde_json::json!({}));
}

#[tokio::test]
async fn a_node_without_the_page_has_nothing_at_its_paths() {
    let database = Database::fresh().await;
    let node = Node::start(&Setup::on(&database).with("http.docs = false")).await;
    for path in ["/docs", "/docs/", "/docs/openapi.json", "/docs/assets/page.js"] {
        let reply = node.api.get(path).await;
        assert_eq!(reply.status, StatusCode::NOT_FOUND, "{path}");
        assert_eq!(reply.json()["code"], "not_found", "{path}");
    }
}
