//! Debits, credits and cancels, in every order.

use super::{ann, told};
use crate::support::evolution::{balance, cancel, credit, debit};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bet_and_its_win_count_once_whatever_amount_a_repeat_names() {
    let world = ann(1).await;
    let (bet, win) = (debit("s", "ann", "r1", "2.500001"), credit("s", "ann", "r1", "5.000002"));
    told(&world, &bet, "OK", "97.499999").await;
    for redis in ["with", "without"] {
        told(&world, &bet, "BET_ALREADY_EXIST", "97.499999").await;
        let other = debit("s", "ann", "r1", "3");
        told(&world, &other, "BET_ALREADY_EXIST", "97.499999").await;
        assert_eq!(world.applied("D:r1").await, 1, "{redis} Redis");
        world.redis.flush();
    }
    told(&world, &win, "OK", "102.500001").await;
    for redis in ["with", "without"] {
        told(&world, &win, "BET_ALREADY_SETTLED", "102.500001").await;
        let other = credit("s", "ann", "r1", "7").under_id("c-new");
        told(&world, &other, "BET_ALREADY_SETTLED", "102.500001").await;
        assert_eq!(world.applied("C:r1").await, 1, "{redis} Redis");
        world.redis.flush();
    }
    told(&world, &bet, "BET_ALREADY_EXIST", "102.500001").await;
    told(&world, &balance("s", "ann"), "OK", "102.500001").await;
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_bets_of_one_round_are_settled_one_by_one() {
    let world = ann(1).await;
    for bet in ["a", "b", "c"] {
        let call = debit("s", "ann", bet, "10");
        assert_eq!(call.send(world.api(0)).await.status, "OK");
    }
    told(&world, &credit("s", "ann", "a", "25"), "OK", "95.000000").await;
    told(&world, &credit("s", "ann", "b", "0"), "OK", "95.000000").await;
    told(&world, &cancel("s", "ann", "b", "10"), "BET_ALREADY_SETTLED", "95.000000").await;
    told(&world, &cancel("s", "ann", "c", "10"), "OK", "105.000000").await;
    told(&world, &credit("s", "ann", "c", "9"), "BET_ALREADY_SETTLED", "105.000000").await;
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancel_gives_the_stake_back_once_whatever_it_says_of_the_amount() {
    let world = ann(1).await;
    told(&world, &debit("s", "ann", "r1", "10"), "OK", "90.000000").await;
    told(&world, &cancel("s", "ann", "r1", "1"), "OK", "100.000000").await;
    for redis in ["with", "without"] {
        for again in [
            cancel("s", "ann", "r1", "1"),
            cancel("s", "ann", "r1", "10"),
            cancel("s", "ann", "r1", "10").under_id("x-new"),
        ] {
            told(&world, &again, "BET_ALREADY_SETTLED", "100.000000").await;
        }
        world.redis.flush();
        assert_eq!(world.applied("X:r1").await, 1, "{redis} Redis");
    }
    let win = credit("s", "ann", "r1", "10");
    told(&world, &win, "BET_ALREADY_SETTLED", "100.000000").await;
    // Its stake is back: it must not be taken for a bet that stands.
    let bet = debit("s", "ann", "r1", "10");
    told(&world, &bet, "FINAL_ERROR_ACTION_FAILED", "100.000000").await;
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bet_that_was_cancelled_before_it_came_fails_for_good() {
    let world = ann(1).await;
    let undo = cancel("s", "ann", "r1", "10");
    told(&world, &undo, "BET_DOES_NOT_EXIST", "100.000000").await;
    let row = world.row("evolution", "D:r1").await.expect("a tombstone");
    assert_eq!((row.0.as_str(), row.2), ("tombstone", 0));
    for redis in ["with", "without"] {
        let late = debit("s", "ann", "r1", "10");
        told(&world, &late, "FINAL_ERROR_ACTION_FAILED", "100.000000").await;
        told(&world, &undo, "BET_DOES_NOT_EXIST", "100.000000").await;
        let win = credit("s", "ann", "r1", "10");
        told(&world, &win, "BET_ALREADY_SETTLED", "100.000000").await;
        world.redis.flush();
        assert_eq!(world.balance("ann").await, 10_000, "{redis} Redis");
    }
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_win_before_its_bet_is_of_no_bet_and_paid_once_the_bet_is_there() {
    let world = ann(1).await;
    let win = credit("s", "ann", "r1", "5");
    told(&world, &win, "BET_DOES_NOT_EXIST", "100.000000").await;
    assert_eq!(world.row("evolution", "C:r1").await, None);
    told(&world, &debit("s", "ann", "r1", "10"), "OK", "90.000000").await;
    told(&world, &win, "OK", "95.000000").await;
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bet_that_was_refused_may_be_tried_again_and_its_cancel_is_of_no_bet() {
    let world = ann(1).await;
    let bet = debit("s", "ann", "r1", "100.000001");
    told(&world, &bet, "INSUFFICIENT_FUNDS", "100.000000").await;
    assert_eq!(world.row("evolution", "D:r1").await, None);
    world.bank.open("ann", "1.00").await;
    told(&world, &bet, "OK", "0.999999").await;
    let other = debit("s", "ann", "r2", "1");
    told(&world, &other, "INSUFFICIENT_FUNDS", "0.999999").await;
    told(&world, &cancel("s", "ann", "r2", "1"), "BET_DOES_NOT_EXIST", "0.999999").await;
    world.bank.open("ann", "1.00").await;
    told(&world, &other, "FINAL_ERROR_ACTION_FAILED", "1.999999").await;
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bets_and_wins_of_tens_of_millions_fit_to_the_sixth_decimal() {
    let world = ann(1).await;
    world.bank.open("rich", "100000000.000000").await;
    world.bank.session("rs", "rich", "evolution", 3600).await;
    told(&world, &debit("rs", "rich", "r1", "98765432.123456"), "OK", "1234567.876544").await;
    told(&world, &credit("rs", "rich", "r1", "99999999.999999"), "OK", "101234567.876543").await;
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn game_wise_one_credit_settles_every_bet_of_its_round() {
    let world = ann(1).await;
    for bet in ["a", "b"] {
        let call = debit("so", "ann", bet, "5").at("evolution-other");
        assert_eq!(call.send(world.api(0)).await.status, "OK");
    }
    let win = credit("so", "ann", "a", "20").at("evolution-other");
    told(&world, &win, "OK", "110.00").await;
    told(&world, &win, "BET_ALREADY_SETTLED", "110.00").await;
    let undo = cancel("so", "ann", "b", "5").at("evolution-other");
    told(&world, &undo, "BET_ALREADY_SETTLED", "110.00").await;
    let elsewhere = credit("so", "ann", "c", "20").in_round("g-2").at("evolution-other");
    told(&world, &elsewhere, "BET_DOES_NOT_EXIST", "110.00").await;
    world.check().await;
}
