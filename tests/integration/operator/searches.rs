//! Searching the ledger: every combination is answered by an index, and none without a bound.

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, PgConnection};

use super::{Office, assert_problem};
use crate::support::database::Database;
use crate::support::operator::get;
use crate::support::pragmatic;

/// Adds rows of many players to a ledger, one for each millisecond, which end now.
async fn fill(connection: &mut PgConnection, players: u32, rows: u32) {
    let sql = format!(
        "WITH opened AS (
             INSERT INTO wallet (player_id, currency, balance_micros, version)
             SELECT 'p-' || i, 'EUR', 0, 0 FROM generate_series(0, {players} - 1) i
             ON CONFLICT DO NOTHING)
         INSERT INTO trx_log (provider, tx_id, player_id, transaction_id, kind, category, outcome,
             requested_micros, amount_micros, balance_after_micros, wallet_version, round_id,
             game_id, fingerprint, created_at)
         SELECT CASE WHEN i % 2 = 0 THEN 'pragmatic' ELSE 'softswiss' END, 't-' || i,
                'p-' || i % {players},
                (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7000'
                    || '8' || lpad(to_hex(i), 15, '0'))::uuid,
                'credit', 'win', 'applied', 10000, 10000, 10000 * (i / {players} + 1),
                i / {players} + 1, 'r-' || i / 4, 'g-' || i % 50, i, at
         FROM (SELECT i, now() - interval '1 millisecond' * ({rows} - i) AS at
               FROM generate_series(0, {rows} - 1) i) f"
    );
    for sql in [sql.as_str(), "VACUUM (ANALYZE) trx_log"] {
        let done = sqlx::query(AssertSqlSafe(sql.to_owned())).execute(&mut *connection).await;
        done.expect("a ledger");
    }
}

/// The statement of the program that has this remark in it.
fn statement(remark: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(".sqlx");
    let mut found = Vec::new();
    for file in std::fs::read_dir(folder).expect(".sqlx") {
        let text = std::fs::read_to_string(file.expect("an entry").path()).expect("a file");
        let json: Value = serde_json::from_str(&text).expect("JSON");
        let query = json["query"].as_str().expect("a query");
        if query.contains(&format!("/* {remark} */")) {
            found.push(query.to_owned());
        }
    }
    assert_eq!(found.len(), 1, "{remark}");
    found.remove(0)
}

