//! Removes sessions that have ended, old reports, and claims in Redis that would never expire, in
//! bounded pieces.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::throttle::Throttle;
use super::{Context, JobError, Progress, meters};
use crate::cache::{CacheState, SweepCursor, Swept};
use crate::store::jobs::expiry;
use crate::store::jobs::lease::Fence;

/// What came of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// What became of the claims in Redis; `None` where Redis did not answer to the end, or
    /// there is none.
    pub claims: Option<Swept>,
    /// Sessions that were removed.
    pub sessions: u64,
    /// Rows of reconciliations that were removed.
    pub reports: u64,
}

/// Runs once.
///
/// # Errors
/// [`JobError`].
pub async fn run_once(
    context: &Arc<Context>,
    fence: &Fence,
    progress: &Progress,
) -> Result<Report, JobError> {
    let pool = context.wallet.pool();
    let mut throttle = Throttle::of(context.settings.busy_percent);
    let batch = context.settings.cleanup_batch;
    let kept = Duration::from_secs(context.settings.sessions_kept_h.saturating_mul(3600));
    let mut report = Report::default();
    loop {
        let gone = expiry::sessions(pool, fence, kept, batch).await?;
        report.sessions += gone;
        meters::cleaned("session", gone);
        if gone < u64::from(batch) {
            break;
        }
        throttle.pause().await;
    }
    let kept = Duration::from_secs(context.settings.reports_kept_d.saturating_mul(86_400));
    report.reports = expiry::reconciliations(pool, fence, kept, batch).await?;
    meters::cleaned("report", report.reports);
    report.claims = sweep(context, &mut throttle, progress).await;
    Ok(report)
}

/// Redis knows no fencing number. None is needed: a script judges a claim and removes it in one step,
/// and a claim is only a hint. One with an expiry is left to it, because a repeat may come until then.
async fn sweep(context: &Context, throttle: &mut Throttle, progress: &Progress) -> Option<Swept> {
    let cache = context.wallet.cache();
    if cache.state() == CacheState::Disabled {
        return None;
    }
    let mut at = SweepCursor::default();
    let mut swept = Swept::default();
    loop {
        let page = cache.sweep(at, context.settings.cleanup_batch.into()).await?;
        meters::cleaned("claim", page.swept.without_expiry);
        swept = swept.plus(page.swept);
        progress.at(swept.claims);
        match page.next {
            Some(next) => at = next,
            None => return Some(swept),
        }
        throttle.pause().await;
    }
}
