//! Players: opening, freezing, closing, limiting.

use serde_json::json;

use super::{Office, assert_problem, assert_said};
use crate::support::operator::get;
use crate::support::pragmatic;

#[tokio::test]
async fn a_player_is_opened_once_and_in_one_currency() {
    let office = Office::open().await;
    let ann = json!({"player_id": "ann", "currency": "EUR"});
    let opened = office.post("/players", ann.clone()).await;
    let fresh = json!({
        "player_id": "ann", "currency": "EUR", "balance": "0.00", "version": 0,
        "status": "active", "bet_limit": null
    });
    assert_eq!((opened.status.as_u16(), opened.json()), (201, fresh.clone()));
    let again = office.post("/players", ann).await;
    assert_eq!((again.status.as_u16(), again.json()), (200, fresh.clone()));
    let other = office.post("/players", json!({"player_id": "ann", "currency": "USD"})).await;
    assert_problem(&other, 409, "player_exists");
    assert_eq!(office.player("ann").await, fresh);
    assert_problem(&get(office.api(), "/players/bob").await, 404, "player_unknown");
    office.close().await;
}

#[tokio::test]
async fn every_value_at_fault_is_named_at_once() {
    let office = Office::open().await;
    let reply = office.post("/players", json!({"player_id": "", "currency": "eur"})).await;
    let problem = assert_problem(&reply, 422, "invalid_value");
    let fields: Vec<_> = problem["errors"].as_array().expect("a list").iter().collect();
    assert_eq!(fields.len(), 2, "{problem}");
    assert_eq!(
        (&fields[0]["field"], &fields[1]["field"]),
        (&json!("player_id"), &json!("currency"))
    );
}

#[tokio::test]
async fn a_change_of_status_takes_a_version_and_saying_it_again_takes_none() {
    let office = Office::open().await;
    office.bank.open("ann", "50.00").await;
    for (status, version) in [("frozen", 2), ("frozen", 2), ("closed", 3), ("active", 4)] {
        let reply = office.patch("ann", json!({ "status": status })).await;
        assert_said(&reply, 200, &json!({"status": status, "version": version}));
    }
    assert_said(&office.patch("ann", json!({})).await, 200, &json!({"version": 4}));
    let rows = get(office.api(), "/transactions?player_id=ann&limit=1").await.json();
    let last = &rows["items"][0];
    assert_eq!((&last["category"], &last["detail"]), (&json!("status"), &json!("writer: active")));
    assert_problem(&office.patch("bob", json!({"status": "frozen"})).await, 404, "player_unknown");
    for body in [json!({"status": "asleep"}), json!({"bet_limit": "-1"}), json!({"bet_limit": "x"})]
    {
        assert_problem(&office.patch("ann", body).await, 422, "invalid_value");
    }
    for body in [json!({"status": null}), json!({"bet_limit": 10}), json!({"balance": "1.00"})] {
        assert_problem(&office.patch("ann", body).await, 422, "invalid_body");
    }
    office.close().await;
}

#[tokio::test]
async fn a_bet_limit_holds_until_it_is_lifted_and_takes_no_version() {
    let office = Office::open().await;
    office.bank.open("ann", "50.00").await;
    let limited = office.patch("ann", json!({"bet_limit": "1.005"})).await;
    assert_said(&limited, 200, &json!({"bet_limit": "1.005", "version": 1}));
    assert_ne!(pragmatic::bet("ann", "b-1", "r-1", "2.00").send(office.api()).await.error, 0);
    // What is left out stays; what is null goes.
    let kept = office.patch("ann", json!({"status": "active"})).await;
    assert_said(&kept, 200, &json!({"bet_limit": "1.005"}));
    let lifted = office.patch("ann", json!({"bet_limit": null})).await;
    assert_said(&lifted, 200, &json!({"bet_limit": null}));
    assert_eq!(pragmatic::bet("ann", "b-2", "r-2", "2.00").send(office.api()).await.error, 0);
    office.close().await;
}
