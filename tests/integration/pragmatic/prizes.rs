//! Free rounds, prize drops, jackpots and campaigns: money beside the ordinary round.

use std::time::{Duration, Instant};

use super::calls::{Operation, money, stake};
use crate::support::patience::PATIENCE;
use crate::support::pragmatic::Call;
use crate::support::world::World;

const BRANDS: &str = r#"
    [providers.pragmatic]
    settings = { noted_campaigns = ["MR"] }
    [providers.pragmatic-total]
    protocol = "pragmatic"
    secrets = ["env:PRAGMATIC_SECRET"]
    settings = { free_rounds = "total" }
"#;

async fn ann() -> World {
    let world = World::tuned(1, BRANDS).await;
    world.bank.open("ann", "100.00").await;
    world
}

/// Makes the calls in order; each has to be answered with that code and leave that balance.
async fn play(world: &World, slug: &str, script: &[(&str, Call, i64, i64)]) {
    for (what, call, code, balance) in script {
        let answer = call.clone().at(slug).send(world.api(0)).await;
        let told = answer.cash.unwrap_or(*balance);
        let stored = world.balance("ann").await;
        assert_eq!((answer.error, told, stored), (*code, *balance, *balance), "{slug}: {what}");
    }
    world.check().await;
}

fn of_round(path: &str, word: &str, amount: &str) -> Call {
    money(path, "ann", "r", word, amount)
}

fn free(path: &str, word: &str, amount: &str) -> Call {
    of_round(path, word, amount).with("bonusCode", "FRB-2026-0007")
}

fn with_prize(result: Call, prize: &str, reference: &str) -> Call {
    result
        .with("promoWinAmount", prize)
        .with("promoWinReference", reference)
        .with("promoCampaignID", "77")
        .with("promoCampaignType", "R")
}

