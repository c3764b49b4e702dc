//! The same things at the same time, over nodes that share one PostgreSQL and one Redis.

use std::collections::HashSet;

use futures_util::future::join_all;

use crate::support::pragmatic::{self, Answer, Call};
use crate::support::softswiss;
use crate::support::traffic::Traffic;
use crate::support::world::World;

async fn all_at_once(world: &World, calls: &[Call]) -> Vec<Answer> {
    join_all(calls.iter().enumerate().map(|(turn, call)| call.send(world.api(turn)))).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_bet_fifty_times_at_once_over_two_nodes_is_one_debit_with_one_id() {
    let world = World::with_nodes(2).await;
    world.bank.open("ann", "100.00").await;
    for number in 1..=5 {
        let reference = format!("b-{number}");
        let bet = pragmatic::bet("ann", &reference, "r-1", "10.00");
        let answers = all_at_once(&world, &vec![bet; 50]).await;
        let first = answers[0].id();
        let left = 10_000 - number * 1_000;
        for answer in &answers {
            assert_eq!(answer.id(), first);
            assert_eq!(answer.cash, Some(left), "a success shows the balance after its own bet");
        }
        assert_eq!(world.balance("ann").await, left);
        assert_eq!(world.applied(&reference).await, 1);
    }
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_bets_at_once_with_money_for_one_one_is_placed_and_one_is_refused() {
    let world = World::with_nodes(2).await;
    for number in 0..20 {
        let player = format!("ann-{number}");
        world.bank.open(&player, "10.00").await;
        let bet = |reference: &str| {
            pragmatic::bet(&player, &format!("{reference}-{number}"), "r-1", "10.00")
        };
        let answers = all_at_once(&world, &[bet("one"), bet("two")]).await;
        let mut errors: Vec<i64> = answers.iter().map(|answer| answer.error).collect();
        errors.sort_unstable();
        assert_eq!(errors, [0, 1], "{answers:?}");
        assert_eq!(world.balance(&player).await, 0);
    }
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bet_and_its_refund_in_any_order_leave_the_balance_as_it_was() {
    let world = World::with_nodes(2).await;
    world.bank.open("ann", "100.00").await;
    for number in 0..40 {
        let reference = format!("b-{number}");
        let bet = pragmatic::bet("ann", &reference, &format!("r-{number}"), "10.00");
        let refund = pragmatic::refund("ann", &reference);
        let calls = match number % 4 {
            0 => vec![bet.clone(), refund.clone()],
            1 => vec![refund.clone(), bet.clone()],
            2 => vec![bet.clone(), refund.clone(), bet.clone(), refund.clone()],
            _ => {
                // One after the other: the refund is there first.
                assert_eq!(refund.send(world.api(number)).await.error, 0);
                vec![bet.clone(), bet.clone(), refund.clone()]
            }
        };
        for (call, answer) in calls.iter().zip(all_at_once(&world, &calls).await) {
            match call.path() {
                "/pragmatic/refund.html" => assert_eq!(answer.error, 0, "{answer:?}"),
                _ => assert!([0, 120].contains(&answer.error), "{answer:?}"),
            }
        }
        assert_eq!(bet.send(world.api(number)).await.error, 120, "it is refunded for good");
        assert_eq!(world.balance("ann").await, 10_000, "round {number}");
    }
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_result_that_comes_with_its_bet_is_paid_once() {
    let world = World::with_nodes(2).await;
    world.bank.open("ann", "100.00").await;
    for number in 0..20 {
        let round = format!("r-{number}");
        let bet = pragmatic::bet("ann", &format!("b-{number}"), &round, "1.00");
        let result = pragmatic::result("ann", &format!("w-{number}"), &round, "1.50");
        let calls = [result.clone(), bet, result.clone()];
        let answers = all_at_once(&world, &calls).await;
        assert_eq!(answers[1].error, 0, "{answers:?}");
        for early in [&answers[0], &answers[2]] {
            assert!([0, 100].contains(&early.error), "{early:?}");
        }
        // The bet is there now: whatever had to wait is paid.
        let paid = result.send(world.api(number)).await;
        assert_eq!(paid.id(), result.send(world.api(number + 1)).await.id());
    }
    assert_eq!(world.balance("ann").await, 10_000 + 20 * 50);
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_rollbacks_of_one_bet_at_once_give_it_back_once() {
    let world = World::with_nodes(2).await;
    world.bank.open("ann", "100.00").await;
    for number in 0..20 {
        let (round, bet) = (format!("r-{number}"), format!("b-{number}"));
        let play = softswiss::play("ann", &round, &[softswiss::bet(&bet, 1_000)]);
        assert_eq!(play.send(world.api(number)).await.0, 200);
        let undo = ["x", "y"].map(|which| {
            let id = format!("{which}-{number}");
            softswiss::rollback("ann", &round, &[softswiss::rolled_back(&id, &bet)])
        });
        let both = undo.iter().enumerate().map(|(turn, call)| call.send(world.api(turn)));
        for (status, json) in join_all(both).await {
            assert_eq!(status, 200, "{json}");
        }
        assert_eq!(world.balance("ann").await, 10_000, "round {number}");
    }
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hot_wallet_takes_every_bet_once_through_one_node() {
    hot_wallet(1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hot_wallet_takes_every_bet_once_through_two_nodes() {
    hot_wallet(2).await;
}

async fn hot_wallet(nodes: usize) {
    let world = World::with_nodes(nodes).await;
    world.bank.open("ann", "100.00").await;
    let bets: Vec<Call> = (0..64)
        .map(|number| pragmatic::bet("ann", &format!("b-{number}"), "r-1", "0.25"))
        .collect();
    let answers = all_at_once(&world, &bets).await;
    let ids: HashSet<&str> = answers.iter().map(Answer::id).collect();
    assert_eq!(ids.len(), bets.len());
    // Each was decided on its own balance, so no two replies show the same.
    let shown: HashSet<i64> = answers.iter().filter_map(|answer| answer.cash).collect();
    assert_eq!(shown.len(), bets.len());
    assert_eq!(world.balance("ann").await, 10_000 - 64 * 25);
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_reply_said_is_what_every_node_tells_from_then_on() {
    let world = World::with_nodes(2).await;
    world.bank.open("ann", "100.00").await;
    for number in 0..40 {
        let bet = pragmatic::bet("ann", &format!("b-{number}"), "r-1", "0.01");
        let said = bet.send(world.api(number)).await.cash;
        let told = pragmatic::balance("ann").send(world.api(number + 1)).await.cash;
        assert_eq!(told, said);
    }
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn players_in_several_lanes_of_several_nodes_play_side_by_side() {
    let world = World::tuned(2, "database.lanes = 3").await;
    let traffic = Traffic::start(&world, 12).await;
    traffic.rounds(150).await;
    let tally = traffic.stop(&world).await;
    assert_eq!((tally.unanswered, tally.repeats), (0, 0), "nothing has to be sent again");
}
