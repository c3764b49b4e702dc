//! The engine on a real database, against the same rules applied one by one in memory.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use seamless_wallet::core::policy::{CreditWithoutDebit, ReversalAfterSettlement};
use seamless_wallet::core::{
    Action, Amount, Attempt, Category, Command, Outcome, Policy, Reason, Receipt, Reversible, TxId,
};
use seamless_wallet::engine::Directly;
use seamless_wallet::engine::{Engine, EngineConfig, ExecuteError};
use tokio::runtime::Runtime;
use tokio::time::Instant;

use crate::support::bank::{Bank, ENGINE};
use crate::support::database::Database;
use crate::support::ledger;
use crate::support::model::{Model, Spec, attempt, peaceful, policy, script, tx};

const START: i64 = 40_000_000;

/// A database, and engines on it as if on nodes of their own.
struct Store {
    engines: Vec<Engine>,
    bank: Bank,
    database: Database,
}

impl Store {
    async fn with_engines(count: usize) -> Self {
        Self::of(count, ENGINE).await
    }

    async fn of(count: usize, bounds: EngineConfig) -> Self {
        let database = Database::fresh().await;
        let config = database.config();
        let start = || Engine::start(bounds, &config, Arc::new(Directly)).expect("a URL").0;
        let engines = (0..count).map(|_| start()).collect();
        Self { engines, bank: Bank::at(&database), database }
    }

    async fn execute(&self, number: usize, attempt: Attempt) -> Result<Receipt, ExecuteError> {
        let engine = &self.engines[number % self.engines.len()];
        let deadline = Instant::now() + Duration::from_secs(20);
        // Whether a repeat is expected is a hint: right or wrong, it moves no money.
        let several = attempt.command.movements.len() > 1;
        engine.execute(Arc::new(attempt), several || number.is_multiple_of(3), deadline).await
    }

    /// What is parked has been so for longer: the database's clock cannot be set.
    async fn let_hours_pass(&self, hours: i64) {
        let sql = "UPDATE trx_log SET parked_at = parked_at - make_interval(hours => $1)
                   WHERE outcome = 'parked'";
        let hours = i32::try_from(hours).expect("few");
        sqlx::query(sql).bind(hours).execute(&self.database.pool).await.expect("updated");
    }

    async fn balance(&self, player: &str) -> i64 {
        let sql = "SELECT balance_micros FROM wallet WHERE player_id = $1";
        let found = sqlx::query_scalar(sql).bind(player).fetch_one(&self.database.pool).await;
        found.expect("a wallet")
    }
}

/// Runs a property on one store; each case gets a player of its own.
fn check<S: Strategy>(
    cases: u32,
    engines: usize,
    strategy: &S,
    property: impl Fn(&Runtime, &Store, &str, S::Value),
) {
    let runtime = Runtime::new().expect("a runtime");
    let store = runtime.block_on(Store::with_engines(engines));
    let count = std::cell::Cell::new(0);
    let config =
        Config { cases, failure_persistence: None, max_shrink_iters: 60, ..Config::default() };
    let result = TestRunner::new(config).run(strategy, |value| {
        count.set(count.get() + 1);
        property(&runtime, &store, &format!("player-{}", count.get()), value);
        Ok(())
    });
    result.unwrap_or_else(|error| panic!("{error}"));
    runtime.block_on(ledger::check_integrity(&store.database.pool));
    // What ends its connections ends inside the runtime.
    runtime.block_on(async { drop(store) });
}

fn one(key: u8, action: Action, category: Category) -> Spec {
    Spec { movements: vec![(key, action, category)], round: Some(0), right_currency: true }
}

