//! What was read for a batch that is judged by the past.

use std::collections::{HashMap, HashSet};

use crate::core::{
    Action, Attempt, History, Movement, PlayerId, RoundFacts, Row, Standing, WalletState,
};

/// Everything that a batch is decided on.
#[derive(Debug, Default)]
pub struct Facts {
    /// By player; a player without a wallet is missing.
    pub wallets: HashMap<PlayerId, WalletState>,
    /// One for each attempt, in order.
    pub standings: Vec<Standing>,
    /// Of all players together: keys belong to one player each.
    pub history: History,
    /// Players of whom a row was decided after their wallet had been read. Whoever answers from
    /// both shows a balance from before the row.
    pub torn: HashSet<PlayerId>,
    /// Players with a round that as many of its rows as were looked at do not tell enough about.
    pub undetermined: HashSet<PlayerId>,
    /// Players of whom something is stored that this version does not know.
    pub unreadable: HashSet<PlayerId>,
}

impl Facts {
    /// Learns a prior row and, of a target, what was paid in its round.
    pub(super) fn learn(&mut self, row: Row, round_credits: Option<i64>) {
        let wallet = self.wallets.get(&row.player);
        if wallet.zip(row.link).is_some_and(|(wallet, link)| link.version > wallet.version) {
            self.torn.insert(row.player.clone());
        }
        if let (Some(credits), Some(round)) = (round_credits, &row.round) {
            if credits < 0 {
                self.undetermined.insert(row.player.clone());
            }
            let (player, provider) = (row.player.clone(), row.key.provider.clone());
            let seen = RoundFacts {
                credits: credits.max(0),
                ..self.history.round(&player, &provider, round)
            };
            self.history.learn_round(player, provider, round.clone(), seen);
        }
        self.history.learn_row(row);
    }
}

pub(super) fn is_reversal(movement: &Movement) -> bool {
    matches!(movement.action, Action::Reverse { .. })
}

/// How many of the attempts' movements are reversals.
pub(super) fn reversals(attempts: &[&Attempt]) -> i64 {
    let movements = attempts.iter().flat_map(|attempt| &attempt.command.movements);
    i64::try_from(movements.filter(|movement| is_reversal(movement)).count()).unwrap_or(i64::MAX)
}
