//! Writing what was decided about a batch of players, by the one statement that moves money.

use sqlx::PgConnection;

use super::columns::{Circumstances, Keys, NamedDebits, Rows, Wallets};
use super::error::WriteError;
use super::statement::Columns;
use super::written::{Written, written};
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

/// Writes the changes of a batch, all of those of which everything holds, in one transaction. There
/// is one answer for each change, in order. `changes` must be in the order of the players, so that
/// two nodes take the wallets' locks in the same order; keys are taken in one order as well, and
/// only after all wallets.
///
/// # Errors
/// [`WriteError`]: nothing was written or, where it is transient, nobody knows.
pub async fn batch(
    connection: &mut PgConnection,
    changes: &[Change<'_>],
) -> Result<Vec<Written>, WriteError> {
    let batch = Columns {
        rows: Rows::of(changes),
        circumstances: Circumstances::of(changes),
        wallets: Wallets::of(changes),
        keys: Keys::of(changes),
        debits: NamedDebits::of(changes),
    };
    let found = batch.execute(connection).await?;
    Ok(written(changes, found))
}

impl<'a> Change<'a> {
    /// What became of it where the statement says nothing.
    pub(super) const fn unless_found(&self) -> Written {
        match self.basis {
            Basis::NoWallet => Written::Parked,
            Basis::Usual(_) | Basis::Wallet(_) | Basis::Facts => Written::NoWallet,
        }
    }

    /// The wallet that the decisions end with.
    pub(super) fn end(&self) -> &'a WalletState {
        self.decisions.last().map_or(self.start, |decision| &decision.wallet)
    }
}
