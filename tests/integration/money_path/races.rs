//! Two sessions at one wallet: one has the row, the other waits for it. What was judged by the past
//! is never carried over what the first one commits.

use std::time::Duration;

use chrono::TimeDelta;
use seamless_wallet::core::policy::{
    CreditAfterReversal, CreditWithoutDebit, ReversalAfterSettlement,
};
use seamless_wallet::core::{Action, Attempt, Category, PlayerStatus, Policy, Reversible};
use seamless_wallet::store::money::WriteError;
use seamless_wallet::store::money::written::Written;
use sqlx::postgres::PgPool;
use sqlx::{Connection as _, PgConnection};

use super::{attempt, decide_on_facts, euro, tx, write_assumed};
use crate::support::bank::Bank;
use crate::support::database::Database;
use crate::support::ledger;

/// Wins ask for a stake that stands; what was paid is not refunded.
fn strict() -> Policy {
    Policy {
        credit_without_debit: CreditWithoutDebit::Park { grace: TimeDelta::hours(1) },
        credit_after_reversal: CreditAfterReversal::Refuse,
        reversal_after_settlement: ReversalAfterSettlement::Refuse,
        ..Policy::PERMISSIVE
    }
}

fn bet(tx_id: &str, units: i64) -> Attempt {
    attempt(tx_id, Action::Debit(euro(units)), Category::Bet, &strict())
}

fn win(tx_id: &str) -> Attempt {
    attempt(tx_id, Action::credit(euro(5)), Category::Win, &strict())
}

fn refund(tx_id: &str, target: &str) -> Attempt {
    let action = Action::Reverse { target: tx(target), of: Reversible::Any, at_most: None };
    attempt(tx_id, action, Category::Bet, &strict())
}

fn status(tx_id: &str, status: PlayerStatus) -> Attempt {
    attempt(tx_id, Action::Note(Some(status)), Category::Status, &strict())
}

fn correction(tx_id: &str, units: i64) -> Attempt {
    let micros = euro(units.abs()).micros();
    let micros = if units < 0 { micros.negated() } else { micros };
    attempt(tx_id, Action::Adjust(micros), Category::Adjustment, &strict())
}

/// `ann` has 100 euro, and what was before has been done.
pub(super) struct Stage {
    pub(super) database: Database,
}

/// What one session commits while the other one waits.
#[expect(clippy::large_enum_variant, reason = "there are two of them in a test")]
pub(super) enum Meanwhile {
    /// A movement.
    Does(Attempt),
    /// Something done to the wallet by hand.
    Sql(&'static str),
}

impl Stage {
    pub(super) async fn after(before: &[Attempt]) -> Self {
        let database = Database::fresh().await;
        let bank = Bank::at(&database);
        bank.open("ann", "100").await;
        for attempt in before {
            bank.execute(attempt.command.clone()).await.expect("done");
        }
        Self { database }
    }

    /// What comes of an attempt that is decided now and finds the wallet locked by somebody who
    /// commits first.
    pub(super) async fn race(
        &self,
        attempt: Attempt,
        meanwhile: Meanwhile,
    ) -> Result<Written, WriteError> {
        let pool = &self.database.pool;
        let mut first = pool.acquire().await.expect("a connection");
        let mut second = pool.acquire().await.expect("a connection").detach();
        let judged = decide_on_facts(&mut second, &attempt).await;
        let mut transaction = first.begin().await.expect("begun");
        match meanwhile {
            Meanwhile::Does(other) => {
                let written = decide_on_facts(&mut transaction, &other).await;
                let written = written.write(&mut transaction).await.expect("written");
                assert!(matches!(written, Some(Written::Moved(_))), "{written:?}");
            }
            Meanwhile::Sql(sql) => {
                sqlx::query(sql).execute(&mut *transaction).await.expect("done");
            }
        }
        let pid = sqlx::query_scalar::<_, i32>("SELECT pg_backend_pid()")
            .fetch_one(&mut second)
            .await
            .expect("a number");
        let waiting = tokio::spawn(async move {
            // What was parked is never taken for new.
            let assumed = if judged.decision.promotions.is_empty() {
                write_assumed(&mut second, &attempt).await?
            } else {
                None
            };
            match assumed {
                Some(written) => Ok(written),
                None => Ok(judged.write(&mut second).await?.expect("one answer")),
            }
        });
        until_it_waits(pool, pid).await;
        transaction.commit().await.expect("committed");
        let written = waiting.await.expect("no panic");
        ledger::check_integrity(pool).await;
        written
    }

