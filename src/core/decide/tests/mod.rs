//! The rules one by one, each as a short story of one round.

mod elsewhere;
mod entries;
mod settlements;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::*;
use crate::core::money::Amount;
use crate::core::policy::{CreditAfterReversal, LateOriginal, Refusals, ReversalAfterSettlement};
use crate::core::{
    Category, Command, Currency, Key, PlayerId, PlayerStatus, Policy, ProviderId, Reversible,
    RoundId, TransactionId, TxId,
};

/// A wallet in memory with 100 units, and everything that was written of it.
struct Bench {
    wallet: WalletState,
    history: History,
    ids: u128,
    now: DateTime<Utc>,
    policy: Policy,
}

impl Bench {
    fn new() -> Self {
        let wallet = WalletState {
            player: PlayerId::parse("p").expect("an id"),
            currency: Currency::parse("EUR").expect("a code"),
            balance: Micros::new(100),
            version: 0,
            status: PlayerStatus::Active,
            bet_limit: None,
        };
        // A protocol that is strict.
        let policy = Policy {
            credit_without_debit: CreditWithoutDebit::Park { grace: TimeDelta::days(1) },
            credit_after_reversal: CreditAfterReversal::Refuse,
            late_original: LateOriginal::Refuse,
            ..Policy::PERMISSIVE
        };
        Self { wallet, history: History::default(), ids: 0, now: DateTime::UNIX_EPOCH, policy }
    }

    fn with(credit_without_debit: CreditWithoutDebit, after: CreditAfterReversal) -> Self {
        let mut bench = Self::new();
        bench.policy.credit_without_debit = credit_without_debit;
        bench.policy.credit_after_reversal = after;
        bench
    }

    /// What comes of one movement in the one round.
    fn does(&mut self, id: &str, action: Action, category: Category) -> Outcome {
        self.do_all(vec![Movement { tx_id: tx(id), action, category, detail: None }]).swap_remove(0)
    }

    /// The same of several movements.
    fn do_all(&mut self, movements: Vec<Movement>) -> Vec<Outcome> {
        let attempt = self.attempt(movements);
        let standing = Standing { now: self.now, ..Standing::default() };
        let decision = decide(&self.wallet, &standing, &self.history, &attempt);
        for row in decision.inserts.into_iter().chain(decision.promotions) {
            self.history.append(row);
        }
        self.wallet = decision.wallet;
        decision.outcomes
    }

    fn attempt(&mut self, movements: Vec<Movement>) -> Attempt {
        let command = Command {
            provider: ProviderId::parse("acme").expect("a slug"),
            player: self.wallet.player.clone(),
            currency: None,
            token: None,
            game: None,
            round: Some(RoundId::parse("r").expect("an id")),
            movements,
            policy: self.policy.clone(),
            occurred_at: None,
        };
        Attempt::new(command, DateTime::UNIX_EPOCH, || {
            self.ids += 1;
            TransactionId::new(Uuid::from_u128(self.ids))
        })
    }

    fn let_the_grace_pass(&mut self) {
        self.now += TimeDelta::days(2);
    }

    /// Another player's row under a key.
    fn somebody_else_has(&mut self, id: &str, outcome: RowOutcome) {
        let mut other = Self::new();
        other.bets(id);
        let key = Key { provider: ProviderId::parse("acme").expect("a slug"), tx_id: tx(id) };
        let row = other.history.row(&key).expect("its bet").clone();
        let player = PlayerId::parse("q").expect("an id");
        self.history.learn_row(Row { player, outcome, fingerprint: 0, ..row });
    }

    fn bets(&mut self, id: &str) -> Outcome {
        self.does(id, Action::Debit(units(10)), Category::Bet)
    }

    fn wins(&mut self, id: &str) -> Outcome {
        self.does(id, Action::credit(units(30)), Category::Win)
    }

    fn refunds(&mut self, id: &str, target: &str) -> Outcome {
        let (target, of) = (tx(target), Reversible::Debit);
        self.does(id, Action::Reverse { target, of, at_most: None }, Category::Bet)
    }
}

fn tx(id: &str) -> TxId {
    TxId::parse(id).expect("an id")
}

fn units(units: i64) -> Amount {
    Amount::try_from(Micros::new(units)).expect("an amount")
}

