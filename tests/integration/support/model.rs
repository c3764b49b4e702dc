//! A wallet in memory: it executes commands one after the other by the same pure rules, on a
//! history that holds everything. What the store does with its partial reads, its batches and
//! its redos must come to the same.

use std::collections::{HashMap, HashSet};
use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;
use proptest::sample::select;
use seamless_wallet::core::policy::{
    CreditAfterReversal, CreditWithoutDebit, FundsTest, LateOriginal, Refusals,
    ReversalAfterSettlement, SessionRule, Settlement,
};
use seamless_wallet::core::{
    Action, Amount, Attempt, Category, Command, Currency, Decision, History, Kind, Micros,
    Movement, PlayerId, PlayerStatus, Policy, ProviderId, Reversible, RoundId, Row, RowOutcome,
    Standing, TransactionId, TxId, WalletState, decide,
};
use uuid::Uuid;

/// One wallet and everything that was ever written of it.
#[derive(Clone)]
pub struct Model {
    /// Now.
    pub wallet: WalletState,
    /// In the order of writing, promoted rows at their old place.
    pub rows: Vec<Row>,
    /// Everything there is to know.
    history: History,
}

impl Model {
    /// An active wallet in euro with a first balance that no row tells of.
    pub fn with_balance(player: &str, micros: i64) -> Self {
        let wallet = WalletState {
            player: PlayerId::parse(player).expect("an id"),
            currency: Currency::parse("EUR").expect("a code"),
            balance: Micros::new(micros),
            version: 0,
            status: PlayerStatus::Active,
            bet_limit: None,
        };
        Self { wallet, rows: Vec::new(), history: History::default() }
    }

    /// Decides and writes, as the store would: a key is written once, only what is parked is
    /// decided later.
    pub fn execute(&mut self, attempt: &Attempt) -> Decision {
        // Its only clock is that of the arrivals.
        let standing = Standing { now: attempt.received_at, ..Standing::default() };
        let decision = decide(&self.wallet, &standing, &self.history, attempt);
        for row in &decision.promotions {
            let parked = self
                .rows
                .iter_mut()
                .find(|old| old.key == row.key && old.outcome == RowOutcome::Parked)
                .unwrap_or_else(|| panic!("{:?} is decided and was not parked", row.key));
            *parked = row.clone();
            self.history.append(row.clone());
        }
        for row in &decision.inserts {
            assert!(self.row(&row.key.tx_id).is_none(), "{:?} is written twice", row.key);
            self.rows.push(row.clone());
            self.history.append(row.clone());
        }
        self.wallet = decision.wallet.clone();
        decision
    }

    /// What stands under a key.
    pub fn row(&self, tx_id: &TxId) -> Option<&Row> {
        self.rows.iter().find(|row| row.key.tx_id == *tx_id)
    }

    /// The rows of what took effect.
    pub fn applied(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(|row| row.outcome == RowOutcome::Applied)
    }

    /// The debits that a credit names which was paid and stands.
    pub fn settled_debits(&self) -> Vec<TxId> {
        let undone: Vec<_> = self.applied().filter_map(|row| row.reverses.as_ref()).collect();
        let stand = self.rows.iter().filter(|row| !undone.contains(&&row.key.tx_id));
        stand.filter_map(Row::settled_debit).cloned().collect()
    }

    /// Panics unless the rows are a chain that leads from the first balance to the last one.
    pub fn check(&self, first_balance: i64) {
        let mut decided: Vec<_> = self.rows.iter().filter(|row| row.link.is_some()).collect();
        decided.sort_by_key(|row| row.link.map(|link| link.version));
        let mut balance = first_balance;
        for (before, row) in (0..).zip(&decided) {
            let link = row.link.expect("decided");
            balance += row.amount.get();
            assert_eq!(link.version, before + 1, "a gap before {row:?}");
            assert_eq!(link.balance_after, balance, "{row:?}");
            assert!(balance >= 0, "{row:?} leaves {balance}");
            assert_ne!(row.outcome, RowOutcome::Parked, "{row:?}");
            if row.outcome != RowOutcome::Applied {
                assert_eq!(row.amount, Micros::ZERO, "{row:?}");
            }
        }
        assert_eq!(self.wallet.version, i64::try_from(decided.len()).expect("few"));
        assert_eq!(self.wallet.balance.get(), balance);
        for row in self.rows.iter().filter(|row| row.link.is_none()) {
            assert_eq!(row.outcome, RowOutcome::Parked, "{row:?}");
            assert_ne!(row.kind, Kind::Debit, "a stake is for now or never: {row:?}");
        }
        let undone = self.rows.iter().filter(|row| row.outcome == RowOutcome::Applied);
        let undone: Vec<_> = undone.filter_map(|row| row.reverses.as_ref()).collect();
        let once: HashSet<_> = undone.iter().collect();
        assert_eq!(once.len(), undone.len(), "something was undone twice");
    }
}

