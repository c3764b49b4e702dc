//! Growing past one PostgreSQL: the money path uses nothing that a distributed engine lacks, and
//! it works with the keys that such an engine can have.

use std::path::Path;

use sqlx::AssertSqlSafe;

use crate::support::database::Database;
use crate::support::pragmatic;
use crate::support::traffic::Traffic;
use crate::support::world::World;

/// Where the statements of the money path stand.
const MONEY_PATH: [&str; 2] = ["src/store/read.rs", "src/store/commit.rs"];
/// What distributed engines lack, or do for one server alone.
const LACKING: &[&str] = &[
    "FOR UPDATE",
    "FOR NO KEY UPDATE",
    "FOR SHARE",
    "FOR KEY SHARE",
    "LOCK TABLE",
    "ADVISORY",
    "LISTEN ",
    "NOTIFY",
    "CALL ",
    "DO $",
    "TRIGGER",
    "FUNCTION ",
    "PROCEDURE",
    "REFERENCES ",
    "NEXTVAL",
    "SERIAL",
    "SAVEPOINT",
    "CURSOR",
    // It would tie the statement to one of the two layouts.
    "ON CONFLICT (",
    "ON CONSTRAINT",
];

fn file(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Everything in a Rust file that stands between `r#"` and `"#`.
fn statements(source: &str) -> Vec<&str> {
    source.split("r#\"").skip(1).filter_map(|rest| rest.split("\"#").next()).collect()
}

/// What is wrong with a statement: words that are lacking, and uses of a wallet or of its ledger
/// that do not say whose.
fn faults(sql: &str) -> Vec<String> {
    let upper = one_line(sql).to_uppercase();
    let mut faults: Vec<String> = LACKING
        .iter()
        .filter(|word| upper.contains(*word))
        .map(|word| format!("`{}` is lacking elsewhere", word.trim()))
        .collect();
    let text = one_line(sql);
    let words: Vec<&str> = text.split(' ').collect();
    for at in 0..words.len() {
        let [verb, table, next] = [0, 1, 2].map(|on| words.get(at + on).copied().unwrap_or(""));
        let table = table.trim_end_matches([',', ';']);
        if !["wallet", "trx_log"].contains(&table) {
            continue;
        }
        let says_whose = match verb.to_uppercase().as_str() {
            "INTO" => {
                let columns = text.split_once(&format!("INTO {table} (")).map(|(_, rest)| rest);
                columns
                    .and_then(|rest| rest.split_once(')'))
                    .is_some_and(|(columns, _)| columns.contains("player_id"))
            }
            "FROM" | "JOIN" | "UPDATE" => {
                let has_alias = !next.is_empty() && next.chars().all(char::is_lowercase);
                let column =
                    if has_alias { format!("{next}.player_id") } else { "player_id".to_owned() };
                text.contains(&format!(" {column} ="))
                    || text.contains(&format!("({column} ="))
                    || text.contains(&format!("= {column}"))
            }
            _ => true,
        };
        if !says_whose {
            faults.push(format!("`{verb} {table} {next}` does not say whose"));
        }
    }
    faults
}

fn one_line(sql: &str) -> String {
    let lines = sql.lines().map(|line| line.split("--").next().unwrap_or_default());
    lines.flat_map(str::split_whitespace).collect::<Vec<_>>().join(" ")
}

#[test]
fn the_money_path_uses_nothing_that_a_distributed_engine_lacks() {
    for path in MONEY_PATH {
        let source = file(path);
        let statements = statements(&source);
        let queries = source.matches("sqlx::query").count();
        assert_eq!(statements.len(), queries, "{path}: each statement stands between r#\" and \"#");
        assert!(!statements.is_empty(), "{path} has no statement");
        for sql in statements {
            assert_eq!(faults(sql), Vec::<String>::new(), "{path}: {sql}");
        }
    }
    for path in ["src/store/lane.rs", "src/store/engine.rs"] {
        assert!(!file(path).contains("query"), "{path} has statements of its own");
    }
}

#[test]
fn tables_have_no_triggers_functions_or_references_to_each_other() {
    for entry in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations"))
        .expect("migrations")
    {
        let path = entry.expect("an entry").path();
        let sql = one_line(&std::fs::read_to_string(&path).expect("a file")).to_uppercase();
        for word in ["TRIGGER", "FUNCTION", "PROCEDURE", "REFERENCES", "FOREIGN KEY", "SERIAL"] {
            assert!(!sql.contains(word), "{}: {word}", path.display());
        }
    }
}

#[test]
fn what_a_distributed_engine_lacks_is_noticed() {
    for sql in [
        "SELECT * FROM wallet w JOIN trx_log t ON t.tx_id = w.tx_id WHERE w.player_id = $1",
        "SELECT * FROM wallet WHERE version = $1",
        "UPDATE wallet w SET version = 1 FROM d WHERE w.version = d.version",
        "UPDATE trx_log SET outcome = $2 WHERE tx_id = $1",
        "INSERT INTO trx_log (provider, tx_id) VALUES ($1, $2)",
        "INSERT INTO wallet (player_id) VALUES ($1) ON CONFLICT (player_id) DO NOTHING",
        "SELECT 1 FROM wallet WHERE player_id = $1 FOR UPDATE",
        "SELECT pg_advisory_xact_lock($1)",
    ] {
        assert_ne!(faults(sql), Vec::<String>::new(), "{sql}");
    }
    for sql in [
        "SELECT * FROM wallet WHERE player_id = $1",
        "SELECT * FROM d JOIN wallet w ON w.player_id = d.player_id -- FOR UPDATE",
        "INSERT INTO trx_log (provider, player_id) SELECT * FROM unnest($1, $2)",
    ] {
        assert_eq!(faults(sql), Vec::<String>::new(), "{sql}");
    }
}

/// The functions of Citus, doing nothing: what is tested are the keys of that layout.
const NO_CITUS: &str = "
    CREATE FUNCTION create_distributed_table(text, text, colocate_with text DEFAULT '')
        RETURNS void LANGUAGE sql AS '';
    CREATE FUNCTION create_reference_table(text) RETURNS void LANGUAGE sql AS '';
";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn money_moves_exactly_once_with_the_keys_of_the_distributed_layout() {
    let database = Database::fresh().await;
    for sql in [NO_CITUS.to_owned(), file("deploy/citus/distribute.sql")] {
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&database.pool).await.expect("the layout");
    }
    let world = World::around(database, 2, "").await;
    let traffic = Traffic::start(&world, 4).await;
    traffic.rounds(60).await;
    // What Redis has forgotten the keys have to tell.
    world.redis.flush();
    traffic.rounds(60).await;
    let tally = traffic.stop(&world).await;
    assert_eq!((tally.unanswered, tally.repeats), (0, 0));
    // The price: two players may use one transaction id.
    for player in ["player-0", "player-1"] {
        let bet = pragmatic::bet(player, "the-same", "r-1", "1.00");
        let id = bet.send(world.api(0)).await.id().to_owned();
        world.redis.flush();
        assert_eq!(bet.send(world.api(1)).await.id(), id, "and each has it once");
    }
    world.check().await;
}
