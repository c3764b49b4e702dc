//! Deposits and withdrawals: each once, under the caller's own key.

use std::collections::HashSet;

use axum::http::Method;
use futures_util::future::join_all;
use seamless_wallet::core::{
    Action, Amount, Category, Command, Movement, PlayerStatus, Policy, ProviderId, TxId,
};
use serde_json::json;

use super::{Office, assert_problem, assert_said, transfer};
use crate::support::bank::player_id;
use crate::support::operator::{KEY, call_with};
use crate::support::world::World;

#[tokio::test]
async fn the_same_deposit_many_times_at_once_is_paid_once_with_one_id() {
    let world = World::with_nodes(2).await;
    world.bank.open("ann", "0").await;
    let replies = join_all(
        (0..20).map(|turn| transfer(world.api(turn), "ann", ("deposits", "k-1"), "10.00")),
    )
    .await;
    let count = |status: u16| replies.iter().filter(|reply| reply.status == status).count();
    assert_eq!((count(201), count(200)), (1, 19));
    let ids: HashSet<String> =
        replies.iter().map(|reply| reply.json()["transaction_id"].to_string()).collect();
    assert_eq!(ids.len(), 1, "{ids:?}");
    assert_eq!(world.balance("ann").await, 1_000);
    world.check().await;
}

#[tokio::test]
async fn a_repeat_tells_the_first_transaction_and_the_balance_of_now() {
    // With Redis, which answers some repeats by itself.
    let world = World::with_nodes(1).await;
    world.bank.open("ann", "0").await;
    let api = world.api(0);
    let first = transfer(api, "ann", ("deposits", "k-1"), "100.00").await;
    assert_said(
        &first,
        201,
        &json!({"player_id": "ann", "amount": "100.00", "balance": "100.00", "version": 1,
            "status": "applied"}),
    );
    let id = first.json()["transaction_id"].clone();
    assert_eq!(id.as_str().map(str::len), Some(32));
    let at_once = transfer(api, "ann", ("deposits", "k-1"), "100").await;
    let created_at = first.json()["created_at"].clone();
    assert_said(&at_once, 200, &json!({"transaction_id": id, "created_at": created_at}));
    let out = transfer(api, "ann", ("withdrawals", "k-1"), "0.005").await;
    assert_said(&out, 201, &json!({"amount": "0.005", "balance": "99.995", "version": 2}));
    let later = transfer(api, "ann", ("deposits", "k-1"), "100.00").await;
    let now = json!({"transaction_id": id, "amount": "100.00", "balance": "99.995", "version": 2,
        "created_at": created_at});
    assert_said(&later, 200, &now);
    world.redis.flush();
    let without_redis = transfer(api, "ann", ("deposits", "k-1"), "100.00").await;
    assert_said(&without_redis, 200, &now);
    world.check().await;
}

#[tokio::test]
async fn a_key_belongs_to_one_amount_of_one_player_in_one_direction() {
    let office = Office::open().await;
    for player in ["ann", "ann k", "bob"] {
        office.bank.open(player, "10.00").await;
    }
    assert_eq!(office.deposit("ann", "k", "5.00").await.status, 201);
    assert_problem(&office.deposit("ann", "k", "5.01").await, 422, "idempotency_key_reused");
    assert_eq!(office.withdraw("ann", "k", "5.01").await.status, 201);
    assert_eq!(office.deposit("bob", "k", "5.01").await.status, 201);
    assert_eq!(office.deposit("ann%20k", "k", "5.01").await.status, 201);
    assert_eq!(office.player("ann").await["balance"], "9.99");
    office.close().await;
}