/// How many rows of the ledger a statement looks at with these values; panics where it goes
/// through the whole table.
async fn looked_at(connection: &mut PgConnection, remark: &str, values: &str) -> u64 {
    let mut run = async |sql: String| -> Vec<String> {
        let rows = sqlx::query_scalar(AssertSqlSafe(sql.clone())).fetch_all(&mut *connection).await;
        rows.unwrap_or_else(|error| panic!("{sql}: {error}"))
    };
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let name = format!("search_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
    run(format!("PREPARE {name} AS {}", statement(remark))).await;
    let explain = "EXPLAIN (ANALYZE, COSTS off, TIMING off, SUMMARY off)";
    let plan = run(format!("{explain} EXECUTE {name}({values})")).await;
    let shown = plan.join("\n");
    assert!(!shown.contains("Seq Scan on trx_log"), "{remark} ({values}):\n{shown}");
    let number = |line: &str, before: &str| -> Option<u64> {
        line.split_once(before)?.1.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
    };
    let mut sum = 0;
    let mut on_ledger = false;
    for line in &plan {
        if line.contains("(actual") || line.contains("(never executed)") {
            on_ledger = line.contains("on trx_log ");
            if on_ledger {
                let loops = number(line, "loops=").unwrap_or_default();
                sum += number(line, "rows=").unwrap_or_default() * loops;
            }
        } else if on_ledger {
            sum += number(line, "Rows Removed by Filter: ").unwrap_or_default();
            sum += number(line, "Rows Removed by Index Recheck: ").unwrap_or_default();
        }
    }
    sum
}

const NO: &str = "NULL";
const NEWEST: &str = "'ffffffff-ffff-ffff-ffff-ffffffffffff'";
const OLDEST: &str = "'00000000-0000-0000-0000-000000000000'";

#[tokio::test]
async fn no_search_reads_the_whole_ledger_and_each_has_a_bound() {
    let database = Database::fresh().await;
    let mut connection = database.pool.acquire().await.expect("a connection");
    let (players, rows, examine) = (100, 20_000, 500);
    fill(&mut connection, players, rows).await;
    // As the connections for searches have it.
    for sql in
        ["SET enable_seqscan = off", "SET jit = off", "SET plan_cache_mode = force_custom_plan"]
    {
        sqlx::query(sql).execute(&mut *connection).await.expect("a setting");
    }
    let of_one = u64::from(rows / players);

    // A key, whoever it belongs to.
    let mut of_key = async |values: [&str; 9]| {
        let values = [NEWEST, OLDEST].iter().chain(&values).chain(&["51"]).copied();
        let values: Vec<&str> = values.collect();
        looked_at(&mut connection, "by key or time", &values.join(", ")).await
    };
    let known = "'{pragmatic,softswiss,operator}'";
    assert_eq!(of_key([NO, "'t-77'", known, NO, NO, NO, NO, NO, NO]).await, 1);
    assert_eq!(of_key([NO, "'t-77'", "'{softswiss}'", "'p-77'", NO, NO, NO, NO, NO]).await, 1);
    let id: uuid::Uuid = sqlx::query_scalar("SELECT transaction_id FROM trx_log LIMIT 1")
        .fetch_one(&database.pool)
        .await
        .expect("a row");
    let id = format!("'{id}'");
    assert_eq!(of_key([&id, NO, NO, NO, NO, NO, NO, NO, NO]).await, 1);

    // A player, and whatever else.
    for more in [
        [NO, NO, NO, NO, NO, NO],
        ["'r-19'", NO, NO, NO, NO, NO],
        [NO, "'{pragmatic}'", "'g-7'", "'credit'", "'win'", "'applied'"],
        [NO, NO, NO, "'debit'", NO, NO],
        [NO, NO, NO, NO, NO, "'parked'"],
    ] {
        let values = format!("'p-77', {NEWEST}, {OLDEST}, {}, 51", more.join(", "));
        let looked = looked_at(&mut connection, "by player", &values).await;
        assert!(looked <= of_one, "{values}: {looked}");
        let values = format!("'p-77', {NEWEST}, {OLDEST}, {}", more.join(", "));
        let looked = looked_at(&mut connection, "all of a player", &values).await;
        assert!(looked <= of_one, "{values}: {looked}");
    }
    for all in ["true", "false"] {
        for (remark, limit) in [("entries", ", 51"), ("all entries", "")] {
            let values = format!("'p-77', 0, 1000, {all}{limit}");
            let looked = looked_at(&mut connection, remark, &values).await;
            assert!(looked <= of_one, "{remark} {values}: {looked}");
        }
    }
    // Its period and its totals together, once.
    let values = format!("'p-77', {OLDEST}, NULL");
    let looked = looked_at(&mut connection, "account", &values).await;
    assert_eq!(looked, of_one);
    let looked = looked_at(&mut connection, "round", "'p-77', 'r-19', NULL, 100").await;
    assert!(looked <= of_one, "{looked}");

    // Neither: so many rows at once.
    let values = format!("{NEWEST}, {OLDEST}, {}", examine - 1);
    let looked = looked_at(&mut connection, "how far", &values).await;
    assert!(looked <= examine, "{looked}");
    let reached: uuid::Uuid = sqlx::query_scalar(AssertSqlSafe(format!(
        "SELECT transaction_id FROM trx_log ORDER BY 1 DESC OFFSET {} LIMIT 1",
        examine - 1
    )))
    .fetch_one(&database.pool)
    .await
    .expect("a row");
    for filter in [
        [NO, NO, NO, NO, NO, NO],
        ["'{softswiss}'", NO, NO, NO, NO, NO],
        ["'{nobody}'", NO, NO, NO, NO, NO],
        [NO, "'r-19'", NO, NO, NO, NO],
        [NO, NO, "'g-7'", NO, NO, NO],
        [NO, NO, NO, "'debit'", "'bet'", "'refused'"],
        [NO, NO, NO, NO, NO, "'parked'"],
    ] {
        let [provider, round, game, kind, category, outcome] = filter;
        let values = format!(
            "{NEWEST}, '{reached}', NULL, NULL, {provider}, NULL, {round}, {game}, {kind}, \
             {category}, {outcome}, 51"
        );
        let looked = looked_at(&mut connection, "by key or time", &values).await;
        assert!(looked <= examine, "{values}: {looked}");
    }
    let values = format!("{OLDEST}, {NEWEST}, {examine}");
    let looked = looked_at(&mut connection, "how far a walk", &values).await;
    assert!(looked <= examine + 1, "{looked}");
}

#[tokio::test]
async fn a_page_of_a_statement_looks_at_what_lies_between_its_entries_alone() {
    let database = Database::fresh().await;
    let mut connection = database.pool.acquire().await.expect("a connection");
    let (players, rows) = (5, 20_000);
    fill(&mut connection, players, rows).await;
    sqlx::query("SET plan_cache_mode = force_custom_plan")
        .execute(&mut *connection)
        .await
        .expect("a setting");
    for after in [1_i64, 2_000, 3_900] {
        let values = format!("'p-3', {after}, 4000, true, 51");
        let looked = looked_at(&mut connection, "entries", &values).await;
        assert_eq!(looked, 51, "{after}");
    }
}

/// All pages of a search, with the size of each.
async fn pages(office: &Office, query: &str) -> (Vec<Value>, Vec<usize>) {
    let (mut items, mut sizes, mut cursor) = (Vec::new(), Vec::new(), String::new());
    loop {
        let reply = get(office.api(), &format!("/transactions?{query}{cursor}")).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        let page = reply.json();
        let more = page["items"].as_array().expect("a list").clone();
        sizes.push(more.len());
        items.extend(more);
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return (items, sizes),
        }
    }
}