#[test]
fn a_bet_that_never_comes_does_not_cost_the_win_of_another() {
    for refund_first in [true, false] {
        let mut bench = Bench::new();
        if refund_first {
            bench.refunds("x1", "never");
        }
        assert!(matches!(bench.bets("b1"), Outcome::Applied(_)));
        if !refund_first {
            bench.refunds("x1", "never");
        }
        assert!(matches!(bench.wins("w1"), Outcome::Applied(_)));
        assert_eq!(bench.wallet.balance, Micros::new(120));
    }
}

#[test]
fn a_correction_that_the_balance_cannot_bear_is_taken_once_it_can() {
    let mut bench = Bench::new();
    bench.bets("b1");
    let takes = Action::Adjust(Micros::new(-95));
    let outcome = bench.does("a1", takes.clone(), Category::Adjustment);
    assert!(matches!(outcome, Outcome::Refused { entry: None, .. }), "{outcome:?}");
    bench.wins("w1");
    assert!(matches!(bench.does("a1", takes, Category::Adjustment), Outcome::Applied(_)));
    assert_eq!(bench.wallet.balance, Micros::new(25));
}

#[test]
fn a_win_after_the_end_of_every_bet_is_refused_once_no_other_bet_can_come() {
    let mut bench = Bench::new();
    bench.bets("b1");
    bench.refunds("x1", "b1");
    bench.refunds("x2", "never");
    assert!(matches!(bench.wins("w1"), Outcome::Parked(_)));
    bench.let_the_grace_pass();
    let outcome = bench.wins("w1");
    let refused = matches!(outcome, Outcome::Refused { reason: Reason::DebitReversed, .. });
    assert!(refused, "{outcome:?}");
    assert!(matches!(bench.wins("w1"), Outcome::Refused { replayed: true, .. }));
    assert_eq!(bench.wallet.balance, Micros::new(100));
}

#[test]
fn a_win_that_overtakes_the_next_bet_of_a_refunded_round_is_paid_when_that_has_come() {
    for before in ["b1", "never"] {
        let mut bench = Bench::new();
        bench.bets("b1");
        bench.refunds("x1", "b1");
        bench.refunds("x2", before);
        assert!(matches!(bench.wins("w2"), Outcome::Parked(_)));
        bench.bets("b2");
        assert!(matches!(bench.wins("w2"), Outcome::Applied(_)));
        assert_eq!(bench.wallet.balance, Micros::new(120));
    }
}

#[test]
fn what_another_player_did_under_a_key_decides_nothing_and_shows_nothing() {
    use RowOutcome::{Applied, Noted, Parked, Refused, Tombstone};
    for outcome in [Applied, Noted, Parked, Refused, Tombstone] {
        let mut bench = Bench::new();
        bench.somebody_else_has("b1", outcome);
        let come = [bench.bets("b1"), bench.wins("b1"), bench.refunds("b1", "b0")];
        for outcome in come {
            let reason = Reason::KeyReused;
            let unheard =
                matches!(outcome, Outcome::Refused { reason: r, entry: None, .. } if r == reason);
            assert!(unheard, "{outcome:?}");
        }
        assert_eq!((bench.wallet.balance, bench.wallet.version), (Micros::new(100), 0));
    }
}

#[test]
fn a_key_that_says_two_things_in_one_command_is_a_mismatch() {
    let movement =
        |id, action, category| Movement { tx_id: tx(id), action, category, detail: None };
    let mut bench = Bench::new();
    bench.bets("b1");
    let win = |amount| movement("w1", Action::credit(units(amount)), Category::Win);
    let outcomes = bench.do_all(vec![win(30), win(30), win(31)]);
    assert!(matches!(outcomes[0], Outcome::Applied(_)));
    assert!(matches!(outcomes[1], Outcome::Replayed(_)));
    assert!(matches!(outcomes[2], Outcome::Mismatch(_)), "{outcomes:?}");
    assert_eq!(bench.wallet.balance, Micros::new(120));
    // A stake that is none carries no win.
    let bet = |amount| movement("b2", Action::Debit(units(amount)), Category::Bet);
    let outcomes = bench.do_all(vec![bet(1), bet(2), win(30)]);
    let reused = |outcome: &Outcome| {
        matches!(outcome, Outcome::Refused { reason: Reason::KeyReused, entry: None, .. })
    };
    assert!(reused(&outcomes[0]) && reused(&outcomes[1]), "{outcomes:?}");
    assert_eq!(bench.wallet.balance, Micros::new(120));
}