#[tokio::test]
async fn money_moves_only_under_a_key_that_can_be_kept() {
    let office = Office::open().await;
    office.bank.open("ann", "10.00").await;
    for way in ["deposits", "withdrawals"] {
        let missing = office.post(&format!("/players/ann/{way}"), json!({"amount": "1.00"})).await;
        assert_problem(&missing, 400, "idempotency_key_missing");
        for bad in ["", "two words", &"k".repeat(201)] {
            let reply = transfer(office.api(), "ann", (way, bad), "1.00").await;
            assert_problem(&reply, 400, "idempotency_key_invalid");
        }
        let longest = transfer(office.api(), "ann", (way, &"k".repeat(200)), "1.00").await;
        assert_eq!(longest.status, 201, "{}", longest.text());
    }
    office.close().await;
}

#[tokio::test]
async fn an_amount_is_a_decimal_string_above_zero_of_at_most_six_decimals() {
    let office = Office::open().await;
    office.bank.open("ann", "10.00").await;
    for bad in ["0", "0.00", "-1.00", "1e3", "+1", "1,00", "", "0.0000001", "1000000000001"] {
        let problem = assert_problem(&office.deposit("ann", "k", bad).await, 422, "invalid_value");
        assert_eq!(problem["errors"][0]["field"], "amount", "{problem}");
    }
    let bearer = format!("Bearer {KEY}");
    let headers = [("authorization", bearer.as_str()), ("idempotency-key", "k")];
    for body in [json!({"amount": 5}), json!({"amount": 5.5}), json!({"amount": null}), json!({})] {
        let path = "/players/ann/deposits";
        let reply = call_with(office.api(), Method::POST, path, Some(&body), &headers).await;
        let problem = assert_problem(&reply, 422, "invalid_body");
        if body["amount"].is_number() {
            let detail = problem["detail"].as_str().unwrap_or_default();
            assert!(detail.contains("decimal string"), "{detail}");
        }
    }
    let whole = office.deposit("ann", "k", "1000000000000").await;
    assert_problem(&whole, 409, "balance_limit");
    assert_said(
        &office.deposit("ann", "k", "0.000001").await,
        201,
        &json!({"balance": "10.000001"}),
    );
    office.close().await;
}

#[tokio::test]
async fn a_withdrawal_beyond_the_balance_is_refused_for_good() {
    let office = Office::open().await;
    office.bank.open("ann", "10.00").await;
    assert_problem(&office.withdraw("ann", "k", "10.01").await, 409, "insufficient_funds");
    assert_eq!(office.deposit("ann", "more", "100.00").await.status, 201);
    assert_problem(&office.withdraw("ann", "k", "10.01").await, 409, "insufficient_funds");
    // Another amount under the key of a refusal is another question.
    assert_problem(&office.withdraw("ann", "k", "1.00").await, 422, "idempotency_key_reused");
    assert_said(&office.withdraw("ann", "k-2", "10.01").await, 201, &json!({"balance": "99.99"}));
    assert_problem(&office.withdraw("bob", "k", "1.00").await, 404, "player_unknown");
    assert_problem(&office.deposit("bob", "k", "1.00").await, 404, "player_unknown");
    office.close().await;
}

#[tokio::test]
async fn a_frozen_player_is_paid_but_pays_nothing() {
    let office = Office::open().await;
    office.bank.open("ann", "10.00").await;
    office.bank.set_status("ann", PlayerStatus::Frozen).await;
    assert_problem(&office.withdraw("ann", "k", "1.00").await, 409, "player_frozen");
    assert_said(&office.deposit("ann", "k", "1.00").await, 201, &json!({"balance": "11.00"}));
    office.close().await;
}

#[tokio::test]
async fn a_deposit_to_a_closed_player_is_refused_and_not_kept() {
    let office = Office::open().await;
    office.bank.open("ann", "10.00").await;
    assert_eq!(office.deposit("ann", "before", "1.00").await.status, 201);
    office.patch("ann", json!({"status": "closed"})).await;
    assert_problem(&office.deposit("ann", "k", "1.00").await, 409, "player_closed");
    assert_problem(&office.withdraw("ann", "k", "1.00").await, 409, "player_closed");
    // What was done before is still told.
    assert_eq!(office.deposit("ann", "before", "1.00").await.status, 200);
    assert_problem(&office.deposit("ann", "before", "2.00").await, 422, "idempotency_key_reused");
    office.patch("ann", json!({"status": "active"})).await;
    assert_eq!(office.player("ann").await["balance"], "11.00");
    assert_eq!(office.deposit("ann", "k", "1.00").await.status, 201);
    office.close().await;
}