    pub(super) async fn balance(&self) -> i64 {
        let sql = "SELECT balance_micros / 1000000 FROM wallet WHERE player_id = 'ann'";
        sqlx::query_scalar(sql).fetch_one(&self.database.pool).await.expect("a balance")
    }
}

async fn until_it_waits(pool: &PgPool, pid: i32) {
    let sql = "SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = $1";
    for _ in 0..3_000 {
        let waits: Option<bool> =
            sqlx::query_scalar(sql).bind(pid).fetch_one(pool).await.expect("an answer");
        if waits == Some(true) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the second session does not wait for the first");
}

pub(super) fn moved(written: &Result<Written, WriteError>) -> bool {
    matches!(written, Ok(Written::Moved(_)))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bet_counts_from_what_the_other_session_left() {
    let stage = Stage::after(&[]).await;
    let written = stage.race(bet("b2", 30), Meanwhile::Does(bet("b1", 20))).await;
    assert!(moved(&written), "{written:?}");
    assert_eq!(stage.balance().await, 50);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bet_is_left_out_when_the_wallet_no_longer_bears_it() {
    for (name, meanwhile) in [
        ("emptied", Meanwhile::Does(bet("b1", 90))),
        ("frozen", Meanwhile::Does(status("s1", PlayerStatus::Frozen))),
        ("closed", Meanwhile::Does(status("s1", PlayerStatus::Closed))),
        ("limited", Meanwhile::Sql("UPDATE wallet SET bet_limit_micros = 29999999")),
    ] {
        let stage = Stage::after(&[]).await;
        let written = stage.race(bet("b2", 30), meanwhile).await;
        assert!(matches!(written, Ok(Written::Wallet(_))), "{name}: {written:?}");
        assert_eq!(stage.database.ledger_rows().await, if name == "limited" { 1 } else { 2 });
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_win_is_left_out_when_its_only_bet_was_refunded_meanwhile() {
    let stage = Stage::after(&[bet("b1", 10)]).await;
    let written = stage.race(win("w1"), Meanwhile::Does(refund("x1", "b1"))).await;
    assert!(matches!(written, Ok(Written::Wallet(_))), "{written:?}");
    assert_eq!(stage.balance().await, 100);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refund_is_left_out_when_its_bet_was_refunded_or_paid_meanwhile() {
    for meanwhile in [refund("x1", "b1"), win("w1")] {
        let stage = Stage::after(&[bet("b1", 10)]).await;
        let expected = if meanwhile.command.movements[0].tx_id == tx("w1") { 95 } else { 100 };
        let written = stage.race(refund("x2", "b1"), Meanwhile::Does(meanwhile)).await;
        assert!(matches!(written, Ok(Written::Wallet(_))), "{written:?}");
        assert_eq!(stage.balance().await, expected);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_correction_is_left_out_when_something_was_decided_meanwhile() {
    let stage = Stage::after(&[bet("b1", 10)]).await;
    let written = stage.race(correction("a1", -90), Meanwhile::Does(bet("b2", 1))).await;
    assert!(matches!(written, Ok(Written::Wallet(_))), "{written:?}");
    assert_eq!(stage.balance().await, 89);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_of_status_is_left_out_when_something_was_decided_meanwhile() {
    let stage = Stage::after(&[]).await;
    let freeze = status("s1", PlayerStatus::Frozen);
    let written = stage.race(freeze, Meanwhile::Does(bet("b1", 1))).await;
    assert!(matches!(written, Ok(Written::Wallet(_))), "{written:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_parked_win_is_decided_once_by_two_sessions() {
    // The win came first, so it waits; then its bet came.
    let stage = Stage::after(&[win("w1"), bet("b1", 10)]).await;
    let written = stage.race(win("w1"), Meanwhile::Does(win("w1"))).await;
    assert!(matches!(written, Ok(Written::Wallet(_))), "{written:?}");
    assert_eq!(stage.balance().await, 95);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_key_in_two_sessions_is_written_once_and_the_other_statement_undone_whole() {
    let stage = Stage::after(&[]).await;
    let written = stage.race(bet("b1", 10), Meanwhile::Does(bet("b1", 10))).await;
    assert!(matches!(written, Err(WriteError::Taken(_))), "{written:?}");
    assert_eq!(stage.balance().await, 90);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bet_whose_refund_comes_in_the_same_moment_moves_nothing() {
    let stage = Stage::after(&[]).await;
    let written = stage.race(bet("b1", 10), Meanwhile::Does(refund("x1", "b1"))).await;
    assert!(matches!(written, Err(WriteError::Taken(_))), "{written:?}");
    assert_eq!(stage.balance().await, 100);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_locked_is_found_without_waiting() {
    use seamless_wallet::store::money::culprits;
    let stage = Stage::after(&[]).await;
    let bank = Bank::at(&stage.database);
    bank.open("bob", "1").await;
    let mut held: PgConnection =
        stage.database.pool.acquire().await.expect("a connection").detach();
    let mut transaction = held.begin().await.expect("begun");
    sqlx::query("SELECT FROM wallet WHERE player_id = 'ann' FOR UPDATE")
        .execute(&mut *transaction)
        .await
        .expect("locked");
    let mut other = stage.database.pool.acquire().await.expect("a connection");
    let players = ["ann", "bob", "nobody"].map(crate::support::bank::player_id);
    let players: Vec<_> = players.iter().collect();
    let locked = culprits::locked(&mut other, &players).await.expect("an answer");
    assert_eq!(locked, [crate::support::bank::player_id("ann")]);
}
