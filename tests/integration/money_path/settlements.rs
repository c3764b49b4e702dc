//! Credits that name their debit: judged by that one, in whatever order and at whichever node they
//! come, and paid once where the protocol says so.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use futures_util::future::join_all;
use seamless_wallet::core::policy::{
    CreditAfterReversal, CreditWithoutDebit, ReversalAfterSettlement, Settlement,
};
use seamless_wallet::core::{
    Action, Attempt, Category, Outcome, Policy, Reason, Receipt, Reversible,
};
use seamless_wallet::engine::{Directly, Engine};
use seamless_wallet::store::money::read;
use seamless_wallet::store::money::written::Written;
use tokio::time::Instant;

use super::races::{Meanwhile, Stage, moved};
use super::{attempt, decide_on_facts, euro, tx, write_assumed};
use crate::support::bank::{Bank, ENGINE};
use crate::support::database::Database;
use crate::support::ledger;

/// One win for a bet, and no bet is given back that was won.
fn once() -> Policy {
    Policy {
        credit_without_debit: CreditWithoutDebit::Park { grace: TimeDelta::hours(1) },
        credit_after_reversal: CreditAfterReversal::Refuse,
        reversal_after_settlement: ReversalAfterSettlement::Refuse,
        settlement: Settlement::OncePerDebit,
        ..Policy::PERMISSIVE
    }
}

fn bet(tx_id: &str) -> Attempt {
    attempt(tx_id, Action::Debit(euro(10)), Category::Bet, &once())
}

fn win(tx_id: &str, debit: &str) -> Attempt {
    win_by(&once(), tx_id, debit)
}

fn win_by(policy: &Policy, tx_id: &str, debit: &str) -> Attempt {
    let action = Action::Credit { amount: euro(5), settles: Some(tx(debit)) };
    attempt(tx_id, action, Category::Win, policy)
}

