//! Compares what is there twice: Redis with PostgreSQL, and the ledger with the wallets. One
//! pass goes over all wallets by key, a chunk at a time, and rests after each.
//!
//! - here: the pass;
//! - `finding`: what can be found;
//! - `cache`: balances in Redis, judged twice, because Redis and PostgreSQL are not read at
//!   one moment; what is wrong is put right;
//! - `ledger`: chains of rows. What is wrong there is left for a person.

mod cache;
mod finding;
mod ledger;

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use uuid::Uuid;

pub use finding::{Finding, Kind};

use super::throttle::Throttle;
use super::{Context, JobError, Progress, meters};
use crate::core::PlayerId;
use crate::store::jobs::audit;
use crate::store::jobs::lease::{self, Fence};
use crate::store::jobs::reconciliation::{self, Drift, Totals};
use cache::Suspects;

/// Which chains are followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Those of players who moved since the last pass, from where that one ended.
    Window,
    /// All, from their first rows.
    Full,
}

impl Scope {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Window => "window",
            Self::Full => "full",
        }
    }
}

/// What came of a pass.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// Under which it is stored.
    pub run_id: String,
    /// `window` or `full`.
    pub scope: &'static str,
    /// False where Redis did not answer, so that balances in it were not looked at.
    pub cache_checked: bool,
    /// What was looked at and found.
    #[serde(flatten)]
    pub totals: Totals,
    /// The first findings; all are stored. `findings` is how many.
    #[serde(rename = "first_findings")]
    pub findings: Vec<Finding>,
}

/// The most findings that a report repeats.
const SHOWN: usize = 100;

/// One pass under way.
struct Pass<'a> {
    context: &'a Context,
    fence: &'a Fence,
    run_id: Uuid,
    totals: Totals,
    shown: Vec<Finding>,
}

/// Goes over all wallets once.
///
/// # Errors
/// [`JobError`].
pub async fn run_once(
    context: &Arc<Context>,
    fence: &Fence,
    scope: Scope,
    progress: &Progress,
) -> Result<Report, JobError> {
    let pool = context.wallet.pool();
    let run_id = Uuid::now_v7();
    reconciliation::begin(pool, fence, run_id, scope.as_str()).await?;
    let mut pass = Pass { context, fence, run_id, totals: Totals::default(), shown: Vec::new() };
    let result = pass.run(scope, progress).await;
    let error = result.as_ref().err().map(ToString::to_string);
    let ended = reconciliation::end(pool, fence, run_id, &pass.totals, error.as_deref()).await;
    let cache_checked = result?;
    ended?;
    meters::drifted(&pass.totals);
    Ok(Report {
        run_id: run_id.simple().to_string(),
        scope: scope.as_str(),
        cache_checked,
        totals: pass.totals,
        findings: pass.shown,
    })
}

impl Pass<'_> {
    async fn run(&mut self, scope: Scope, progress: &Progress) -> Result<bool, JobError> {
        let pool = self.context.wallet.pool();
        let jobs = &self.context.settings;
        if progress.is_watched() {
            progress.begin(audit::count(pool).await?, "wallets");
        }
        let mut throttle = Throttle::of(jobs.busy_percent);
        let mut suspects = Suspects::new(Duration::from_millis(jobs.reconcile_grace_ms));
        let mut after: Option<PlayerId> = None;
        loop {
            let chunk = audit::chunk(pool, after.as_ref(), jobs.reconcile_chunk).await?;
            let last = chunk.last().map(|marked| marked.wallet.player.clone());
            self.totals.wallets += i64::try_from(chunk.len()).unwrap_or_default();
            self.totals.cached += suspects.look(self.context.wallet.cache(), &chunk).await;
            ledger::check(self, scope, &chunk, &mut throttle).await?;
            if scope == Scope::Full {
                ledger::find_orphans(self, after.as_ref(), last.as_ref(), &mut throttle).await?;
            }
            progress.at(u64::try_from(self.totals.wallets).unwrap_or_default());
            cache::settle(self, &mut suspects, false).await?;
            let Some(last) = last else { break };
            after = Some(last);
            throttle.pause().await;
        }
        cache::settle(self, &mut suspects, true).await?;
        Ok(suspects.saw_everything())
    }

    /// Redis knows no fence, so it is asked for right before something is put right there.
    async fn still_leads(&self) -> Result<(), JobError> {
        let ttl = Duration::from_millis(self.context.settings.lease_ttl_ms);
        let leads = lease::renew(&self.context.leases, self.fence, ttl, true).await?;
        if leads { Ok(()) } else { Err(JobError::Fenced) }
    }

    /// Counts, logs and stores a finding.
    async fn found(&mut self, finding: Finding) -> Result<(), JobError> {
        finding.log();
        meters::found(finding.kind.as_str());
        let drift = finding.drift();
        self.totals.findings += 1;
        self.totals.drift_micros = self.totals.drift_micros.saturating_add(drift.get());
        let row = Drift {
            drift_id: Uuid::now_v7(),
            run_id: self.run_id,
            player: finding.player.clone(),
            kind: finding.kind.as_str().to_owned(),
            expected: finding.expected,
            found_balance: finding.found_balance,
            found_version: finding.found_version,
            drift,
            repaired: finding.repaired,
            detail: finding.detail.clone(),
            found_at: chrono::Utc::now(),
        };
        reconciliation::record(self.context.wallet.pool(), self.fence, &[row]).await?;
        if self.shown.len() < SHOWN {
            self.shown.push(finding);
        }
        Ok(())
    }
}
