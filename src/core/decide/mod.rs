//! Every rule of money, as one pure function.
//!
//! Here: the order of the questions, and what becomes of a refusal. The questions themselves:
//!
//! - `repeats`: was it decided before?
//! - `debits`: may the player stake, and that much?
//! - `parking`: does something have to wait?
//! - `reversals`: what does a reversal find?
//! - `draft`: the decision in the making, and the rows that it writes.

mod debits;
mod draft;
mod parking;
mod repeats;
mod reversals;

use crate::core::command::{Action, Attempt, AttemptIds, Movement};
use crate::core::history::{History, Standing, WalletState};
use crate::core::money::Micros;
use crate::core::outcome::{Entry, Outcome, Receipt};
use crate::core::row::{Reason, Row, RowOutcome};
use draft::{Culprits, Draft, Refusal};

/// What follows from a command. Written as a whole or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The wallet after it.
    pub wallet: WalletState,
    /// One for each movement, in order.
    pub outcomes: Vec<Outcome>,
    /// New rows, in the order of the chain.
    pub inserts: Vec<Row>,
    /// Rows that were parked and are decided now, in the order of the chain.
    pub promotions: Vec<Row>,
}

impl Decision {
    /// True when a movement is refused of which no row tells.
    pub fn refuses_unheard(&self) -> bool {
        let unheard = |outcome: &Outcome| matches!(outcome, Outcome::Refused { entry: None, .. });
        self.outcomes.iter().any(unheard)
    }

    /// The answer to the caller.
    pub fn into_receipt(self) -> Receipt {
        let Self { wallet, outcomes, .. } = self;
        Receipt {
            currency: wallet.currency,
            balance: wallet.balance,
            version: wallet.version,
            status: wallet.status,
            outcomes,
        }
    }
}

/// Decides an attempt on a wallet. `history` must hold what was stored under the keys of the
/// command's reversal targets and, for credits whose policy asks for it, of their round; the
/// rows under the command's own keys may be left out where they are thought not to exist,
/// because writing a key twice fails.
pub fn decide(
    wallet: &WalletState,
    standing: &Standing,
    history: &History,
    attempt: &Attempt,
) -> Decision {
    let mut draft = Draft::new(wallet, history, attempt);
    match draft.run(standing) {
        Ok(()) => draft.finish(),
        Err(refusal) => draft.refuse(refusal),
    }
}

