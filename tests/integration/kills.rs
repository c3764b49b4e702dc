//! PostgreSQL and nodes end or hang at moments that a test has chosen. What was answered as a
//! success has happened, and whatever is sent again happens once. Faults under traffic: `chaos`.

use std::time::Duration;

use axum::http::StatusCode;
use futures_util::future::join_all;
use sqlx::PgTransaction;

use crate::support::http::Wire;
use crate::support::node::{Node, Setup};
use crate::support::postgres_server::PostgresServer;
use crate::support::pragmatic::{self, Answer, Call};
use crate::support::traffic::{IN_TIME, Traffic};
use crate::support::world::World;

/// Fewer conflicts with the clock of a slow machine.
const QUICK: &str = "
    providers.pragmatic.deadline_ms = 1500
    database.batch_timeout_ms = 700
    database.timeout_ms = 1500
";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_postgres_every_call_is_told_to_try_again() {
    let server = PostgresServer::start().await;
    let world = World::on(&server, 1, QUICK).await;
    world.bank.open("ann", "100.00").await;
    let bet = pragmatic::bet("ann", "b-1", "r-1", "1.00");
    let end = pragmatic::call(
        "endRound.html",
        &[("userId", "ann"), ("gameId", pragmatic::GAME), ("roundId", "r-1")],
    );
    server.kill9();
    let calls = [
        (bet.clone(), 100),
        (pragmatic::refund("ann", "b-0"), 100),
        (pragmatic::result("ann", "w-1", "r-1", "1.00"), 100),
        (pragmatic::balance("ann"), 100),
        (pragmatic::authenticate("token"), 100),
        (end, 130),
    ];
    let answers = join_all(calls.iter().map(|(call, _)| call.send(world.api(0)))).await;
    for ((call, error), answer) in calls.iter().zip(answers) {
        assert_eq!(answer.error, *error, "{call:?}");
        assert!(answer.took < IN_TIME, "{answer:?}");
    }
    let mut server = server;
    server.start_again().await;
    world.nodes[0].wait_until_ready().await;
    assert_eq!(bet.send(world.api(0)).await.cash, Some(9_900));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_starts_before_postgres_is_ready_once_that_is_there() {
    let mut server = PostgresServer::start().await;
    let world = World::on(&server, 0, "").await;
    world.bank.open("ann", "100.00").await;
    server.kill9();
    let node = Node::launch(&Setup::on(&world.database).with(QUICK)).await;
    assert_eq!(node.ops.get("/livez").await.status, StatusCode::OK);
    assert_eq!(node.ops.get("/readyz").await.status, StatusCode::SERVICE_UNAVAILABLE);
    let bet = pragmatic::bet("ann", "b-1", "r-1", "1.00");
    assert_eq!(bet.send(&node.api).await.error, 100);
    server.start_again().await;
    node.wait_until_ready().await;
    assert_eq!(bet.send(&node.api).await.cash, Some(9_900));
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_statement_that_hangs_is_given_up_and_its_bet_is_placed_once() {
    let toml = "database.batch_timeout_ms = 200\nproviders.pragmatic.deadline_ms = 10000";
    let world = World::tuned(1, toml).await;
    world.bank.open("ann", "100.00").await;
    let held = hold(&world, "ann").await;
    let (bet, node) = (pragmatic::bet("ann", "b-1", "r-1", "1.00"), world.api(0).clone());
    let placed = tokio::spawn({
        let bet = bet.clone();
        async move { bet.send(&node).await }
    });
    // The lane gives the statement up; the bet waits where it holds nobody up.
    let waiting = || world.nodes[0].metric("wallet_slow_path_commands", &[]);
    wait_until(|| async { waiting().await >= 1.0 }).await;
    held.rollback().await.expect("released");
    let placed = placed.await.expect("an answer");
    assert_eq!(bet.send(world.api(0)).await.id(), placed.id());
    assert_eq!(world.balance("ann").await, 9_900);
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bet_that_was_told_to_try_again_is_placed_once_however_late_its_statement_comes() {
    let world = World::tuned(2, "providers.pragmatic.deadline_ms = 600").await;
    world.bank.open("ann", "100.00").await;
    let held = hold(&world, "ann").await;
    let bet = pragmatic::bet("ann", "b-1", "r-1", "1.00");
    for number in 0..4 {
        assert_eq!(bet.send(world.api(number)).await.error, 100);
    }
    held.rollback().await.expect("released");
    let placed = insist(&bet, &world).await;
    assert_eq!(insist(&bet, &world).await.id(), placed.id());
    assert_eq!(world.balance("ann").await, 9_900);
    world.check().await;
}

/// Sends a call until the answer is not "try again".
async fn insist(call: &Call, world: &World) -> Answer {
    for number in 0..50 {
        let answer = call.send(world.api(number)).await;
        if answer.error != 100 {
            return answer;
        }
    }
    panic!("{call:?} is never answered");
}

/// Holds a wallet's row, so that whatever decides about it has to wait.
async fn hold(world: &World, player: &str) -> PgTransaction<'static> {
    let mut transaction = world.database.pool.begin().await.expect("a transaction");
    sqlx::query("SELECT 1 FROM wallet WHERE player_id = $1 FOR UPDATE")
        .bind(player)
        .execute(&mut *transaction)
        .await
        .expect("a lock");
    transaction
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_asked_to_end_finishes_what_it_has_begun() {
    let world = World::tuned(1, "database.batch_timeout_ms = 10000").await;
    world.bank.open("ann", "100.00").await;
    let held = hold(&world, "ann").await;
    let bets: Vec<_> = (0..5)
        .map(|number| {
            let node = world.api(0).clone();
            let bet = pragmatic::bet("ann", &format!("b-{number}"), "r-1", "1.00");
            tokio::spawn(async move { bet.send(&node).await })
        })
        .collect();
    let node = &world.nodes[0];
    let on_their_way = [("provider", "pragmatic")];
    wait_until(|| async { node.metric("wallet_in_flight_calls", &on_their_way).await >= 5.0 })
        .await;
    let mut early = Wire::to(world.api(0)).await;
    let ended = async {
        let stopped = node.stop();
        let release = async {
            wait_until(|| async { node.log().contains("\"stopping") }).await;
            assert!(!bets.iter().any(tokio::task::JoinHandle::is_finished), "the row is held");
            held.rollback().await.expect("released");
        };
        tokio::join!(stopped, release).0
    };
    let status = ended.await;
    let answers: Vec<Answer> =
        join_all(bets).await.into_iter().map(|answer| answer.expect("an answer")).collect();
    for answer in &answers {
        assert_eq!(answer.error, 0, "{answer:?}");
    }
    assert!(status.success(), "{status}");
    assert_eq!(early.rest().await, "", "an idle connection is closed");
    assert_eq!(world.balance("ann").await, 9_500);
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_ends_under_traffic_loses_nothing() {
    let world = World::with_nodes(2).await;
    let traffic = Traffic::start(&world, 6).await;
    traffic.rounds(60).await;
    let status = world.nodes[0].stop().await;
    assert!(status.success(), "{status}");
    traffic.rounds(60).await;
    traffic.stop(&world).await;
    let log = world.nodes[0].log();
    assert!(log.contains("\"stopped\""), "{log}");
    assert!(!log.contains("still in progress"), "{log}");
}

async fn wait_until<F: Future<Output = bool>>(holds: impl Fn() -> F) {
    let wait = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), wait).await.expect("it comes to that");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn beyond_the_calls_that_it_may_have_in_progress_a_node_says_try_again_at_once() {
    overload("providers.pragmatic.in_flight_max = 4", 4).await;
    overload("http.in_flight_max = 4", 4).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn beyond_the_commands_that_may_wait_a_node_says_try_again_at_once() {
    // One that is being decided, and two that wait.
    overload("database.queue_max = 2\ndatabase.batch_max = 1", 3).await;
}

/// Sends more bets at once than are taken while nothing gets done.
async fn overload(limits: &str, taken: usize) {
    let toml = format!("{limits}\nproviders.pragmatic.deadline_ms = 20000");
    let world = World::tuned(1, &format!("{toml}\ndatabase.batch_timeout_ms = 20000")).await;
    world.bank.open("ann", "100.00").await;
    let held = hold(&world, "ann").await;
    let bets: Vec<_> = (0..24)
        .map(|number| pragmatic::bet("ann", &format!("b-{number}"), "r-1", "1.00"))
        .collect();
    let mut sent = tokio::task::JoinSet::new();
    for bet in &bets {
        let (bet, node) = (bet.clone(), world.api(0).clone());
        sent.spawn(async move { bet.send(&node).await });
    }
    // These come while the row is held, so they waited for nothing.
    for _ in 0..bets.len() - taken {
        let answer = sent.join_next().await.expect("one more").expect("an answer");
        assert_eq!(answer.error, 100, "{answer:?}");
    }
    held.rollback().await.expect("released");
    while let Some(answer) = sent.join_next().await {
        assert_eq!(answer.expect("an answer").error, 0);
    }
    let placed = i64::try_from(taken).expect("few");
    assert_eq!(world.balance("ann").await, 10_000 - placed * 100, "nothing is half done");
    // What was turned away is taken when there is room again.
    for bet in &bets {
        assert_eq!(bet.send(world.api(0)).await.error, 0);
    }
    assert_eq!(world.balance("ann").await, 10_000 - 2_400);
    world.check().await;
}
