//! Tries parked movements again, through the wallet's one door and under their own keys: so a
//! retry of the provider's and an attempt of the job's are two attempts at one thing, and the
//! first that succeeds is the only one.
//!
//! A command is put together from its rows and what was kept with them, and decided by its own
//! terms, whatever its provider's are by now, and though the provider is not configured any more.
//! What still has to wait is tried again with growing pauses; after enough of them it is dead, and
//! a person has to look. What goes wrong with one movement is its own affair.

mod attempt;

use std::collections::HashSet;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::join_all;
use metrics::counter;
use serde::Serialize;
use tokio::time::Instant;

use super::{Context, JobError, meters};
use crate::core::PlayerId;
use crate::core::policy::CreditWithoutDebit;
use crate::free_rounds::issues;
use crate::provider::Provider;
use crate::store::LookupError;
use crate::store::directory::issues as issue_results;
use crate::store::jobs::lease::Fence;
use crate::store::jobs::parked::{self, Backoff, Grace, Place, Turn};
use crate::store::jobs::retry_schedule::{self, Backlog, Scan};
pub use attempt::{Attempted, attempt};

/// Attempts that are made at the same time.
const CONCURRENT: usize = 4;
/// Movements of one player that are tried before it is the next player's turn.
const PER_PLAYER: u16 = 4;
/// A run ends after so long, and the next one goes on.
const RUN_TIME: Duration = Duration::from_secs(30);
/// Of these, for the books alone.
const SCHEDULE_TIME: Duration = Duration::from_secs(10);
/// So many players of whom the wallet says nothing, one after the other: it is the wallet.
const UNANSWERED_MAX: usize = 4;
/// More than so many movements are not counted in each run …
const COUNTED_EACH_RUN: i64 = 20_000;
/// … but after this time again.
const COUNTED_EVERY: Duration = Duration::from_secs(60);

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

/// How far the job has come, so that the next run goes on there. Each node has its own: one that
/// takes the job over begins anew.
#[derive(Debug, Default)]
pub struct Position(Mutex<Bookmark>);

#[derive(Clone, Debug, Default)]
struct Bookmark {
    scan: Scan,
    /// The last player whose turn it was, where the run came to no end.
    player: String,
    /// What was last counted, and when.
    counted: Option<(Instant, Backlog)>,
}

impl Position {
    fn get(&self) -> Bookmark {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, bookmark: Bookmark) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = bookmark;
    }
}

/// Tries what is due: a few of each player and then again, so that one with very many keeps
/// nobody waiting.
///
/// # Errors
/// [`JobError`].
pub async fn run_once(context: &Arc<Context>, fence: &Fence) -> Result<Report, JobError> {
    let begun = Instant::now();
    let mut bookmark = context.reapply.get();
    update_schedule(context, fence, &mut bookmark.scan, begun).await?;
    let mut run = Run {
        context,
        fence,
        begun,
        report: Report::default(),
        busy: HashSet::new(),
        unanswered_players: 0,
    };
    let turns = run.take_turns(std::mem::take(&mut bookmark.player)).await;
    let mut report = run.report;
    let backlog = match turns {
        Ok(player) => {
            bookmark.player = player;
            count(context, &mut bookmark).await
        }
        Err(error) => Err(error),
    };
    context.reapply.set(bookmark);
    let backlog = backlog?;
    meters::parked(&backlog);
    // Theirs to wait is another kind of waiting: for somebody who says whose they are.
    issues::settle(&context.wallet, &context.providers, None).await?;
    meters::free_rounds(issue_results::count(context.wallet.pool()).await?);
    if report.unanswered > 0 && report.unanswered == report.tried {
        return Err(JobError::Unanswered);
    }
    report.parked = backlog.parked;
    report.dead = backlog.dead;
    report.oldest_seconds = backlog.oldest_seconds;
    Ok(report)
}

/// How many wait; where there are very many, as it was a while ago.
async fn count(context: &Context, bookmark: &mut Bookmark) -> Result<Backlog, JobError> {
    if let Some((at, backlog)) = bookmark.counted
        && backlog.parked + backlog.dead > COUNTED_EACH_RUN
        && at.elapsed() < COUNTED_EVERY
    {
        return Ok(backlog);
    }
    let backlog = retry_schedule::backlog(context.wallet.pool()).await?;
    bookmark.counted = Some((Instant::now(), backlog));
    Ok(backlog)
}

async fn update_schedule(
    context: &Context,
    fence: &Fence,
    scan: &mut Scan,
    begun: Instant,
) -> Result<(), JobError> {
    let (pool, backoff, graces) = (context.wallet.pool(), backoff(context), graces(context));
    retry_schedule::remove_decided(pool, fence, scan).await?;
    while retry_schedule::add_parked(pool, fence, scan, &graces, backoff).await?
        && begun.elapsed() < SCHEDULE_TIME
    {}
    while retry_schedule::revive_dead(pool, fence, scan, backoff).await?
        && begun.elapsed() < SCHEDULE_TIME
    {}
    Ok(())
}

struct Run<'a> {
    context: &'a Arc<Context>,
    fence: &'a Fence,
    begun: Instant,
    report: Report,
    /// Players of whom the wallet said nothing: the rest of theirs is for another run.
    busy: HashSet<PlayerId>,
    /// How many of them there were since it last said something.
    unanswered_players: usize,
}

