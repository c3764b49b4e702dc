//! What a batch will write: each command decided on what was read and on what the ones before it
//! have decided. Pure.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::core::{Attempt, Decision, PlayerId, Row, WalletState, decide};
use crate::store::money::read::Facts;
use crate::store::money::write::WalletChange;

/// What a batch will write.
pub(super) struct Plan {
    /// One for each command, in their order.
    pub(super) steps: Vec<Step>,
    /// The wallets of the players whose state changes, in order.
    wallets: BTreeMap<PlayerId, (WalletState, WalletState)>,
}

/// What a batch does with one of its commands.
pub(super) enum Step {
    /// This.
    Decided(Box<Decision>),
    /// Nobody has such a wallet.
    NoWallet,
    /// It decides a parked row, which takes a transaction of its own.
    Later,
}

impl Plan {
    /// Folds each player's commands in order of arrival.
    pub(super) fn make(attempts: &[&Attempt], mut facts: Facts) -> Self {
        let mut wallets: BTreeMap<PlayerId, (WalletState, WalletState)> = BTreeMap::new();
        let mut later: HashSet<PlayerId> = HashSet::new();
        let lone = attempts.len() == 1;
        let mut calls: HashMap<&PlayerId, usize> = HashMap::with_capacity(attempts.len());
        for attempt in attempts {
            *calls.entry(&attempt.command.player).or_default() += 1;
        }
        let steps = attempts
            .iter()
            .zip(&facts.standings)
            .map(|(attempt, standing)| {
                let player = &attempt.command.player;
                let Some(read) = facts.wallets.get(player) else { return Step::NoWallet };
                if later.contains(player) {
                    return Step::Later;
                }
                let now = wallets.get(player).map_or(read, |(_, after)| after);
                let decision = decide(now, standing, &facts.history, attempt);
                if !decision.promotions.is_empty() && !lone {
                    later.insert(player.clone());
                    return Step::Later;
                }
                // Only for who comes after: to other players these rows say nothing.
                if calls.get(player).is_some_and(|calls| *calls > 1) {
                    for row in &decision.inserts {
                        facts.history.append(row.clone());
                    }
                }
                wallets
                    .entry(player.clone())
                    .or_insert_with(|| (read.clone(), read.clone()))
                    .1
                    .clone_from(&decision.wallet);
                Step::Decided(Box::new(decision))
            })
            .collect();
        Self { steps, wallets }
    }

    /// True when a refusal would leave no row, so that no write can fail should its key be
    /// taken after all.
    pub(super) fn guesses(&self) -> bool {
        self.steps.iter().any(|step| match step {
            Step::Decided(decision) => decision.inserts.is_empty() && decision.refuses_unheard(),
            Step::NoWallet | Step::Later => false,
        })
    }

    /// The single decision of a plan that decides a parked row.
    pub(super) fn alone(&self) -> Option<(&WalletState, &Decision)> {
        let [Step::Decided(decision)] = self.steps.as_slice() else { return None };
        if decision.promotions.is_empty() {
            return None;
        }
        let (before, _) = self.wallets.get(&decision.wallet.player)?;
        Some((before, decision))
    }

    /// Everything to write, ordered by player.
    pub(super) fn writes(&self) -> (Vec<WalletChange<'_>>, Vec<&Row>) {
        let changes = self
            .wallets
            .values()
            .filter(|(before, after)| before != after)
            .map(|(before, after)| WalletChange { before, after })
            .collect();
        let mut rows: Vec<&Row> = self
            .steps
            .iter()
            .filter_map(|step| match step {
                Step::Decided(decision) => Some(&decision.inserts),
                Step::NoWallet | Step::Later => None,
            })
            .flatten()
            .collect();
        // The keys, too, are taken in one order, however the calls came in.
        rows.sort_by(|a, b| (&a.player, &a.key).cmp(&(&b.player, &b.key)));
        (changes, rows)
    }
}
