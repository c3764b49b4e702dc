//! A round's whole story.

use std::time::{Duration, Instant};

use seamless_wallet::core::PlayerStatus::Closed;
use serde_json::{Value, json};

use super::{Office, assert_problem};
use crate::support::operator::get;
use crate::support::patience::PATIENCE;
use crate::support::pragmatic;

async fn round(office: &Office, round: &str) -> Value {
    let reply = get(office.api(), &format!("/rounds?player_id=ann&round_id={round}")).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()
}

#[tokio::test]
async fn a_round_is_told_from_its_first_call_to_its_last() {
    let office = Office::open().await;
    office.bank.open("ann", "10.00").await;
    for (call, fine) in [
        (pragmatic::bet("ann", "b-1", "r-1", "1.50"), true),
        (pragmatic::bet("ann", "b-2", "r-1", "2.00"), true),
        (pragmatic::bet("ann", "b-3", "r-1", "99.00"), false),
        // It names no round: it is found by what it undoes.
        (pragmatic::refund("ann", "b-2"), true),
        (pragmatic::result("ann", "w-1", "r-1", "4.20"), true),
        (pragmatic::bet("ann", "b-4", "r-2", "1.00"), true),
    ] {
        assert_eq!(call.send(office.api()).await.error == 0, fine, "{call:?}");
    }
    office.bank.set_status("ann", Closed).await;
    let late = pragmatic::result("ann", "w-2", "r-1", "0.30");
    assert_ne!(late.send(office.api()).await.error, 0, "it waits");

    let story = round(&office, "r-1").await;
    let told: Vec<(&str, &str)> = story["events"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|event| {
            let text = |name: &str| event["transaction"][name].as_str().expect("a text");
            (text("tx_id"), text("outcome"))
        })
        .collect();
    assert_eq!(
        told,
        [
            ("b-1", "applied"),
            ("b-2", "applied"),
            ("b-3", "refused"),
            ("~refund:b-2", "applied"),
            ("w-1", "applied"),
            ("w-2", "parked"),
        ]
    );
    assert_eq!(story["events"][1]["reversed_by"], "~refund:b-2");
    assert_eq!(story["events"][0]["reversed_by"], json!(null));
    for (name, value) in [
        ("currency", json!("EUR")),
        ("staked", json!("1.50")),
        ("won", json!("4.20")),
        ("net", json!("2.70")),
        ("waiting", json!(1)),
        ("complete", json!(true)),
        ("mismatches", json!([])),
    ] {
        assert_eq!(story[name], value, "{name}");
    }
    office.close().await;
}

#[tokio::test]
async fn a_call_under_a_used_key_stands_in_the_story_of_its_round() {
    let office = Office::open().await;
    office.bank.open("ann", "10.00").await;
    assert_eq!(pragmatic::bet("ann", "b-1", "r-1", "1.50").send(office.api()).await.error, 0);
    let id = office.rows("tx_id=b-1").await[0]["transaction_id"].clone();
    pragmatic::bet("ann", "b-1", "r-1", "3.00").send(office.api()).await;
    // It is written behind the reply.
    let started = Instant::now();
    let story = loop {
        let story = round(&office, "r-1").await;
        if story["mismatches"] != json!([]) {
            break story;
        }
        assert!(started.elapsed() < PATIENCE, "{story}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    let mismatch = &story["mismatches"][0];
    for (name, value) in [
        ("provider", json!("pragmatic")),
        ("tx_id", json!("b-1")),
        ("transaction_id", id),
        ("kind", json!("debit")),
        ("requested", json!("-3.00")),
        ("round_id", json!("r-1")),
    ] {
        assert_eq!(mismatch[name], value, "{name}");
    }
    assert_eq!((&story["staked"], &story["net"]), (&json!("1.50"), &json!("-1.50")));
    office.close().await;
}

#[tokio::test]
async fn a_round_of_which_nothing_is_known_is_said_to_be_so() {
    let office = Office::open().await;
    office.bank.open("ann", "10.00").await;
    for (query, status, code) in [
        ("player_id=ann&round_id=r-9", 404, "round_unknown"),
        ("player_id=nobody&round_id=r-9", 404, "player_unknown"),
        ("player_id=ann", 400, "invalid_query"),
        ("player_id=ann&round_id=", 400, "invalid_query"),
    ] {
        assert_problem(&get(office.api(), &format!("/rounds?{query}")).await, status, code);
    }
    assert_eq!(pragmatic::bet("ann", "b-1", "r 1/ä?", "1.50").send(office.api()).await.error, 0);
    let story = round(&office, "r%201%2F%C3%A4%3F").await;
    assert_eq!(story["round_id"], "r 1/ä?", "whatever it is called");
    let other = "/rounds?player_id=ann&round_id=r%201%2F%C3%A4%3F&provider=softswiss";
    assert_problem(&get(office.api(), other).await, 404, "round_unknown");
}
