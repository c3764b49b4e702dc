//! Bets, results and refunds in every order that a network can make of them.

use std::time::Duration;

use super::calls::{Operation, money, refund_of, stake, stake_of};
use crate::support::pragmatic::Call;
use crate::support::world::World;

/// Brands that settle differently what brands may settle differently.
const BRANDS: &str = r#"
    [providers.pragmatic-quick]
    protocol = "pragmatic"
    secrets = ["env:PRAGMATIC_SECRET"]
    settings = { grace_ms = 50 }
    [providers.pragmatic-strict]
    protocol = "pragmatic"
    secrets = ["env:PRAGMATIC_SECRET"]
    settings = { refund_after_result = "refuse" }
"#;
/// The brand in which a result hardly waits for its bet.
const QUICK: &str = "pragmatic-quick";
/// Longer than it does.
const AFTER_THE_GRACE: Duration = Duration::from_millis(120);

/// A node, and Ann with 100.00.
async fn ann() -> World {
    let world = World::tuned(1, BRANDS).await;
    world.bank.open("ann", "100.00").await;
    world
}

impl World {
    /// What a call is answered: the code and the balance after it in cents.
    async fn told(&self, call: &Call) -> (i64, i64) {
        let answer = call.send(self.api(0)).await;
        (answer.error, self.balance(call.param("userId").unwrap_or_default()).await)
    }

    async fn flagged(&self, slug: &str, reason: &str) -> f64 {
        let labels = [("provider", slug), ("reason", reason)];
        self.nodes[0].metric("wallet_flagged_total", &labels).await
    }
}

fn win(round: &str, amount: &str) -> Call {
    money("result.html", "ann", round, "win", amount)
}

fn refund(reference: &str) -> Call {
    refund_of("ann", reference)
}

fn row(outcome: &str, reason: &str, cents: i64) -> Option<(String, String, i64)> {
    Some((outcome.to_owned(), reason.to_owned(), cents))
}

