//! Exports: files of any length, of which the node holds little, and which nobody's sheet runs.

use std::time::{Duration, Instant};

use super::{Office, assert_problem};
use crate::support::http::Wire;
use crate::support::operator::{KEY, get};
use crate::support::pragmatic;

/// Adds so many rows of one player, whose chain and balance are whole.
async fn fill(office: &Office, player: &str, rows: u32) {
    let sql = "INSERT INTO wallet (player_id, currency, balance_micros, version)
               VALUES ($1, 'EUR', 10000 * $2::bigint, $2)";
    let done = sqlx::query(sql).bind(player).bind(i64::from(rows)).execute(&office.database.pool);
    done.await.expect("a wallet");
    let sql = "INSERT INTO trx_log (provider, tx_id, player_id, transaction_id, kind, category,
                   outcome, requested_micros, amount_micros, balance_after_micros, wallet_version,
                   round_id, game_id, fingerprint, detail, created_at)
               SELECT 'pragmatic', 't-' || i, $1,
                      (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7000'
                          || '8' || lpad(to_hex(i), 15, '0'))::uuid,
                      'credit', 'win', 'applied', 10000, 10000, 10000 * i::bigint, i,
                      'r-' || i, 'g', i, 'bonusCode=summer-campaign', at
               FROM (SELECT i, now() - interval '1 millisecond' * ($2 - i) AS at
                     FROM generate_series(1, $2) i) f";
    let done = sqlx::query(sql).bind(player).bind(i64::from(rows)).execute(&office.database.pool);
    done.await.expect("rows");
    sqlx::query("ANALYZE trx_log").execute(&office.database.pool).await.expect("statistics");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_thousand_rows_are_sent_whole_by_a_node_that_never_holds_them() {
    let office = Office::open().await;
    let rows = 100_000;
    fill(&office, "ann", rows).await;
    // Whatever a first call needs.
    assert_eq!(get(office.api(), "/transactions/export/csv?tx_id=t-1").await.status, 200);
    let before = office.node.memory_peak();
    let of_player = get(office.api(), "/transactions/export/ndjson?player_id=ann").await;
    let statement = get(office.api(), "/players/ann/statement/export/ndjson?cursor=90000").await;
    // It goes by all of them and takes one.
    let rounds = "/transactions/export/csv?provider=pragmatic&category=win&round_id=r-5";
    let of_all = get(office.api(), rounds).await;
    let grown = (office.node.memory_peak() - before) * 1024;
    for (reply, lines) in [(&of_player, rows), (&statement, 10_002), (&of_all, 2)] {
        assert_eq!(reply.status, 200, "{}", reply.text());
        assert_eq!(reply.header("transfer-encoding"), "chunked");
        let count = reply.body.iter().filter(|byte| **byte == b'\n').count();
        assert_eq!(count, usize::try_from(lines).expect("a number"));
    }
    let file = u64::try_from(of_player.body.len()).expect("a number");
    assert!(grown < file / 3, "{grown} bytes more for a file of {file}");
    let last = statement.text().lines().last().unwrap_or_default().to_owned();
    let closing: serde_json::Value = serde_json::from_str(&last).expect("JSON");
    assert_eq!(
        (&closing["statement"], &closing["balance"]),
        (&"closing".into(), &"1000.00".into())
    );
}