impl Draft<'_> {
    fn run(&mut self, standing: &Standing) -> Result<(), Refusal> {
        self.recognise_repeats()?;
        if self.outcomes.iter().all(Option::is_some) {
            return Ok(());
        }
        if self.command().currency.as_ref().is_some_and(|named| *named != self.wallet.currency) {
            return Err(Refusal::unremembered(Reason::CurrencyMismatch));
        }
        self.test_debits(standing)?;
        if let Some(reason) = self.must_park()? {
            // Money is never taken later than its own call, so a command with a negative
            // correction is not parked but asked for again.
            let takes = |(place, movement, _): (usize, &Movement, AttemptIds)| {
                self.is_new(place) && movement.action.requested().is_negative()
            };
            if self.steps().any(takes) {
                return Err(Refusal::unremembered(reason));
            }
            self.park(reason);
            return Ok(());
        }
        for (place, movement, ids) in self.steps() {
            if self.is_new(place) {
                let outcome = match self.written(&movement.tx_id) {
                    Some(row) => self.repeat_within(row)?,
                    None => self.step(place, movement, ids)?,
                };
                self.settle(place, outcome);
            }
        }
        Ok(())
    }

    // ---- One movement ----

    fn step(
        &mut self,
        place: usize,
        movement: &Movement,
        ids: AttemptIds,
    ) -> Result<Outcome, Refusal> {
        match &movement.action {
            Action::Debit(amount) => {
                self.apply(place, movement, ids, amount.micros().negated(), None)
            }
            Action::Credit(amount) => {
                let flag = self.unmatched(movement);
                self.apply(place, movement, ids, amount.micros(), flag)
            }
            Action::Adjust(micros) => {
                let flag = self.unmatched(movement);
                self.apply(place, movement, ids, *micros, flag)
            }
            Action::Note(status) => {
                if let Some(status) = status {
                    self.wallet.status = *status;
                }
                let row = self.decided(movement, ids, RowOutcome::Noted, None);
                Ok(Outcome::Applied(self.write(row)))
            }
            Action::Reverse { target, of, at_most } => {
                self.reverse(place, movement, ids, target, *of, *at_most)
            }
        }
    }

    /// The flag of a credit that is paid although its round's debit never came.
    fn unmatched(&self, movement: &Movement) -> Option<Reason> {
        let key = self.command().key(&movement.tx_id);
        let row = self.history.row(&key)?;
        (row.reason == Some(Reason::DebitUnknown)
            && self.round_facts(self.command().round.as_ref()).debits == 0)
            .then_some(Reason::Unmatched)
    }

    fn apply(
        &mut self,
        place: usize,
        movement: &Movement,
        ids: AttemptIds,
        effect: Micros,
        flag: Option<Reason>,
    ) -> Result<Outcome, Refusal> {
        let balance = self.balance_with(effect)?;
        if balance.is_negative() {
            return Err(match movement.action {
                // What was taken wrongly is asked for until it is there.
                Action::Adjust(_) => Refusal::unremembered(Reason::InsufficientFunds),
                _ => Refusal::of(place, Reason::InsufficientFunds),
            });
        }
        self.wallet.balance = balance;
        let mut row = self.decided(movement, ids, RowOutcome::Applied, flag);
        row.amount = effect;
        Ok(Outcome::Applied(self.write(row)))
    }

    // ---- The end ----

    fn finish(self) -> Decision {
        let (promotions, inserts): (Vec<_>, Vec<_>) =
            self.rows.into_iter().partition(|(_, promotion)| *promotion);
        Decision {
            wallet: self.wallet,
            outcomes: self.outcomes.into_iter().flatten().collect(),
            inserts: inserts.into_iter().map(|(row, _)| row).collect(),
            promotions: promotions.into_iter().map(|(row, _)| row).collect(),
        }
    }

    /// Undoes the draft and remembers the refusal with those movements that caused it.
    fn refuse(self, refusal: Refusal) -> Decision {
        let Refusal { reason, culprits } = refusal;
        let mut draft = Self::new(self.before, self.history, self.attempt);
        for (place, movement, ids) in self.steps() {
            let key = self.command().key(&movement.tx_id);
            let prior = self.history.row(&key);
            let decided = prior.filter(|row| row.outcome != RowOutcome::Parked);
            let to_blame = match culprits {
                Culprits::Debits => matches!(movement.action, Action::Debit(_)),
                Culprits::One(culprit) => culprit == place,
                Culprits::Nobody => false,
            };
            let entry = match decided {
                Some(row) => Some(Entry::of(row, self.history.is_reversed(&key))),
                None if to_blame && reason.is_remembered() => {
                    // A key that the command uses twice is remembered once.
                    let written = draft.written(&movement.tx_id).map(|row| Entry::of(row, false));
                    Some(written.unwrap_or_else(|| {
                        let row = draft.decided(movement, ids, RowOutcome::Refused, Some(reason));
                        draft.write(row)
                    }))
                }
                None => prior.map(|row| Entry::of(row, false)),
            };
            let replayed = prior.is_some_and(|row| {
                row.outcome == RowOutcome::Refused && row.transaction_id != ids.own
            });
            let mismatched = decided.is_some_and(|row| {
                row.fingerprint != ids.fingerprint
                    && !matches!(row.outcome, RowOutcome::Refused | RowOutcome::Tombstone)
            });
            let outcome = match entry {
                Some(entry) if mismatched => Outcome::Mismatch(entry),
                entry => Outcome::Refused { reason, entry, replayed },
            };
            draft.settle(place, outcome);
        }
        draft.finish()
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta};
    use uuid::Uuid;

    use super::*;
    use crate::core::money::Amount;
    use crate::core::policy::{CreditAfterReversal, CreditWithoutDebit, LateOriginal};
    use crate::core::{
        Category, Command, Currency, PlayerId, PlayerStatus, Policy, ProviderId, Reversible,
        RoundId, TransactionId, TxId,
    };

    /// A wallet in memory with 100 units, and everything that was written of it.
    struct Bench {
        wallet: WalletState,
        history: History,
        ids: u128,
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
            Self { wallet, history: History::default(), ids: 0 }
        }

        /// What comes of one movement in the one round, with a protocol that is strict.
        fn does(&mut self, id: &str, action: Action, category: Category) -> Outcome {
            let command = Command {
                provider: ProviderId::parse("acme").expect("a slug"),
                player: self.wallet.player.clone(),
                currency: None,
                token: None,
                game: None,
                round: Some(RoundId::parse("r").expect("an id")),
                movements: vec![Movement { tx_id: tx(id), action, category, detail: None }],
                policy: Policy {
                    credit_without_debit: CreditWithoutDebit::Park { grace: TimeDelta::days(1) },
                    credit_after_reversal: CreditAfterReversal::Refuse,
                    late_original: LateOriginal::Refuse,
                    ..Policy::PERMISSIVE
                },
                occurred_at: None,
            };
            let attempt = Attempt::new(command, DateTime::UNIX_EPOCH, || {
                self.ids += 1;
                TransactionId::new(Uuid::from_u128(self.ids))
            });
            let decision = decide(&self.wallet, &Standing::default(), &self.history, &attempt);
            for row in decision.inserts.into_iter().chain(decision.promotions) {
                self.history.append(row);
            }
            self.wallet = decision.wallet;
            decision.outcomes[0]
        }

        fn bets(&mut self, id: &str) -> Outcome {
            self.does(id, Action::Debit(units(10)), Category::Bet)
        }

        fn wins(&mut self, id: &str) -> Outcome {
            self.does(id, Action::Credit(units(30)), Category::Win)
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
    fn a_win_after_the_end_of_every_bet_is_refused() {
        let mut bench = Bench::new();
        bench.bets("b1");
        bench.refunds("x1", "b1");
        bench.refunds("x2", "never");
        let outcome = bench.wins("w1");
        let refused = matches!(outcome, Outcome::Refused { reason: Reason::DebitReversed, .. });
        assert!(refused, "{outcome:?}");
        assert_eq!(bench.wallet.balance, Micros::new(100));
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
}
