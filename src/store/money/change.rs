//! What is to be written for a player, and what that rests on.

use crate::core::{Assumed, Decision, WalletState};

/// What is to be written for one player.
#[derive(Clone, Copy)]
pub struct Change<'a> {
    /// The wallet that the decisions count from.
    pub start: &'a WalletState,
    /// What they come to, in order.
    pub decisions: &'a [Decision],
    /// What they rest on.
    pub basis: Basis<'a>,
}

/// What the decisions about a player rest on.
#[derive(Clone, Copy)]
pub enum Basis<'a> {
    /// The usual: what is not known of the wallet lies within the bounds.
    Usual(&'a Assumed),
    /// The wallet is known, the rest is the usual.
    Wallet(&'a Assumed),
    /// The wallet and all that was decided before are known.
    Facts,
    /// There is no wallet: the rows are parked.
    NoWallet,
}

impl<'a> Change<'a> {
    /// The wallet that the decisions end with.
    pub(super) fn end(&self) -> &'a WalletState {
        self.decisions.last().map_or(self.start, |decision| &decision.wallet)
    }
}
