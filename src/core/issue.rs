//! Issues of free rounds: the operator grants them at the provider, and the provider's calls about
//! one need not say whose it is.

use super::ids::{Currency, IssueId, PlayerId, TokenHash};

/// A call about an issue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssueCall {
    /// Which.
    pub issue: IssueId,
    /// Whose it is, where the call says so.
    pub player: Option<PlayerId>,
    /// The currency, where the call says so.
    pub currency: Option<Currency>,
    /// The session that the call names.
    pub session: Option<TokenHash>,
    /// What the state means.
    pub state: IssueState,
    /// The state in the provider's word.
    pub status: Box<str>,
    /// What the issue came to so far, in the currency's smallest unit; zero or more.
    pub units: i128,
}

/// How far an issue is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IssueState {
    /// There may be more to come: nothing is paid.
    Open,
    /// As [`Self::Open`], said with a word that is not known.
    Unknown,
    /// It is over: what it came to is paid.
    Final,
}

/// Whose an issue is, for one call about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssueOwner {
    /// The player.
    pub player: PlayerId,
    /// What the call's amount is counted in.
    pub currency: Currency,
}
