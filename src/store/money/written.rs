//! What the statement that moves money says of each player.

use super::change::{Basis, Change};
use crate::core::{Currency, GameState, Micros, PlayerId, PlayerStatus, Standing, WalletState};
use crate::store::LookupError;
use crate::store::rows::{session_fact, wallet_state};

/// What became of one player's change.
#[derive(Clone, Debug)]
pub enum Written {
    /// It is committed, and the wallet stands as this says.
    Moved(Moved),
    /// A key that was taken for new is not.
    KeyTaken,
    /// A round is not as it was taken for granted.
    Round,
    /// A debit that a credit names is not as it was taken for granted.
    Debit,
    /// The session or the game of a stake is not as it was taken for granted: so they stand, with
    /// the wallet.
    Standing(WalletState, Standing),
    /// The wallet is not within the bounds, or has moved on; this is how it was found.
    Wallet(WalletState),
    /// There is no wallet.
    NoWallet,
    /// There is no wallet, and the rows are parked.
    Parked,
    /// The wallet holds what this version does not know; the change may be written.
    Unreadable,
}

/// A wallet after what was written.
#[derive(Clone, Debug)]
pub struct Moved {
    /// What is in it.
    pub balance: Micros,
    /// Its version.
    pub version: i64,
    /// The wallet's own.
    pub currency: Currency,
    /// What the player may do.
    pub status: PlayerStatus,
}

/// A row that the statement returns.
pub(super) struct Found {
    /// The change's place.
    pub(super) who: i32,
    pub(super) what: String,
    pub(super) balance: Option<i64>,
    pub(super) version: Option<i64>,
    pub(super) currency: Option<String>,
    pub(super) status: Option<String>,
    pub(super) bet_limit: Option<i64>,
    pub(super) session_player: Option<String>,
    pub(super) session_provider: Option<String>,
    pub(super) session_game: Option<String>,
    /// Of the session.
    pub(super) live: Option<bool>,
    /// Of the game.
    pub(super) enabled: Option<bool>,
}

/// What became of a change where the statement says nothing.
const fn unless_found(change: &Change<'_>) -> Written {
    match change.basis {
        Basis::NoWallet => Written::Parked,
        Basis::Usual(_) | Basis::Wallet(_) | Basis::Facts => Written::NoWallet,
    }
}

/// One answer for each change, in order.
pub(super) fn written(changes: &[Change<'_>], found: Vec<Found>) -> Vec<Written> {
    let mut written: Vec<Written> = changes.iter().map(unless_found).collect();
    for row in found {
        let at = usize::try_from(row.who).ok();
        let Some((slot, change)) = at.and_then(|at| written.get_mut(at).zip(changes.get(at)))
        else {
            continue;
        };
        // Of several things that do not hold, a taken key says most.
        if !matches!(slot, Written::KeyTaken) {
            *slot = row.says(&change.start.player).unwrap_or(Written::Unreadable);
        }
    }
    written
}

impl Found {
    fn says(self, player: &PlayerId) -> Result<Written, LookupError> {
        Ok(match self.what.as_str() {
            "moved" => Written::moved(self.wallet(player)?),
            "key" => Written::KeyTaken,
            "round" => Written::Round,
            "debit" => Written::Debit,
            "standing" if self.version.is_none() => Written::NoWallet,
            "standing" => Written::Standing(self.wallet(player)?, self.standing()?),
            "wallet" => Written::Wallet(self.wallet(player)?),
            _ => return Err(LookupError::Unreadable("what was written")),
        })
    }

    fn wallet(&self, player: &PlayerId) -> Result<WalletState, LookupError> {
        let (Some(balance), Some(version), Some(currency), Some(status)) =
            (self.balance, self.version, self.currency.as_deref(), self.status.as_deref())
        else {
            return Err(LookupError::Unreadable("wallet"));
        };
        wallet_state(player.clone(), currency, balance, version, status, self.bet_limit)
    }

    fn standing(&self) -> Result<Standing, LookupError> {
        let session = match (&self.session_player, &self.session_provider, self.live) {
            (Some(player), Some(provider), Some(live)) => {
                Some(session_fact(player, provider, self.session_game.as_deref(), live)?)
            }
            _ => None,
        };
        let disabled = self.enabled == Some(false);
        let game = if disabled { GameState::Disabled } else { GameState::Open };
        Ok(Standing { session, game, ..Standing::default() })
    }
}

impl Written {
    fn moved(wallet: WalletState) -> Self {
        let WalletState { balance, version, currency, status, .. } = wallet;
        Self::Moved(Moved { balance, version, currency, status })
    }
}
