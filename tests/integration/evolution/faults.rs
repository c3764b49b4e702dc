//! What is answered when something of ours fails.

use futures_util::future::join_all;

use super::{BRANDS, ann, told};
use crate::support::evolution::{balance, cancel, credit, debit, payout};
use crate::support::postgres_server::PostgresServer;
use crate::support::world::World;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_its_database_every_call_is_to_be_sent_again_and_counts_once_then() {
    let mut server = PostgresServer::start().await;
    let world = World::on(&server, 1, BRANDS).await;
    world.bank.open("ann", "100.00").await;
    world.bank.session("s", "ann", "evolution", 3600).await;
    for bet in ["r1", "r2"] {
        assert_eq!(debit("s", "ann", bet, "10").send(world.api(0)).await.status, "OK");
    }
    world.redis.flush();
    server.kill9();
    let calls = [
        debit("s", "ann", "r3", "1"),
        credit("s", "ann", "r1", "5"),
        cancel("s", "ann", "r2", "10"),
        payout("s", "ann", "pr", "JackpotWin", "1"),
        balance("s", "ann"),
    ];
    for came in join_all(calls.iter().map(|call| call.send(world.api(0)))).await {
        let told = (came.status.as_str(), came.balance.as_deref());
        assert_eq!(told, ("TEMPORARY_ERROR", Some("null")));
    }
    server.start_again().await;
    let [placed, won, undone, paid, _] = &calls;
    // The bet is cancelled, and everything else sent again.
    let cancelled = cancel("s", "ann", "r3", "1").send(world.api(0)).await;
    assert_eq!(cancelled.status, "BET_DOES_NOT_EXIST");
    told(&world, placed, "FINAL_ERROR_ACTION_FAILED", "80.000000").await;
    told(&world, won, "OK", "85.000000").await;
    told(&world, undone, "OK", "95.000000").await;
    told(&world, paid, "OK", "96.000000").await;
    for (call, word) in
        [(won, "BET_ALREADY_SETTLED"), (undone, "BET_ALREADY_SETTLED"), (paid, "OK")]
    {
        told(&world, call, word, "96.000000").await;
    }
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_does_not_answer_and_too_many_calls_at_once_are_temporary_errors() {
    let server = PostgresServer::start().await;
    let few = "[providers.evolution-few]\nprotocol = 'evolution'\n\
               secrets = ['env:EVOLUTION_TOKEN']\nallow = ['127.0.0.0/8']\n\
               in_flight_max = 3\ndeadline_ms = 1000";
    let world = World::on(&server, 1, few).await;
    world.bank.open("ann", "100.00").await;
    world.bank.session("sf", "ann", "evolution-few", 3600).await;
    let at = |bet: &str| debit("sf", "ann", bet, "1").at("evolution-few");
    assert_eq!(at("r0").send(world.api(0)).await.status, "OK");
    server.freeze();
    let calls: Vec<_> = (1..=8).map(|number| at(&format!("r{number}"))).collect();
    let answers = join_all(calls.iter().map(|call| call.send(world.api(0)))).await;
    server.thaw();
    assert!(answers.iter().all(|came| came.status == "TEMPORARY_ERROR"), "{answers:?}");
    // Whatever became of them, a cancel of each leaves the stake where it was.
    for number in 1..=8 {
        let undo = cancel("sf", "ann", &format!("r{number}"), "1").at("evolution-few");
        let came = undo.send(world.api(0)).await;
        assert!(["OK", "BET_DOES_NOT_EXIST"].contains(&came.status.as_str()), "{came:?}");
    }
    assert_eq!(world.balance("ann").await, 9_900);
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_closed_wallet_is_paid_once_it_is_open_again() {
    use seamless_wallet::core::PlayerStatus;
    let world = ann(1).await;
    for bet in ["r1", "r2", "r3"] {
        assert_eq!(debit("s", "ann", bet, "10").send(world.api(0)).await.status, "OK");
    }
    world.bank.set_status("ann", PlayerStatus::Frozen).await;
    let bet = debit("s", "ann", "r4", "1");
    told(&world, &bet, "ACCOUNT_LOCKED", "70.000000").await;
    told(&world, &credit("s", "ann", "r1", "5"), "OK", "75.000000").await;
    world.bank.set_status("ann", PlayerStatus::Closed).await;
    let (win, undo) = (credit("s", "ann", "r2", "5"), cancel("s", "ann", "r3", "10"));
    for _ in 0..2 {
        assert_eq!(win.send(world.api(0)).await.status, "TEMPORARY_ERROR");
        assert_eq!(undo.send(world.api(0)).await.status, "TEMPORARY_ERROR");
    }
    world.bank.set_status("ann", PlayerStatus::Active).await;
    told(&world, &win, "OK", "80.000000").await;
    told(&world, &undo, "OK", "90.000000").await;
    world.check().await;
}
