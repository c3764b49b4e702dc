//! How PostgreSQL plans the statement: the order in which locks are taken depends on it, and so
//! does what it costs when tables have grown since it was planned.

use std::path::Path;

use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use crate::support::database::Database;

/// The texts of the statement, with and without parked rows that are decided and credits that name
/// their debit, and the types of its parameters.
fn statements() -> Vec<(String, Vec<String>)> {
    let mut found = Vec::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(".sqlx");
    for file in std::fs::read_dir(folder).expect(".sqlx") {
        let text = std::fs::read_to_string(file.expect("an entry").path()).expect("a file");
        let json: Value = serde_json::from_str(&text).expect("JSON");
        let query = json["query"].as_str().expect("a query");
        if query.contains("failing AS MATERIALIZED") {
            let types = json["describe"]["parameters"]["Left"].as_array().expect("parameters");
            let name = |kind: &Value| {
                let name = kind.as_str().expect("a type").to_lowercase();
                name.strip_suffix("array").map_or(name.clone(), |of| format!("{of}[]"))
            };
            found.push((query.to_owned(), types.iter().map(name).collect()));
        }
    }
    assert_eq!(found.len(), 4, "the statement in .sqlx");
    found
}

/// The plan that a connection of the engine's makes for every batch.
async fn plan(connection: &mut PgConnection, (query, types): &(String, Vec<String>)) -> String {
    for setting in [
        "plan_cache_mode = force_generic_plan",
        "jit = off",
        "enable_seqscan = off",
        "enable_hashjoin = off",
        "enable_mergejoin = off",
    ] {
        run(connection, format!("SET {setting}")).await;
    }
    run(connection, format!("PREPARE batch({}) AS {query}", types.join(","))).await;
    let nothing = vec!["NULL"; types.len()].join(",");
    let explain = format!("EXPLAIN (COSTS OFF) EXECUTE batch({nothing})");
    let lines: Vec<String> = sqlx::query_scalar(AssertSqlSafe(explain))
        .fetch_all(&mut *connection)
        .await
        .expect("a plan");
    run(connection, "DEALLOCATE batch".to_owned()).await;
    lines.join("\n")
}

async fn run(connection: &mut PgConnection, sql: String) {
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await.expect("done");
}

/// The lines of a plan below the one that begins with these words, up to the next such one.
fn part<'a>(plan: &'a str, begins: &str) -> Vec<&'a str> {
    let lines = plan.lines().skip_while(|line| !line.trim().starts_with(begins)).skip(1);
    lines.take_while(|line| !line.trim().starts_with("CTE ")).map(str::trim).collect()
}

async fn assert_sound(connection: &mut PgConnection) {
    let (mut promoting, mut naming) = (0, 0);
    for statement in &statements() {
        let plan = plan(connection, statement).await;
        assert_is_sound(&plan);
        // A parked row is found by its place, never by going through all that are parked.
        let promoted = part(&plan, "CTE promoted");
        assert_eq!(promoted.is_empty(), !statement.0.contains("promoted AS"), "{plan}");
        if !promoted.is_empty() {
            promoting += 1;
            assert!(promoted.iter().any(|line| line.contains("Tid Scan on trx_log")), "{plan}");
        }
        if statement.0.contains("'debit', NULL") {
            naming += 1;
            let by_name = "Index Only Scan using trx_log_settled on trx_log c";
            assert!(
                plan.contains(by_name) || plan.contains(&by_name.replace(" Only", "")),
                "{plan}"
            );
        }
    }
    assert_eq!((promoting, naming), (2, 2));
}

fn assert_is_sound(plan: &str) {
    for word in ["Seq Scan", "Hash Join", "Merge Join", "Bitmap"] {
        assert!(!plan.contains(word), "{word} in\n{plan}");
    }
    // The wallets are locked in the order in which they are given, each found by its key.
    let moved = part(plan, "CTE moved");
    let place = |words: &str| moved.iter().position(|line| line.contains(words));
    let given = place("ProjectSet").expect("the batch");
    let wallet = place("Index Scan using wallet_pkey on wallet w").expect("the wallets by key");
    let index_cond = moved.get(wallet + 1).copied().unwrap_or_default();
    assert!(given < wallet, "the batch leads:\n{plan}");
    assert!(index_cond.starts_with("Index Cond: (player_id = "), "by key:\n{plan}");
    assert!(!moved.iter().any(|line| line.contains("Sort")), "nothing changes the order:\n{plan}");
    // All wallets come before any key: what the rows are written with is there only then.
    let logged = part(plan, "CTE logged");
    assert!(logged.iter().any(|line| line.contains("CTE Scan on ends")), "{plan}");
    assert!(!logged.iter().any(|line| line.contains("Sort")), "{plan}");
    // Whatever is looked for in the ledger is looked for by a key.
    let scans = plan.lines().enumerate().filter(|(_, line)| line.contains("on trx_log"));
    for (at, line) in scans.filter(|(_, line)| line.contains("Index")) {
        let next = plan.lines().nth(at + 1).unwrap_or_default();
        assert!(next.contains("Index Cond"), "{line} reads all of an index:\n{plan}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_statement_goes_by_keys_in_the_order_of_the_batch_however_large_the_tables_were() {
    let database = Database::fresh().await;
    let mut connection: PgConnection =
        database.pool.acquire().await.expect("a connection").detach();
    assert_sound(&mut connection).await;
    // With a single wallet it is all the same where it begins.
    for wallets in [2, 20, 20_000] {
        let sql = format!(
            "INSERT INTO wallet (player_id, currency)
             SELECT 'p-' || i, 'EUR' FROM generate_series(1, {wallets}) i ON CONFLICT DO NOTHING;
             INSERT INTO trx_log (provider, tx_id, player_id, transaction_id, kind, category,
                 outcome, requested_micros, amount_micros, fingerprint, created_at)
             SELECT 'acme', 't-' || i, 'p-' || i, gen_random_uuid(), 'credit', 'win', 'parked',
                    1, 0, 0, now()
             FROM generate_series(1, {wallets}) i ON CONFLICT DO NOTHING;
             ANALYZE"
        );
        run(&mut connection, sql).await;
        assert_sound(&mut connection).await;
    }
    connection.close().await.expect("closed");
}
