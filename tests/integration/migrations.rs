//! The schema is brought up to date beside calls, and again where that was cut off.

mod rules;

use std::time::{Duration, Instant};

use sqlx::PgTransaction;

use crate::support::database::Database;
use crate::support::patience::PATIENCE;
use crate::support::traffic::Traffic;
use crate::support::world::World;

async fn run(database: &Database, sql: &'static str) {
    sqlx::raw_sql(sql)
        .execute(&database.pool)
        .await
        .unwrap_or_else(|error| panic!("{sql}: {error}"));
}

async fn is_valid(database: &Database, index: &str) -> bool {
    let sql = "SELECT indisvalid FROM pg_index WHERE indexrelid = $1::regclass";
    sqlx::query_scalar(sql).bind(index).fetch_one(&database.pool).await.expect("an index")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_index_whose_building_was_cut_off_is_built_again() {
    let database = Database::fresh().await;
    let cut_off = "UPDATE pg_index SET indisvalid = false
                   WHERE indexrelid = 'trx_log_parked_reversal'::regclass";
    // Killed while it was built, and killed before that was written down.
    for left in [cut_off, "SELECT"] {
        run(&database, left).await;
        run(&database, "DELETE FROM _sqlx_migrations WHERE version = 7").await;
        database.config().migrate().await.expect("the migrations run");
        assert!(is_valid(&database, "trx_log_parked_reversal").await, "after {left}");
    }
    database.config().migrate().await.expect("there is nothing to do");
    assert!(is_valid(&database, "trx_log_version").await, "nothing else was touched");
}

/// A session that is at the ledger: whoever builds an index beside the traffic waits for its end.
async fn at_the_ledger(database: &Database) -> PgTransaction<'static> {
    let mut session = database.pool.begin().await.expect("a transaction");
    let sql = "LOCK TABLE trx_log IN ROW EXCLUSIVE MODE";
    sqlx::query(sql).execute(&mut *session).await.expect("at it");
    session
}

/// Waits until a migration waits for such a session.
async fn wait_for_the_builder(database: &Database) {
    let waiting = "SELECT count(*) FROM pg_stat_activity
                   WHERE datname = current_database() AND wait_event_type = 'Lock'
                     AND application_name = 'seamless-wallet-migrate'
                     AND query LIKE '%INDEX CONCURRENTLY%'";
    let started = Instant::now();
    loop {
        let waiting = sqlx::query_scalar(waiting).fetch_one(&database.pool).await;
        if waiting.is_ok_and(|waiting: i64| waiting > 0) {
            return;
        }
        assert!(started.elapsed() < PATIENCE, "it does not come to the index");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

const WITHOUT_VERSION: &str =
    "DROP INDEX trx_log_version; DELETE FROM _sqlx_migrations WHERE version = 8";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_migration_that_is_killed_at_work_is_run_again() {
    let database = Database::fresh().await;
    run(&database, WITHOUT_VERSION).await;
    let session = at_the_ledger(&database).await;
    let config = database.config();
    let (migrated, ()) = tokio::join!(config.migrate(), async {
        wait_for_the_builder(&database).await;
        let kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                    WHERE datname = current_database()
                      AND application_name = 'seamless-wallet-migrate'";
        run(&database, kill).await;
    });
    migrated.expect_err("it was killed");
    assert!(!is_valid(&database, "trx_log_version").await);
    session.rollback().await.expect("over");
    database.config().migrate().await.expect("the migrations run");
    assert!(is_valid(&database, "trx_log_version").await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_that_is_in_use_is_not_waited_for_and_the_calls_behind_it_neither() {
    let database = Database::fresh().await;
    run(&database, "DELETE FROM _sqlx_migrations WHERE version >= 5").await;
    run(&database, "ALTER TABLE trx_log DROP COLUMN parked_at, DROP COLUMN parked_command").await;
    let mut export = database.pool.begin().await.expect("a transaction");
    sqlx::query("SELECT FROM trx_log").execute(&mut *export).await.expect("an export");
    let begun = Instant::now();
    let error = database.config().migrate().await.expect_err("it is in use");
    assert!(error.to_string().contains("lock timeout"), "{error}");
    assert!(begun.elapsed().as_secs() < 20, "{:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bets_go_on_while_a_big_table_is_migrated() {
    let world = World::with_nodes(1).await;
    run(&world.database, WITHOUT_VERSION).await;
    let traffic = Traffic::start(&world, 4).await;
    traffic.rounds(10).await;
    // As long as the session lasts, the index is being built; and statements of calls may take a
    // moment only.
    let session = at_the_ledger(&world.database).await;
    let setup = world.setup("database.timeout_ms = 50\ndatabase.batch_timeout_ms = 50");
    let migrating = tokio::spawn(async move { setup.run(&["migrate"]).await });
    wait_for_the_builder(&world.database).await;
    traffic.rounds(40).await;
    wait_for_the_builder(&world.database).await;
    session.rollback().await.expect("over");
    let output = migrating.await.expect("no panic");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(is_valid(&world.database, "trx_log_version").await);
    let tally = traffic.stop(&world).await;
    assert_eq!((tally.unanswered, tally.put_off), (0, 0), "nobody waits: {tally:?}");
}
