//! What it says when it cannot.

use serde_json::json;

use super::{assert_problem, assert_said, transfer};
use crate::support::bank::Bank;
use crate::support::database::Database;
use crate::support::http::Wire;
use crate::support::ledger;
use crate::support::node::{Node, Setup};
use crate::support::operator::{KEY, get};
use crate::support::postgres_server::PostgresServer;

#[tokio::test]
async fn a_body_that_never_ends_is_cut_off_at_the_deadline() {
    let database = Database::fresh().await;
    let setup = Setup::on(&database).with("operator.deadline_ms = 300");
    let node = Node::start(&setup).await;
    let mut wire = Wire::to(&node.api).await;
    let head = format!(
        "POST /operator/v1/players HTTP/1.1\r\nhost: wallet\r\nauthorization: Bearer {KEY}\r\n\
         content-type: application/json\r\ncontent-length: 50\r\n\r\n{{"
    );
    assert!(wire.send(head).await);
    let said = wire.until("\"code\":\"timeout\"").await;
    assert!(said.starts_with("HTTP/1.1 504"), "{said}");
    assert!(said.contains("application/problem+json"), "{said}");
}

#[tokio::test]
async fn without_its_database_it_says_so_and_when_to_come_again() {
    let server = PostgresServer::start().await;
    let database = Database::on(&server).await;
    let bank = Bank::at(&database);
    bank.open("ann", "10.00").await;
    let node = Node::start(&Setup::on(&database).with("database.timeout_ms = 500")).await;
    server.kill9();
    let look = get(&node.api, "/players/ann").await;
    assert_problem(&look, 503, "unavailable");
    assert_eq!(look.header("retry-after"), "1");
    for way in ["deposits", "withdrawals"] {
        let reply = transfer(&node.api, "ann", (way, "k"), "1.00").await;
        assert_problem(&reply, 503, "unavailable");
    }
    assert_problem(&get(&node.api, "/transactions").await, 503, "unavailable");
}

#[tokio::test]
async fn a_call_that_timed_out_is_safe_to_repeat() {
    let server = PostgresServer::start().await;
    let database = Database::on(&server).await;
    Bank::at(&database).open("ann", "10.00").await;
    let setup = Setup::on(&database).with("operator.deadline_ms = 700");
    let node = Node::start(&setup).await;
    assert_eq!(get(&node.api, "/players/ann").await.status, 200);
    server.freeze();
    let reply = transfer(&node.api, "ann", ("withdrawals", "k"), "4.00").await;
    assert_problem(&reply, 504, "timeout");
    server.thaw();
    let mut last = transfer(&node.api, "ann", ("withdrawals", "k"), "4.00").await;
    for _ in 0..50 {
        if last.status == 200 || last.status == 201 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        last = transfer(&node.api, "ann", ("withdrawals", "k"), "4.00").await;
    }
    assert_said(
        &transfer(&node.api, "ann", ("withdrawals", "k"), "4.00").await,
        200,
        &json!({"balance": "6.00"}),
    );
    ledger::check_integrity(&database.pool).await;
}
