//! Exports: files of any length, of which the node holds little, and which nobody's sheet runs.

use serde_json::{Value, json};

use super::{Office, assert_problem};
use crate::support::http::Wire;
use crate::support::operator::{KEY, get};
use crate::support::patience::eventually;
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
    for (reply, lines) in [(&of_player, rows + 1), (&statement, 10_002), (&of_all, 3)] {
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
        (&closing["statement"], &closing["balance"], &closing["rows"]),
        (&"closing".into(), &"1000.00".into(), &10_000.into())
    );
    let end = of_player.text().lines().last().unwrap_or_default().to_owned();
    assert_eq!(end, "{\"export\":\"end\",\"rows\":100000}");
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
    eventually("its place is free", async || get(office.api(), one_more).await.status == 200).await;
}

/// Waits until the database waits for so many exports to be read.
async fn until_waiting(office: &Office, exports: i64) {
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
               AND application_name = 'seamless-wallet-back-office' AND wait_event = 'ClientWrite'";
    // For a moment one waits, or does not, also while its client reads.
    let mut looks = 0;
    eventually(&format!("{exports} exports wait"), async || {
        let count: i64 =
            sqlx::query_scalar(sql).fetch_one(&office.database.pool).await.expect("a count");
        looks = if count == exports { looks + 1 } else { 0 };
        looks == 15
    })
    .await;
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

/// Every export there is, with what its whole file ends with.
const EVERY_EXPORT: [(&str, &str); 4] = [
    ("players/ann/statement/export/ndjson", "\"version\":60000,\"rows\":60000}\n"),
    ("players/ann/statement/export/csv", ",closing,,,,,,,600.00,EUR,60000,,,,rows: 60000\r\n"),
    ("transactions/export/ndjson?player_id=ann", "{\"export\":\"end\",\"rows\":60000}\n"),
    ("transactions/export/csv?player_id=ann", ",,,,,,end,,,,,,,,,,,,,rows: 60000\r\n"),
];

#[tokio::test]
async fn an_export_that_breaks_off_is_seen_to_be_broken_over_any_version_of_http() {
    let tuned = "operator.export_timeout_s = 10\noperator.exports_max = 8\noperator.pool_max = 9";
    let office = Office::tuned(tuned).await;
    fill(&office, "ann", 60_000).await;
    let mut begun = Vec::new();
    for (path, end) in EVERY_EXPORT {
        for version in ["1.0", "1.1"] {
            let mut wire = Wire::to(office.api()).await;
            let request = format!(
                "GET /operator/v1/{path} HTTP/{version}\r\nhost: x\r\n\
                 authorization: Bearer {KEY}\r\n\r\n"
            );
            assert!(wire.send(request).await);
            let head = wire.until("\r\n\r\n").await;
            assert!(head.contains(" 200 OK\r\n"), "{head}");
            begun.push((path, version, wire, end));
        }
    }
    // They are not read, until their time is over.
    until_free(&office, "/transactions/export/csv?tx_id=t-1").await;
    until_waiting(&office, 0).await;
    for (path, version, mut wire, end) in begun {
        let rest = wire.rest().await;
        assert!(rest.len() > 1000, "{path} over {version}: {rest}");
        assert!(!rest.ends_with("0\r\n\r\n"), "{path}: the last chunk says that all has come");
        assert!(!rest.contains(end), "{path} over {version}: so does the last line");
    }
}

#[tokio::test]
async fn a_whole_export_says_so_in_its_last_line_over_any_version_of_http() {
    let office = Office::open().await;
    fill(&office, "ann", 60_000).await;
    for (path, end) in EVERY_EXPORT {
        let whole = get(office.api(), &format!("/{path}")).await;
        assert!(whole.text().ends_with(end), "{path}");
        let mut wire = Wire::to(office.api()).await;
        let request =
            format!("GET /operator/v1/{path} HTTP/1.0\r\nauthorization: Bearer {KEY}\r\n\r\n");
        assert!(wire.send(request).await);
        let reply = wire.rest().await;
        assert!(!reply.contains("transfer-encoding"), "HTTP/1.0 has no chunks");
        assert!(reply.ends_with(end), "{path}");
    }
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
    let transactions = get(office.api(), "/transactions/export/ndjson?player_id=ann").await;
    assert_eq!(transactions.text().lines().count(), 60_001, "from its first look on");
    let by_time = get(office.api(), "/transactions/export/ndjson?provider=pragmatic").await;
    assert_eq!(by_time.text().lines().count(), 60_001, "by whichever index");
    let empty =
        "/players/ann/statement/export/csv?from=2000-01-01T00:00:00Z&to=2000-01-02T00:00:00Z";
    assert_eq!(get(office.api(), empty).await.text().lines().count(), 3, "columns and two edges");
}

#[tokio::test]
async fn what_takes_longer_than_it_may_is_said_to() {
    let tuned = "operator.export_timeout_s = 1\noperator.search_timeout_ms = 1000";
    let office = Office::tuned(tuned).await;
    fill(&office, "ann", 10).await;
    // Everybody who looks at the ledger waits.
    let mut blocker = office.database.pool.begin().await.expect("a transaction");
    sqlx::query("LOCK TABLE trx_log").execute(&mut *blocker).await.expect("a lock");
    let search = get(office.api(), "/transactions?player_id=ann").await;
    assert_problem(&search, 422, "search_too_wide");
    for path in ["/players/ann/statement/export/csv", "/transactions/export/csv?player_id=ann"] {
        let export = get(office.api(), path).await;
        assert_problem(&export, 504, "export_too_long");
    }
    blocker.rollback().await.expect("its end");
    let export = get(office.api(), "/players/ann/statement/export/csv").await;
    assert_eq!(export.status, 200, "{}", export.text());
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
    assert_eq!(lines.len(), 3, "{text}");
    assert!(lines[0].starts_with("transaction_id,created_at,occurred_at,provider,tx_id,"));
    assert!(lines[1].contains("\"'=HYPERLINK(\"\"http://evil\"\")\""), "{text}");
    assert!(lines[1].contains(",'@SUM(A1),"), "{text}");
    assert!(lines[1].contains(",-1.50,"), "a number is a number: {text}");

    let exported = get(office.api(), "/transactions/export/ndjson?player_id=ann").await.text();
    let mut exported: Vec<Value> =
        exported.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(exported.pop(), Some(json!({"export": "end", "rows": 2})));
    assert_eq!(Value::from(exported.clone()), office.rows("player_id=ann").await);
    let id = exported[0]["transaction_id"].as_str().expect("an id");
    let rest = format!("/transactions/export/ndjson?player_id=ann&cursor={id}");
    assert_eq!(get(office.api(), &rest).await.text().lines().count(), 2, "it goes on after a row");
    let none = get(office.api(), "/transactions/export/ndjson?player_id=nobody").await;
    let nothing = "{\"export\":\"end\",\"rows\":0}\n";
    assert_eq!((none.status.as_u16(), none.text().as_str()), (200, nothing));
    let reply = get(office.api(), "/transactions/export/pdf").await;
    assert_problem(&reply, 400, "invalid_path");
    let reply = get(office.api(), "/transactions/export/csv?limit=5").await;
    assert_problem(&reply, 400, "invalid_query");
}

#[tokio::test]
async fn a_sheet_that_is_told_any_separator_runs_no_cell_and_counts_what_was_lost() {
    let office = Office::open().await;
    office.bank.open("ann", "10.00").await;
    // What a provider may say where it can say anything.
    let evil = ["a;=1+1", "a|\"=1", "=1|=1", "a,+1", " =1", "＝1;－1", "a @b", "\"=1"];
    for (number, text) in evil.into_iter().enumerate() {
        let bet = pragmatic::bet("ann", &format!("{text}{number}"), text, "0.01");
        assert_eq!(bet.send(office.api()).await.error, 0, "{text}");
    }
    for path in ["/transactions/export/csv?player_id=ann", "/players/ann/statement/export/csv"] {
        let text = get(office.api(), path).await.text();
        assert!(text.starts_with("transaction_id,"), "no mark in front, which programs stumble on");
        for separator in [b';', b'\t', b'|', b':', b' '] {
            let mut sheet = csv::ReaderBuilder::new();
            sheet.delimiter(separator).has_headers(false).flexible(true);
            for quoting in [true, false] {
                let mut rows = sheet.quoting(quoting).from_reader(text.as_bytes());
                for row in rows.records() {
                    for cell in row.expect("text").iter() {
                        let cell = cell.trim_start_matches(['"', ' ', '\t']);
                        assert!(!cell.starts_with(['=', '+', '-', '@', '＝', '－']), "{cell}");
                    }
                }
            }
        }
        let mut rows = csv::Reader::from_reader(text.as_bytes());
        let rows: Vec<_> = rows.records().map(|row| row.expect("a row")).collect();
        let debits = rows.iter().filter(|row| &row[6] == "debit");
        assert!(debits.clone().all(|row| &row[10] == "-0.01"), "a number is a number");
        assert_eq!(debits.count(), evil.len());
    }
}
