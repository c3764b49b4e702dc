//! A player's statement: opening, what moved, closing.

use chrono::{DateTime, TimeDelta, Utc};
use seamless_wallet::core::PlayerStatus::{Active, Closed};
use serde_json::{Value, json};

use super::{Office, assert_problem};
use crate::support::operator::get;
use crate::support::pragmatic;

fn time(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// A moment after everything that was done, and before everything that is going to be.
async fn between() -> DateTime<Utc> {
    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    let now = Utc::now();
    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    now
}

async fn statement(office: &Office, query: &str) -> Value {
    let reply = get(office.api(), &format!("/players/ann/statement?{query}")).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()
}

fn entries(statement: &Value) -> Vec<(&str, &str)> {
    let entries = statement["entries"].as_array().expect("a list").iter();
    entries
        .map(|entry| {
            let text = |name: &str| entry[name].as_str().expect("a sum");
            (text("amount"), text("balance_after"))
        })
        .collect()
}

#[tokio::test]
async fn a_statement_runs_from_the_opening_to_the_closing_balance_without_a_gap() {
    let office = Office::open().await;
    office.bank.open("ann", "10.00").await;
    assert_eq!(pragmatic::bet("ann", "b-1", "r-1", "1.50").send(office.api()).await.error, 0);
    assert_eq!(pragmatic::result("ann", "w-1", "r-1", "0.00").send(office.api()).await.error, 0);
    assert_eq!(pragmatic::bet("ann", "b-2", "r-2", "2.00").send(office.api()).await.error, 0);
    assert_eq!(pragmatic::refund("ann", "b-2").send(office.api()).await.error, 0);
    let whole = statement(&office, "").await;
    assert_eq!(whole["currency"], "EUR");
    assert_eq!(whole["opening"], json!({"balance": "0.00", "version": 0}));
    assert_eq!(whole["closing"], json!({"balance": "8.50", "version": 5}), "the zero win counts");
    assert_eq!(
        entries(&whole),
        [("10.00", "10.00"), ("-1.50", "8.50"), ("-2.00", "6.50"), ("2.00", "8.50")]
    );
    office.close().await;
}

#[tokio::test]
async fn periods_that_follow_one_another_share_nothing_and_leave_nothing_out() {
    let office = Office::open().await;
    let start = between().await;
    office.bank.open("ann", "10.00").await;
    let first = between().await;
    assert_eq!(pragmatic::bet("ann", "b-1", "r-1", "1.50").send(office.api()).await.error, 0);
    assert_eq!(pragmatic::bet("ann", "b-2", "r-2", "2.00").send(office.api()).await.error, 0);
    let second = between().await;
    assert_eq!(pragmatic::refund("ann", "b-2").send(office.api()).await.error, 0);
    let edges = [None, Some(start), Some(first), Some(second), None];
    let mut opening = json!({"balance": "0.00", "version": 0});
    let mut counts = Vec::new();
    for edge in edges.windows(2) {
        let from = edge[0].map(|at| format!("from={}&", time(at))).unwrap_or_default();
        let to = edge[1].map(|at| format!("to={}", time(at))).unwrap_or_default();
        let part = statement(&office, &format!("{from}{to}")).await;
        assert_eq!(part["opening"], opening, "{part}");
        counts.push(entries(&part).len());
        opening = part["closing"].clone();
    }
    assert_eq!(counts, [0, 1, 2, 1]);
    assert_eq!(opening, json!({"balance": "8.50", "version": 4}));
    let later = time(Utc::now() + TimeDelta::hours(1));
    let nothing = statement(&office, &format!("from={later}")).await;
    assert_eq!((&nothing["opening"], &nothing["closing"]), (&opening, &opening));
    office.close().await;
}

#[tokio::test]
async fn a_movement_that_waited_stands_where_it_was_decided() {
    let office = Office::open().await;
    office.bank.open("ann", "10.00").await;
    assert_eq!(pragmatic::bet("ann", "b-1", "r-1", "1.00").send(office.api()).await.error, 0);
    office.bank.set_status("ann", Closed).await;
    let win = pragmatic::result("ann", "w-1", "r-1", "4.00");
    assert_ne!(win.send(office.api()).await.error, 0, "it waits");
    let closed = between().await;
    office.bank.set_status("ann", Active).await;
    assert_eq!(win.send(office.api()).await.error, 0);
    let before = statement(&office, &format!("to={}", time(closed))).await;
    assert_eq!(before["closing"]["balance"], "9.00", "{before}");
    let after = statement(&office, &format!("from={}", time(closed))).await;
    assert_eq!(after["opening"], before["closing"]);
    assert_eq!(entries(&after), [("4.00", "13.00")]);
    office.close().await;
}

#[tokio::test]
async fn a_long_statement_comes_in_pages_and_adds_up_by_purpose() {
    let office = Office::open().await;
    office.bank.open("ann", "10.00").await;
    for number in 0..7 {
        let bet = pragmatic::bet("ann", &format!("b-{number}"), "r-1", "0.50");
        assert_eq!(bet.send(office.api()).await.error, 0);
    }
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = statement(&office, &format!("limit=3{cursor}")).await;
        assert_eq!(page["closing"]["balance"], "6.50");
        assert_eq!(
            page["totals"],
            json!([
                {"kind": "credit", "category": "deposit", "count": 1, "amount": "10.00"},
                {"kind": "debit", "category": "bet", "count": 7, "amount": "-3.50"},
            ])
        );
        let versions = page["entries"].as_array().expect("a list").iter();
        seen.extend(versions.map(|entry| entry["version"].as_i64().expect("a version")));
        match page["next_cursor"].as_i64() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen, (1..=8).collect::<Vec<_>>());
    let refused = pragmatic::bet("ann", "b-9", "r-9", "99.00");
    assert_ne!(refused.send(office.api()).await.error, 0);
    assert_eq!(entries(&statement(&office, "").await).len(), 8, "a refusal moves nothing");
    assert_eq!(entries(&statement(&office, "all=true").await).len(), 9);

    let export = get(office.api(), "/players/ann/statement/export/csv").await.text();
    let lines: Vec<&str> = export.lines().collect();
    assert_eq!(lines.len(), 1 + 1 + 8 + 1, "{export}");
    assert!(lines[1].contains(",opening,") && lines[1].contains(",0.00,EUR,0,"), "{export}");
    assert!(lines[10].contains(",closing,") && lines[10].contains(",6.50,EUR,9,"), "{export}");
}

#[tokio::test]
async fn a_statement_of_nobody_or_of_no_time_is_refused() {
    let office = Office::open().await;
    office.bank.open("ann", "10.00").await;
    let reply = get(office.api(), "/players/nobody/statement").await;
    assert_problem(&reply, 404, "player_unknown");
    for bad in [
        "from=2026-10-02T00:00:00Z&to=2026-10-01T00:00:00Z",
        "from=x",
        "limit=0",
        "cursor=x",
        "all=perhaps",
    ] {
        let reply = get(office.api(), &format!("/players/ann/statement?{bad}")).await;
        assert_problem(&reply, 400, "invalid_query");
    }
}
