//! The operator's API, over HTTP: players, money in and out, sessions, the ledger, games, keys,
//! and what it says when it cannot.

mod corrections;
mod exports;
mod money;
mod outages;
mod players;
mod providers;
mod refusals;
mod rounds;
mod searches;
mod sessions;
mod statements;
mod transactions;

use axum::http::Method;
use serde_json::{Value, json};

use crate::support::bank::Bank;
use crate::support::database::Database;
use crate::support::http::{Endpoint, Reply};
use crate::support::ledger;
use crate::support::node::{Node, Setup};
use crate::support::operator::{KEY, call, call_with, get};

/// One node on a database of its own.
struct Office {
    node: Node,
    bank: Bank,
    database: Database,
}

impl Office {
    async fn open() -> Self {
        Self::tuned("").await
    }

    /// With further lines of TOML.
    async fn tuned(toml: &str) -> Self {
        let database = Database::fresh().await;
        let node = Node::start(&Setup::on(&database).with(toml)).await;
        Self { node, bank: Bank::at(&database), database }
    }

    fn api(&self) -> &Endpoint {
        &self.node.api
    }

    async fn post(&self, path: &str, body: Value) -> Reply {
        call(self.api(), Method::POST, path, Some(&body)).await
    }

    async fn patch(&self, player: &str, body: Value) -> Reply {
        call(self.api(), Method::PATCH, &format!("/players/{player}"), Some(&body)).await
    }

    async fn put(&self, path: &str, body: Value) -> Reply {
        call(self.api(), Method::PUT, path, Some(&body)).await
    }

    /// Opens a player with a body of any kind.
    async fn send(&self, content_type: &str, body: &str) -> Reply {
        let bearer = format!("Bearer {KEY}");
        let headers = [("authorization", bearer.as_str()), ("content-type", content_type)];
        let path = "/operator/v1/players";
        self.api().send(Method::POST, path, &headers, body.to_owned()).await.expect("a reply")
    }

    /// Rows of the ledger.
    async fn rows(&self, query: &str) -> Value {
        get(self.api(), &format!("/transactions?{query}")).await.json()["items"].clone()
    }

    async fn player(&self, player: &str) -> Value {
        get(self.api(), &format!("/players/{player}")).await.json()
    }

    async fn deposit(&self, player: &str, key: &str, amount: &str) -> Reply {
        transfer(self.api(), player, ("deposits", key), amount).await
    }

    async fn correct(&self, player: &str, key: &str, body: &Value) -> Reply {
        let bearer = format!("Bearer {KEY}");
        let headers = [("authorization", bearer.as_str()), ("idempotency-key", key)];
        let path = format!("/players/{player}/corrections");
        call_with(self.api(), Method::POST, &path, Some(body), &headers).await
    }

    /// What was written down of changes by hand, newest first.
    async fn audit(&self, query: &str) -> Vec<Value> {
        let reply = get(self.api(), &format!("/audit?{query}")).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        reply.json()["items"].as_array().expect("a list").clone()
    }

    async fn withdraw(&self, player: &str, key: &str, amount: &str) -> Reply {
        transfer(self.api(), player, ("withdrawals", key), amount).await
    }

    /// The end of a test: the money has to add up.
    async fn close(self) {
        ledger::check_integrity(&self.database.pool).await;
    }
}

async fn transfer(api: &Endpoint, player: &str, (way, key): (&str, &str), amount: &str) -> Reply {
    let bearer = format!("Bearer {KEY}");
    let headers = [("authorization", bearer.as_str()), ("idempotency-key", key)];
    let path = format!("/players/{player}/{way}");
    call_with(api, Method::POST, &path, Some(&json!({ "amount": amount })), &headers).await
}

/// A refusal has to be a problem document with that status and code.
fn assert_problem(reply: &Reply, status: u16, code: &str) -> Value {
    assert_eq!(reply.status, status, "{}", reply.text());
    assert_eq!(reply.header("content-type"), "application/problem+json", "{}", reply.text());
    assert!(!reply.header("x-request-id").is_empty());
    let problem = reply.json();
    assert_eq!(problem["type"], "about:blank");
    assert_eq!(problem["status"], status);
    assert_eq!(problem["code"], code, "{problem}");
    assert!(problem["title"].is_string() && problem["detail"].is_string(), "{problem}");
    problem
}

#[track_caller]
fn assert_said(reply: &Reply, status: u16, wanted: &Value) {
    assert_eq!(reply.status, status, "{}", reply.text());
    let said = reply.json();
    for (name, value) in wanted.as_object().expect("an object") {
        assert_eq!(&said[name], value, "{name} of {said}");
    }
}
