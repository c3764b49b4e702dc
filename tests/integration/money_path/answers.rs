//! What is answered as success has moved, here and now, for this player: whatever Redis has seen,
//! whatever another player did, whatever the database has lost.

use sqlx::AssertSqlSafe;

use crate::support::patience::PATIENCE;
use crate::support::softswiss::{Call, bet, play, rollback, rolled_back, win};
use crate::support::world::World;
use crate::support::{grpc, pragmatic};

/// A node with Redis, and Ann with 100.00.
async fn ann() -> World {
    let world = World::with_nodes(1).await;
    world.bank.open("ann", "100.00").await;
    world
}

/// A SOFTSWISS call that succeeds: the balance, and the last transaction's id.
async fn done(world: &World, call: &Call) -> (i64, String) {
    let (status, json) = call.send(world.api(0)).await;
    assert_eq!(status, 200, "{json}");
    let last = json["transactions"].as_array().and_then(|all| all.last()).cloned();
    let id = last.and_then(|last| last["tx_id"].as_str().map(str::to_owned));
    (json["balance"].as_i64().expect("a balance"), id.expect("an id"))
}

async fn sql(world: &World, sql: &str) {
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&world.database.pool).await.expect("done");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_that_begins_like_another_one_is_another_one() {
    let world = ann().await;
    let script = [
        (play("ann", "r", &[bet("a1", 100), win("a2", 50)]), 9_950),
        (play("ann", "r", &[bet("a1", 100), win("a3", 50)]), 10_000),
        (play("ann", "q", &[bet("c1", 100), bet("c2", 100)]), 9_800),
        (play("ann", "q", &[bet("c1", 100), bet("c3", 100)]), 9_700),
    ];
    let mut ids = std::collections::BTreeSet::new();
    for (call, balance) in &script {
        // Now, and when Redis has seen it.
        let first = done(&world, call).await;
        assert_eq!(first.0, *balance);
        assert_eq!(done(&world, call).await, first);
        ids.insert(first.1);
    }
    assert_eq!(ids.len(), script.len(), "each has a transaction of its own");
    for key in ["a1", "a2", "a3", "c1", "c2", "c3"] {
        assert_eq!(world.applied(key).await, 1, "{key}");
    }
    assert_eq!(world.balance("ann").await, 9_700);
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_result_with_another_prize_beside_it_pays_the_prize() {
    let world = ann().await;
    assert_eq!(pragmatic::bet("ann", "b", "r", "1.00").send(world.api(0)).await.error, 0);
    let result = |prize: &str| {
        pragmatic::result("ann", "w", "r", "2.00")
            .with("promoWinAmount", "5.00")
            .with("promoWinReference", prize)
            .with("promoCampaignID", "77")
            .with("promoCampaignType", "R")
    };
    for (prize, cents) in [("p1", 10_600), ("p1", 10_600), ("p2", 11_100), ("p2", 11_100)] {
        let answer = result(prize).send(world.api(0)).await;
        assert_eq!((answer.error, answer.cash), (0, Some(cents)), "{prize}");
        assert_eq!(world.balance("ann").await, cents);
    }
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bet_that_a_failover_has_lost_is_taken_when_it_comes_again() {
    let world = ann().await;
    let bets = ["b1", "b2", "b3"].map(|id| pragmatic::bet("ann", id, "r", "1.00"));
    let mut first = Vec::new();
    for bet in &bets {
        first.push(bet.send(world.api(0)).await.id().to_owned());
    }
    // The new primary never had the last two; Redis has seen all three.
    sql(
        &world,
        "DELETE FROM trx_log WHERE tx_id IN ('b2', 'b3');
         UPDATE wallet SET balance_micros = 99000000, version = version - 2
         WHERE player_id = 'ann'",
    )
    .await;
    let again = bets[2].send(world.api(0)).await;
    assert_eq!((again.error, again.cash), (0, Some(9_800)));
    assert_ne!(again.id(), first[2], "it is a new one");
    assert_eq!(world.applied("b3").await, 1);
    // Redis was ahead; that was seen, and is put right.
    let started = std::time::Instant::now();
    while pragmatic::balance("ann").send(world.api(0)).await.cash != Some(9_800) {
        assert!(started.elapsed() < PATIENCE, "still ahead");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let again = bets[1].send(world.api(0)).await;
    assert_eq!((again.error, again.cash), (0, Some(9_700)));
    assert_eq!(bets[0].send(world.api(0)).await.id(), first[0]);
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_win_that_overtakes_the_next_bet_of_a_round_waits_for_it_and_is_paid() {
    let world = ann().await;
    for refunded in ["b1", "never"] {
        let round = format!("r-{refunded}");
        let id = |word: &str| format!("{word}-{refunded}");
        let before = world.balance("ann").await;
        let bet = |word: &str| pragmatic::bet("ann", &id(word), &round, "1.00");
        assert_eq!(bet("b1").send(world.api(0)).await.error, 0);
        let target = if refunded == "b1" { id("b1") } else { id("never") };
        assert_eq!(pragmatic::refund("ann", &target).send(world.api(0)).await.error, 0);
        if refunded != "b1" {
            assert_eq!(pragmatic::refund("ann", &id("b1")).send(world.api(0)).await.error, 0);
        }
        let win = pragmatic::result("ann", &id("w2"), &round, "3.00");
        assert_eq!(win.send(world.api(0)).await.error, 100, "try again");
        assert_eq!(world.balance("ann").await, before);
        assert_eq!(bet("b2").send(world.api(0)).await.error, 0);
        assert_eq!(win.send(world.api(0)).await.error, 0);
        assert_eq!(world.balance("ann").await, before + 200);
    }
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_grpc_a_win_that_overtakes_the_next_bet_is_not_refused_for_good_by_any_policy() {
    use seamless_wallet::grpc::proto::{
        CreditAfterReversal, CreditWithoutDebit, Outcome, Policy, Reversible,
    };
    let world = World::tuned(1, grpc::CONFIG).await;
    world.bank.open("ann", "100.00").await;
    let mut client = grpc::client(&world.nodes[0]).await;
    for without in [CreditWithoutDebit::Park, CreditWithoutDebit::Refuse, CreditWithoutDebit::Pay] {
        let policy = Policy {
            credit_without_debit: without.into(),
            credit_after_reversal: CreditAfterReversal::Refuse.into(),
            ..Policy::default()
        };
        let word = without.as_str_name();
        let of = |movement| {
            let mut command = grpc::command("ann", vec![movement]);
            command.round_id = word.to_owned();
            grpc::by(command, policy)
        };
        let id = |what: &str| format!("{what}-{word}");
        grpc::Executed::cents(&grpc::execute(&mut client, of(grpc::debit(&id("b1"), 100))).await);
        let undo = grpc::reverse(&id("x1"), &id("b1"), Reversible::Debit);
        grpc::execute(&mut client, of(undo)).await;
        let before = world.balance("ann").await;
        let early = grpc::execute(&mut client, of(grpc::credit(&id("w2"), 300))).await;
        let outcome = grpc::Executed::first(&early).outcome();
        assert_ne!(outcome, Outcome::Applied, "{word}");
        assert_eq!(world.balance("ann").await, before, "{word}");
        grpc::execute(&mut client, of(grpc::debit(&id("b2"), 100))).await;
        let late = grpc::execute(&mut client, of(grpc::credit(&id("w2"), 300))).await;
        assert_eq!(grpc::Executed::first(&late).outcome(), Outcome::Applied, "{word}");
        assert_eq!(world.balance("ann").await, before + 200, "{word}");
    }
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_another_player_did_under_a_key_is_no_answer_to_this_player() {
    let world = ann().await;
    world.bank.open("bob", "1.00").await;
    // A tombstone, a refusal, a bet and a win in Bob's name.
    done(&world, &rollback("bob", "r", &[rolled_back("x1", "k1")])).await;
    assert_eq!(play("bob", "r", &[bet("k2", 500)]).send(world.api(0)).await.0, 412);
    done(&world, &play("bob", "r", &[bet("k3", 10), win("k4", 20)])).await;
    let bobs = world.balance("bob").await;
    for key in ["k1", "k2", "k3", "k4"] {
        for call in [
            play("ann", "r", &[bet(key, 100)]),
            play("ann", "r", &[win(key, 100)]),
            play("ann", "r", &[bet(&format!("own-{key}"), 100), win(key, 100)]),
        ] {
            let (status, answer) = call.send(world.api(0)).await;
            assert_ne!(status, 200, "{key}: {answer}");
            let shown = answer.to_string();
            assert!(!shown.contains("\"tx_id\""), "nothing of Bob's is shown: {shown}");
        }
    }
    let refund = rollback("ann", "r", &[rolled_back("x2", "k3")]);
    assert_ne!(refund.send(world.api(0)).await.0, 200, "it is Bob's to undo");
    assert_eq!((world.balance("ann").await, world.balance("bob").await), (10_000, bobs));

    // The same of Pragmatic Play: a refund in Bob's name, and then Ann's bet.
    assert_eq!(pragmatic::refund("bob", "b-7").send(world.api(0)).await.error, 0);
    let bet = pragmatic::bet("ann", "b-7", "r", "1.00").send(world.api(0)).await;
    assert_ne!(bet.error, 0, "{bet:?}");
    assert_eq!(world.balance("ann").await, 10_000);
    assert_eq!(world.applied("b-7").await, 0);
    world.check().await;
}
