//! Tries parked movements again, through the wallet's one door and under their own keys: so a
//! retry of the provider's and an attempt of the job's are two attempts at one thing, and the
//! first that succeeds is the only one.
//!
//! A command is rebuilt from its rows (`rebuild`). What still has to wait is tried again with
//! growing pauses; after enough of them it is dead, and a person has to look.

mod rebuild;

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

use super::{JobError, meters};
use crate::app::{App, Provider};
use crate::core::policy::CreditWithoutDebit;
use crate::core::{Outcome, ProviderId, Reason, Row, RowOutcome, WalletState};
use crate::engine::WalletError;
use crate::store::directory::players;
use crate::store::jobs::lease::Fence;
use crate::store::jobs::parked::{self, Backoff, Place};

/// The longest that one attempt may take.
const DEADLINE: Duration = Duration::from_secs(5);

/// What came of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Report {
    /// Movements that were tried.
    pub tried: u64,
    /// Movements that were decided, by the job or by somebody who came first.
    pub decided: u64,
    /// Movements that still have to wait.
    pub waiting: u64,
    /// Movements of which the wallet said nothing: it was busy, or without its database.
    pub unanswered: u64,
    /// Movements that were given up in this run.
    pub given_up: u64,
    /// Movements that wait after it.
    pub parked: i64,
    /// Movements that were given up, in this run or before.
    pub dead: i64,
    /// The age of the oldest that waits, in seconds.
    pub oldest_seconds: f64,
}

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

/// Tries what is due.
///
/// # Errors
/// [`JobError`].
pub async fn run_once(app: &Arc<App>, fence: &Fence) -> Result<Report, JobError> {
    let pool = app.wallet.pool();
    let backoff = backoff(app);
    parked::keep_books(pool, fence, &graces(app), backoff).await?;
    let mut report = Report::default();
    loop {
        let due = parked::take_due(pool, fence, app.jobs.reapply_batch, backoff).await?;
        for place in &due {
            try_one(app, fence, place, &mut report).await?;
        }
        if due.len() < usize::from(app.jobs.reapply_batch) || report.unanswered > 0 {
            break;
        }
    }
    if report.unanswered > 0 && report.unanswered == report.tried {
        return Err(JobError::Unanswered);
    }
    let standing = parked::standing(pool).await?;
    meters::parked(&standing);
    report.parked = standing.parked;
    report.dead = standing.dead;
    report.oldest_seconds = standing.oldest_seconds;
    Ok(report)
}

async fn try_one(
    app: &Arc<App>,
    fence: &Fence,
    place: &Place,
    report: &mut Report,
) -> Result<(), JobError> {
    report.tried += 1;
    let attempted = match attempt(app, place).await {
        // It costs the movement no attempt.
        Err(JobError::Unanswered) => {
            report.unanswered += 1;
            meters::reapplied("unanswered");
            return Ok(());
        }
        attempted => attempted?,
    };
    let pool = app.wallet.pool();
    match attempted {
        Attempted::Decided(how) => {
            report.decided += 1;
            meters::reapplied(how);
        }
        Attempted::Waits(reason) => {
            report.waiting += 1;
            meters::reapplied("waiting");
            if parked::keep_waiting(pool, fence, place, reason, backoff(app)).await? {
                bury(place, reason, report);
            }
        }
        Attempted::Hopeless(reason) => {
            parked::give_up(pool, fence, place, reason).await?;
            bury(place, reason, report);
        }
    }
    Ok(())
}

fn bury(place: &Place, reason: &str, report: &mut Report) {
    report.given_up += 1;
    meters::reapplied("dead");
    tracing::error!(
        provider = %place.key.provider, player = %place.player, tx_id = %place.key.tx_id, reason,
        "a parked movement is given up: somebody has to look"
    );
}

/// Tries one parked movement, with all that was said in the same command. For the job, and for
/// an operator who does not want to wait for it.
///
/// # Errors
/// [`JobError`].
pub async fn attempt(app: &Arc<App>, place: &Place) -> Result<Attempted, JobError> {
    let pool = app.wallet.pool();
    let rows = parked::rows(pool, &[&place.player]).await?;
    let Some(own) = rows.iter().find(|row| row.key == place.key) else {
        return Ok(Attempted::Decided("decided_before"));
    };
    let Some(wallet) = players::find(pool, &place.player).await? else {
        return Ok(Attempted::Waits("player_unknown"));
    };
    // A win that was called back while it waited must not be paid first.
    let undoing = rows.iter().filter(|row| {
        row.key.provider == place.key.provider && row.reverses.as_ref() == Some(&own.key.tx_id)
    });
    for row in undoing.chain([own]) {
        let attempted = attempt_command_of(app, &wallet, row, &rows).await?;
        if row.key == place.key {
            return Ok(attempted);
        }
        if !matches!(attempted, Attempted::Decided(_)) {
            return Ok(Attempted::Waits("its reversal waits"));
        }
    }
    Ok(Attempted::Waits("not tried"))
}

async fn attempt_command_of(
    app: &Arc<App>,
    wallet: &WalletState,
    row: &Row,
    rows: &[Row],
) -> Result<Attempted, JobError> {
    // It may be configured on other nodes already, or here again by tomorrow.
    let Some(terms) = app.terms(&row.key.provider) else {
        return Ok(Attempted::Waits("provider_unknown"));
    };
    let Some(command) = rebuild::command(terms, wallet, row, rows) else {
        return Ok(Attempted::Hopeless("not_rebuilt"));
    };
    let place = command.movements.iter().position(|movement| movement.tx_id == row.key.tx_id);
    match app.wallet.execute(command, Instant::now() + DEADLINE).await {
        Ok(receipt) => {
            let outcome = place.and_then(|place| receipt.outcomes.get(place));
            Ok(outcome.map_or(Attempted::Waits("no outcome"), judge))
        }
        Err(WalletError::Refused(reason)) => Ok(Attempted::Waits(reason.as_str())),
        Err(error @ (WalletError::Busy | WalletError::Timeout | WalletError::Unavailable)) => {
            tracing::warn!(%error, "an attempt at a parked movement came to nothing");
            Err(JobError::Unanswered)
        }
        Err(WalletError::Internal) => Ok(Attempted::Waits("internal_error")),
    }
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

/// Whose movements wait for how long before they are tried without their provider.
fn graces(app: &App) -> Vec<(&ProviderId, Duration)> {
    let grace = |provider: &Provider| match provider.adapter.terms().policy.credit_without_debit {
        CreditWithoutDebit::Park { grace } => grace.to_std().unwrap_or_default(),
        CreditWithoutDebit::Pay | CreditWithoutDebit::Refuse => Duration::ZERO,
    };
    app.providers.values().map(|provider| (&provider.id, grace(provider))).collect()
}

fn backoff(app: &App) -> Backoff {
    Backoff {
        first: Duration::from_secs(app.jobs.reapply_backoff_s),
        longest: Duration::from_secs(app.jobs.reapply_backoff_max_s),
        attempts: i32::try_from(app.jobs.reapply_attempts).unwrap_or(i32::MAX),
    }
}
