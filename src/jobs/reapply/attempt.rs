//! One attempt at one parked movement. It reads that movement and what was parked with it.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::core::{Key, Outcome, ParkedRow, Reason, RowOutcome, TxId, parked_command};
use crate::engine::WalletError;
use crate::jobs::{Context, JobError};
use crate::store::jobs::parked::{self, Place, StillParked};

/// The longest that one attempt may take.
const DEADLINE: Duration = Duration::from_secs(5);

/// What an attempt did for one movement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attempted {
    /// It is decided now; the word says how.
    Decided(&'static str),
    /// It has to wait.
    Waits(&'static str),
    /// No attempt but the provider's own can decide it.
    Hopeless(&'static str),
}

/// Tries one parked movement, with all that was parked with it. For the job, and for an operator
/// who does not want to wait for it. It reads no more than that.
///
/// # Errors
/// [`JobError`].
pub async fn attempt(context: &Arc<Context>, place: &Place) -> Result<Attempted, JobError> {
    let pool = context.wallet.pool();
    // A win that was called back while it waited must not be paid first.
    for reversal in parked::reversals_of(pool, place).await? {
        let key = Key { tx_id: reversal, ..place.key.clone() };
        let reversal = Place { key, ..place.clone() };
        if !matches!(attempt_one(context, &reversal).await?, Attempted::Decided(_)) {
            return Ok(Attempted::Waits("its reversal waits"));
        }
    }
    attempt_one(context, place).await
}

async fn attempt_one(context: &Arc<Context>, place: &Place) -> Result<Attempted, JobError> {
    let rows = match parked_together(context, place).await? {
        Ok(rows) => rows,
        Err(attempted) => return Ok(attempted),
    };
    let Some(command) = parked_command(&rows) else {
        return Ok(Attempted::Waits("takes_money"));
    };
    let at = command.movements.iter().position(|movement| movement.tx_id == place.key.tx_id);
    match context.wallet.execute(command, Instant::now() + DEADLINE).await {
        Ok(receipt) => {
            let outcome = at.and_then(|at| receipt.outcomes.get(at));
            Ok(outcome.map_or(Attempted::Waits("no outcome"), judge))
        }
        Err(WalletError::Refused(reason)) => Ok(Attempted::Waits(reason.as_str())),
        Err(WalletError::Busy | WalletError::Timeout | WalletError::Unavailable) => {
            Err(JobError::Unanswered)
        }
        Err(WalletError::Internal) => Ok(Attempted::Waits("internal_error")),
    }
}

/// The rows of the command that the movement was parked with, in its order.
async fn parked_together(
    context: &Arc<Context>,
    place: &Place,
) -> Result<Result<Vec<ParkedRow>, Attempted>, JobError> {
    let own = match find(context, place, &[&place.key.tx_id]).await? {
        Ok(own) => own,
        Err(attempted) => return Ok(Err(attempted)),
    };
    let Some(row) = own.first() else {
        return Ok(Err(Attempted::Decided("decided_before")));
    };
    let together = match row.part.first() {
        None => row.part.together(),
        // Where the first is decided, each of the others is a command of its own.
        Some(first) => match find(context, place, &[&first]).await? {
            Ok(rows) => rows.first().map(|first| first.part.together()).unwrap_or_default(),
            Err(attempted) => return Ok(Err(attempted)),
        },
    };
    if together.is_empty() {
        return Ok(Ok(own));
    }
    let tx_ids: Vec<&TxId> = together.iter().collect();
    find(context, place, &tx_ids).await
}

async fn find(
    context: &Arc<Context>,
    place: &Place,
    tx_ids: &[&TxId],
) -> Result<Result<Vec<ParkedRow>, Attempted>, JobError> {
    let whose = (&place.player, &place.key.provider);
    let found = parked::find(context.wallet.pool(), whose, tx_ids).await?;
    let mut rows = Vec::with_capacity(found.len());
    for row in found {
        match row {
            StillParked::Whole(row) => rows.push(*row),
            StillParked::WithoutTerms => return Ok(Err(Attempted::Hopeless("no_terms"))),
            StillParked::Unreadable => return Ok(Err(Attempted::Waits("unreadable"))),
        }
    }
    Ok(Ok(rows))
}

fn judge(outcome: &Outcome) -> Attempted {
    match outcome {
        Outcome::Applied(_) | Outcome::Replayed(_) => Attempted::Decided("applied"),
        Outcome::NoEffect(_) => Attempted::Decided("no_effect"),
        Outcome::Cancelled(_) => Attempted::Decided("cancelled"),
        Outcome::Refused { entry: Some(entry), .. } if entry.outcome != RowOutcome::Parked => {
            Attempted::Decided("refused")
        }
        // No job takes a player's money.
        Outcome::Refused { reason: Reason::TargetPaid, .. } => Attempted::Hopeless("takes_money"),
        Outcome::Refused { reason, .. } => Attempted::Waits(reason.as_str()),
        Outcome::Parked(entry) => {
            Attempted::Waits(entry.reason.map_or("parked", |reason| reason.as_str()))
        }
        Outcome::Mismatch(_) => Attempted::Hopeless("key_reused"),
    }
}