#[test]
fn one_after_the_other_every_command_gets_the_answer_that_the_rules_give() {
    let strategy = (policy(), script(1..50), 0i64..5);
    check(60, 1, &strategy, |runtime, store, player, (policy, script, pace)| {
        let mut model = Model::with_balance(player, START);
        runtime.block_on(async {
            store.bank.open(player, "40").await;
            for (number, spec) in script.iter().enumerate() {
                let hour = i64::try_from(number).expect("few") * pace;
                if number > 0 {
                    store.let_hours_pass(pace).await;
                }
                let arrival = attempt(&spec.own_command(player, &policy), hour);
                let expected = model.execute(&arrival);
                let receipt = store.execute(number, arrival).await.expect("a receipt");
                assert_eq!(receipt.outcomes, expected.outcomes, "command {number}: {spec:?}");
                assert_eq!(receipt.balance, expected.wallet.balance);
            }
        });
    });
}

#[test]
fn at_once_over_two_nodes_every_key_takes_effect_once_and_keeps_its_id() {
    let strategy = (policy(), script(1..60));
    check(24, 2, &strategy, |runtime, store, player, (policy, script)| {
        runtime.block_on(async {
            store.bank.open(player, "40").await;
            let mut ids: HashMap<TxId, Outcome> = HashMap::new();
            // Later ones come after the grace of what was parked.
            for (turn, some) in (0..).zip(script.chunks(12)) {
                store.let_hours_pass(6).await;
                let commands: Vec<Command> =
                    some.iter().map(|spec| spec.own_command(player, &policy)).collect();
                let arrivals = commands
                    .iter()
                    .enumerate()
                    .map(|(number, command)| store.execute(number, attempt(command, turn * 6)));
                for (command, receipt) in commands.iter().zip(join_all(arrivals).await) {
                    let receipt = receipt.expect("a receipt");
                    for (movement, outcome) in command.movements.iter().zip(receipt.outcomes) {
                        let Some(entry) = outcome.entry() else { continue };
                        let first = ids.entry(movement.tx_id.clone()).or_insert(outcome.clone());
                        let known = first.entry().map(|entry| entry.transaction_id);
                        // Every answer about a key names the one row that stands under it.
                        assert_eq!(known, Some(entry.transaction_id), "{first:?}, {outcome:?}");
                    }
                }
            }
            ledger::check_integrity(&store.database.pool).await;
        });
    });
}

