//! The schema is brought up to date beside calls, and again where that was cut off.

use crate::support::database::Database;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_index_whose_building_was_cut_off_is_built_again() {
    let database = Database::fresh().await;
    for sql in [
        "UPDATE pg_index SET indisvalid = false
         WHERE indexrelid = 'trx_log_parked_reversal'::regclass",
        "DELETE FROM _sqlx_migrations WHERE version = 7",
    ] {
        sqlx::query(sql).execute(&database.pool).await.expect(sql);
    }
    database.config().migrate().await.expect("the migrations run");
    let valid: bool = sqlx::query_scalar(
        "SELECT indisvalid FROM pg_index WHERE indexrelid = 'trx_log_parked_reversal'::regclass",
    )
    .fetch_one(&database.pool)
    .await
    .expect("an index");
    assert!(valid);
    database.config().migrate().await.expect("there is nothing to do");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_that_is_in_use_is_not_waited_for_and_the_calls_behind_it_neither() {
    let database = Database::fresh().await;
    for sql in [
        "DELETE FROM _sqlx_migrations WHERE version >= 5",
        "ALTER TABLE trx_log DROP COLUMN parked_at, DROP COLUMN parked_command",
    ] {
        sqlx::query(sql).execute(&database.pool).await.expect(sql);
    }
    let mut export = database.pool.begin().await.expect("a transaction");
    sqlx::query("SELECT FROM trx_log").execute(&mut *export).await.expect("an export");
    let begun = std::time::Instant::now();
    let error = database.config().migrate().await.expect_err("it is in use");
    assert!(error.to_string().contains("lock timeout"), "{error}");
    assert!(begun.elapsed().as_secs() < 5, "{:?}", begun.elapsed());
}
