//! Reading the ledger in pages.

use serde_json::json;

use super::Office;
use crate::support::operator::get;
use crate::support::pragmatic;

#[tokio::test]
async fn the_ledger_is_read_newest_first_in_pages_that_miss_and_repeat_nothing() {
    let office = Office::open().await;
    office.bank.open("ann", "10.00").await;
    office.bank.open("bob", "10.00").await;
    for number in 0..6 {
        let bet = pragmatic::bet("ann", &format!("b-{number}"), "r-1", "0.50");
        assert_eq!(bet.send(office.api()).await.error, 0);
    }
    let mut seen: Vec<String> = Vec::new();
    let mut cursor = String::new();
    loop {
        let path = format!("/transactions?player_id=ann&limit=3{cursor}");
        let page = get(office.api(), &path).await.json();
        let items = page["items"].as_array().expect("a list");
        assert!((1..=3).contains(&items.len()), "{page}");
        seen.extend(items.iter().map(|item| item["transaction_id"].to_string()));
        // What arrives meanwhile does not shift the pages.
        let key = format!("k-{}", seen.len());
        assert_eq!(office.deposit("ann", &key, "1.00").await.status, 201);
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen.len(), 7, "six bets and the first deposit");
    assert!(seen.is_sorted_by(|newer, older| newer > older), "{seen:?}");
    office.close().await;
}

#[tokio::test]
async fn a_row_of_the_ledger_tells_everything_in_decimals() {
    let office = Office::open().await;
    office.bank.open("ann", "10.00").await;
    assert_eq!(pragmatic::bet("ann", "b-1", "r-1", "1.50").send(office.api()).await.error, 0);
    assert_ne!(pragmatic::bet("ann", "b-2", "r-2", "99.00").send(office.api()).await.error, 0);
    let bet = office.rows("provider=pragmatic&round_id=r-1").await;
    assert_eq!(bet.as_array().map(Vec::len), Some(1), "{bet}");
    for (name, value) in [
        ("provider", json!("pragmatic")),
        ("player_id", json!("ann")),
        ("kind", json!("debit")),
        ("category", json!("bet")),
        ("outcome", json!("applied")),
        ("reason", json!(null)),
        ("amount", json!("-1.50")),
        ("requested", json!("-1.50")),
        ("shortfall", json!("0.00")),
        ("balance_after", json!("8.50")),
        ("version", json!(2)),
        ("round_id", json!("r-1")),
        ("game_id", json!(pragmatic::GAME)),
        ("reverses", json!(null)),
    ] {
        assert_eq!(bet[0][name], value, "{name}");
    }
    for name in ["transaction_id", "tx_id", "created_at", "occurred_at"] {
        assert!(bet[0][name].is_string(), "{name}: {bet}");
    }
    let refused = office.rows("round_id=r-2&player_id=ann").await;
    assert_eq!(refused[0]["reason"], "insufficient_funds");
    assert_eq!(
        (&refused[0]["amount"], &refused[0]["requested"]),
        (&json!("0.00"), &json!("-99.00"))
    );
    assert_eq!(office.rows("player_id=nobody").await, json!([]));
    assert_eq!(office.rows("provider=operator").await.as_array().map(Vec::len), Some(1));
}