impl Run<'_> {
    /// Begins behind that player, and says behind which the next run should.
    async fn take_turns(&mut self, after: String) -> Result<String, JobError> {
        let limit = self.context.settings.reapply_batch;
        let mut from_the_first = after.is_empty();
        let mut turn = Turn { after, each: PER_PLAYER.min(limit), limit };
        while !self.is_over() {
            let pool = self.context.wallet.pool();
            let due = parked::take_due(pool, self.fence, &turn, backoff(self.context)).await?;
            self.report.tried += due.unreadable;
            self.report.waiting += due.unreadable;
            match due.last {
                Some(last) => turn.after = last,
                None if turn.after.is_empty() => break,
                None => {
                    // Once more from the first player on; of those who had a turn, more.
                    if from_the_first {
                        turn.each = turn.each.saturating_mul(4).min(limit);
                    }
                    from_the_first = true;
                    turn.after = String::new();
                }
            }
            self.try_all(&due.places).await?;
        }
        Ok(turn.after)
    }

    fn is_over(&self) -> bool {
        self.unanswered_players >= UNANSWERED_MAX || self.begun.elapsed() > RUN_TIME
    }

    /// What is left of these when the run is over is due again after its pause.
    async fn try_all(&mut self, places: &[Place]) -> Result<(), JobError> {
        for some in places.chunks(CONCURRENT) {
            if self.is_over() {
                break;
            }
            let some: Vec<&Place> =
                some.iter().filter(|place| !self.busy.contains(&place.player)).collect();
            let attempts =
                join_all(some.iter().map(|place| attempt_alone(self.context, place))).await;
            for (place, attempted) in some.into_iter().zip(attempts) {
                self.note(place, attempted).await?;
            }
        }
        Ok(())
    }

    async fn note(&mut self, place: &Place, attempted: Option<Attempted>) -> Result<(), JobError> {
        let (pool, fence) = (self.context.wallet.pool(), self.fence);
        self.report.tried += 1;
        let Some(attempted) = attempted else {
            // It costs the movement no attempt.
            self.report.unanswered += 1;
            meters::reapplied("unanswered");
            if self.busy.insert(place.player.clone()) {
                self.unanswered_players += 1;
            }
            return Ok(());
        };
        self.unanswered_players = 0;
        match attempted {
            Attempted::Decided(how) => {
                self.report.decided += 1;
                meters::reapplied(how);
                parked::remove(pool, fence, place).await?;
            }
            Attempted::Waits(reason) => {
                self.report.waiting += 1;
                meters::reapplied("waiting");
                if parked::reschedule(pool, fence, place, reason, backoff(self.context)).await? {
                    self.give_up(place, reason);
                }
            }
            Attempted::Hopeless(reason) => {
                parked::give_up(pool, fence, place, reason).await?;
                self.give_up(place, reason);
            }
        }
        Ok(())
    }

    fn give_up(&mut self, place: &Place, reason: &str) {
        self.report.given_up += 1;
        meters::reapplied("dead");
        tracing::error!(
            provider = %place.key.provider, player = %place.player, tx_id = %place.key.tx_id,
            reason, "a parked movement is given up: somebody has to look"
        );
    }
}

/// An attempt whose faults are its own; `None` where nobody knows what came of it.
async fn attempt_alone(context: &Arc<Context>, place: &Place) -> Option<Attempted> {
    let attempted = AssertUnwindSafe(attempt(context, place)).catch_unwind().await;
    let error = match attempted.unwrap_or(Err(JobError::Panicked)) {
        Ok(attempted) => return Some(attempted),
        Err(error) => error,
    };
    tracing::warn!(
        provider = %place.key.provider, player = %place.player, tx_id = %place.key.tx_id, %error,
        "an attempt at a parked movement came to nothing"
    );
    match error {
        JobError::Unanswered
        | JobError::Database(LookupError::Unavailable(_) | LookupError::TimedOut(_)) => None,
        JobError::Database(LookupError::Unreadable(_)) => Some(Attempted::Waits("unreadable")),
        JobError::Panicked => {
            counter!("wallet_panics_total").increment(1);
            Some(Attempted::Waits("internal_error"))
        }
        JobError::Database(_) | JobError::Fenced => Some(Attempted::Waits("internal_error")),
    }
}

/// Whose movements wait for how long before they are tried without their provider, where that was
/// not kept with them.
fn graces(context: &Context) -> Vec<Grace<'_>> {
    let grace = |provider: &Provider| match provider.adapter.terms().policy.credit_without_debit {
        CreditWithoutDebit::Park { grace } => grace.to_std().unwrap_or_default(),
        CreditWithoutDebit::Pay | CreditWithoutDebit::Refuse => Duration::ZERO,
    };
    context.providers.values().map(|provider| (&provider.id, grace(provider))).collect()
}

fn backoff(context: &Context) -> Backoff {
    Backoff {
        first: Duration::from_secs(context.settings.reapply_backoff_s),
        longest: Duration::from_secs(context.settings.reapply_backoff_max_s),
        attempts: i32::try_from(context.settings.reapply_attempts).unwrap_or(i32::MAX),
    }
}
