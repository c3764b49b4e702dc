//! Transactions of jobs and searches, when who began them goes away or stands still.

use std::time::{Duration, Instant};

use futures_util::poll;
use seamless_wallet::store::{DatabaseMonitor, Standby, begin_transaction, connect_pool};

use crate::support::database::Database;
use crate::support::patience::PATIENCE;

/// Connections of the wallet's that are in a transaction and do nothing.
async fn left_open(database: &Database) -> i64 {
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
               AND application_name = 'seamless-wallet' AND state LIKE 'idle in transaction%'";
    sqlx::query_scalar(sql).fetch_one(&database.pool).await.expect("a count")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_gives_up_while_a_transaction_begins_leaves_none_open() {
    let database = Database::fresh().await;
    let config = database.config();
    let monitor = DatabaseMonitor::start(&config, Standby::Refused).expect("a URL");
    for looks in 1..=5 {
        let pool = connect_pool(&config, &monitor).expect("a URL");
        sqlx::query("SELECT 1").execute(&pool).await.expect("a connection");
        let mut beginning = Box::pin(begin_transaction(&pool));
        for _ in 0..looks {
            if poll!(&mut beginning).is_ready() {
                break;
            }
        }
        drop(beginning);
        let started = Instant::now();
        while left_open(&database).await > 0 {
            assert!(started.elapsed() < PATIENCE, "a transaction stays open");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        // So what is written next is there for everybody.
        let sql = "INSERT INTO game (provider, game_id, enabled) VALUES ('p', $1, true)";
        sqlx::query(sql).bind(looks.to_string()).execute(&pool).await.expect("a game");
        let games = sqlx::query_scalar("SELECT count(*) FROM game").fetch_one(&database.pool);
        assert_eq!(games.await.ok(), Some(i64::from(looks)));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_stands_still_in_a_transaction_does_not_keep_its_locks() {
    let database = Database::fresh().await;
    let mut config = database.config();
    config.timeout = Duration::from_millis(300);
    let monitor = DatabaseMonitor::start(&config, Standby::Refused).expect("a URL");
    let still = connect_pool(&config, &monitor).expect("a URL");
    let sql = "INSERT INTO wallet (player_id, currency) VALUES ('ann', 'EUR')";
    sqlx::query(sql).execute(&database.pool).await.expect("a wallet");
    let sql = "UPDATE wallet SET status = 'frozen' WHERE player_id = 'ann'";
    let mut transaction = begin_transaction(&still).await.expect("a transaction");
    sqlx::query(sql).execute(&mut *transaction).await.expect("a lock");
    // Nobody reads from that connection any more; the other waits for the lock.
    let mut other = database.pool.acquire().await.expect("a connection");
    sqlx::query("SET lock_timeout = '20s'").execute(&mut *other).await.expect("a setting");
    sqlx::query(sql).execute(&mut *other).await.expect("the lock");
    assert!(transaction.commit().await.is_err(), "it was ended");
}
