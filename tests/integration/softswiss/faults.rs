//! What is answered when something of ours fails.

use futures_util::future::join_all;
use serde_json::json;

use super::{ann, done, send};
use crate::support::postgres_server::PostgresServer;
use crate::support::softswiss::{Call, bet, freespins, play, rollback, rolled_back, win};
use crate::support::world::World;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_its_database_every_call_is_a_5xx_in_shape_and_what_follows_counts_once() {
    let mut server = PostgresServer::start().await;
    let world = World::on(&server, 1, "").await;
    for player in ["ann", "bob", "cid"] {
        world.bank.open(player, "100.00").await;
        done(&world, play(player, "r", &[bet(&format!("b-{player}"), 1_000)])).await;
    }
    world.redis.flush();
    server.kill9();
    let placed = play("ann", "r", &[bet("b1", 500)]);
    let won = play("bob", "r", &[win("w1", 700)]);
    let undone = rollback("cid", "r", &[rolled_back("x1", "b-cid")]);
    let spins = freespins("ann", "i1", "played", 50);
    let asked = play("ann", "r", &[]);
    let calls = [&placed, &won, &undone, &spins, &asked];
    let answers = join_all(calls.map(|call| call.attempt(world.api(0)))).await;
    for (call, reply) in calls.into_iter().zip(answers) {
        let reply = reply.unwrap_or_else(|error| panic!("{call:?}: {error}"));
        let (status, json) = (reply.status.as_u16(), reply.json());
        assert!([500, 503, 504].contains(&status), "{call:?}: {status} {json}");
        assert_eq!((&json["code"], json["message"].is_string()), (&json!(status), true), "{json}");
        assert!(reply.took.as_millis() < 2_900, "{call:?} took {:?}", reply.took);
    }
    server.start_again().await;

    // After a 5xx a bet is rolled back, and everything else is sent again.
    assert_eq!(done(&world, rollback("ann", "r", &[rolled_back("x2", "b1")])).await.0, 9_000);
    assert_eq!(done(&world, placed).await.0, 9_000, "a late copy of the bet");
    for _ in 0..2 {
        assert_eq!(done(&world, won.clone()).await.0, 9_700);
        assert_eq!(done(&world, undone.clone()).await.0, 10_000);
        assert_eq!(send(&world, spins.clone()).await, (200, json!({ "balance": 9_050 })));
    }
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fault_in_the_database_is_a_500_in_shape() {
    let world = ann().await;
    // Nothing that passes, as a table that is missing would be: this bet can never be written.
    let sql = "ALTER TABLE trx_log ADD CONSTRAINT no_bets CHECK (kind <> 'debit')";
    sqlx::query(sql).execute(&world.database.pool).await.unwrap();
    let (status, json) = send(&world, play("ann", "r", &[bet("b1", 100)])).await;
    assert_eq!((status, &json["code"]), (500, &json!(500)), "{json}");
    let sql = "ALTER TABLE trx_log DROP CONSTRAINT no_bets";
    sqlx::query(sql).execute(&world.database.pool).await.unwrap();
    assert_eq!(done(&world, play("ann", "r", &[bet("b1", 100)])).await.0, 9_900);
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_does_not_answer_is_a_504_and_more_calls_than_may_wait_are_a_503() {
    let server = PostgresServer::start().await;
    let few = "providers.softswiss = { in_flight_max = 3, deadline_ms = 1000 }";
    let world = World::on(&server, 1, few).await;
    world.bank.open("ann", "100.00").await;
    done(&world, play("ann", "r", &[bet("b0", 100)])).await;
    server.freeze();
    let calls: Vec<Call> =
        (1..=8).map(|n| play("ann", "r", &[bet(&format!("b{n}"), 100)])).collect();
    let answers = join_all(calls.iter().map(|call| call.send(world.api(0)))).await;
    server.thaw();
    let mut statuses: Vec<u16> = answers.iter().map(|(status, _)| *status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [503, 503, 503, 503, 503, 504, 504, 504]);
    for (status, json) in &answers {
        assert_eq!(json["code"], *status, "{json}");
    }
    // Whatever became of them, a rollback of each leaves the stake where it was.
    for n in 1..=8 {
        let undo = rollback("ann", "r", &[rolled_back(&format!("x{n}"), &format!("b{n}"))]);
        assert_eq!(send(&world, undo).await.0, 200);
    }
    assert_eq!(world.balance("ann").await, 9_900);
    world.check().await;
}
