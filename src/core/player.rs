//! Asking for a player instead of moving money.

use super::history::WalletState;
use super::ids::{Currency, PlayerId, TokenHash};
use super::money::Micros;
use super::policy::SessionRule;
use super::row::PlayerStatus;

/// The tests before a balance is told.
#[derive(Clone, Debug)]
pub struct Checks {
    /// Which session is needed.
    pub session: SessionRule,
    /// The session token sent, hashed.
    pub token: Option<TokenHash>,
    /// The currency named, where the protocol names one; it must be the wallet's.
    pub currency: Option<Currency>,
    /// True where a frozen or closed player gets an error instead of a balance.
    pub active_only: bool,
}

impl Checks {
    /// Who exists is told.
    pub const NONE: Self =
        Self { session: SessionRule::Ignore, token: None, currency: None, active_only: false };
}

/// What becomes of the token that a player is authenticated with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Exchange {
    /// It goes on to its end.
    #[default]
    Keep,
    /// One that we make takes its place.
    Issue,
    /// One that the caller brings takes its place.
    Bind(TokenHash),
}

impl Exchange {
    /// The caller's own token.
    pub const fn bound(&self) -> Option<&TokenHash> {
        match self {
            Self::Bind(token) => Some(token),
            Self::Keep | Self::Issue => None,
        }
    }
}

/// A player as a provider may see one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlayerView {
    /// Who.
    pub player: PlayerId,
    /// The wallet's currency.
    pub currency: Currency,
    /// The balance now.
    pub balance: Micros,
    /// `wallet.version` that belongs to the balance.
    pub version: i64,
    /// What the player may do.
    pub status: PlayerStatus,
}

impl From<WalletState> for PlayerView {
    fn from(wallet: WalletState) -> Self {
        Self {
            player: wallet.player,
            currency: wallet.currency,
            balance: wallet.balance,
            version: wallet.version,
            status: wallet.status,
        }
    }
}
