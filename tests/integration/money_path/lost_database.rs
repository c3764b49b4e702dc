//! Whoever of the engine's loses the database says so: what Redis has may be of before.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use seamless_wallet::core::{Action, Attempt, Category, Policy};
use seamless_wallet::engine::{Directly, Engine, Outbox, Settled};
use sqlx::AssertSqlSafe;
use tokio::time::Instant;

use super::{attempt, euro};
use crate::support::bank::{Bank, ENGINE};
use crate::support::database::Database;
use crate::support::patience::PATIENCE;

/// Counts how often it was told.
#[derive(Default)]
struct Told(AtomicUsize);

impl Outbox for Told {
    fn settle(&self, batch: Vec<Settled>) {
        Directly.settle(batch);
    }

    fn database_lost(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Told {
    fn times(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

async fn engine() -> (Database, Engine, Arc<Told>) {
    let database = Database::fresh().await;
    Bank::at(&database).open("ann", "10").await;
    let told = Arc::new(Told::default());
    let outbox = Arc::clone(&told) as Arc<dyn Outbox>;
    let engine = Engine::start(ENGINE, &database.config(), outbox).expect("a URL").0;
    (database, engine, told)
}

fn bet(tx_id: &str) -> Arc<Attempt> {
    Arc::new(attempt(tx_id, Action::Debit(euro(1)), Category::Bet, &Policy::PERMISSIVE))
}

fn in_time() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

/// Ends the connections that said this last, and waits until they are gone.
async fn end_who_said(database: &Database, words: &str) {
    let whose = format!(
        "FROM pg_stat_activity WHERE datname = current_database()
         AND application_name = 'seamless-wallet-lane' AND query LIKE '%{words}%'"
    );
    let sql = format!("SELECT count(pg_terminate_backend(pid, 30000)) {whose}");
    let ended: i64 =
        sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&database.pool).await.expect("a count");
    assert!(ended > 0, "nobody has said {words}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_looks_repeats_up_says_that_the_database_was_lost() {
    let (database, engine, told) = engine().await;
    let first = engine.execute(bet("b"), false, in_time()).await.expect("a receipt");
    engine.execute(bet("b"), true, in_time()).await.expect("a receipt");
    assert_eq!(told.times(), 0);
    end_who_said(&database, "asking_player!").await;
    let again = engine.execute(bet("b"), true, in_time()).await.expect("a receipt");
    assert_eq!((again.balance, again.version), (first.balance, first.version));
    assert_eq!(told.times(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_slow_path_says_that_the_database_was_lost() {
    let (database, engine, told) = engine().await;
    let mut held = database.pool.begin().await.expect("a transaction");
    sqlx::query("SELECT FROM wallet FOR UPDATE").execute(&mut *held).await.expect("locked");
    let waiting = tokio::spawn({
        let engine = engine.clone();
        async move { engine.execute(bet("b"), false, in_time()).await }
    });
    // There it looks whether the wallet is still locked, and again and again.
    let started = Instant::now();
    let looks = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
                 AND application_name = 'seamless-wallet-lane' AND query LIKE '%SKIP LOCKED%'";
    let count = async || -> i64 {
        sqlx::query_scalar(looks).fetch_one(&database.pool).await.expect("a count")
    };
    while count().await < 2 {
        assert!(started.elapsed() < PATIENCE, "it is not on the slow path");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(told.times(), 0);
    // The lane has looked as well, and has nothing more to do.
    end_who_said(&database, "SKIP LOCKED").await;
    while told.times() == 0 {
        assert!(started.elapsed() < PATIENCE, "nobody is told");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    held.rollback().await.expect("released");
    waiting.await.expect("no panic").expect("a receipt");
}
