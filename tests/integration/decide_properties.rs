//! What holds for the rules of money whatever comes, in whatever order, however often.

use chrono::TimeDelta;
use proptest::prelude::*;
use proptest::sample::select;
use seamless_wallet::core::policy::{
    CreditAfterReversal, CreditWithoutDebit, Refusals, ReversalAfterSettlement, Settlement,
};
use seamless_wallet::core::{
    Action, Amount, Category, Decision, Kind, Micros, Outcome, Policy, Reversible, RowOutcome, TxId,
};

use crate::support::model::{Model, Spec, attempt, peaceful, policy, script, tx};

const START: i64 = 40_000_000;

fn config() -> ProptestConfig {
    ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() }
}

/// True when the command was answered with "not now": the same may be decided otherwise later.
fn is_open(decision: &Decision, policy: &Policy) -> bool {
    decision.outcomes.iter().any(|outcome| match outcome {
        Outcome::Parked(_) => true,
        Outcome::Refused { reason, .. } => {
            !reason.is_remembered() || policy.refusals == Refusals::Forgotten
        }
        _ => false,
    })
}

/// A key that a command itself uses twice is its own repeat.
fn names_each_key_once(spec: &Spec) -> bool {
    let mut keys: Vec<u8> = spec.movements.iter().map(|(key, ..)| *key).collect();
    keys.sort_unstable();
    keys.dedup();
    keys.len() == spec.movements.len()
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn the_chain_leads_from_the_first_balance_to_the_last_and_is_never_below_zero(
        policy in policy(),
        script in script(1..60),
        pace in 0i64..5,
    ) {
        let mut model = Model::with_balance("ann", START);
        for (second, spec) in (0..).zip(&script) {
            let before = model.wallet.clone();
            let decision = model.execute(&attempt(&spec.command("ann", &policy), second * pace));
            prop_assert_eq!(decision.outcomes.len(), spec.movements.len());
            prop_assert_eq!(&decision.wallet.currency, &before.currency);
            model.check(START);
        }
    }

    #[test]
    fn a_command_that_is_refused_leaves_the_balance_and_applies_nothing(
        policy in policy(),
        script in script(1..40),
    ) {
        let mut model = Model::with_balance("ann", START);
        for spec in &script {
            let before = model.wallet.balance;
            let decision = model.execute(&attempt(&spec.command("ann", &policy), 0));
            let written = || decision.inserts.iter().chain(&decision.promotions);
            if decision.clone().into_receipt().refusal().is_some() {
                prop_assert_eq!(decision.wallet.balance, before);
                prop_assert!(written().all(|row| row.outcome != RowOutcome::Applied));
            }
            if decision.clone().into_receipt().is_parked() {
                prop_assert_eq!(decision.wallet.balance, before);
                prop_assert!(written().all(|row| row.outcome == RowOutcome::Parked));
            }
        }
    }

    #[test]
    fn a_command_that_was_decided_changes_nothing_when_it_comes_again(
        policy in policy(),
        script in script(1..40),
    ) {
        let mut model = Model::with_balance("ann", START);
        for spec in &script {
            let command = spec.command("ann", &policy);
            let first = model.execute(&attempt(&command, 0));
            let again = model.clone().execute(&attempt(&command, 1));
            if is_open(&first, &policy) {
                continue;
            }
            prop_assert!(again.inserts.is_empty() && again.promotions.is_empty(), "{:?}", again);
            prop_assert_eq!(&again.wallet, &first.wallet);
            if !names_each_key_once(spec) {
                continue;
            }
            for (one, two) in first.outcomes.iter().zip(&again.outcomes) {
                let ids = (one.entry().map(|e| e.id()), two.entry().map(|e| e.id()));
                prop_assert_eq!(ids.0, ids.1, "{:?} and then {:?}", one, two);
            }
        }
    }

    #[test]
    fn a_refusal_that_is_forgotten_leaves_nothing_and_is_decided_anew(
        policy in policy(),
        script in script(1..40),
    ) {
        let policy = Policy { refusals: Refusals::Forgotten, ..policy };
        let mut model = Model::with_balance("ann", START);
        for spec in &script {
            let before = model.clone();
            let command = spec.command("ann", &policy);
            let decision = model.execute(&attempt(&command, 0));
            let written = || decision.inserts.iter().chain(&decision.promotions);
            let refused = decision.clone().into_receipt().refusal().is_some();
            if refused && decision.promotions.is_empty() {
                prop_assert_eq!(written().count(), 0, "{:?}", decision);
                prop_assert_eq!(&model.wallet, &before.wallet);
            }
            // Only what had waited under its key is refused for good.
            for row in decision.inserts.iter() {
                prop_assert!(row.outcome != RowOutcome::Refused, "{:?}", row);
            }
        }
    }

    #[test]
    fn an_attempt_that_lost_its_reply_recognises_its_own_work(
        policy in policy(),
        script in script(1..40),
    ) {
        let mut model = Model::with_balance("ann", START);
        for spec in &script {
            let mine = attempt(&spec.command("ann", &policy), 0);
            let first = model.execute(&mine);
            let again = model.clone().execute(&mine);
            if is_open(&first, &policy) || !first.promotions.is_empty() {
                continue;
            }
            prop_assert!(again.inserts.is_empty() && again.promotions.is_empty(), "{:?}", again);
            let words = |decision: &Decision| -> Vec<&'static str> {
                decision.outcomes.iter().map(Outcome::as_str).collect()
            };
            if names_each_key_once(spec) {
                prop_assert_eq!(words(&first), words(&again), "{:?} and then {:?}", first, again);
            }
        }
    }

    #[test]
    fn a_bet_and_its_reversal_in_any_order_however_often_end_where_they_began(
        policy in policy(),
        order in proptest::collection::vec(any::<bool>(), 2..12),
        units in 0i64..40,
    ) {
        let bet = Action::Debit(Amount::from_minor(units, 0).expect("small"));
        let undo = Action::Reverse { target: tx(0), of: Reversible::Debit, at_most: None };
        let spec = |key, action| Spec {
            movements: vec![(key, action, Category::Bet)],
            round: Some(0),
            right_currency: true,
        };
        let mut model = Model::with_balance("ann", START);
        let (bet, undo) = (spec(0, bet), spec(1, undo));
        // At the end each has come at least once.
        let steps = order.iter().map(|is_bet| if *is_bet { &bet } else { &undo });
        for (second, step) in (0..).zip(steps.chain([&bet, &undo])) {
            let _ = model.execute(&attempt(&step.command("ann", &policy), second));
            model.check(START);
        }
        prop_assert_eq!(model.wallet.balance, Micros::new(START));
    }

    #[test]
    fn what_nothing_stands_against_ends_the_same_in_any_order(
        script in script(2..30),
        order in any::<prop::sample::Index>(),
    ) {
        let mut specs = peaceful(script);
        let rich = 1_000 * START;
        let run = |specs: &[Spec]| {
            let mut model = Model::with_balance("ann", rich);
            for spec in specs {
                let _ = model.execute(&attempt(&spec.command("ann", &Policy::PERMISSIVE), 0));
            }
            model.check(rich);
            model.wallet.balance
        };
        let there = run(&specs);
        if !specs.is_empty() {
            let turn = order.index(specs.len());
            specs.rotate_left(turn);
            prop_assert_eq!(run(&specs), there);
            specs.reverse();
            prop_assert_eq!(run(&specs), there);
        }
    }

    #[test]
    fn what_is_undone_is_at_most_what_was_done(
        script in script(1..40),
    ) {
        // Every reversal gives back at most what its target took, or takes at most what it gave.
        let mut model = Model::with_balance("ann", START);
        for spec in &script {
            let _ = model.execute(&attempt(&spec.command("ann", &Policy::PERMISSIVE), 0));
        }
        for row in model.applied() {
            let Some(target) = row.reverses.as_ref() else { continue };
            let target = model.row(target).expect("what was undone is there");
            prop_assert_eq!(target.outcome, RowOutcome::Applied);
            let (undone, done) = (row.amount.get(), target.amount.get());
            prop_assert!(undone == 0 || undone.signum() == -done.signum());
            prop_assert!(undone.abs() <= done.abs());
            let rest = row.shortfall.get();
            prop_assert!(rest >= 0 && (rest == 0 || done > 0), "{:?}", row);
        }
    }

    #[test]
    fn a_debit_that_is_settled_once_is_settled_by_one_credit_that_stands(
        policy in policy(),
        script in script(1..60),
        pace in 0i64..5,
    ) {
        let policy = Policy { settlement: Settlement::OncePerDebit, ..policy };
        let mut model = Model::with_balance("ann", START);
        for (second, spec) in (0..).zip(&script) {
            let _ = model.execute(&attempt(&spec.command("ann", &policy), second * pace));
            let mut settled = model.settled_debits();
            let paid = settled.len();
            settled.sort_unstable();
            settled.dedup();
            prop_assert_eq!(settled.len(), paid, "{:?}", model.rows);
        }
    }

    #[test]
    fn what_is_settled_is_not_given_back_where_the_policy_says_so(
        policy in policy(),
        script in script(1..60),
        settlement in select(vec![Settlement::ByDebit, Settlement::OncePerDebit]),
    ) {
        let refuses = ReversalAfterSettlement::Refuse;
        let policy = Policy { settlement, reversal_after_settlement: refuses, ..policy };
        let mut model = Model::with_balance("ann", START);
        for spec in &script {
            let settled: Vec<_> = model.settled_debits();
            let decision = model.execute(&attempt(&spec.command("ann", &policy), 0));
            // What this very command takes back settles nothing any more.
            let own = |debit: &TxId| {
                decision.inserts.iter().chain(&decision.promotions).any(|row| {
                    let target = row.reverses.as_ref().and_then(|target| model.row(target));
                    target.and_then(|target| target.settled_debit()) == Some(debit)
                })
            };
            for row in decision.inserts.iter().chain(&decision.promotions) {
                let Some(target) = row.reverses.as_ref() else { continue };
                let undoes = row.outcome == RowOutcome::Applied && settled.contains(target);
                let of_a_debit = model.row(target).is_some_and(|row| row.kind == Kind::Debit);
                prop_assert!(!(undoes && of_a_debit) || own(target), "{:?}", row);
            }
        }
    }

    #[test]
    fn a_credit_that_names_a_debit_is_paid_whatever_becomes_of_the_others_of_the_round(
        order in Just(vec![0u8, 1, 2, 3]).prop_shuffle(),
        settlement in select(vec![Settlement::ByDebit, Settlement::OncePerDebit]),
    ) {
        // Two bets of a round: the one is taken back, the other is won, in any order.
        let unit = |units| Amount::from_minor(units, 0).expect("small");
        let policy = Policy {
            credit_without_debit: CreditWithoutDebit::Park { grace: TimeDelta::hours(10) },
            credit_after_reversal: CreditAfterReversal::Refuse,
            settlement,
            ..Policy::PERMISSIVE
        };
        let action = |step| match step {
            0 => (Action::Debit(unit(5)), Category::Bet),
            1 => (Action::Debit(unit(2)), Category::Bet),
            2 => {
                let of = Reversible::Debit;
                (Action::Reverse { target: tx(0), of, at_most: None }, Category::Bet)
            }
            _ => (Action::Credit { amount: unit(30), settles: Some(tx(1)) }, Category::Win),
        };
        let mut model = Model::with_balance("ann", START);
        // Whoever was told to come again comes again.
        for step in order.iter().chain(&order) {
            let (action, category) = action(*step);
            let spec = Spec {
                movements: vec![(*step, action, category)],
                round: Some(0),
                right_currency: true,
            };
            let _ = model.execute(&attempt(&spec.command("ann", &policy), 0));
        }
        model.check(START);
        prop_assert_eq!(model.wallet.balance, Micros::new(START + 28_000_000));
    }
}
