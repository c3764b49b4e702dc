//! Calls about issues of free rounds. Such a call is read without its player, the wallet finds out
//! whose the issue is, and the adapter says what is to be done for that player.

use super::{Failure, Request};
use crate::core::{IssueCall, IssueId, IssueOwner, PlayerId, TxId};

/// What a protocol with such issues has.
pub trait Issues: Send + Sync {
    /// The keys under which what an issue came to is booked for a player: the one that is used, and
    /// one of an older version, whose rows have been booked as well.
    ///
    /// # Errors
    /// [`Failure::BadRequest`] for ids that are too long together.
    fn keys(&self, issue: &IssueId, player: &PlayerId) -> Result<IssueKeys, Failure>;

    /// What the call asks for, now that it is known whose the issue is.
    ///
    /// # Errors
    /// [`Failure::BadRequest`] for an amount that cannot be, [`Failure::CurrencyUnknown`].
    fn request(&self, call: &IssueCall, owner: &IssueOwner, key: TxId) -> Result<Request, Failure>;
}

/// The keys of one issue and player.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssueKeys {
    /// For what is booked now.
    pub now: TxId,
    /// What is under this one was booked by an older version.
    pub before: TxId,
}
