//! Corrections by hand, and the record of everything that is done by hand.

use axum::http::Method;
use seamless_wallet::core::PlayerStatus::{Closed, Frozen};
use serde_json::{Value, json};

use super::{Office, assert_problem, assert_said};
use crate::support::operator::{READER_KEY, call, call_with, get};
use crate::support::pragmatic;

fn correction(amount: &str) -> Value {
    json!({"amount": amount, "reason": "paid twice, case 12", "author": "m.rossi"})
}

#[tokio::test]
async fn a_correction_moves_money_once_with_author_and_reason_in_ledger_and_audit() {
    let office = Office::open().await;
    office.bank.open("ann", "10.00").await;
    let first = office.correct("ann", "case-12", &correction("-4.20")).await;
    assert_said(
        &first,
        201,
        &json!({
            "amount": "-4.20", "status": "applied", "balance_before": "10.00",
            "balance_after": "5.80", "balance": "5.80", "version": 2
        }),
    );
    assert_eq!(office.deposit("ann", "k", "1.00").await.status, 201);
    let again = office.correct("ann", "case-12", &correction("-4.20")).await;
    assert_said(&again, 200, &json!({"balance_after": "5.80", "balance": "6.80", "version": 3}));
    assert_eq!(again.json()["transaction_id"], first.json()["transaction_id"]);
    let other = office.correct("ann", "case-12", &correction("-4.00")).await;
    assert_problem(&other, 422, "idempotency_key_reused");
    let up = office.correct("ann", "case-13", &correction("0.000001")).await;
    assert_said(&up, 201, &json!({"balance_after": "6.800001"}));

    let row = office.rows("tx_id=correction:ann%20case-12").await[0].clone();
    assert_eq!((&row["kind"], &row["category"]), (&json!("adjust"), &json!("adjustment")));
    assert_eq!(row["detail"], "writer: m.rossi: paid twice, case 12");
    let audit = office.audit("action=correction&player_id=ann").await;
    let outcomes: Vec<&Value> = audit.iter().map(|entry| &entry["outcome"]).collect();
    assert_eq!(outcomes, ["done", "idempotency_key_reused", "repeated", "done"], "newest first");
    for (name, value) in [
        ("key_name", json!("writer")),
        ("author", json!("m.rossi")),
        ("reason", json!("paid twice, case 12")),
        ("idempotency_key", json!("case-12")),
        ("transaction_id", first.json()["transaction_id"].clone()),
        ("before", json!({"balance": "10.00", "version": 1, "status": "active"})),
        ("after", json!({"balance": "5.80", "version": 2, "status": "active"})),
    ] {
        assert_eq!(audit[3][name], value, "{name}");
    }
    let of_key = office.audit("idempotency_key=case-12").await;
    assert_eq!(of_key, audit[1..], "all that was asked for under the key");
    assert_eq!(office.audit("idempotency_key=case-12&player_id=bob").await.len(), 0);
    assert_eq!(office.audit("idempotency_key=case-1").await.len(), 0);
    for bad in [
        "idempotency_key=",
        "idempotency_key=two%20words",
        "action=gift",
        "from=2026-10-02T00:00:00Z&to=2026-10-01T00:00:00Z",
    ] {
        assert_problem(&get(office.api(), &format!("/audit?{bad}")).await, 400, "invalid_query");
    }
    office.close().await;
}

#[tokio::test]
async fn a_correction_takes_what_is_there_from_anybody_and_gives_nothing_to_a_closed_player() {
    let office = Office::open().await;
    office.bank.open("ann", "10.00").await;
    let poor = office.correct("ann", "k-1", &correction("-10.01")).await;
    assert_problem(&poor, 409, "insufficient_funds");
    office.bank.set_status("ann", Frozen).await;
    assert_eq!(office.correct("ann", "k-2", &correction("5.00")).await.status, 201);
    let retried = office.correct("ann", "k-1", &correction("-10.01")).await;
    assert_eq!(retried.status, 201, "a refusal is not remembered: {}", retried.text());
    office.bank.set_status("ann", Closed).await;
    let given = office.correct("ann", "k-3", &correction("1.00")).await;
    assert_problem(&given, 409, "player_closed");
    assert_eq!(office.correct("ann", "k-4", &correction("-1.00")).await.status, 201);
    assert_eq!(office.correct("ann", "k-2", &correction("5.00")).await.status, 200, "a repeat");
    assert_eq!(office.player("ann").await["balance"], "3.99");
    assert_eq!(office.rows("outcome=parked").await, json!([]));
    let audit = office.audit("limit=500").await;
    let refused = audit.iter().filter(|entry| entry["outcome"] == "player_closed");
    assert_eq!(refused.count(), 1, "what was refused is written down, too");
    office.close().await;
}

