//! Credits that name the one debit that they are paid for.

use super::*;
use crate::core::policy::Settlement;

impl Bench {
    /// One win for a bet, and no bet is given back that was won.
    fn strict() -> Self {
        let mut bench = Self::new();
        bench.policy.settlement = Settlement::OncePerDebit;
        bench.policy.reversal_after_settlement = ReversalAfterSettlement::Refuse;
        bench
    }

    fn wins_for(&mut self, id: &str, debit: &str) -> Outcome {
        self.does(id, won_for(debit), Category::Win)
    }

    fn takes_back(&mut self, id: &str, target: &str) -> Outcome {
        let (target, of) = (tx(target), Reversible::Any);
        self.does(id, Action::Reverse { target, of, at_most: None }, Category::Bet)
    }
}

fn won_for(debit: &str) -> Action {
    Action::Credit { amount: units(30), settles: Some(tx(debit)) }
}

fn is_refused(outcome: &Outcome, reason: Reason) -> bool {
    matches!(outcome, Outcome::Refused { reason: of, .. } if *of == reason)
}

fn movement(id: &str, action: Action, category: Category) -> Movement {
    Movement { tx_id: tx(id), action, category, detail: None }
}

#[test]
fn a_win_waits_for_the_bet_that_it_names_whatever_else_stands_in_the_round() {
    let mut bench = Bench::strict();
    bench.bets("b1");
    assert!(matches!(bench.wins_for("w2", "b2"), Outcome::Parked(_)));
    bench.bets("b2");
    assert!(matches!(bench.wins_for("w2", "b2"), Outcome::Applied(_)));
    assert_eq!(bench.wallet.balance, Micros::new(110));
}

#[test]
fn a_win_of_a_bet_that_was_taken_back_is_refused_for_good_at_once() {
    for before in ["b1", "never"] {
        let mut bench = Bench::strict();
        bench.bets("b1");
        bench.bets("b2");
        bench.refunds("x1", before);
        let outcome = bench.wins_for("w1", before);
        assert!(is_refused(&outcome, Reason::DebitReversed), "{outcome:?}");
        assert!(outcome.entry().is_some(), "it is remembered: no other bet has that key");
        assert!(matches!(bench.wins_for("w2", "b2"), Outcome::Applied(_)), "the other one's");
    }
}

#[test]
fn a_second_win_of_a_bet_is_refused_where_there_is_one_for_each() {
    for (settlement, paid) in [(Settlement::OncePerDebit, 120), (Settlement::ByDebit, 150)] {
        let mut bench = Bench::strict();
        bench.policy.settlement = settlement;
        bench.bets("b1");
        assert!(matches!(bench.wins_for("w1", "b1"), Outcome::Applied(_)));
        let second = bench.wins_for("w2", "b1");
        assert_eq!(is_refused(&second, Reason::AlreadySettled), paid == 120, "{second:?}");
        assert!(matches!(bench.wins_for("w1", "b1"), Outcome::Replayed(_)), "a repeat");
        assert_eq!(bench.wallet.balance, Micros::new(paid));
    }
}

#[test]
fn one_command_pays_a_bet_once_wherever_its_movements_stand() {
    let bet = || movement("b1", Action::Debit(units(10)), Category::Bet);
    let win = |id| movement(id, won_for("b1"), Category::Win);
    for movements in [vec![bet(), win("w1")], vec![win("w1"), bet()]] {
        let mut bench = Bench::strict();
        bench.policy.funds = crate::core::policy::FundsTest::InOrder;
        let outcomes = bench.do_all(movements);
        assert!(outcomes.iter().all(|of| matches!(of, Outcome::Applied(_))), "{outcomes:?}");
        assert_eq!(bench.wallet.balance, Micros::new(120));
    }
    let mut bench = Bench::strict();
    let outcomes = bench.do_all(vec![bet(), win("w1"), win("w2")]);
    assert!(is_refused(&outcomes[2], Reason::AlreadySettled), "{outcomes:?}");
    assert_eq!(bench.wallet.balance, Micros::new(100), "all or nothing");
}

#[test]
fn a_win_that_was_taken_back_makes_room_for_another_one() {
    let mut bench = Bench::strict();
    bench.bets("b1");
    bench.wins_for("w1", "b1");
    assert!(is_refused(&bench.refunds("x1", "b1"), Reason::AlreadySettled));
    assert!(matches!(bench.takes_back("x2", "w1"), Outcome::Applied(_)));
    assert!(matches!(bench.wins_for("w2", "b1"), Outcome::Applied(_)));
    assert!(matches!(bench.takes_back("x3", "w2"), Outcome::Applied(_)));
    assert!(matches!(bench.takes_back("x4", "b1"), Outcome::Applied(_)));
    assert_eq!(bench.wallet.balance, Micros::new(100));
}

#[test]
fn a_win_settles_the_bet_that_it_names_and_no_other_of_the_round() {
    for settlement in [Settlement::ByDebit, Settlement::OncePerDebit] {
        let mut bench = Bench::strict();
        bench.policy.settlement = settlement;
        bench.bets("b1");
        bench.bets("b2");
        bench.wins_for("w1", "b1");
        assert!(is_refused(&bench.refunds("x1", "b1"), Reason::AlreadySettled));
        assert!(matches!(bench.refunds("x2", "b2"), Outcome::Applied(_)));
        assert_eq!(bench.wallet.balance, Micros::new(120));
    }
}

