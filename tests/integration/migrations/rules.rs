//! What a migration may do to tables that are in use and may be big: see `docs/migrations.md`.

use seamless_wallet::store::MIGRATOR;

/// Released before there were rules. Their tables were small: jobs' and the operator's own.
const BEFORE_THE_RULES: i64 = 10;

/// What rewrites a table, looks through it under its lock, or takes away what the program of before
/// uses. In the order of their words, whatever stands between.
const FORBIDDEN: [(&str, &str); 16] = [
    ("SET NOT NULL", "looks through the table under its lock"),
    ("ALTER COLUMN TYPE", "rewrites the table"),
    ("SET DATA TYPE", "rewrites the table"),
    ("DROP COLUMN", "the program of before may use it"),
    ("DROP TABLE", "the program of before may use it"),
    ("RENAME", "the program of before may use it"),
    ("LOCK TABLE", "holds calls up"),
    ("TRUNCATE", "loses what is there"),
    ("VACUUM", "is not a migration's"),
    ("CLUSTER", "rewrites the table"),
    ("UPDATE", "rows are changed by a job"),
    ("DELETE FROM", "rows are changed by a job"),
    ("INSERT INTO SELECT", "rows are changed by a job"),
    ("SET LOGGED", "rewrites the table"),
    ("SET UNLOGGED", "rewrites the table"),
    ("SET TABLESPACE", "rewrites the table"),
];
/// What an added column may not have: each looks through the table, or rewrites it.
const NOT_WITH_A_COLUMN: [&str; 7] =
    ["UNIQUE", "PRIMARY", "REFERENCES", "CHECK", "GENERATED", "NOW()", "GEN_RANDOM_UUID()"];

/// What is wrong with a migration.
fn violations(sql: &str) -> Vec<String> {
    let beside = sql.lines().next().is_some_and(|line| line.trim() == "-- no-transaction");
    let statements = statements(sql);
    let made: Vec<&str> = statements.iter().filter_map(|words| made_table(words)).collect();
    let mut wrong = Vec::new();
    if beside && statements.len() != 1 {
        wrong.push("one statement, where there is no transaction".to_owned());
    }
    for words in &statements {
        let table = table_of(words);
        if table.is_some_and(|table| made.contains(&table)) {
            continue;
        }
        let said = words.join(" ");
        let alone = has(words, "CONCURRENTLY") || has(words, "VALIDATE CONSTRAINT");
        let index = has(words, "CREATE INDEX") || has(words, "DROP INDEX");
        if alone && !beside || index && !alone {
            wrong.push(format!("{said}: beside the traffic, in a file of its own"));
        }
        if has(words, "DROP INDEX") && !has(words, "IF EXISTS") {
            wrong.push(format!("{said}: it must be possible to run it again"));
        }
        let forbidden = FORBIDDEN.iter().filter(|(what, _)| has(words, what));
        wrong.extend(forbidden.map(|(_, why)| format!("{said}: {why}")));
        if has(words, "ALTER TABLE ADD CONSTRAINT") && !has(words, "NOT VALID") {
            wrong.push(format!("{said}: NOT VALID, and validated by a migration of its own"));
        } else if has(words, "ALTER TABLE ADD") && !has(words, "ADD CONSTRAINT") {
            let found = NOT_WITH_A_COLUMN.iter().filter(|what| has(words, what));
            wrong.extend(found.map(|what| format!("{said}: no column with {what}")));
            if has(words, "NOT NULL") && !has(words, "DEFAULT") {
                wrong.push(format!("{said}: rows that are there have no value"));
            }
        }
    }
    wrong
}

/// The statements, each as its words in capitals; brackets and commas are none.
fn statements(sql: &str) -> Vec<Vec<String>> {
    let code: Vec<&str> =
        sql.lines().map(|line| line.split_once("--").map_or(line, |(code, _)| code)).collect();
    let words = |statement: &str| -> Vec<String> {
        let text = statement.replace("()", "\u{1}").replace(['(', ')', ','], " ");
        text.replace('\u{1}', "()").split_whitespace().map(str::to_uppercase).collect()
    };
    code.join("\n").split(';').map(words).filter(|words| !words.is_empty()).collect()
}

