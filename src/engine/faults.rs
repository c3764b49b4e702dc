//! What is stored and cannot be worked with: it costs its own player the answer, and nobody else.

use metrics::counter;

use super::ExecuteError;
use super::group::Group;
use crate::core::PlayerId;

/// A wallet that is behind its ledger is a person's to put right. Until then nothing moves.
pub(super) fn damaged(player: &PlayerId) {
    counter!("wallet_damaged_chains_total").increment(1);
    tracing::error!(%player, "the ledger has rows beyond the wallet's version: nothing is moved");
}

/// Something that this version cannot read costs its own player the answer, and nobody else.
pub(super) fn unreadable(group: Group) {
    counter!("wallet_unreadable_total").increment(1);
    tracing::error!(player = %group.player, "a stored value is not one that this version knows");
    group.fail(ExecuteError::Internal);
}
