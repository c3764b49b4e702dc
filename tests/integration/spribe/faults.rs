//! What is answered when something of ours fails.

use futures_util::future::join_all;
use serde_json::json;

use super::{ann, balances, code, player, send};
use crate::support::postgres_server::PostgresServer;
use crate::support::spribe::{Call, PROVIDER, auth, deposit, free_bet, info, rollback, withdraw};
use crate::support::world::World;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_its_database_every_call_is_500_and_what_follows_counts_once() {
    let mut server = PostgresServer::start().await;
    let world = World::on(&server, 1, PROVIDER).await;
    for name in ["ann", "bob", "cid"] {
        player(&world, name, "100.00").await;
        assert_eq!(code(&world, withdraw(name, &format!("b-{name}"), 10_000)).await, 200);
    }
    world.bank.session("ut-1", "ann", "spribe", 3600).await;
    world.redis.flush();
    server.kill9();
    let placed = withdraw("ann", "b1", 5_000);
    let won = deposit("bob", "w1", "b-bob", 7_000);
    let undone = rollback("cid", "x1", "b-cid");
    let free = free_bet("ann", "f1", "freebet", 500);
    let calls = [&placed, &won, &undone, &free, &info("ann"), &auth("ut-1", "st-1")];
    let answers = join_all(calls.map(|call| call.send(world.api(0)))).await;
    for (call, told) in calls.into_iter().zip(answers) {
        assert_eq!(told, json!({ "code": 500, "message": "Internal error" }), "{call:?}");
    }
    server.start_again().await;

    // After a 500 a stake is rolled back, and everything else is sent again.
    assert!([200, 408].contains(&code(&world, rollback("ann", "x2", "b1")).await));
    let late = send(&world, placed).await;
    assert!(["405", "409"].contains(&late["code"].to_string().as_str()), "a late copy: {late}");
    assert_eq!(world.balance("ann").await, 9_000);
    for call in [won, undone, free] {
        send(&world, call.clone()).await;
        assert_eq!(code(&world, call).await, 409);
    }
    let all = [world.balance("ann").await, world.balance("bob").await, world.balance("cid").await];
    assert_eq!(all, [9_050, 9_700, 10_000]);
    assert_eq!(code(&world, auth("ut-1", "st-1")).await, 200, "the launch token is not lost");
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fault_in_the_database_is_500_and_the_same_call_succeeds_once_it_is_mended() {
    let world = ann().await;
    let sql = "ALTER TABLE trx_log ADD CONSTRAINT no_bets CHECK (kind <> 'debit')";
    sqlx::query(sql).execute(&world.database.pool).await.unwrap();
    let stake = withdraw("ann", "b1", 1_000);
    assert_eq!(code(&world, stake.clone()).await, 500);
    let sql = "ALTER TABLE trx_log DROP CONSTRAINT no_bets";
    sqlx::query(sql).execute(&world.database.pool).await.unwrap();
    assert_eq!(balances(&world, stake.clone()).await, (200, 100_000, 99_000));
    assert_eq!(balances(&world, stake).await, (409, 100_000, 99_000));
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_does_not_answer_and_more_calls_than_may_wait_are_500() {
    let server = PostgresServer::start().await;
    let provider = PROVIDER.replace(
        "protocol = \"spribe\"",
        "protocol = \"spribe\"\nin_flight_max = 3\ndeadline_ms = 1000",
    );
    let world = World::on(&server, 1, &provider).await;
    player(&world, "ann", "100.00").await;
    server.freeze();
    let calls: Vec<Call> = (1..=8).map(|n| withdraw("ann", &format!("b{n}"), 1_000)).collect();
    let answers = join_all(calls.iter().map(|call| call.send(world.api(0)))).await;
    server.thaw();
    for told in &answers {
        assert_eq!(told, &json!({ "code": 500, "message": "Internal error" }));
    }
    // Whatever became of them, a rollback of each leaves the stake where it was.
    for n in 1..=8 {
        let undo = rollback("ann", &format!("x{n}"), &format!("b{n}"));
        assert!([200, 408].contains(&code(&world, undo).await));
    }
    assert_eq!(world.balance("ann").await, 10_000);
    world.check().await;
}
