//! What an answer says of the rows behind it.

use super::*;

fn id(outcome: &Outcome) -> Option<TransactionId> {
    outcome.entry().map(|entry| entry.id())
}

fn first(outcome: &Outcome) -> Option<TransactionId> {
    outcome.entry().and_then(|entry| entry.first_reversal)
}

#[test]
fn a_movement_that_was_reversed_says_by_which() {
    let mut bench = Bench::new();
    let placed = bench.bets("b1");
    assert_eq!(placed.entry().and_then(|entry| entry.reversed_by), None);
    let refund = bench.refunds("x1", "b1");
    let again = bench.bets("b1");
    assert_eq!(again.entry().and_then(|entry| entry.reversed_by), id(&refund));
    assert_eq!(id(&again), id(&placed));
}

#[test]
fn a_refund_that_comes_too_late_tells_the_first_one_each_time() {
    for before in ["b1", "never", "w1"] {
        let mut bench = Bench::new();
        if before == "b1" {
            bench.bets("b1");
        }
        // A win that waits for a bet is cancelled before it is paid.
        bench.does("w1", Action::credit(units(5)), Category::Win);
        let undo = |bench: &mut Bench, id| {
            let (target, of) = (tx(before), Reversible::Any);
            bench.does(id, Action::Reverse { target, of, at_most: None }, Category::Bet)
        };
        let refund = undo(&mut bench, "x1");
        assert_eq!(first(&refund), None);
        for id_of_late in ["x2", "x3", "x2"] {
            let late = undo(&mut bench, id_of_late);
            assert_eq!(first(&late), id(&refund), "{before}, {id_of_late}: {late:?}");
            assert_ne!(id(&late), id(&refund));
        }
    }
}

#[test]
fn two_refunds_in_one_command_know_each_other() {
    let refund = |id, target| {
        let action = Action::Reverse { target: tx(target), of: Reversible::Debit, at_most: None };
        Movement { tx_id: tx(id), action, category: Category::Bet, detail: None }
    };
    for target in ["b1", "never"] {
        let mut bench = Bench::new();
        bench.bets("b1");
        let outcomes = bench.do_all(vec![refund("x1", target), refund("x2", target)]);
        assert_eq!(first(&outcomes[1]), id(&outcomes[0]), "{outcomes:?}");
        let again = bench.do_all(vec![refund("x1", target), refund("x2", target)]);
        assert_eq!(first(&again[1]), id(&outcomes[0]), "{again:?}");
    }
}

#[test]
fn a_repeat_shows_what_was_said_and_what_there_was_before() {
    let mut bench = Bench::new();
    let bet = |detail: &str| Movement {
        tx_id: tx("b1"),
        action: Action::Debit(units(10)),
        category: Category::Bet,
        detail: Some(detail.into()),
    };
    bench.do_all(vec![bet("said first")]);
    bench.bets("b2");
    let again = bench.do_all(vec![bet("said later")]).swap_remove(0);
    let entry = again.entry().expect("an entry");
    assert!(matches!(again, Outcome::Replayed(_)));
    assert_eq!(entry.detail.as_deref(), Some("said first"));
    assert_eq!((entry.balance_before_micros(), entry.balance_after_micros), (Some(100), Some(90)));
}
