//! Games that are on or off, and how the providers' calls fare.

use serde_json::{Value, json};

use super::{Office, assert_problem};
use crate::support::operator::get;
use crate::support::pragmatic;

#[tokio::test]
async fn a_node_tells_what_it_knows_of_each_providers_calls() {
    let office = Office::open().await;
    office.bank.open("ann", "10.00").await;
    let list = get(office.api(), "/providers").await.json();
    assert!(list["node"].is_string() && list["started_at"].is_string(), "{list}");
    let slugs: Vec<&Value> =
        list["items"].as_array().expect("a list").iter().map(|item| &item["provider"]).collect();
    assert_eq!(slugs, ["pragmatic", "softswiss"]);
    assert_eq!(
        (&list["items"][0]["calls"], &list["items"][0]["last_call_at"]),
        (&json!(0), &json!(null))
    );

    assert_eq!(pragmatic::bet("ann", "b-1", "r-1", "1.50").send(office.api()).await.error, 0);
    assert_ne!(pragmatic::bet("ann", "b-2", "r-1", "99.00").send(office.api()).await.error, 0);
    let unsigned = pragmatic::bet("ann", "b-3", "r-1", "1.00").unsigned();
    assert_ne!(unsigned.send(office.api()).await.error, 0);
    let list = get(office.api(), "/providers").await.json();
    let status = &list["items"][0];
    for (name, value) in [
        ("protocol", json!("pragmatic")),
        ("in_flight", json!(0)),
        ("in_flight_max", json!(2048)),
        ("deadline_ms", json!(2500)),
        ("allow", json!([])),
        ("calls", json!(3)),
        ("errors", json!(1)),
        ("operations", json!({"bet": {"applied": 1, "bad_signature": 1, "insufficient_funds": 1}})),
    ] {
        assert_eq!(status[name], value, "{name}: a refusal is no error");
    }
    assert!(status["last_call_at"].is_string());
    assert_eq!(list["items"][1]["calls"], 0);
}

#[tokio::test]
async fn games_that_were_switched_are_listed_in_pages_and_all_others_are_on() {
    let office = Office::open().await;
    for (provider, game, enabled) in [
        ("softswiss", "acme:a", false),
        ("softswiss", "acme:b", true),
        ("pragmatic", "vs1", false),
        ("pragmatic", "vs2", false),
    ] {
        let path = format!("/games/{provider}/{game}");
        let reply = office.put(&path, json!({"enabled": enabled})).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
    }
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = get(office.api(), &format!("/games?limit=3{cursor}")).await.json();
        let items = page["items"].as_array().expect("a list").iter();
        seen.extend(items.map(|item| item["game_id"].as_str().expect("a name").to_owned()));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen, ["vs1", "vs2", "acme:a", "acme:b"]);
    let off = get(office.api(), "/games?enabled=false&provider=softswiss").await.json();
    assert_eq!(
        off["items"],
        json!([{"provider": "softswiss", "game_id": "acme:a", "enabled": false}])
    );
    let one = get(office.api(), "/games/pragmatic/vs1").await.json();
    assert_eq!(one["enabled"], false);
    let other = get(office.api(), "/games/pragmatic/never-heard-of").await.json();
    assert_eq!(other["enabled"], true);
    assert_problem(&get(office.api(), "/games/nobody/vs1").await, 404, "provider_unknown");
    for bad in ["cursor=x", "cursor=00", "limit=0", "enabled=perhaps"] {
        let reply = get(office.api(), &format!("/games?{bad}")).await;
        assert_problem(&reply, 400, "invalid_query");
    }
}