#[tokio::test]
async fn a_search_that_finds_little_says_how_far_it_has_come_and_goes_on() {
    let office = Office::tuned("operator.search_examine = 10").await;
    let mut connection = office.database.pool.acquire().await.expect("a connection");
    fill(&mut connection, 5, 35).await;
    let (found, sizes) = pages(&office, "round_id=r-1").await;
    let keys: Vec<&Value> = found.iter().map(|row| &row["tx_id"]).collect();
    assert_eq!(keys, ["t-7", "t-6", "t-5", "t-4"], "newest first");
    assert_eq!(sizes, [0, 0, 3, 1], "ten rows are looked at for each page");
    let (found, sizes) = pages(&office, "limit=4").await;
    assert_eq!(found.len(), 35, "{sizes:?}");
    assert!(found.is_sorted_by(
        |newer, older| newer["transaction_id"].as_str() > older["transaction_id"].as_str()
    ));
    let (found, sizes) = pages(&office, "provider=nobody").await;
    assert_eq!((found.len(), sizes.len()), (0, 4), "and comes to its end");
}

#[tokio::test]
async fn a_row_is_found_by_whatever_is_known_of_it() {
    let office = Office::open().await;
    office.bank.open("ann", "10.00").await;
    office.bank.open("bob", "10.00").await;
    let before = chrono::Utc::now();
    assert_eq!(pragmatic::bet("ann", "b-1", "r-1", "1.50").send(office.api()).await.error, 0);
    assert_eq!(pragmatic::result("ann", "w-1", "r-1", "2.50").send(office.api()).await.error, 0);
    assert_ne!(pragmatic::bet("bob", "b-2", "r-2", "99.00").send(office.api()).await.error, 0);
    let after = chrono::Utc::now() + chrono::TimeDelta::milliseconds(1);
    let time = |at: chrono::DateTime<chrono::Utc>| at.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string();
    let (before, after) = (time(before), time(after));
    let id =
        office.rows("tx_id=b-1").await[0]["transaction_id"].as_str().expect("an id").to_owned();
    for (query, keys) in [
        ("tx_id=b-1".to_owned(), vec!["b-1"]),
        ("tx_id=b-1&provider=softswiss".to_owned(), vec![]),
        ("tx_id=b-1&player_id=bob".to_owned(), vec![]),
        (format!("transaction_id={id}"), vec!["b-1"]),
        (format!("transaction_id={id}&kind=credit"), vec![]),
        ("round_id=r-1".to_owned(), vec!["w-1", "b-1"]),
        ("provider=pragmatic&kind=debit".to_owned(), vec!["b-2", "b-1"]),
        ("kind=debit&outcome=refused".to_owned(), vec!["b-2"]),
        ("category=win".to_owned(), vec!["w-1"]),
        (format!("player_id=ann&game_id={}&category=bet", pragmatic::GAME), vec!["b-1"]),
        (format!("provider=pragmatic&from={before}&to={after}"), vec!["b-2", "w-1", "b-1"]),
        (format!("player_id=ann&provider=pragmatic&from={before}"), vec!["w-1", "b-1"]),
        (format!("provider=pragmatic&to={before}"), vec![]),
        (format!("provider=pragmatic&from={after}"), vec![]),
    ] {
        let rows = office.rows(&query).await;
        let found: Vec<&str> = rows
            .as_array()
            .expect("a list")
            .iter()
            .filter_map(|row| row["tx_id"].as_str())
            .collect();
        assert_eq!(found, keys, "{query}");
    }
    for bad in [
        "kind=gift",
        "category=x",
        "outcome=lost",
        "from=yesterday",
        "to=2026-10-01",
        "from=2026-10-02T00:00:00Z&to=2026-10-01T00:00:00Z",
        "transaction_id=x",
        "cursor=x",
        "limit=501",
        "colour=red",
        "round_id=",
    ] {
        let reply = get(office.api(), &format!("/transactions?{bad}")).await;
        assert_problem(&reply, 400, "invalid_query");
    }
    let reply = get(office.api(), "/transactions?limit=many").await;
    let problem = assert_problem(&reply, 400, "invalid_query");
    assert!(
        problem["detail"]
            .as_str()
            .is_some_and(|text| { text.starts_with("the query cannot be understood: limit: ") }),
        "{problem}"
    );
    let reply = get(office.api(), "/transactions?kind=gift&limit=0").await;
    let errors = assert_problem(&reply, 400, "invalid_query")["errors"].clone();
    assert_eq!(errors.as_array().map(Vec::len), Some(2), "all at once: {errors}");
    assert_eq!(errors[0]["detail"], json!("must be one of debit, credit, reverse, adjust, note"));
}