#[test]
fn a_correction_of_an_unknown_round_is_booked_by_its_own_call_after_the_grace_either_way() {
    for micros in [25, -25] {
        let mut bench = Bench::new();
        let adjust = || Action::Adjust(Micros::new(micros));
        let waits = bench.does("a1", adjust(), Category::Adjustment);
        assert!(matches!(waits, Outcome::Parked(_)), "{waits:?}");
        bench.let_the_grace_pass();
        let booked = bench.does("a1", adjust(), Category::Adjustment);
        assert!(matches!(booked, Outcome::Applied(_)), "{booked:?}");
        assert_eq!(bench.wallet.balance, Micros::new(100 + micros));
    }
}

#[test]
fn a_correction_that_waited_and_that_the_balance_cannot_bear_goes_on_waiting() {
    let mut bench = Bench::new();
    let adjust = || Action::Adjust(Micros::new(-101));
    bench.does("a1", adjust(), Category::Adjustment);
    bench.let_the_grace_pass();
    let outcome = bench.does("a1", adjust(), Category::Adjustment);
    let reason = Reason::InsufficientFunds;
    assert!(matches!(outcome, Outcome::Refused { reason: r, .. } if r == reason), "{outcome:?}");
    bench.does("d1", Action::credit(units(1)), Category::Deposit);
    assert!(matches!(bench.does("a1", adjust(), Category::Adjustment), Outcome::Applied(_)));
    assert_eq!(bench.wallet.balance, Micros::new(0));
}

#[test]
fn a_refund_of_bets_alone_leaves_a_waiting_win_where_it_is() {
    let mut bench = Bench::new();
    assert!(matches!(bench.wins("w1"), Outcome::Parked(_)));
    let outcome = bench.refunds("x1", "w1");
    let reason = Reason::TargetNotReversible;
    assert!(matches!(outcome, Outcome::Refused { reason: r, .. } if r == reason));
    bench.bets("b1");
    assert!(matches!(bench.wins("w1"), Outcome::Applied(_)));
    assert_eq!(bench.wallet.balance, Micros::new(120));
}

#[test]
fn what_nobody_calls_for_gives_a_bet_back_and_takes_no_win() {
    let mut bench = Bench::new();
    bench.bets("b1");
    bench.wins("w1");
    let undo =
        |target| Action::Reverse { target: tx(target), of: Reversible::Unpaid, at_most: None };
    let outcome = bench.does("x1", undo("w1"), Category::Bet);
    let reason = Reason::TargetPaid;
    assert!(matches!(outcome, Outcome::Refused { reason: r, entry: None, .. } if r == reason));
    assert_eq!(bench.wallet.balance, Micros::new(120));
    assert!(matches!(bench.does("x2", undo("b1"), Category::Bet), Outcome::Applied(_)));
    assert_eq!(bench.wallet.balance, Micros::new(130));
}

/// Every way to settle what a win does whose stakes are unknown or reversed.
fn credit_policies() -> Vec<(CreditWithoutDebit, CreditAfterReversal)> {
    let park = CreditWithoutDebit::Park { grace: TimeDelta::days(1) };
    let unknown = [CreditWithoutDebit::Pay, CreditWithoutDebit::Refuse, park];
    let reversed = [CreditAfterReversal::Pay, CreditAfterReversal::Refuse];
    unknown.into_iter().flat_map(|one| reversed.map(|other| (one, other))).collect()
}

#[test]
fn under_no_policy_a_win_is_refused_for_good_while_its_bet_may_still_arrive() {
    for (unknown, reversed) in credit_policies() {
        for before in [None, Some("b1"), Some("never")] {
            let mut bench = Bench::with(unknown, reversed);
            if let Some(target) = before {
                if target == "b1" {
                    bench.bets("b1");
                }
                bench.refunds("x1", target);
            }
            let early = bench.wins("w2");
            let heard = matches!(early, Outcome::Refused { entry: Some(_), .. });
            assert!(!heard, "{unknown:?}, {reversed:?}, {before:?}: {early:?}");
            bench.bets("b2");
            bench.wins("w2");
            let paid = bench.wallet.balance == Micros::new(120);
            assert!(paid, "{unknown:?}, {reversed:?}, {before:?}: {}", bench.wallet.balance);
        }
    }
}