fn promo(reference: &str, amount: &str) -> Call {
    Operation::PromoWin.call("ann", "", "r").with("reference", reference).with("amount", amount)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn free_rounds_paid_by_spin_pay_each_result_and_their_total_is_a_notice() {
    let world = ann().await;
    let script = [
        ("a free spin", free("bet.html", "b1", "0.00"), 0, 10_000),
        ("its win", free("result.html", "w1", "0.80"), 0, 10_080),
        ("another win", free("result.html", "w2", "1.20"), 0, 10_200),
        ("the total", free("bonusWin.html", "t", "2.00"), 0, 10_200),
        ("the total again", free("bonusWin.html", "t", "2.00"), 0, 10_200),
        ("a spin with a stake", free("bet.html", "b2", "1.00"), 0, 10_100),
    ];
    play(&world, "pragmatic", &script).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn free_rounds_paid_as_a_total_move_nothing_until_it_comes() {
    let world = ann().await;
    let script = [
        ("a free spin", free("bet.html", "b1", "1.00"), 0, 10_000),
        ("its win", free("result.html", "w1", "0.80"), 0, 10_000),
        ("another win", free("result.html", "w2", "1.20"), 0, 10_000),
        ("the total", free("bonusWin.html", "t", "2.00"), 0, 10_200),
        ("the total again", free("bonusWin.html", "t", "2.00"), 0, 10_200),
        ("a total of nothing", free("bonusWin.html", "t2", "0.00"), 0, 10_200),
        ("a spin of the player's own", of_round("bet.html", "b2", "1.00"), 0, 10_100),
        ("and its win", of_round("result.html", "w3", "3.00"), 0, 10_400),
    ];
    play(&world, "pragmatic-total", &script).await;
}

/// Waits until so many totals were flagged on a node, for each of the two reasons.
async fn flagged(world: &World, node: usize, twice: f64, noted: f64) {
    let counted = async |reason| {
        let labels = [("provider", "pragmatic"), ("reason", reason)];
        world.nodes[node].metric("wallet_flagged_total", &labels).await
    };
    let started = Instant::now();
    loop {
        let found = (counted("free_rounds_twice").await, counted("free_rounds_noted").await);
        if found == (twice, noted) {
            return;
        }
        let patience = started.elapsed() < PATIENCE;
        assert!(patience, "{found:?}, not {:?}", (twice, noted));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_total_of_free_rounds_that_were_paid_spin_by_spin_is_flagged_once_and_its_money_stays() {
    let mut world = ann().await;
    world.bank.open("bob", "100.00").await;
    let script = [
        ("its win", free("result.html", "w1", "0.80"), 0, 10_080),
        ("a win of nothing", free("result.html", "w2", "0.00").with("bonusCode", "B"), 0, 10_080),
        // None of these has a paid spin.
        ("a total of nothing", free("bonusWin.html", "t1", "0.00"), 0, 10_080),
        ("of another code", free("bonusWin.html", "t2", "1").with("bonusCode", "A"), 0, 10_080),
        ("of spins of nothing", free("bonusWin.html", "t3", "1").with("bonusCode", "B"), 0, 10_080),
        ("of another player", free("bonusWin.html", "t4", "1").with("userId", "bob"), 0, 10_080),
        ("without a code", free("bonusWin.html", "t5", "1").without("bonusCode"), 0, 10_080),
        // And this one has.
        ("the total", free("bonusWin.html", "t", "0.80").with("requestId", "q"), 0, 10_080),
        ("once more", free("bonusWin.html", "t", "0.80").with("requestId", "q"), 0, 10_080),
    ];
    let told_of_bob = 10_000;
    for (what, call, code, balance) in &script {
        let answer = call.send(world.api(0)).await;
        let expected = if call.param("userId") == Some("bob") { told_of_bob } else { *balance };
        let found = (answer.error, answer.cash.unwrap_or(expected), world.balance("ann").await);
        assert_eq!(found, (*code, expected, *balance), "{what}");
    }
    flagged(&world, 0, 0.0, 1.0).await;

    // The same provider, once the other way is agreed.
    world.add_node("[providers.pragmatic.settings]\nfree_rounds = 'total'").await;
    let late = free("bonusWin.html", "t6", "2.00");
    assert_eq!(late.send(world.api(1)).await.cash, Some(10_280));
    flagged(&world, 1, 1.0, 0.0).await;
    let fresh = free("result.html", "w4", "3.00").with("bonusCode", "C");
    assert_eq!(fresh.send(world.api(1)).await.cash, Some(10_280));
    let total = free("bonusWin.html", "t7", "3.00").with("bonusCode", "C");
    assert_eq!(total.send(world.api(1)).await.cash, Some(10_580));
    // Totals are compared in order, so this one is behind the one before.
    let again = free("bonusWin.html", "t8", "1.00");
    assert_eq!(again.send(world.api(1)).await.cash, Some(10_680));
    flagged(&world, 1, 2.0, 0.0).await;
    flagged(&world, 0, 0.0, 1.0).await;
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_total_of_free_rounds_needs_neither_a_round_nor_a_bonus_code() {
    let world = ann().await;
    let bare = free("bonusWin.html", "t", "2.00")
        .without("roundId")
        .without("gameId")
        .without("bonusCode");
    play(&world, "pragmatic-total", &[("the total", bare, 0, 10_200)]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_prize_drop_is_paid_beside_its_result_and_is_not_paid_again_as_a_campaigns_win() {
    let world = ann().await;
    let won = with_prize(of_round("result.html", "w1", "2.50"), "5.00", "prize-1");
    let nameless = of_round("result.html", "w5", "1.00").with("promoWinAmount", "5.00");
    let script = [
        ("the bet", stake("ann", "r"), 0, 9_900),
        ("a result with a prize", won.clone(), 0, 10_650),
        ("both again", won, 0, 10_650),
        ("the prize as a campaign's win", promo("prize-1", "5.00"), 0, 10_650),
        ("a campaign's win", promo("prize-2", "4.00"), 0, 11_050),
        (
            "the same prize beside a result",
            with_prize(of_round("result.html", "w2", "1.00"), "4.00", "prize-2"),
            0,
            11_150,
        ),
        (
            "the same prize beside another result",
            with_prize(of_round("result.html", "w3", "1.00"), "5.00", "prize-1"),
            0,
            11_250,
        ),
        (
            "no prize, and none named",
            of_round("result.html", "w4", "0.00").with("promoWinAmount", "0.00"),
            0,
            11_250,
        ),
        ("a prize without a reference", nameless.clone(), 0, 11_850),
        ("both again", nameless, 0, 11_850),
        (
            "a prize that is no number",
            with_prize(of_round("result.html", "w6", "1.00"), "five", "prize-3"),
            7,
            11_850,
        ),
    ];
    play(&world, "pragmatic", &script[..]).await;
    let prize = world.row("pragmatic", "prize-1").await.expect("a row of its own");
    assert_eq!(prize, ("applied".to_owned(), String::new(), 500));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_prize_waits_with_its_result_and_both_are_paid_together() {
    let world = ann().await;
    let won = with_prize(of_round("result.html", "w1", "2.50"), "5.00", "prize-1");
    let script = [
        ("a result with a prize before the bet", won.clone(), 100, 10_000),
        ("the bet", stake("ann", "r"), 0, 9_900),
        ("the retry", won.clone(), 0, 10_650),
        ("once more", won, 0, 10_650),
    ];
    play(&world, "pragmatic", &script).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_jackpot_is_paid_whole_and_beside_the_result_also_in_a_round_that_is_not_known() {
    let world = ann().await;
    let split = r#"{"progressive":180.0,"non-progressive":70.25}"#;
    let jackpot = of_round("jackpotWin.html", "j", "250.25")
        .with("jackpotId", "9001")
        .with("jackpotDetails", split);
    let script = [
        ("a jackpot of an unknown round", jackpot.clone(), 0, 35_025),
        ("again", jackpot, 0, 35_025),
        ("the bet", stake("ann", "r"), 0, 34_925),
        ("the result", of_round("result.html", "w", "2.50"), 0, 35_175),
    ];
    play(&world, "pragmatic", &script).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_campaigns_win_is_paid_in_the_players_currency_or_not_at_all() {
    let world = ann().await;
    let script = [
        ("another currency", promo("p1", "4.00").with("currency", "USD"), 7, 10_000),
        ("the same in the right one", promo("p1", "4.00"), 0, 10_400),
        (
            "no round and no game",
            promo("p2", "1.00").without("roundId").without("gameId"),
            0,
            10_500,
        ),
        ("a prize of nothing", promo("p3", "0.00"), 0, 10_500),
        ("a type nobody knows", promo("p4", "1.00").with("campaignType", "T,R"), 0, 10_600),
        (
            "a type that is paid elsewhere",
            promo("p5", "9.00").with("campaignType", "MR"),
            0,
            10_600,
        ),
    ];
    play(&world, "pragmatic", &script).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_jackpot_contribution_is_part_of_the_stake() {
    let world = ann().await;
    let bet = stake("ann", "r")
        .with("jackpotId", "9001")
        .with("jackpotContribution", "0.02")
        .with("jackpotDetails", r#"{"0":{"amount":0.02,"prizeType":"P"}}"#);
    play(&world, "pragmatic", &[("a bet", bet, 0, 9_900)]).await;
}
