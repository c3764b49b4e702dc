//! The same at once, on two nodes.

use futures_util::future::join_all;

use super::ann;
use crate::support::evolution::{Call, cancel, check, credit, debit};
use crate::support::world::World;

/// The words that the calls are answered with, each call at the next node.
async fn at_once(world: &World, calls: &[Call]) -> Vec<String> {
    let sent = calls.iter().enumerate().map(|(turn, call)| call.send(world.api(turn)));
    let mut words: Vec<_> = join_all(sent).await.into_iter().map(|came| came.status).collect();
    words.sort_unstable();
    words
}

fn count(words: &[String], word: &str) -> usize {
    words.iter().filter(|came| *came == word).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_twenty_equal_bets_at_once_on_two_nodes_one_is_placed() {
    let world = ann(2).await;
    let words = at_once(&world, &vec![debit("s", "ann", "r1", "10"); 20]).await;
    assert_eq!((count(&words, "OK"), count(&words, "BET_ALREADY_EXIST")), (1, 19), "{words:?}");
    let words = at_once(&world, &vec![credit("s", "ann", "r1", "30"); 20]).await;
    assert_eq!((count(&words, "OK"), count(&words, "BET_ALREADY_SETTLED")), (1, 19), "{words:?}");
    assert_eq!(world.balance("ann").await, 12_000);
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_bets_at_once_with_money_for_one_the_other_is_refused() {
    let world = ann(2).await;
    let bets = [debit("s", "ann", "r1", "60"), debit("s", "ann", "r2", "60")];
    let words = at_once(&world, &bets).await;
    assert_eq!(words, ["INSUFFICIENT_FUNDS", "OK"]);
    assert_eq!(world.balance("ann").await, 4_000);
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bet_is_won_or_cancelled_never_both() {
    let world = ann(2).await;
    let mut cents = 10_000;
    for number in 0..20 {
        let bet = format!("r-{number}");
        let placed = debit("s", "ann", &bet, "1").send(world.api(number)).await;
        assert_eq!(placed.status, "OK");
        let mut both = [credit("s", "ann", &bet, "2"), cancel("s", "ann", &bet, "1")];
        if number % 2 == 1 {
            both.reverse();
        }
        let words = at_once(&world, &both).await;
        assert_eq!(words, ["BET_ALREADY_SETTLED", "OK"], "{bet}");
        cents += if world.applied(&format!("C:{bet}")).await == 1 { 100 } else { 0 };
        assert_eq!(world.balance("ann").await, cents, "{bet}");
    }
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bet_and_its_cancel_at_once_leave_the_money_where_it_was() {
    let world = ann(2).await;
    for number in 0..20 {
        let bet = format!("r-{number}");
        let both = [debit("s", "ann", &bet, "10"), cancel("s", "ann", &bet, "10")];
        let words = at_once(&world, &both).await;
        let known = ["BET_DOES_NOT_EXIST", "FINAL_ERROR_ACTION_FAILED"];
        assert!(words == ["OK", "OK"] || words == known, "{words:?}");
        assert_eq!(world.balance("ann").await, 10_000, "{bet}");
    }
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_checks_at_once_one_gets_the_new_sid() {
    let world = ann(2).await;
    let words = at_once(&world, &vec![check("so", "ann").at("evolution-other"); 8]).await;
    assert_eq!((count(&words, "OK"), count(&words, "INVALID_SID")), (1, 7), "{words:?}");
}