fn undo(tx_id: &str, target: &str) -> Attempt {
    let action = Action::Reverse { target: tx(target), of: Reversible::Any, at_most: None };
    attempt(tx_id, action, Category::Bet, &once())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_win_is_left_out_when_the_bet_that_it_names_was_refunded_meanwhile() {
    // Another bet of the round stands, and is nothing to it.
    let stage = Stage::after(&[bet("b1"), bet("b2")]).await;
    let written = stage.race(win("w1", "b1"), Meanwhile::Does(undo("x1", "b1"))).await;
    assert!(matches!(written, Ok(Written::Wallet(_))), "{written:?}");
    assert_eq!(stage.balance().await, 90);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_win_is_left_out_when_the_first_was_paid_meanwhile() {
    let pays = Policy {
        credit_without_debit: CreditWithoutDebit::Pay,
        credit_after_reversal: CreditAfterReversal::Pay,
        ..once()
    };
    for policy in [once(), pays] {
        let stage = Stage::after(&[bet("b1")]).await;
        let first = Meanwhile::Does(win_by(&policy, "w1", "b1"));
        let written = stage.race(win_by(&policy, "w2", "b1"), first).await;
        assert!(matches!(written, Ok(Written::Wallet(_))), "{policy:?}: {written:?}");
        assert_eq!(stage.balance().await, 95);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refund_is_left_out_when_the_win_that_names_its_bet_was_paid_meanwhile() {
    let stage = Stage::after(&[bet("b1")]).await;
    let written = stage.race(undo("x1", "b1"), Meanwhile::Does(win("w1", "b1"))).await;
    assert!(matches!(written, Ok(Written::Wallet(_))), "{written:?}");
    assert_eq!(stage.balance().await, 95);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_parked_win_is_left_out_when_another_one_was_paid_for_its_bet_meanwhile() {
    let stage = Stage::after(&[win("w2", "b1"), bet("b1")]).await;
    let written = stage.race(win("w2", "b1"), Meanwhile::Does(win("w1", "b1"))).await;
    assert!(matches!(written, Ok(Written::Wallet(_))), "{written:?}");
    assert_eq!(stage.balance().await, 95);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_usual_is_written_without_reading() {
    let stage = Stage::after(&[bet("b1"), bet("b2")]).await;
    let mut connection = stage.database.pool.acquire().await.expect("a connection");
    for (credit, goes) in [("w1", true), ("w2", false)] {
        let written = write_assumed(&mut connection, &win(credit, "b1")).await;
        let written = written.map(|of| of.expect("assumed"));
        assert_eq!(moved(&written), goes, "{written:?}");
        assert_eq!(matches!(written, Ok(Written::Debit)), !goes, "{written:?}");
    }
    // Another player's bet is none, whoever asks.
    let sql = "UPDATE trx_log SET player_id = 'bob' WHERE tx_id = 'b2'";
    sqlx::query(sql).execute(&mut *connection).await.expect("done");
    let written = write_assumed(&mut connection, &win("w3", "b2")).await.expect("a statement");
    assert!(matches!(written, Some(Written::Debit)), "{written:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_debit_with_very_many_settlements_is_judged_with_time_enough() {
    let stage = Stage::after(&[bet("b1")]).await;
    let bank = Bank::at(&stage.database);
    // All of them were taken back but the last.
    for number in 1..=4 {
        bank.execute(win(&format!("w{number}"), "b1").command).await.expect("done");
        if number < 4 {
            let target = format!("w{number}");
            bank.execute(undo(&format!("x{number}"), &target).command).await.expect("done");
        }
    }
    let refund = undo("x9", "b1");
    let mut connection = stage.database.pool.acquire().await.expect("a connection");
    let player = refund.command.player.clone();
    for (window, undetermined) in [(Some(2), true), (Some(4), false), (None, false)] {
        let facts = read::facts(&mut connection, &[&refund], window).await.expect("facts");
        assert_eq!(facts.undetermined.contains(&player), undetermined, "{window:?}");
    }
    let judged = decide_on_facts(&mut connection, &refund).await;
    let outcome = &judged.decision.outcomes[0];
    let settled = matches!(outcome, Outcome::Refused { reason: Reason::AlreadySettled, .. });
    assert!(settled, "{outcome:?}");
}

/// Two engines on one database, as if on nodes of their own.
struct Nodes {
    database: Database,
    engines: [Engine; 2],
}

impl Nodes {
    async fn start() -> Self {
        let database = Database::fresh().await;
        Bank::at(&database).open("ann", "1000").await;
        let config = database.config();
        let start = || Engine::start(ENGINE, &config, Arc::new(Directly)).expect("a URL").0;
        let engines = [start(), start()];
        Self { database, engines }
    }

    async fn execute(&self, turn: usize, attempt: Attempt) -> Receipt {
        let deadline = Instant::now() + Duration::from_secs(20);
        let engine = &self.engines[turn % 2];
        engine.execute(Arc::new(attempt), false, deadline).await.expect("a receipt")
    }

    async fn all_at_once(&self, attempts: Vec<Attempt>) -> Vec<Receipt> {
        let turns = attempts.into_iter().enumerate();
        join_all(turns.map(|(turn, attempt)| self.execute(turn, attempt))).await
    }

    async fn check(self) {
        ledger::check_integrity(&self.database.pool).await;
    }
}

fn is_applied(receipt: &Receipt) -> bool {
    matches!(receipt.outcomes[0], Outcome::Applied(_))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_wins_for_one_bet_at_once_over_two_nodes_one_is_paid() {
    let nodes = Nodes::start().await;
    for round in 0..10 {
        let debit = format!("b-{round}");
        nodes.execute(0, bet(&debit)).await;
        let wins = (0..12).map(|number| win(&format!("w-{round}-{number}"), &debit)).collect();
        let receipts = nodes.all_at_once(wins).await;
        let paid = receipts.iter().filter(|receipt| is_applied(receipt)).count();
        assert_eq!(paid, 1, "{receipts:?}");
        for receipt in receipts.iter().filter(|receipt| !is_applied(receipt)) {
            assert_eq!(receipt.refusal(), Some(Reason::AlreadySettled), "{receipt:?}");
        }
    }
    nodes.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bet_and_its_win_at_once_over_two_nodes_are_each_taken_once() {
    let nodes = Nodes::start().await;
    for round in 0..20 {
        let (debit, credit) = (format!("b-{round}"), format!("w-{round}"));
        let all = || vec![win(&credit, &debit), bet(&debit), bet(&debit), win(&credit, &debit)];
        let first = nodes.all_at_once(all()).await;
        let early = |of: &Receipt| of.is_parked() || of.refusal().is_none();
        assert!(first.iter().all(early), "{first:?}");
        // Whoever was told to come again comes again.
        let again = nodes.all_at_once(all()).await;
        assert!(again.iter().all(|of| of.refusal().is_none() && !of.is_parked()), "{again:?}");
    }
    let sql = "SELECT balance_micros / 1000000 FROM wallet WHERE player_id = 'ann'";
    let balance: i64 =
        sqlx::query_scalar(sql).fetch_one(&nodes.database.pool).await.expect("a balance");
    assert_eq!(balance, 1000 - 20 * 5);
    nodes.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_win_and_the_refund_of_its_bet_at_once_over_two_nodes_do_not_both_pay() {
    let nodes = Nodes::start().await;
    for round in 0..20 {
        let debit = format!("b-{round}");
        nodes.execute(round, bet(&debit)).await;
        let both = vec![win(&format!("w-{round}"), &debit), undo(&format!("x-{round}"), &debit)];
        let receipts = nodes.all_at_once(both).await;
        let done: Vec<_> = receipts.iter().map(is_applied).collect();
        assert_ne!(done[0], done[1], "{receipts:?}");
    }
    nodes.check().await;
}
