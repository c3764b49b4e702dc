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

/// All pages of a statement.
async fn pages(office: &Office, query: &str) -> Vec<Value> {
    let mut pages = vec![statement(office, query).await];
    while let Some(next) = pages.last().and_then(|page| page["next_cursor"].as_str()) {
        pages.push(statement(office, &format!("{query}&cursor={next}")).await);
    }
    pages
}

fn versions(pages: &[Value]) -> Vec<i64> {
    let entries = pages.iter().flat_map(|page| page["entries"].as_array().expect("a list"));
    entries.map(|entry| entry["version"].as_i64().expect("a version")).collect()
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
    let pages = pages(&office, "limit=3").await;
    assert_eq!(pages.len(), 3);
    assert_eq!(
        pages[0]["totals"],
        json!([
            {"kind": "credit", "category": "deposit", "count": 1, "amount": "10.00"},
            {"kind": "debit", "category": "bet", "count": 7, "amount": "-3.50"},
        ])
    );
    for later in &pages[1..] {
        assert_eq!(
            (&later["closing"]["balance"], &later["totals"]),
            (&json!("6.50"), &json!(null))
        );
    }
    assert_eq!(versions(&pages), (1..=8).collect::<Vec<_>>());
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
async fn what_arrives_between_two_pages_is_in_none_of_them() {
    let office = Office::open().await;
    office.bank.open("ann", "10.00").await;
    let bet = async |number: u32| {
        let bet = pragmatic::bet("ann", &format!("b-{number}"), "r-1", "0.50");
        assert_eq!(bet.send(office.api()).await.error, 0);
    };
    for number in 1..=6 {
        bet(number).await;
    }
    let (mut pages, mut cursor) = (Vec::new(), Some(String::new()));
    while let Some(next) = cursor {
        let page = statement(&office, &format!("limit=2{next}")).await;
        assert_eq!(page["opening"], json!({"balance": "0.00", "version": 0}));
        assert_eq!(page["closing"], json!({"balance": "7.00", "version": 7}), "as it began");
        cursor = page["next_cursor"].as_str().map(|next| format!("&cursor={next}"));
        pages.push(page);
        bet(10 + u32::try_from(pages.len()).expect("a few")).await;
    }
    assert_eq!(versions(&pages), (1..=7).collect::<Vec<_>>());
    let anew = statement(&office, "").await;
    assert_eq!(anew["closing"]["version"], 7 + pages.len(), "and nothing is lost");
    office.close().await;
}

/// Adds a ledger as real ones are: others play meanwhile, seldom a movement waits for long and is
/// decided late (its version is high and its id old), two calls at once are decided the other way
/// round, every third row moves nothing, and for a long time ann does not play at all.
async fn play_for_long(office: &Office) {
    const ID: &str = "(lpad(to_hex((1760000000000 + at)::bigint), 12, '0') || '7000'
                          || '8' || lpad(to_hex(i), 15, '0'))::uuid";
    let insert = |rows: &str| {
        sqlx::AssertSqlSafe(format!(
            "INSERT INTO trx_log (provider, tx_id, player_id, transaction_id, kind, category,
                 outcome, requested_micros, amount_micros, balance_after_micros, wallet_version,
                 round_id, fingerprint, created_at)
             SELECT 'pragmatic', player || i, player, {ID}, 'credit', 'win', 'applied', 10000,
                    amount, sum(amount) OVER (ORDER BY i), i, 'r-' || i, i, now()
             FROM ({rows}) f"
        ))
    };
    for rows in [
        "SELECT 'ann' AS player, v AS i, CASE WHEN v % 3 = 0 THEN 0 ELSE 10000 END AS amount,
                CASE WHEN v % 41 = 0 THEN v
                     WHEN v % 10 = 4 THEN 1000 + 10 * (v + 1)
                     WHEN v % 10 = 5 THEN 1000 + 10 * (v - 1)
                     WHEN v > 150 THEN 50000 + 10 * v
                     ELSE 1000 + 10 * v END AS at
         FROM generate_series(1, 300) v",
        "SELECT 'bob' AS player, v AS i, 10000 AS amount, 1000 + 3 * v AS at
         FROM generate_series(1, 17000) v",
    ] {
        sqlx::query(insert(rows)).execute(&office.database.pool).await.expect("rows");
    }
    sqlx::query(
        "INSERT INTO wallet (player_id, currency, balance_micros, version)
         SELECT player_id, 'EUR', sum(amount_micros), count(*) FROM trx_log GROUP BY player_id",
    )
    .execute(&office.database.pool)
    .await
    .expect("wallets");
}

#[tokio::test]
async fn pages_of_any_size_are_the_export_line_for_line() {
    let office = Office::open().await;
    play_for_long(&office).await;
    // It begins in the first second of 08:53:21; ann rests from 22.5 s on until 08:54:11.
    let some = "from=2025-10-09T08:53:21.500Z&to=2025-10-09T08:54:13.000Z";
    for query in ["", "all=true", some, &format!("all=true&{some}")] {
        let export = format!("/players/ann/statement/export/ndjson?{query}");
        let export = get(office.api(), &export).await.text();
        let lines: Vec<Value> =
            export.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        let [opening, inner @ .., closing] = &*lines else { panic!("{export}") };
        assert!(inner.len() > 80, "{query}: {}", inner.len());
        for limit in [3, 60, 500] {
            let pages = pages(&office, &format!("limit={limit}&{query}")).await;
            let mut entries = Vec::new();
            for (number, page) in pages.iter().enumerate() {
                let some = page["entries"].as_array().expect("a list");
                assert!(some.len() == limit || number + 1 == pages.len(), "page {number} is short");
                entries.extend(some.iter().cloned());
                for (edge, line) in [("opening", opening), ("closing", closing)] {
                    assert_eq!(page[edge]["version"], line["version"], "{query}");
                    assert_eq!(page[edge]["balance"], line["balance"], "{query}");
                }
            }
            assert!(entries == inner, "{query} limit={limit}: {:?}", versions(&pages));
        }
    }
    office.close().await;
}

#[tokio::test]
async fn a_cursor_goes_on_with_its_own_statement_alone() {
    let office = Office::open().await;
    for player in ["ann", "bob"] {
        office.bank.open(player, "10.00").await;
        assert_eq!(office.deposit(player, "k", "1.00").await.status, 201);
    }
    let first = statement(&office, "limit=1").await;
    let cursor = first["next_cursor"].as_str().expect("a next page").to_owned();
    assert_eq!(entries(&statement(&office, &format!("limit=5&cursor={cursor}")).await).len(), 1);
    for other in [
        format!("/players/bob/statement?cursor={cursor}"),
        format!("/players/ann/statement?all=true&cursor={cursor}"),
        format!("/players/ann/statement?to=2030-01-01T00:00:00Z&cursor={cursor}"),
        format!("/players/ann/statement/export/csv?cursor={cursor}"),
    ] {
        let problem = assert_problem(&get(office.api(), &other).await, 400, "invalid_query");
        assert_eq!(problem["errors"][0]["field"], "cursor", "{other}: {problem}");
    }
    office.close().await;
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
