//! Time is judged call by call: whoever shares a batch, no debit is begun after its own deadline.

use std::sync::Arc;
use std::time::Duration;

use seamless_wallet::core::{Action, Attempt, Category, PlayerId, Policy};
use seamless_wallet::engine::{Directly, Engine, EngineConfig, ExecuteError};
use sqlx::Connection as _;
use tokio::time::Instant;

use super::{attempt, euro};
use crate::support::bank::{Bank, ENGINE};
use crate::support::database::Database;

fn bet_of(player: &str, tx_id: &str) -> Arc<Attempt> {
    let mut bet = attempt(tx_id, Action::Debit(euro(1)), Category::Bet, &Policy::PERMISSIVE);
    bet.command.player = PlayerId::parse(player).expect("an id");
    Arc::new(Attempt::new(bet.command, bet.received_at, {
        let mut ids = bet.ids.into_iter();
        move || ids.next().expect("one id").own
    }))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_debit_whose_deadline_has_passed_is_not_begun_because_a_live_one_shares_its_batch() {
    let database = Database::fresh().await;
    let bank = Bank::at(&database);
    for player in ["ann", "bob"] {
        bank.open(player, "10").await;
    }
    let config = EngineConfig { batch_timeout: Duration::from_secs(10), ..ENGINE };
    let engine = Engine::start(config, &database.config(), Arc::new(Directly)).expect("a URL").0;
    let in_time = || Instant::now() + Duration::from_secs(30);
    // The lane has its connection, and then stands still for as long as a lock is waited for.
    engine.execute(bet_of("bob", "b0"), false, in_time()).await.expect("a receipt");
    let mut held = database.pool.acquire().await.expect("a connection");
    let mut transaction = held.begin().await.expect("begun");
    sqlx::query("SELECT FROM wallet WHERE player_id = 'ann' FOR UPDATE")
        .execute(&mut *transaction)
        .await
        .expect("locked");
    let stuck = tokio::spawn({
        let engine = engine.clone();
        let until = in_time();
        async move { engine.execute(bet_of("ann", "a1"), false, until).await }
    });
    tokio::time::sleep(Duration::from_millis(30)).await;
    let late =
        engine.execute(bet_of("bob", "late"), false, Instant::now() + Duration::from_millis(20));
    let live = engine.execute(bet_of("bob", "live"), false, in_time());
    let (late, live) = tokio::join!(late, live);
    assert_eq!(late.expect_err("too late"), ExecuteError::Timeout);
    assert_eq!(live.expect("a receipt").refusal(), None);
    transaction.rollback().await.expect("released");
    assert_eq!(stuck.await.expect("no panic").expect("a receipt").refusal(), None);
    let begun: i64 = sqlx::query_scalar("SELECT count(*) FROM trx_log WHERE tx_id = 'late'")
        .fetch_one(&database.pool)
        .await
        .expect("a count");
    assert_eq!(begun, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wallet_that_somebody_keeps_locked_costs_its_own_player_the_answer() {
    let database = Database::fresh().await;
    let bank = Bank::at(&database);
    for player in ["ann", "bob"] {
        bank.open(player, "10").await;
    }
    let engine = Engine::start(ENGINE, &database.config(), Arc::new(Directly)).expect("a URL").0;
    let mut held = database.pool.acquire().await.expect("a connection");
    let mut transaction = held.begin().await.expect("begun");
    sqlx::query("SELECT FROM wallet WHERE player_id = 'ann' FOR UPDATE")
        .execute(&mut *transaction)
        .await
        .expect("locked");
    let soon = || Instant::now() + Duration::from_millis(700);
    let anns = tokio::spawn({
        let engine = engine.clone();
        async move { engine.execute(bet_of("ann", "a1"), false, soon()).await }
    });
    for number in 0..20 {
        let bet = bet_of("bob", &format!("b{number}"));
        let until = Instant::now() + Duration::from_secs(30);
        engine.execute(bet, false, until).await.expect("a receipt");
    }
    assert_eq!(anns.await.expect("no panic").expect_err("locked"), ExecuteError::Timeout);
    transaction.rollback().await.expect("released");
    let until = Instant::now() + Duration::from_secs(30);
    engine.execute(bet_of("ann", "a1"), false, until).await.expect("a receipt");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wallet_that_is_behind_its_ledger_moves_nothing_and_holds_nobody_up() {
    let database = Database::fresh().await;
    let bank = Bank::at(&database);
    for player in ["ann", "bob"] {
        bank.open(player, "10").await;
    }
    let engine = Engine::start(ENGINE, &database.config(), Arc::new(Directly)).expect("a URL").0;
    let until = || Instant::now() + Duration::from_secs(30);
    engine.execute(bet_of("ann", "a1"), false, until()).await.expect("a receipt");
    sqlx::query("UPDATE wallet SET version = version - 1 WHERE player_id = 'ann'")
        .execute(&database.pool)
        .await
        .expect("set back");
    for number in 0..10 {
        let (anns, bobs) = tokio::join!(
            engine.execute(bet_of("ann", &format!("a-{number}")), false, until()),
            engine.execute(bet_of("bob", &format!("b-{number}")), false, until()),
        );
        assert_eq!(anns.expect_err("a damaged chain"), ExecuteError::Unavailable);
        assert_eq!(bobs.expect("a receipt").refusal(), None);
    }
}