// ---- A result before its bet ----

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_result_before_its_bet_is_paid_by_the_first_retry_that_finds_the_bet_and_not_flagged() {
    let world = ann().await;
    let result = win("r", "2.50");
    for _ in 0..3 {
        assert_eq!(world.told(&result).await, (100, 10_000), "within the grace period");
    }
    assert_eq!(world.row("pragmatic", "win-r").await, row("parked", "debit_unknown", 0));
    world.check().await;
    assert_eq!(world.told(&stake("ann", "r")).await, (0, 9_900));
    assert_eq!(world.told(&result).await, (0, 10_150));
    assert_eq!(world.told(&result).await, (0, 10_150), "and once");
    assert_eq!(world.row("pragmatic", "win-r").await, row("applied", "", 250));
    assert_eq!(world.flagged("pragmatic", "unmatched").await, 0.0);
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_result_whose_bet_never_comes_is_paid_by_a_retry_after_the_grace_period_and_flagged() {
    let world = ann().await;
    let result = win("r", "2.50").at(QUICK);
    assert_eq!(world.told(&result).await, (100, 10_000));
    tokio::time::sleep(AFTER_THE_GRACE).await;
    assert_eq!(world.balance("ann").await, 10_000, "no job pays it");
    assert_eq!(world.told(&result).await, (0, 10_250));
    assert_eq!(world.told(&result).await, (0, 10_250), "and once");
    assert_eq!(world.row(QUICK, "win-r").await, row("applied", "unmatched", 250));
    assert_eq!(world.flagged(QUICK, "unmatched").await, 1.0);
    // The bet was on its way all the time.
    assert_eq!(world.told(&stake("ann", "r").at(QUICK)).await, (0, 10_150));
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_correction_of_an_unknown_bet_is_booked_by_its_own_call_after_the_grace_either_way() {
    let world = ann().await;
    let up = Operation::AdjustmentUp.call("ann", "", "r").without("token").at(QUICK);
    let down = Operation::AdjustmentDown.call("ann", "", "r").without("token").at(QUICK);
    for call in [&up, &down] {
        assert_eq!(world.told(call).await, (100, 10_000));
    }
    assert_eq!(world.row(QUICK, "down-r").await, row("parked", "debit_unknown", 0));
    tokio::time::sleep(AFTER_THE_GRACE).await;
    assert_eq!(world.told(&down).await, (0, 9_950));
    assert_eq!(world.told(&up).await, (0, 10_000));
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refund_that_names_a_result_is_refused_and_the_result_stays_paid_or_waiting() {
    let world = ann().await;
    world.bank.open("bob", "5.00").await;
    assert_eq!(world.told(&win("r", "2.50")).await, (100, 10_000));
    assert_eq!(world.told(&refund("win-r")).await, (120, 10_000));
    assert_eq!(world.told(&stake("ann", "r")).await, (0, 9_900));
    assert_eq!(world.told(&win("r", "2.50")).await, (0, 10_150), "it still waited");
    assert_eq!(world.told(&refund("win-r")).await, (120, 10_150));
    assert_eq!(world.told(&stake("ann", "q")).await, (0, 10_050));
    assert_eq!(world.told(&win("q", "1.00")).await, (0, 10_150));
    assert_eq!(world.told(&refund("win-q")).await, (120, 10_150));

    // Nor can another player's refund undo it, in whatever state it is.
    assert_eq!(world.told(&win("p", "3.00")).await, (100, 10_150));
    for reference in ["win-p", "win-q", "stake-q"] {
        let stolen = refund_of("bob", reference);
        assert_eq!(world.told(&stolen).await, (120, 500), "{reference}");
    }
    world.check().await;
    assert_eq!(world.told(&stake("ann", "p")).await, (0, 10_050));
    assert_eq!(world.told(&win("p", "3.00")).await, (0, 10_350));
    assert_eq!(world.told(&refund("stake-q")).await, (0, 10_450), "her own refund is hers");
    world.check().await;
}

// ---- Refunds ----

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bet_that_was_refunded_is_over_and_so_is_its_result() {
    let world = ann().await;
    assert_eq!(world.told(&stake("ann", "r")).await, (0, 9_900));
    let first = refund("stake-r").send(world.api(0)).await;
    assert_eq!(world.balance("ann").await, 10_000);
    let again = refund("stake-r").send(world.api(0)).await;
    assert_eq!(again.id(), first.id(), "refunded once");
    world.redis.flush();
    assert_eq!(refund("stake-r").send(world.api(0)).await.id(), first.id());
    assert_eq!(world.told(&stake("ann", "r")).await, (120, 10_000));
    let other_amount = stake("ann", "r").with("amount", "2.00");
    assert_eq!(world.told(&other_amount).await, (120, 10_000));
    // Another bet of the round may be on its way: the win waits for it, and then is paid.
    assert_eq!(world.told(&win("r", "2.50")).await, (100, 10_000));
    assert_eq!(world.told(&stake("ann", "r").with("reference", "new")).await, (0, 9_900));
    assert_eq!(world.told(&win("r", "2.50")).await, (0, 10_150));
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_result_whose_bets_were_all_refunded_is_refused_after_the_grace_and_stays_so() {
    let world = ann().await;
    assert_eq!(world.told(&stake("ann", "r").at(QUICK)).await, (0, 9_900));
    assert_eq!(refund("stake-r").at(QUICK).send(world.api(0)).await.error, 0);
    assert_eq!(world.told(&win("r", "2.50").at(QUICK)).await, (100, 10_000));
    tokio::time::sleep(AFTER_THE_GRACE).await;
    for _ in 0..2 {
        assert_eq!(world.told(&win("r", "2.50").at(QUICK)).await, (120, 10_000));
    }
    assert!(world.flagged(QUICK, "debit_reversed").await >= 1.0);
    let late = stake("ann", "r").with("reference", "new").at(QUICK);
    assert_eq!(world.told(&late).await, (0, 9_900));
    assert_eq!(world.told(&win("r", "2.50").at(QUICK)).await, (120, 9_900), "and stays so");
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refund_before_its_bet_is_a_success_and_the_late_bet_takes_nothing() {
    let world = ann().await;
    let first = refund("stake-r").send(world.api(0)).await;
    assert_eq!(first.id().len(), 32);
    assert_eq!(world.row("pragmatic", "stake-r").await, row("tombstone", "target_unknown", 0));
    for _ in 0..2 {
        assert_eq!(world.told(&stake("ann", "r")).await, (120, 10_000));
        assert_eq!(refund("stake-r").send(world.api(0)).await.id(), first.id());
        world.redis.flush();
    }
    assert_eq!(world.balance("ann").await, 10_000);
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refund_gives_back_the_smaller_of_what_it_names_and_what_was_staked() {
    let world = ann().await;
    for (round, named, given, flag) in [
        ("smaller", "0.40", 40, "amount_differs"),
        ("larger", "5.00", 100, "amount_differs"),
        ("same", "1.0", 100, ""),
        ("nothing", "0.00", 0, "amount_differs"),
    ] {
        let before = world.balance("ann").await;
        assert_eq!(world.told(&stake("ann", round)).await, (0, before - 100), "{round}");
        let call = refund(&stake_of(round)).with("amount", named);
        let first = call.send(world.api(0)).await;
        assert_eq!(world.balance("ann").await, before - 100 + given, "{round}");
        let key = format!("~refund:stake-{round}");
        assert_eq!(world.row("pragmatic", &key).await, row("applied", flag, given), "{round}");
        // What is left is not given back in a second go.
        let rest = call.with("amount", "0.60").send(world.api(0)).await;
        assert_eq!(rest.id(), first.id(), "{round}");
        assert_eq!(world.balance("ann").await, before - 100 + given, "{round}");
    }
    assert_eq!(world.flagged("pragmatic", "amount_differs").await, 3.0);
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refund_of_a_bet_that_was_refused_gives_nothing() {
    let world = ann().await;
    let bet = money("bet.html", "ann", "r", "bet", "100.01");
    assert_eq!(world.told(&bet).await, (1, 10_000));
    assert_eq!(world.told(&refund("bet-r")).await, (0, 10_000));
    assert_eq!(world.told(&bet).await, (1, 10_000), "what was refused stays refused");
    let smaller = bet.with("amount", "1.00");
    assert_eq!(world.told(&smaller).await, (1, 10_000), "under another amount, too");
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refund_after_the_result_is_paid_and_flagged_or_refused_as_the_brand_has_it() {
    let world = ann().await;
    for (slug, code, balance) in [("pragmatic", 0, 10_250), ("pragmatic-strict", 120, 10_400)] {
        world.told(&stake("ann", "r").at(slug)).await;
        world.told(&win("r", "2.50").at(slug)).await;
        for _ in 0..2 {
            assert_eq!(world.told(&refund("stake-r").at(slug)).await, (code, balance), "{slug}");
        }
    }
    assert_eq!(world.flagged("pragmatic", "settled_before").await, 1.0);
    world.check().await;
}

// ---- Rounds of many parts ----

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_round_may_have_several_bets_results_and_refunds_each_under_its_own_reference() {
    let world = ann().await;
    let bet = |reference: &str| stake("ann", "r").with("reference", reference);
    let result = |reference: &str, amount: &str| win("r", amount).with("reference", reference);
    for (what, call, balance) in [
        ("a bet", bet("b1"), 9_900),
        ("a second one", bet("b2"), 9_800),
        ("a win", result("w1", "2.00"), 10_000),
        ("a loss", result("w2", "0.00"), 10_000),
        ("a bet after a win", bet("b3"), 9_900),
        ("its refund", refund("b3"), 10_000),
        ("a win on those that stand", result("w3", "0.50"), 10_050),
        ("the end of the round", Operation::EndRound.call("ann", "", "r"), 10_050),
        ("the end once more", Operation::EndRound.call("ann", "", "r"), 10_050),
        ("a win after the end", result("w4", "0.50"), 10_100),
        ("a bet after the end", bet("b4"), 10_000),
    ] {
        assert_eq!(world.told(&call.without("token")).await, (0, balance), "{what}");
    }
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_end_of_a_round_that_nobody_has_heard_of_is_a_success_and_its_win_is_never_booked() {
    let world = ann().await;
    let end = Operation::EndRound.call("ann", "", "r").without("token").with("win", "99.00");
    for _ in 0..2 {
        let answer = end.send(world.api(0)).await;
        assert_eq!((answer.error, answer.cash), (0, Some(10_000)), "{}", answer.json);
    }
    let more = end.with("win", "100.00").send(world.api(0)).await;
    assert_eq!((more.error, more.cash), (0, Some(10_000)), "{}", more.json);
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reference_that_comes_again_with_other_contents_moves_nothing_and_is_counted() {
    let world = ann().await;
    world.bank.open("bob", "5.00").await;
    let first = stake("ann", "r").send(world.api(0)).await;
    for (what, call) in [
        ("amount", stake("ann", "r").with("amount", "2.00")),
        ("round", stake("ann", "r").with("roundId", "q")),
        ("game", stake("ann", "r").with("gameId", "vs20other")),
    ] {
        let again = call.send(world.api(0)).await;
        assert_eq!((again.id(), again.cash), (first.id(), Some(9_900)), "another {what}");
    }
    // A win under a bet's reference must be paid by nobody and lost by nobody.
    let strange = win("r", "2.50").with("reference", "stake-r");
    assert_ne!(world.told(&strange).await.0, 5);
    assert_eq!(world.balance("ann").await, 9_900);
    let bobs = stake("bob", "r");
    bobs.send(world.api(0)).await;
    assert_eq!((world.balance("ann").await, world.balance("bob").await), (9_900, 500));
    let labels = [("provider", "pragmatic"), ("mismatch", "yes")];
    assert!(world.nodes[0].metric("wallet_duplicates_total", &labels).await >= 5.0);
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bet_that_nobody_answered_and_its_refund_at_the_same_time_leave_the_stake_where_it_was() {
    let world = World::with_nodes(2).await;
    for number in 0..10 {
        let player = format!("player-{number}");
        world.bank.open(&player, "10.00").await;
        let (bet, cancel) = (stake(&player, &player), refund_of(&player, &stake_of(&player)));
        let (bet_told, refund_told, again) = tokio::join!(
            bet.send(world.api(0)),
            cancel.send(world.api(1)),
            cancel.send(world.api(0)),
        );
        assert!([0, 120].contains(&bet_told.error), "{}", bet_told.json);
        assert_eq!((refund_told.error, again.error), (0, 0), "{}", refund_told.json);
        assert_eq!(world.balance(&player).await, 1_000);
        assert_eq!(world.told(&bet).await, (120, 1_000));
    }
    world.check().await;
}