#[test]
fn at_once_over_two_nodes_what_nothing_stands_against_ends_as_one_after_the_other() {
    check(24, 2, &script(10..60), |runtime, store, player, script| {
        let script = peaceful(script);
        let mut model = Model::with_balance(player, 1_000 * START);
        for spec in &script {
            let _ = model.execute(&attempt(&spec.own_command(player, &Policy::PERMISSIVE), 0));
        }
        runtime.block_on(async {
            store.bank.open(player, "40000").await;
            let arrivals = script.iter().enumerate().map(|(number, spec)| {
                let command = spec.own_command(player, &Policy::PERMISSIVE);
                store.execute(number, attempt(&command, 0))
            });
            for receipt in join_all(arrivals).await {
                assert_eq!(receipt.expect("a receipt").refusal(), None);
            }
            assert_eq!(store.balance(player).await, model.wallet.balance.get());
        });
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn players_of_one_round_are_told_apart_also_in_one_batch() {
    let store = Store::with_engines(1).await;
    let strict = Policy { credit_without_debit: CreditWithoutDebit::Refuse, ..Policy::PERMISSIVE };
    let stake = one(0, Action::Debit(Amount::ZERO), Category::Bet);
    let win = one(1, Action::credit(Amount::ZERO), Category::Win);
    for table in 0..10 {
        let seats: Vec<String> = (0..10).map(|seat| format!("seat-{table}-{seat}")).collect();
        for (number, seat) in seats.iter().enumerate() {
            store.bank.open(seat, "0").await;
            if number.is_multiple_of(2) {
                let bet = attempt(&stake.own_command(seat, &strict), 0);
                assert_eq!(store.execute(1, bet).await.expect("a receipt").refusal(), None);
            }
        }
        let wins =
            seats.iter().map(|seat| store.execute(1, attempt(&win.own_command(seat, &strict), 0)));
        for (number, receipt) in join_all(wins).await.into_iter().enumerate() {
            let refusal = receipt.expect("a receipt").refusal();
            let expected = (!number.is_multiple_of(2)).then_some(Reason::DebitUnknown);
            assert_eq!(refusal, expected, "seat {number} of table {table}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_that_get_the_same_calls_in_another_order_do_not_lock_each_other_out() {
    // Batches so long that they are sure to meet.
    let store = Store::of(2, EngineConfig { batch_max: 1_000, ..ENGINE }).await;
    store.bank.open("ann", "1000").await;
    let unit = Amount::from_minor(1, 0).expect("small");
    for turn in 0..4 {
        let commands: Vec<Command> = (0..700)
            .map(|number| {
                let spec = one(0, Action::Debit(unit), Category::Bet);
                let mut command = spec.command("ann", &Policy::PERMISSIVE);
                command.movements[0].tx_id =
                    TxId::parse(format!("{turn}-{number}")).expect("an id");
                command
            })
            .collect();
        let there = commands.iter().map(|command| store.execute(0, attempt(command, 0)));
        let back = commands.iter().rev().map(|command| store.execute(1, attempt(command, 0)));
        for receipt in join_all(there.chain(back)).await {
            receipt.expect("a receipt");
        }
    }
    // A session tells its counters when it ends, at the latest.
    let pool = store.database.pool.clone();
    let Store { engines, bank, database } = store;
    drop((engines, bank));
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let sql = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
    let deadlocks: i64 = sqlx::query_scalar(sql).fetch_one(&pool).await.expect("a count");
    assert_eq!(deadlocks, 0);
    ledger::check_integrity(&database.pool).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reversal_that_was_parked_and_is_decided_later_belongs_to_its_round() {
    let store = Store::with_engines(1).await;
    store.bank.open("ann", "10").await;
    let policy = Policy {
        credit_after_reversal: seamless_wallet::core::policy::CreditAfterReversal::Refuse,
        ..Policy::PERMISSIVE
    };
    let run = |spec: Spec| store.execute(1, attempt(&spec.command("ann", &policy), 0));
    let unit = Amount::from_minor(1, 0).expect("small");
    assert_eq!(run(one(0, Action::Debit(unit), Category::Bet)).await.unwrap().refusal(), None);
    store.bank.set_status("ann", seamless_wallet::core::PlayerStatus::Closed).await;
    // It names no round: that is known from the bet.
    let undo = || Spec {
        round: None,
        ..one(
            1,
            Action::Reverse { target: tx(0), of: Reversible::Debit, at_most: None },
            Category::Bet,
        )
    };
    assert!(run(undo()).await.unwrap().is_parked());
    store.bank.set_status("ann", seamless_wallet::core::PlayerStatus::Active).await;
    assert!(!run(undo()).await.unwrap().is_parked());
    let win = run(one(2, Action::credit(unit), Category::Win)).await.unwrap();
    assert_eq!(win.refusal(), Some(Reason::DebitReversed));
    ledger::check_integrity(&store.database.pool).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bet_and_its_reversal_in_one_batch_see_the_earlier_win_of_their_round() {
    let store = Store::with_engines(1).await;
    let policy =
        Policy { reversal_after_settlement: ReversalAfterSettlement::Refuse, ..Policy::PERMISSIVE };
    let unit = Amount::from_minor(1, 0).expect("small");
    for number in 0..10 {
        let player = format!("ann-{number}");
        store.bank.open(&player, "10").await;
        let run = |spec: Spec| store.execute(1, attempt(&spec.own_command(&player, &policy), 0));
        run(one(0, Action::Debit(unit), Category::Bet)).await.expect("a receipt");
        run(one(1, Action::credit(unit), Category::Win)).await.expect("a receipt");
        let undo = Action::Reverse { target: tx(2), of: Reversible::Debit, at_most: None };
        // The first is on its way when the others are put together.
        let all = tokio::join!(
            run(one(9, Action::Debit(Amount::ZERO), Category::Bet)),
            run(one(2, Action::Debit(unit), Category::Bet)),
            run(one(3, undo, Category::Bet)),
        );
        assert_eq!(all.2.expect("a receipt").refusal(), Some(Reason::AlreadySettled));
    }
}