#[tokio::test]
async fn money_is_told_with_its_currency_wherever_players_stand_together() {
    let office = Office::open().await;
    for (player, currency) in [("ann", "EUR"), ("bob", "JPY")] {
        let opened = json!({"player_id": player, "currency": currency});
        assert_eq!(office.post("/players", opened).await.status, 201);
        assert_eq!(office.deposit(player, "k", "7.00").await.status, 201);
    }
    let rows = office.rows("provider=operator").await;
    let told: Vec<(&Value, &Value)> = rows
        .as_array()
        .expect("a list")
        .iter()
        .map(|row| (&row["player_id"], &row["currency"]))
        .collect();
    assert_eq!(
        told,
        [(&json!("bob"), &json!("JPY")), (&json!("ann"), &json!("EUR"))],
        "newest first"
    );
    for (query, currencies) in
        [("provider=operator", vec!["JPY", "EUR"]), ("player_id=bob", vec!["JPY"])]
    {
        let file = get(office.api(), &format!("/transactions/export/csv?{query}")).await.text();
        let mut lines = file.lines().map(|line| line.split(',').collect::<Vec<_>>());
        let columns = lines.next().expect("the columns");
        let place = columns.iter().position(|column| *column == "currency").expect("a column");
        let told: Vec<_> = lines.map(|cells| cells[place]).collect();
        // The last line says that it is whole, and is about no money.
        assert_eq!(told, [&currencies[..], &[""]].concat(), "{query}");
    }
    let statement = get(office.api(), "/players/bob/statement/export/csv").await.text();
    assert_eq!(statement.matches(",JPY,").count(), 3, "the edges, too: {statement}");
}

#[tokio::test]
async fn a_search_that_takes_too_long_is_told_to_ask_for_less() {
    let office = Office::tuned("operator.search_timeout_ms = 200").await;
    office.bank.open("ann", "10.00").await;
    // Somebody holds what the search has to read.
    let mut held = office.database.pool.begin().await.expect("a connection");
    sqlx::query("LOCK TABLE trx_log").execute(&mut *held).await.expect("a lock");
    for path in ["/transactions?player_id=ann", "/transactions", "/players/ann/statement"] {
        let problem = assert_problem(&get(office.api(), path).await, 422, "search_too_wide");
        assert!(problem["detail"].as_str().is_some_and(|text| text.contains("from")), "{problem}");
    }
}
