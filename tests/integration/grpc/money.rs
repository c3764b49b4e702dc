//! The rules of money hold through gRPC as they do through every callback.

use std::time::Duration;

use seamless_wallet::core::PlayerStatus;
use seamless_wallet::grpc::proto::{
    AuthenticateRequest, BalanceRequest, Category, CreditWithoutDebit, ExecuteRequest, FundsTest,
    LateOriginal, Outcome, Policy, Reason, ReversalAfterSettlement, Reversible, SessionRule,
};
use tonic::Code;

use super::{arcade, tuned, with};
use crate::support::grpc::{
    CLIENT, Executed, adjust, assert_refused, by, client, command, credit, credit_of, debit,
    execute, keyed, reverse,
};

const APPLIED: (Outcome, Reason) = (Outcome::Applied, Reason::Unspecified);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_movement_takes_effect_once_however_often_and_wherever_it_comes() {
    let (mut world, mut here) = arcade().await;
    world.add_node(&with("")).await;
    let mut there = client(&world.nodes[1]).await;
    let bet = command("ann", vec![debit("b", 250)]);
    let first = execute(&mut here, bet.clone()).await;
    assert_eq!((first.cents(), first.words()), (9750, vec![APPLIED]));
    let first = first.first().entry.clone().expect("an entry");
    for client in [&mut here, &mut there] {
        let again = execute(client, bet.clone()).await;
        let result = again.first();
        assert_eq!((result.outcome(), result.repeated), (Outcome::Replayed, true));
        let entry = result.entry.clone().expect("an entry");
        assert_eq!((&entry, again.cents()), (&first, 9750));
    }
    let other = execute(&mut there, command("ann", vec![debit("b", 300)])).await;
    assert_eq!((other.first().outcome(), other.cents()), (Outcome::Mismatch, 9750));
    assert_eq!(world.applied("b").await, 1);
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_callers_of_one_movement_get_one_result() {
    let (world, client) = arcade().await;
    let calls = (0..32).map(|_| {
        let mut client = client.clone();
        tokio::spawn(
            async move { execute(&mut client, command("ann", vec![debit("b", 100)])).await },
        )
    });
    let mut ids = std::collections::BTreeSet::new();
    let mut applied = 0;
    for call in calls.collect::<Vec<_>>() {
        let executed = call.await.expect("a reply");
        assert_eq!(executed.cents(), 9900);
        applied += usize::from(executed.first().outcome() == Outcome::Applied);
        ids.insert(executed.first().entry.clone().expect("an entry").transaction_id);
    }
    assert_eq!((applied, ids.len()), (1, 1));
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_movements_of_a_command_are_done_or_none_and_a_refusal_is_remembered() {
    let (world, mut client) = arcade().await;
    let done =
        execute(&mut client, command("ann", vec![debit("b1", 1000), credit("w1", 300)])).await;
    assert_eq!((done.cents(), done.words()), (9300, vec![APPLIED, APPLIED]));
    let too_much = command("ann", vec![debit("b2", 9000), debit("b3", 500)]);
    let refused = (Outcome::Refused, Reason::InsufficientFunds);
    for repeated in [false, true] {
        let executed = execute(&mut client, too_much.clone()).await;
        assert_eq!((executed.cents(), executed.words()), (9300, vec![refused, refused]));
        assert_eq!(executed.refused(), Reason::InsufficientFunds);
        assert_eq!(executed.first().repeated, repeated);
    }
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reversal_gives_back_once_and_an_original_after_its_reversal_moves_nothing() {
    let (world, mut client) = arcade().await;
    execute(&mut client, command("ann", vec![debit("b", 1000)])).await;
    let undo =
        |id: &str, target: &str| command("ann", vec![reverse(id, target, Reversible::Unspecified)]);
    let undone = execute(&mut client, undo("x", "b")).await;
    assert_eq!((undone.cents(), undone.words()), (10_000, vec![APPLIED]));
    let again = execute(&mut client, undo("y", "b")).await;
    assert_eq!(again.words(), [(Outcome::NoEffect, Reason::AlreadyReversed)]);
    let bet = execute(&mut client, command("ann", vec![debit("b", 1000)])).await;
    assert!(bet.first().entry.as_ref().expect("an entry").reversed);

    let early = execute(&mut client, undo("z", "late")).await;
    assert_eq!(early.words(), [(Outcome::NoEffect, Reason::TargetUnknown)]);
    let late = command("ann", vec![debit("late", 1000)]);
    let refused = execute(&mut client, late).await;
    assert_eq!((refused.refused(), refused.cents()), (Reason::Cancelled, 10_000));

    execute(&mut client, undo("zz", "later")).await;
    let policy = Policy { late_original: i32::from(LateOriginal::Succeed), ..Policy::default() };
    let late = by(command("ann", vec![debit("later", 1000), debit("b2", 100)]), policy);
    let cancelled = execute(&mut client, late).await;
    assert_eq!(cancelled.first().outcome(), Outcome::Cancelled);
    assert_eq!((cancelled.words()[1], cancelled.cents()), (APPLIED, 9900));
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_win_before_its_bet_waits_and_is_paid_with_it_or_after_the_grace_period() {
    let (world, mut client) = arcade().await;
    let win = command("ann", vec![credit("w", 500)]);
    let parked = execute(&mut client, win.clone()).await;
    assert_eq!(parked.words(), [(Outcome::Parked, Reason::DebitUnknown)]);
    assert_eq!(parked.cents(), 10_000);
    execute(&mut client, command("ann", vec![debit("b", 100)])).await;
    assert_eq!(execute(&mut client, win).await.words(), [APPLIED]);

    let lost = ExecuteRequest { round_id: "r2".into(), ..command("ann", vec![credit("w2", 500)]) };
    assert_eq!(execute(&mut client, lost.clone()).await.first().outcome(), Outcome::Parked);
    tokio::time::sleep(Duration::from_millis(120)).await;
    let paid = execute(&mut client, lost).await;
    assert_eq!(paid.words(), [(Outcome::Applied, Reason::Unmatched)]);
    assert_eq!(paid.cents(), 10_900);
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_parked_win_that_never_comes_again_is_paid_by_the_node_itself() {
    let jobs = "[jobs]\nenabled = true\nreapply_every_s = 1\nreapply_backoff_s = 1";
    let (world, mut client) = tuned(jobs).await;
    let parked = execute(&mut client, command("ann", vec![credit("w", 500)])).await;
    assert_eq!(parked.first().outcome(), Outcome::Parked);
    while world.balance("ann").await == 10_000 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let applied = ("applied".to_owned(), "unmatched".to_owned(), 500);
    assert_eq!(world.row(CLIENT, "w").await, Some(applied));
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_may_settle_otherwise_what_games_settle_differently() {
    let (world, mut client) = arcade().await;
    world.bank.session("token", "ann", CLIENT, 60).await;
    let alone = |id: &str, policy| {
        let command = command("ann", vec![credit(id, 100)]);
        by(ExecuteRequest { round_id: format!("round of {id}"), ..command }, policy)
    };
    let pay = i32::from(CreditWithoutDebit::Pay);
    let policy = Policy { credit_without_debit: pay, ..Policy::default() };
    assert_eq!(execute(&mut client, alone("w1", policy)).await.words(), [APPLIED]);
    let refuse = i32::from(CreditWithoutDebit::Refuse);
    let policy = Policy { credit_without_debit: refuse, ..Policy::default() };
    let refused = execute(&mut client, alone("w2", policy)).await;
    assert_eq!(refused.refused(), Reason::DebitUnknown);
    assert_eq!(refused.first().entry, None, "it may still come");

    let bet = |id: &str| command("ann", vec![debit(id, 100)]);
    let required = Policy { session: i32::from(SessionRule::Required), ..Policy::default() };
    let without = execute(&mut client, by(bet("b1"), required)).await;
    assert_eq!(without.refused(), Reason::SessionUnknown);
    // A policy is no part of what a movement says: it was refused, and stays so.
    let again = execute(&mut client, bet("b1")).await;
    assert_eq!((again.refused(), again.first().repeated), (Reason::SessionUnknown, true));
    let with = ExecuteRequest { session_token: "token".into(), ..by(bet("b2"), required) };
    assert_eq!(execute(&mut client, with.clone()).await.words(), [APPLIED]);
    let bad = ExecuteRequest { session_token: "no token".into(), ..bet("b3") };
    assert_eq!(execute(&mut client, bad).await.refused(), Reason::SessionUnknown);

    let both = command("ann", vec![debit("b4", 6000), credit("w4", 6000), debit("b5", 6000)]);
    let in_order = Policy { funds: i32::from(FundsTest::InOrder), ..Policy::default() };
    let ids = ["b4", "w4", "b5"];
    assert_eq!(execute(&mut client, both.clone()).await.refused(), Reason::InsufficientFunds);
    let mut renamed = by(both, in_order);
    for (movement, id) in renamed.movements.iter_mut().zip(ids) {
        movement.tx_id = format!("{id} in order");
    }
    assert_eq!(execute(&mut client, renamed).await.words(), [APPLIED; 3]);

    let none = i32::from(ReversalAfterSettlement::NoEffect);
    let policy = Policy { reversal_after_settlement: none, ..Policy::default() };
    let undo = command("ann", vec![reverse("x", "b2", Reversible::Debit)]);
    let undone = execute(&mut client, by(undo, policy)).await;
    assert_eq!(undone.words(), [(Outcome::NoEffect, Reason::AlreadySettled)]);
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_win_that_is_taken_back_costs_what_is_there_and_a_correction_needs_the_balance() {
    let (world, mut client) = arcade().await;
    let jackpot = credit_of("j", 5000, Category::Jackpot);
    assert_eq!(execute(&mut client, command("ann", vec![jackpot])).await.cents(), 15_000);
    assert_eq!(execute(&mut client, command("ann", vec![debit("b", 12_000)])).await.cents(), 3000);
    let back = command("ann", vec![reverse("x", "j", Reversible::Credit)]);
    let taken = execute(&mut client, back).await;
    assert_eq!((taken.cents(), taken.words()), (0, vec![(Outcome::Applied, Reason::Shortfall)]));
    assert_eq!(taken.first().entry.as_ref().expect("an entry").shortfall_micros, 20_000_000);

    assert_eq!(execute(&mut client, command("ann", vec![adjust("up", 700)])).await.cents(), 700);
    let down = execute(&mut client, command("ann", vec![adjust("down", -800)])).await;
    assert_eq!((down.refused(), down.cents()), (Reason::InsufficientFunds, 700));
    let down = execute(&mut client, command("ann", vec![adjust("down", -600)])).await;
    assert_eq!((down.words(), down.cents()), (vec![APPLIED], 100));
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_player_stakes_nothing_and_is_paid_and_nobody_stakes_above_the_limit() {
    let (world, mut client) = arcade().await;
    let above = execute(&mut client, command("ann", vec![debit("large", 100_001)])).await;
    assert_eq!(above.refused(), Reason::MaxBet);
    execute(&mut client, command("ann", vec![debit("b", 100)])).await;
    world.bank.set_status("ann", PlayerStatus::Frozen).await;
    let refused = execute(&mut client, command("ann", vec![debit("b2", 100)])).await;
    assert_eq!(refused.refused(), Reason::PlayerFrozen);
    assert_eq!(execute(&mut client, command("ann", vec![credit("w", 300)])).await.cents(), 10_200);
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_launch_token_for_one_game_places_stakes_in_no_other() {
    let (world, mut client) = arcade().await;
    world.bank.session_for("token", "ann", CLIENT, "roulette").await;
    let ask = |game: &str| {
        keyed(AuthenticateRequest { session_token: "token".into(), game_id: game.into() })
    };
    assert!(client.authenticate(ask("roulette")).await.is_ok());
    let replied = client.authenticate(ask("slots")).await;
    assert_refused(replied, Code::FailedPrecondition, "SESSION_MISMATCH");
    let in_game = |movements, game: &str| ExecuteRequest {
        session_token: "token".into(),
        game_id: game.into(),
        ..command("ann", movements)
    };
    // Whoever does not say which game it is for cannot say that it is this one.
    for (key, game) in [("b1", "slots"), ("b2", "")] {
        let refused = execute(&mut client, in_game(vec![debit(key, 100)], game)).await;
        assert_eq!(refused.refused(), Reason::SessionMismatch, "{game}");
    }
    let bet = execute(&mut client, in_game(vec![debit("b3", 100)], "roulette")).await;
    assert_eq!((bet.words(), bet.cents()), (vec![APPLIED], 9_900));
    let win = execute(&mut client, in_game(vec![credit("w", 300)], "slots")).await;
    assert_eq!((win.words(), win.cents()), (vec![APPLIED], 10_200));
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_player_is_known_by_a_launch_token_of_this_client_alone() {
    let (world, mut client) = arcade().await;
    world.bank.session("ours", "ann", CLIENT, 60).await;
    world.bank.session("theirs", "ann", "bingo", 60).await;
    world.bank.session("over", "ann", CLIENT, -60).await;
    world.bank.switch_game(CLIENT, "closed", false).await;
    let ask = |token: &str, game: &str| {
        keyed(AuthenticateRequest { session_token: token.into(), game_id: game.into() })
    };
    let ann = client.authenticate(ask("ours", "")).await.expect("a player").into_inner();
    assert_eq!((ann.player_id.as_str(), ann.currency.as_str()), ("ann", "EUR"));
    assert_eq!((ann.balance_micros, ann.version), (100_000_000, 1));
    for (token, game, reason) in [
        ("theirs", "", "SESSION_MISMATCH"),
        ("over", "", "SESSION_EXPIRED"),
        ("nobody's", "", "SESSION_UNKNOWN"),
        ("ours", "closed", "GAME_DISABLED"),
    ] {
        let replied = client.authenticate(ask(token, game)).await;
        assert_refused(replied, Code::FailedPrecondition, reason);
    }
    let balance = |player: &str, currency: &str| {
        let (player_id, currency) = (player.into(), currency.into());
        keyed(BalanceRequest { player_id, currency, ..BalanceRequest::default() })
    };
    let told = client.balance(balance("ann", "EUR")).await.expect("a balance").into_inner();
    assert_eq!(told, ann);
    let replied = client.balance(balance("bob", "")).await;
    assert_refused(replied, Code::NotFound, "PLAYER_UNKNOWN");
    let replied = client.balance(balance("ann", "USD")).await;
    assert_refused(replied, Code::FailedPrecondition, "CURRENCY_MISMATCH");
    let replied = client.execute(keyed(command("bob", vec![debit("b", 1)]))).await;
    assert_refused(replied, Code::NotFound, "PLAYER_UNKNOWN");
}
