//! What a person has decided elsewhere.

use super::*;

impl Bench {
    /// A person says that what is parked under the key was decided elsewhere.
    pub(super) fn is_decided_elsewhere(&mut self, id: &str) -> Outcome {
        let key = Key { provider: ProviderId::parse("acme").expect("a slug"), tx_id: tx(id) };
        let target = self.history.row(&key).and_then(|row| row.reverses.clone());
        let before = self.wallet.balance;
        let outcome = self.does(id, Action::DecidedElsewhere { target }, Category::Adjustment);
        assert_eq!(self.wallet.balance, before, "no money moves");
        outcome
    }

    pub(super) fn while_closed(&mut self, what: impl FnOnce(&mut Self)) {
        self.wallet.status = PlayerStatus::Closed;
        what(self);
        self.wallet.status = PlayerStatus::Active;
    }

    fn calls_back(&mut self, id: &str, target: &str) -> Outcome {
        let action = Action::Reverse { target: tx(target), of: Reversible::Any, at_most: None };
        self.does(id, action, Category::Win)
    }
}

#[test]
fn a_win_that_was_paid_elsewhere_is_paid_for_every_later_call() {
    let mut bench = Bench::new();
    bench.policy.reversal_after_settlement = ReversalAfterSettlement::Refuse;
    bench.bets("b1");
    bench.while_closed(|bench| assert!(matches!(bench.wins("w1"), Outcome::Parked(_))));
    let version = bench.wallet.version;
    let decided = bench.is_decided_elsewhere("w1");
    let why = Some(Reason::DecidedElsewhere);
    assert!(matches!(&decided, Outcome::NoEffect(of) if of.reason == why), "{decided:?}");
    assert_eq!(bench.wallet.version, version + 1);
    assert!(matches!(bench.is_decided_elsewhere("w1"), Outcome::Replayed(_)), "a repeat");
    assert!(matches!(bench.wins("w1"), Outcome::Replayed(_)), "the provider's");
    // The round is paid, and nothing of it is here to be taken back.
    let late = bench.refunds("x1", "b1");
    assert!(matches!(late, Outcome::Refused { reason: Reason::AlreadySettled, .. }), "{late:?}");
    let back = bench.calls_back("x2", "w1");
    assert!(matches!(&back, Outcome::NoEffect(of) if of.reason == why), "{back:?}");
    assert_eq!(bench.wallet.balance, Micros::new(90));
}

#[test]
fn what_was_given_back_elsewhere_is_given_back_under_no_other_key() {
    let mut bench = Bench::new();
    bench.bets("b1");
    bench.while_closed(|bench| assert!(matches!(bench.refunds("x1", "b1"), Outcome::Parked(_))));
    let decided = bench.is_decided_elsewhere("x1");
    assert!(matches!(&decided, Outcome::Applied(of) if of.amount_micros == 0), "{decided:?}");
    let other = bench.refunds("x2", "b1");
    let why = Some(Reason::AlreadyReversed);
    assert!(matches!(&other, Outcome::NoEffect(of) if of.reason == why), "{other:?}");
    assert_eq!(bench.wallet.balance, Micros::new(90));
}

#[test]
fn a_win_that_was_called_back_elsewhere_is_not_paid_when_the_wallet_opens() {
    let mut bench = Bench::new();
    bench.bets("b1");
    bench.while_closed(|bench| {
        bench.wins("w1");
        assert!(matches!(bench.calls_back("x1", "w1"), Outcome::Parked(_)));
    });
    bench.is_decided_elsewhere("x1");
    let late = bench.wins("w1");
    assert!(!matches!(late, Outcome::Applied(_)), "{late:?}");
    assert_eq!(bench.wallet.balance, Micros::new(90));
}

#[test]
fn a_bet_that_was_given_back_elsewhere_before_it_came_is_never_taken() {
    let mut bench = Bench::new();
    bench.while_closed(|bench| assert!(matches!(bench.refunds("x1", "b1"), Outcome::Parked(_))));
    bench.is_decided_elsewhere("x1");
    let late = bench.bets("b1");
    assert!(!matches!(late, Outcome::Applied(_)), "{late:?}");
    assert_eq!(bench.wallet.balance, Micros::new(100));
}

#[test]
fn where_nothing_waits_nothing_was_decided_elsewhere() {
    let mut bench = Bench::new();
    let nothing = bench.is_decided_elsewhere("w1");
    assert!(matches!(nothing, Outcome::Refused { entry: None, .. }), "{nothing:?}");
    bench.bets("b1");
    assert!(matches!(bench.is_decided_elsewhere("b1"), Outcome::Replayed(_)));
    assert_eq!(bench.wallet.version, 1);
}