/// True where the words come in this order, whatever stands between.
fn has(words: &[String], pattern: &str) -> bool {
    let mut words = words.iter();
    pattern.split(' ').all(|wanted| words.any(|word| word == wanted))
}

fn made_table(words: &[String]) -> Option<&str> {
    has(words, "CREATE TABLE")
        .then(|| words.iter().skip(2).find(|word| !is_of_if(word)))?
        .map(String::as_str)
}

fn is_of_if(word: &str) -> bool {
    ["IF", "NOT", "EXISTS"].contains(&word)
}

/// The table that a statement is about.
fn table_of(words: &[String]) -> Option<&str> {
    let before = if has(words, "INDEX ON") { "ON" } else { "TABLE" };
    let at = words.iter().position(|word| word == before)?;
    words.get(at + 1..)?.iter().find(|word| !is_of_if(word)).map(String::as_str)
}

#[test]
fn no_migration_holds_a_lock_for_long_or_takes_away_what_is_used() {
    for migration in MIGRATOR.iter().filter(|migration| migration.version > BEFORE_THE_RULES) {
        let wrong = violations(migration.sql.as_str());
        assert!(wrong.is_empty(), "{}: {}", migration.version, wrong.join("\n"));
    }
    let built = MIGRATOR.iter().filter(|migration| migration.no_tx);
    for migration in built {
        assert_eq!(violations(migration.sql.as_str()), [""; 0], "{}", migration.version);
    }
}

#[test]
fn what_may_be_done_to_a_table_in_use_is_let_through() {
    for sql in [
        "CREATE TABLE t (id BIGINT PRIMARY KEY, n INT NOT NULL CHECK (n > 0)); CREATE INDEX i ON t (n)",
        "CREATE TABLE IF NOT EXISTS t (id INT); CREATE UNIQUE INDEX i ON t (id)",
        "ALTER TABLE trx_log ADD COLUMN a TEXT, ADD COLUMN b BOOLEAN NOT NULL DEFAULT false",
        "ALTER TABLE trx_log ADD CONSTRAINT c CHECK (a > 0) NOT VALID",
        "-- no-transaction\nALTER TABLE trx_log VALIDATE CONSTRAINT c",
        "-- no-transaction\n-- Why; so.\nCREATE UNIQUE INDEX CONCURRENTLY i ON trx_log (a);\n",
        "-- no-transaction\nDROP INDEX CONCURRENTLY IF EXISTS i;",
    ] {
        assert_eq!(violations(sql), [""; 0], "{sql}");
    }
}

#[test]
fn what_would_hold_calls_up_is_not() {
    for sql in [
        "CREATE INDEX i ON trx_log (a)",
        "CREATE TABLE t (id INT); CREATE INDEX i ON trx_log (a)",
        "CREATE INDEX CONCURRENTLY i ON trx_log (a)",
        "-- no-transaction\nCREATE INDEX i ON trx_log (a)",
        "-- no-transaction\nCREATE INDEX CONCURRENTLY i ON a (b); CREATE INDEX CONCURRENTLY j ON a (c)",
        "DROP INDEX trx_log_round",
        "-- no-transaction\nDROP INDEX CONCURRENTLY i",
        "ALTER TABLE trx_log ALTER COLUMN a SET NOT NULL",
        "ALTER TABLE trx_log ALTER COLUMN a TYPE BIGINT",
        "ALTER TABLE wallet ADD CONSTRAINT c CHECK (a > 0)",
        "ALTER TABLE wallet VALIDATE CONSTRAINT c",
        "ALTER TABLE wallet ADD COLUMN a INT CHECK (a > 0)",
        "ALTER TABLE wallet ADD COLUMN a INT NOT NULL",
        "ALTER TABLE wallet ADD COLUMN a TIMESTAMPTZ DEFAULT now()",
        "ALTER TABLE session DROP COLUMN game_id",
        "ALTER TABLE game RENAME TO games",
        "UPDATE wallet SET a = 1",
        "update wallet set a = 1",
        "DELETE FROM session",
        "INSERT INTO game SELECT * FROM other",
        "TRUNCATE session",
    ] {
        assert!(!violations(sql).is_empty(), "{sql}");
    }
}