#[test]
fn after_the_grace_a_win_of_reversed_bets_alone_is_refused_and_one_of_no_bet_is_paid() {
    for (refund, balance) in [(true, 100), (false, 130)] {
        let mut bench = Bench::new();
        if refund {
            bench.refunds("x1", "never");
        }
        for _ in 0..2 {
            assert!(matches!(bench.wins("w1"), Outcome::Parked(_)));
        }
        bench.let_the_grace_pass();
        bench.wins("w1");
        bench.wins("w1");
        assert_eq!(bench.wallet.balance, Micros::new(balance));
    }
}

#[test]
fn a_win_that_waited_for_its_wallet_is_flagged_when_its_bet_has_not_come_either() {
    for (comes, flag, balance) in [(true, None, 120), (false, Some(Reason::Unmatched), 130)] {
        let mut bench = Bench::new();
        if comes {
            bench.bets("b1");
        }
        bench.wallet.status = PlayerStatus::Closed;
        assert!(matches!(bench.wins("w1"), Outcome::Parked(_)));
        bench.wallet.status = PlayerStatus::Frozen;
        bench.let_the_grace_pass();
        let paid = bench.wins("w1");
        assert_eq!(paid.entry().and_then(|entry| entry.reason), flag, "{paid:?}");
        assert_eq!(bench.wallet.balance, Micros::new(balance));
    }
}

#[test]
fn a_win_that_was_parked_without_a_wallet_waits_for_its_bet_like_any_other() {
    let mut bench = Bench::new();
    let win = || {
        let action = Action::credit(units(30));
        vec![Movement { tx_id: tx("w1"), action, category: Category::Win, detail: None }]
    };
    let attempt = bench.attempt(win());
    for row in park_without_wallet(&bench.history, &attempt) {
        bench.history.append(row);
    }
    // The wallet is opened.
    assert!(matches!(bench.do_all(win())[0], Outcome::Parked(_)));
    bench.bets("b1");
    assert!(matches!(bench.do_all(win())[0], Outcome::Applied(_)));
    assert_eq!(bench.wallet.balance, Micros::new(120));
}

#[test]
fn what_another_player_did_stands_in_the_way_of_no_refund_of_ones_own() {
    let mut bench = Bench::new();
    bench.bets("b1");
    bench.somebody_else_has("b2", RowOutcome::Applied);
    let outcome = bench.refunds("x1", "b2");
    assert!(matches!(outcome, Outcome::Refused { entry: None, .. }), "{outcome:?}");
    bench.refunds("x1", "b1");
    assert_eq!(bench.wallet.balance, Micros::new(100));
}

#[test]
fn where_refusals_are_forgotten_the_same_bet_is_placed_once_there_is_money() {
    for (refusals, balance) in [(Refusals::Forgotten, 30), (Refusals::Remembered, 140)] {
        let mut bench = Bench::new();
        bench.policy.refusals = refusals;
        let bet = || Action::Debit(units(110));
        let outcome = bench.does("b1", bet(), Category::Bet);
        let reason = Reason::InsufficientFunds;
        assert!(matches!(outcome, Outcome::Refused { reason: of, .. } if of == reason));
        let is_remembered = refusals == Refusals::Remembered;
        assert_eq!(outcome.entry().is_some(), is_remembered, "{outcome:?}");
        assert_eq!(bench.wallet.version, i64::from(is_remembered));
        bench.does("d1", Action::credit(units(40)), Category::Deposit);
        bench.does("b1", bet(), Category::Bet);
        bench.does("b1", bet(), Category::Bet);
        assert_eq!(bench.wallet.balance, Micros::new(balance));
    }
}

#[test]
fn what_had_waited_is_refused_for_good_also_where_refusals_are_forgotten() {
    let mut bench = Bench::new();
    bench.policy.refusals = Refusals::Forgotten;
    assert!(matches!(bench.wins("w1"), Outcome::Parked(_)));
    bench.refunds("x1", "never");
    bench.let_the_grace_pass();
    let outcome = bench.wins("w1");
    assert_eq!(outcome.entry().map(|of| of.outcome), Some(RowOutcome::Refused), "{outcome:?}");
    assert!(matches!(bench.wins("w1"), Outcome::Refused { replayed: true, .. }));
}