/// An export of which no more than the head has been read.
async fn begun(office: &Office, path: &str) -> Wire {
    let mut wire = Wire::to(office.api()).await;
    let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\n\r\n");
    assert!(wire.send(request).await);
    let head = wire.until("\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    wire
}

/// Waits until there is a place for one more export.
async fn until_free(office: &Office, one_more: &str) {
    let started = Instant::now();
    while get(office.api(), one_more).await.status != 200 {
        assert!(started.elapsed() < Duration::from_secs(30), "its place is still taken");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Waits until the database waits for so many exports to be read.
async fn until_waiting(office: &Office, exports: i64) {
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
               AND application_name = 'seamless-wallet-office' AND wait_event = 'ClientWrite'";
    let started = Instant::now();
    // For a moment one waits, or does not, also while its client reads.
    let mut looks = 0;
    loop {
        let count: i64 =
            sqlx::query_scalar(sql).fetch_one(&office.database.pool).await.expect("a count");
        looks = if count == exports { looks + 1 } else { 0 };
        if looks == 15 {
            return;
        }
        assert!(started.elapsed() < Duration::from_secs(30), "{count} exports wait");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_does_not_read_holds_the_database_back_and_its_place_is_free_once_it_is_gone()
{
    let office = Office::tuned("operator.exports_max = 1").await;
    fill(&office, "ann", 60_000).await;
    let path = "/operator/v1/transactions/export/ndjson?player_id=ann";
    let wire = begun(&office, path).await;
    until_waiting(&office, 1).await;
    let one_more = "/transactions/export/csv?tx_id=t-1";
    let reply = get(office.api(), one_more).await;
    assert_problem(&reply, 503, "busy");
    assert_eq!(get(office.api(), "/transactions?tx_id=t-1").await.status, 200, "searches go on");
    drop(wire);
    until_free(&office, one_more).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_falls_asleep_keeps_neither_its_place_nor_its_connection() {
    let office = Office::tuned("operator.exports_max = 1\nhttp.idle_timeout_ms = 1000").await;
    fill(&office, "ann", 60_000).await;
    let path = "/operator/v1/transactions/export/ndjson?player_id=ann";
    let mut wire = begun(&office, path).await;
    until_waiting(&office, 1).await;
    // It is there, and reads no more.
    until_free(&office, "/transactions/export/csv?tx_id=t-1").await;
    let rest = wire.rest().await;
    assert!(!rest.ends_with("0\r\n\r\n"), "the last chunk says that all has come");
}

#[tokio::test]
async fn an_export_that_breaks_off_is_seen_to_be_broken() {
    let office = Office::tuned("operator.export_timeout_s = 2").await;
    fill(&office, "ann", 60_000).await;
    let path = "/operator/v1/players/ann/statement/export/ndjson";
    let mut wire = begun(&office, path).await;
    // It is not read, until its time is over.
    until_waiting(&office, 1).await;
    until_waiting(&office, 0).await;
    let rest = wire.rest().await;
    assert!(!rest.ends_with("0\r\n\r\n"), "the last chunk says that all has come");
    assert!(!rest.contains("\"closing\""), "so does the last line");
    assert!(office.node.settled_log().await.contains("an export broke off"));
}

#[tokio::test]
async fn a_statement_too_long_for_a_search_is_exported() {
    let office = Office::tuned("operator.search_timeout_ms = 1").await;
    fill(&office, "ann", 60_000).await;
    let page = get(office.api(), "/players/ann/statement").await;
    assert_problem(&page, 422, "search_too_wide");
    let export = get(office.api(), "/players/ann/statement/export/ndjson").await;
    assert_eq!(export.status, 200, "{}", export.text());
    let text = export.text();
    let edges = [text.lines().next(), text.lines().last()].map(Option::unwrap_or_default);
    assert!(edges[0].contains("\"opening\"") && edges[1].contains("\"closing\""), "{edges:?}");
    assert!(edges[1].contains("\"600.00\""), "{edges:?}");
    assert_eq!(text.lines().count(), 60_002);
    let empty =
        "/players/ann/statement/export/csv?from=2000-01-01T00:00:00Z&to=2000-01-02T00:00:00Z";
    assert_eq!(get(office.api(), empty).await.text().lines().count(), 3, "columns and two edges");
}

#[tokio::test]
async fn what_an_export_holds_is_what_a_search_finds_and_no_sheet_runs_it() {
    let office = Office::open().await;
    office.bank.open("ann", "10.00").await;
    let evil = pragmatic::bet("ann", "=HYPERLINK(\"http://evil\")", "@SUM(A1)", "1.50");
    assert_eq!(evil.send(office.api()).await.error, 0);
    let reply = get(office.api(), "/transactions/export/csv?player_id=ann&kind=debit").await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reply.header("content-type"), "text/csv; charset=utf-8; header=present");
    let disposition = reply.header("content-disposition");
    assert!(disposition.starts_with("attachment; filename=\"transactions-20"), "{disposition}");
    assert!(disposition.ends_with(".csv\""), "{disposition}");
    let text = reply.text();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 2, "{text}");
    assert!(lines[0].starts_with("transaction_id,created_at,occurred_at,provider,tx_id,"));
    assert!(lines[1].contains("\"'=HYPERLINK(\"\"http://evil\"\")\""), "{text}");
    assert!(lines[1].contains(",'@SUM(A1),"), "{text}");
    assert!(lines[1].contains(",-1.50,"), "a number is a number: {text}");

    let exported = get(office.api(), "/transactions/export/ndjson?player_id=ann").await.text();
    let exported: Vec<serde_json::Value> =
        exported.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(serde_json::Value::from(exported.clone()), office.rows("player_id=ann").await);
    let id = exported[0]["transaction_id"].as_str().expect("an id");
    let rest = format!("/transactions/export/ndjson?player_id=ann&cursor={id}");
    assert_eq!(get(office.api(), &rest).await.text().lines().count(), 1, "it goes on after a row");
    let none = get(office.api(), "/transactions/export/ndjson?player_id=nobody").await;
    assert_eq!((none.status.as_u16(), none.text().as_str()), (200, ""));
    let reply = get(office.api(), "/transactions/export/pdf").await;
    assert_problem(&reply, 400, "invalid_path");
    let reply = get(office.api(), "/transactions/export/csv?limit=5").await;
    assert_problem(&reply, 400, "invalid_query");
}