/// The provider of every command here.
pub fn provider() -> ProviderId {
    ProviderId::parse("acme").expect("a slug")
}

/// The key of that number.
pub fn tx(number: u8) -> TxId {
    TxId::parse(format!("t{number}")).expect("an id")
}

/// An arrival of a command, at that hour of the test's own clock.
pub fn attempt(command: &Command, hour: i64) -> Attempt {
    Attempt::new(command.clone(), at(hour), || TransactionId::new(Uuid::now_v7()))
}

fn at(hour: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_305_601 + hour * 3_600, 0).expect("a time")
}

/// A command as the strategies make it, without its player.
#[derive(Clone)]
pub struct Spec {
    /// Key, action, category.
    pub movements: Vec<(u8, Action, Category)>,
    /// The round's number.
    pub round: Option<u8>,
    /// False: it names another currency.
    pub right_currency: bool,
}

/// Short: a failing script is long enough.
impl fmt::Debug for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { movements, round, right_currency } = self;
        write!(f, "round {round:?}{}:", if *right_currency { "" } else { ", wrong currency" })?;
        for (key, action, category) in movements {
            write!(f, " t{key} {} ", category.as_str())?;
            match action {
                Action::Reverse { target, of, at_most } => {
                    write!(f, "undoes {target} ({of:?}, at most {at_most:?})")?;
                }
                action => {
                    write!(f, "{} {}", action.kind().as_str(), action.requested().to_decimal(0))?;
                    if let Some(debit) = action.settles() {
                        write!(f, " for {debit}")?;
                    }
                }
            }
            f.write_str(";")?;
        }
        Ok(())
    }
}

impl Spec {
    /// The command of that player, under that policy.
    pub fn command(&self, player: &str, policy: &Policy) -> Command {
        let currency = if self.right_currency { "EUR" } else { "USD" };
        Command {
            provider: provider(),
            player: PlayerId::parse(player).expect("an id"),
            currency: Some(Currency::parse(currency).expect("a code")),
            token: None,
            game: None,
            round: self.round.map(|round| RoundId::parse(format!("r{round}")).expect("an id")),
            movements: self
                .movements
                .iter()
                .map(|(number, action, category)| Movement {
                    tx_id: tx(*number),
                    action: action.clone(),
                    category: *category,
                    detail: None,
                })
                .collect(),
            policy: policy.clone(),
            occurred_at: None,
        }
    }

    /// With the keys of one player kept apart from those of the others.
    pub fn own_command(&self, player: &str, policy: &Policy) -> Command {
        let own = |id: &TxId| TxId::parse(format!("{player}-{id}")).expect("an id");
        let mut command = self.command(player, policy);
        for movement in &mut command.movements {
            movement.tx_id = own(&movement.tx_id);
            match &mut movement.action {
                Action::Reverse { target, .. } => *target = own(target),
                Action::Credit { settles: Some(debit), .. } => *debit = own(debit),
                _ => {}
            }
        }
        command
    }
}

/// Keys are few, so that they meet; amounts are small and the balance is, too.
const KEYS: std::ops::Range<u8> = 0..10;

fn amount() -> impl Strategy<Value = Amount> {
    select(vec![0, 1, 2, 5, 30]).prop_map(|units: i64| Amount::from_minor(units, 0).expect("small"))
}

fn movement() -> impl Strategy<Value = (u8, Action, Category)> {
    let debit = (amount(), select(vec![Category::Bet, Category::Tip]))
        .prop_map(|(amount, category)| (Action::Debit(amount), category));
    let category = select(vec![Category::Win, Category::Win, Category::Jackpot]);
    let named = proptest::option::weighted(0.4, KEYS.prop_map(tx));
    let credit = (amount(), category, named)
        .prop_map(|(amount, category, settles)| (Action::Credit { amount, settles }, category));
    let of = select(vec![Reversible::Any, Reversible::Any, Reversible::Debit, Reversible::Credit]);
    let reverse =
        (KEYS, of, proptest::option::weighted(0.2, amount())).prop_map(|(target, of, at_most)| {
            (Action::Reverse { target: tx(target), of, at_most }, Category::Bet)
        });
    let adjust = (amount(), any::<bool>()).prop_map(|(amount, takes)| {
        let micros = if takes { amount.micros().negated() } else { amount.micros() };
        (Action::Adjust(micros), Category::Adjustment)
    });
    let status = select(PlayerStatus::ALL).prop_map(Some);
    let note = prop_oneof![2 => Just(None), 1 => status]
        .prop_map(|status| (Action::Note(status), Category::Status));
    let action = prop_oneof![4 => debit, 3 => credit, 3 => reverse, 1 => adjust, 1 => note];
    (KEYS, action).prop_map(|(key, (action, category))| (key, action, category))
}