#[tokio::test]
async fn a_deposit_that_met_a_closing_wallet_waits_and_says_so() {
    let office = Office::open().await;
    office.bank.open("ann", "10.00").await;
    office.bank.set_status("ann", PlayerStatus::Closed).await;
    // What is left when the wallet closes between the look at it and the command.
    let amount = Amount::parse("5.00", 2).expect("an amount");
    let parked = Command {
        provider: ProviderId::parse("operator").expect("a slug"),
        player: player_id("ann"),
        currency: None,
        token: None,
        game: None,
        round: None,
        movements: vec![Movement {
            tx_id: TxId::parse("deposit:ann k").expect("a key"),
            action: Action::credit(amount),
            category: Category::Deposit,
            detail: None,
        }],
        policy: Policy::PERMISSIVE,
        occurred_at: None,
    };
    assert!(office.bank.execute(parked).await.expect("a receipt").is_parked());
    let waiting = office.deposit("ann", "k", "5.00").await;
    assert_said(&waiting, 202, &json!({"status": "parked", "amount": "5.00", "balance": "10.00"}));
    office.patch("ann", json!({"status": "active"})).await;
    let id = waiting.json()["transaction_id"].clone();
    let paid = office.deposit("ann", "k", "5.00").await;
    assert_said(
        &paid,
        201,
        &json!({"status": "applied", "balance": "15.00", "transaction_id": id}),
    );
    assert_said(&office.deposit("ann", "k", "5.00").await, 200, &json!({"balance": "15.00"}));
    office.close().await;
}

#[tokio::test]
async fn who_moved_money_by_which_key_is_in_the_ledger_with_it_and_in_the_audit() {
    let office = Office::open().await;
    let opened = json!({"player_id": "ann", "currency": "EUR"});
    for status in [201, 200] {
        assert_eq!(office.post("/players", opened.clone()).await.status, status);
    }
    for (path, amount, status) in [
        ("deposits", "10.00", 201),
        ("deposits", "10.00", 200),
        ("withdrawals", "4.00", 201),
        ("withdrawals", "100.00", 409),
    ] {
        let body = json!({"amount": amount});
        let key = format!("{path}-{amount}");
        let path = format!("/players/ann/{path}");
        let bearer = format!("Bearer {KEY}");
        let headers = [("authorization", bearer.as_str()), ("idempotency-key", key.as_str())];
        let reply = call_with(office.api(), Method::POST, &path, Some(&body), &headers).await;
        assert_eq!(reply.status.as_u16(), status, "{path}: {}", reply.text());
    }
    let rows = office.rows("player_id=ann").await;
    let rows = rows.as_array().expect("rows");
    assert!(rows.len() == 3 && rows.iter().all(|row| row["detail"] == "writer"), "{rows:?}");
    let audit = office.audit("player_id=ann").await;
    let told: Vec<_> = audit
        .iter()
        .rev()
        .map(|entry| (entry["action"].as_str(), entry["outcome"].as_str()))
        .collect();
    let wanted = [
        ("open", "done"),
        ("open", "repeated"),
        ("deposit", "done"),
        ("deposit", "repeated"),
        ("withdrawal", "done"),
        ("withdrawal", "insufficient_funds"),
    ];
    assert_eq!(told, wanted.map(|(action, outcome)| (Some(action), Some(outcome))));
    let deposit = &audit[3];
    assert_eq!(
        (&deposit["key_name"], &deposit["idempotency_key"]),
        (&json!("writer"), &json!("deposits-10.00"))
    );
    assert_eq!(deposit["after"], json!({"balance": "10.00", "version": 1, "status": "active"}));
    assert_eq!(deposit["transaction_id"], audit[2]["transaction_id"]);
}