#[tokio::test]
async fn a_correction_without_a_reason_an_author_or_a_key_is_refused() {
    let office = Office::open().await;
    office.bank.open("ann", "10.00").await;
    for (name, bad) in [
        ("amount", "0.00"),
        ("amount", "+1.00"),
        ("amount", "1e3"),
        ("amount", "0.0000001"),
        ("reason", " "),
        ("reason", "two\nlines"),
        ("author", ""),
    ] {
        let mut body = correction("1.00");
        body[name] = json!(bad);
        let problem =
            assert_problem(&office.correct("ann", "k", &body).await, 422, "invalid_value");
        assert_eq!(problem["errors"][0]["field"], name, "{bad:?}");
    }
    let lacking = json!({"amount": "1.00", "reason": "because"});
    assert_problem(&office.correct("ann", "k", &lacking).await, 422, "invalid_body");
    assert_problem(&office.correct("bob", "k", &correction("1.00")).await, 404, "player_unknown");
    let path = "/players/ann/corrections";
    let reply = call(office.api(), Method::POST, path, Some(&correction("1.00"))).await;
    assert_problem(&reply, 400, "idempotency_key_missing");
    let bearer = format!("Bearer {READER_KEY}");
    let headers = [("authorization", bearer.as_str()), ("idempotency-key", "k")];
    let reply =
        call_with(office.api(), Method::POST, path, Some(&correction("1.00")), &headers).await;
    assert_problem(&reply, 403, "read_only_key");
    assert_eq!(office.player("ann").await["version"], 1);
    assert_eq!(office.audit("").await.len(), 0);
}

#[tokio::test]
async fn whoever_freezes_a_player_switches_a_game_or_settles_a_movement_is_written_down() {
    let office = Office::open().await;
    office.bank.open("ann", "10.00").await;
    let why = |more: Value| {
        let mut body = json!({"reason": "case 12", "author": "m.rossi"});
        body.as_object_mut().expect("an object").extend(more.as_object().expect("one").clone());
        body
    };
    assert_eq!(office.patch("ann", why(json!({"status": "frozen"}))).await.status, 200);
    assert_eq!(office.patch("ann", why(json!({"status": "frozen"}))).await.status, 200);
    assert_eq!(office.patch("ann", json!({"bet_limit": "5.00"})).await.status, 200);
    let off = office.put("/games/pragmatic/vs1", why(json!({"enabled": false}))).await;
    assert_eq!(off.status, 200, "{}", off.text());
    assert_eq!(pragmatic::result("ann", "w-1", "r-1", "2.50").send(office.api()).await.error, 100);
    let id =
        office.rows("tx_id=w-1").await[0]["transaction_id"].as_str().expect("an id").to_owned();
    let redrive = call(office.api(), Method::POST, &format!("/parked/{id}/redrive"), None).await;
    assert_eq!(redrive.status, 200, "{}", redrive.text());
    let bury = office.post(&format!("/parked/{id}/leave-to-provider"), why(json!({}))).await;
    assert_eq!(bury.status, 200, "{}", bury.text());

    let audit = office.audit("").await;
    let actions: Vec<&Value> = audit.iter().map(|entry| &entry["action"]).collect();
    assert_eq!(
        actions,
        ["leave_to_provider", "redrive", "game", "player", "player"],
        "what changes nothing is none"
    );
    for (place, name, value) in [
        (4, "before", json!({"balance": "10.00", "version": 1, "status": "active"})),
        (4, "after", json!({"balance": "10.00", "version": 2, "status": "frozen"})),
        (4, "author", json!("m.rossi")),
        (3, "author", json!(null)),
        (2, "provider", json!("pragmatic")),
        (2, "subject", json!("vs1")),
        (2, "before", json!({"provider": "pragmatic", "game_id": "vs1", "enabled": true})),
        (2, "after", json!({"provider": "pragmatic", "game_id": "vs1", "enabled": false})),
        (1, "subject", json!("w-1")),
        (1, "transaction_id", json!(id)),
        (0, "reason", json!("case 12")),
        (0, "outcome", json!("done")),
    ] {
        assert_eq!(audit[place][name], value, "{place} {name}");
    }
    assert_eq!(office.audit("action=game").await.len(), 1);
    assert_eq!(office.audit("key_name=reader").await.len(), 0);
    assert_eq!(office.audit(&format!("transaction_id={id}")).await.len(), 2);
    let page = get(office.api(), "/audit?limit=2").await.json();
    let next = page["next_cursor"].as_str().expect("a next page");
    assert_eq!(office.audit(&format!("limit=500&cursor={next}")).await.len(), 3);
    assert_problem(&get(office.api(), "/audit?from=x").await, 400, "invalid_query");
}