#[test]
fn another_players_bet_is_none() {
    use RowOutcome::{Applied, Noted, Parked, Refused, Tombstone};
    for outcome in [Applied, Noted, Parked, Refused, Tombstone] {
        let mut bench = Bench::strict();
        bench.somebody_else_has("b1", outcome);
        assert!(matches!(bench.wins_for("w1", "b1"), Outcome::Parked(_)));
        bench.let_the_grace_pass();
        let paid = bench.wins_for("w1", "b1");
        assert_eq!(paid.entry().and_then(|of| of.reason), Some(Reason::Unmatched), "{paid:?}");
    }
}

#[test]
fn a_win_without_its_bet_is_paid_refused_or_parked_as_the_policy_says() {
    let mut bench = Bench::strict();
    // No bet, although there is something under the key.
    bench.bets("b1");
    bench.wins_for("w1", "b1");
    for (debit, id) in [("never", "p1"), ("w1", "p2")] {
        bench.policy.credit_without_debit = CreditWithoutDebit::Refuse;
        let refused = bench.wins_for(id, debit);
        assert!(matches!(refused, Outcome::Refused { entry: None, .. }), "{refused:?}");
        bench.policy.credit_without_debit = CreditWithoutDebit::Pay;
        assert!(matches!(bench.wins_for(id, debit), Outcome::Applied(_)));
    }
    // Paid without one, it is paid: the other one is too many.
    assert!(is_refused(&bench.wins_for("p3", "never"), Reason::AlreadySettled));
}

#[test]
fn of_two_wins_that_wait_for_a_bet_the_first_is_paid_when_it_has_come() {
    let mut bench = Bench::strict();
    for id in ["w1", "w2"] {
        assert!(matches!(bench.wins_for(id, "b1"), Outcome::Parked(_)));
    }
    bench.bets("b1");
    assert!(matches!(bench.wins_for("w1", "b1"), Outcome::Applied(_)));
    assert!(is_refused(&bench.wins_for("w2", "b1"), Reason::AlreadySettled));
    assert!(matches!(bench.wins_for("w2", "b1"), Outcome::Refused { replayed: true, .. }));
    assert_eq!(bench.wallet.balance, Micros::new(120));
}

#[test]
fn a_win_that_was_paid_elsewhere_settles_its_bet() {
    let mut bench = Bench::strict();
    bench.bets("b1");
    bench.while_closed(|bench| assert!(matches!(bench.wins_for("w1", "b1"), Outcome::Parked(_))));
    bench.is_decided_elsewhere("w1");
    assert!(is_refused(&bench.wins_for("w2", "b1"), Reason::AlreadySettled));
    assert!(is_refused(&bench.refunds("x1", "b1"), Reason::AlreadySettled));
}

#[test]
fn a_win_that_names_another_bet_is_another_win() {
    let mut bench = Bench::strict();
    bench.bets("b1");
    bench.bets("b2");
    bench.wins_for("w1", "b1");
    assert!(matches!(bench.wins_for("w1", "b2"), Outcome::Mismatch(_)));
    assert!(matches!(bench.wins("w1"), Outcome::Mismatch(_)));
    // What names none says what it always said.
    let attempt = bench.attempt(vec![movement("w2", Action::credit(units(30)), Category::Win)]);
    assert_eq!(attempt.ids[0].fingerprint, FINGERPRINT_OF_A_WIN);
}

/// As the ledger holds it: another one would take a repeat of any such row for a mismatch.
const FINGERPRINT_OF_A_WIN: i64 = -8_201_358_145_199_221_466;

#[test]
fn a_parked_win_is_put_together_again_with_the_bet_that_it_names() {
    use crate::core::parked::{ParkedPart, ParkedRow, parked_command};
    let mut bench = Bench::strict();
    let attempt = bench.attempt(vec![movement("w1", won_for("b1"), Category::Win)]);
    let standing = Standing { now: bench.now, ..Standing::default() };
    let decision = decide(&bench.wallet, &standing, &bench.history, &attempt);
    let row = decision.inserts[0].clone();
    let part = ParkedPart::parse(row.parked_command.as_deref().expect("kept")).expect("read");
    let command = parked_command(&[ParkedRow { row, part }]).expect("a command");
    assert_eq!(command.movements[0].action, won_for("b1"));
    assert_eq!(command.policy, bench.policy);
    assert_eq!(command.fingerprint(&command.movements[0]), attempt.ids[0].fingerprint);
}

#[test]
fn a_policy_that_was_kept_before_there_were_names_is_read() {
    let kept = serde_json::to_string(&Policy::PERMISSIVE).expect("JSON");
    let before = kept.replace("\"settlement\":\"by_round\",", "");
    assert_ne!(kept, before);
    let policy: Policy = serde_json::from_str(&before).expect("a policy");
    assert_eq!(policy, Policy::PERMISSIVE);
}