/// Any command.
pub fn spec() -> impl Strategy<Value = Spec> {
    let movements = prop_oneof![
        4 => proptest::collection::vec(movement(), 1),
        1 => proptest::collection::vec(movement(), 2..4),
    ];
    (movements, proptest::option::weighted(0.9, 0u8..3), proptest::bool::weighted(0.97))
        .prop_map(|(movements, round, right_currency)| Spec { movements, round, right_currency })
}

/// A sequence of commands in which many come again, now or much later.
pub fn script(length: std::ops::Range<usize>) -> impl Strategy<Value = Vec<Spec>> {
    let step = (spec(), proptest::option::weighted(0.4, any::<proptest::sample::Index>()));
    proptest::collection::vec(step, length).prop_map(|steps| {
        let mut script: Vec<Spec> = Vec::with_capacity(steps.len());
        for (fresh, again) in steps {
            let spec = match again {
                Some(index) if !script.is_empty() => index.get(&script).clone(),
                _ => fresh,
            };
            script.push(spec);
        }
        script
    })
}

/// Of a script only what may come in any order, where there is money enough: one movement for
/// each command, every key says one thing, and what is undone is a debit or a credit.
pub fn peaceful(script: Vec<Spec>) -> Vec<Spec> {
    let mut said: HashMap<u8, Spec> = HashMap::new();
    let mut specs = Vec::new();
    for mut spec in script {
        spec.movements.truncate(1);
        spec.right_currency = true;
        specs.push(said.entry(spec.movements[0].0).or_insert(spec).clone());
    }
    let can_be_undone = |target: &TxId| {
        let action = said.iter().find(|(key, _)| tx(**key) == *target);
        action.is_none_or(|(_, spec)| {
            matches!(spec.movements[0].1, Action::Debit(_) | Action::Credit { .. })
        })
    };
    specs.retain(|spec| match &spec.movements[0].1 {
        Action::Debit(_) | Action::Credit { .. } => true,
        Action::Reverse { target, of, at_most } => {
            *of == Reversible::Any && at_most.is_none() && can_be_undone(target)
        }
        Action::Adjust(_) | Action::Note(_) | Action::DecidedElsewhere { .. } => false,
    });
    specs
}

/// Any policy; a credit that has to wait waits for ten hours.
pub fn policy() -> impl Strategy<Value = Policy> {
    let without_debit = select(vec![
        CreditWithoutDebit::Pay,
        CreditWithoutDebit::Refuse,
        CreditWithoutDebit::Park { grace: TimeDelta::hours(10) },
    ]);
    let after_reversal = select(vec![CreditAfterReversal::Pay, CreditAfterReversal::Refuse]);
    let late = select(vec![LateOriginal::Succeed, LateOriginal::Refuse]);
    let settled = select(vec![
        ReversalAfterSettlement::Allow,
        ReversalAfterSettlement::Refuse,
        ReversalAfterSettlement::NoEffect,
    ]);
    let funds = select(vec![FundsTest::Gross, FundsTest::InOrder]);
    let settlement =
        select(vec![Settlement::ByRound, Settlement::ByDebit, Settlement::OncePerDebit]);
    let limit = proptest::option::weighted(0.2, amount());
    let refusals = select(vec![Refusals::Remembered, Refusals::Remembered, Refusals::Forgotten]);
    let settled = (settled, settlement, refusals);
    (funds, without_debit, after_reversal, late, settled, limit).prop_map(
        |(funds, without_debit, after_reversal, late, settled, max_bet)| Policy {
            session: SessionRule::Ignore,
            funds,
            credit_without_debit: without_debit,
            credit_after_reversal: after_reversal,
            late_original: late,
            reversal_after_settlement: settled.0,
            settlement: settled.1,
            refusals: settled.2,
            max_bet,
        },
    )
}
