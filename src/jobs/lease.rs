//! Holding a job's lease: taking it, keeping it through a run, giving it back.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::{Context, Job, JobError, meters};
use crate::store::jobs::lease::{self, Fence, Held, Takeover};
use crate::store::jobs::reconciliation::{self, RunFilter};

/// A job's lease as one process sees it.
pub struct Lease {
    context: Arc<Context>,
    job: Job,
    holder: String,
    ttl: Duration,
    fence: Option<Fence>,
    /// When the last run ended, here or on another node, as far as is known.
    ran: Option<Instant>,
    /// True from the first failure to the next success, so that an outage is logged once.
    is_failing: bool,
}

impl Lease {
    /// A lease that is not held yet.
    pub fn new(context: &Arc<Context>, job: Job, holder: String) -> Self {
        Self {
            context: Arc::clone(context),
            job,
            holder,
            ttl: Duration::from_millis(context.settings.lease_ttl_ms),
            fence: None,
            ran: None,
            is_failing: false,
        }
    }

    /// What every write of the job has to name; `None` while the lease is not held.
    pub const fn fence(&self) -> Option<&Fence> {
        self.fence.as_ref()
    }

    /// How often the lease is renewed.
    pub fn renewal_interval(&self) -> Duration {
        (self.ttl / 3).max(Duration::from_millis(10))
    }

    /// How long ago the job came to its end, on whatever node.
    pub fn since_run(&self) -> Option<Duration> {
        self.ran.map(|ran| ran.elapsed())
    }

    /// Renews the lease, or takes it if it may be taken. True when it is held.
    pub async fn hold(&mut self, takeover: Takeover) -> bool {
        match self.try_hold(takeover).await {
            Ok(held) => {
                self.is_failing = false;
                held
            }
            Err(error) => {
                if !std::mem::replace(&mut self.is_failing, true) {
                    tracing::warn!(job = self.job.as_str(), %error, "the lease cannot be kept");
                }
                false
            }
        }
    }

    /// As [`Self::hold`].
    ///
    /// # Errors
    /// [`JobError::Database`].
    pub async fn try_hold(&mut self, takeover: Takeover) -> Result<bool, JobError> {
        let pool = &self.context.leases;
        if let Some(fence) = &self.fence {
            if lease::renew(pool, fence, self.ttl, false).await? {
                return Ok(true);
            }
            tracing::info!(job = self.job.as_str(), "the lease has passed to another holder");
            self.fence = None;
        }
        let name = (self.job.as_str(), self.holder.as_str());
        let Some(acquired) = lease::take(pool, name, self.ttl, takeover).await? else {
            return Ok(false);
        };
        tracing::info!(
            job = self.job.as_str(),
            holder = self.holder,
            fencing = acquired.fence.fencing,
            "the lease is held"
        );
        self.ran = acquired.since_run.and_then(|since| Instant::now().checked_sub(since));
        if let Some(ran_at) = acquired.ran_at {
            meters::succeeded_at(self.job, ran_at);
        }
        self.fence = Some(acquired.fence);
        if self.job == Job::Reconcile {
            self.report_last_drift().await?;
        }
        Ok(true)
    }

    /// The gauges show the findings of the last run on the leader alone, and that run may have been
    /// another node's or a person's.
    async fn report_last_drift(&self) -> Result<(), JobError> {
        let filter = RunFilter { state: Some("done".to_owned()), limit: 1, ..RunFilter::default() };
        let runs = reconciliation::runs(&self.context.leases, &filter).await?;
        if let Some(last) = runs.first() {
            meters::drifted(&last.totals);
        }
        Ok(())
    }

    /// Runs a step, renewing the lease meanwhile. A step whose lease is lost is dropped.
    ///
    /// # Errors
    /// The step's, or [`JobError`] where the lease is lost.
    pub async fn while_running<T>(
        &mut self,
        step: impl Future<Output = Result<T, JobError>>,
    ) -> Result<T, JobError> {
        let fence = self.fence.clone().ok_or(JobError::Fenced)?;
        let context = Arc::clone(&self.context);
        let pool = &context.leases;
        if !lease::renew(pool, &fence, self.ttl, true).await? {
            self.fence = None;
            return Err(JobError::Fenced);
        }
        let result = self.with_renewals(&fence, step).await;
        self.ran = Some(Instant::now());
        match &result {
            Ok(_) => lease::finish(pool, &fence).await?,
            Err(JobError::Fenced) => self.fence = None,
            Err(_) => {
                // Stands back from running; where that fails, too, the lease runs out.
                let _ = lease::renew(pool, &fence, self.ttl, false).await;
            }
        }
        result
    }

    /// Runs the step and the renewals side by side: a renewal may wait for a lock on the lease that
    /// the step itself holds, so the step has to go on meanwhile.
    async fn with_renewals<T>(
        &self,
        fence: &Fence,
        step: impl Future<Output = Result<T, JobError>>,
    ) -> Result<T, JobError> {
        let (stop, stopped) = oneshot::channel();
        let renewals = self.renewals(fence, stopped);
        tokio::pin!(step, renewals);
        tokio::select! {
            result = &mut step => {
                drop(stop);
                // A renewal that is on its way must not arrive after the end that is written next.
                renewals.await;
                result
            }
            () = &mut renewals => Err(JobError::Fenced),
        }
    }

    /// Renews the lease until it is lost or the step has ended.
    async fn renewals(&self, fence: &Fence, mut stopped: oneshot::Receiver<()>) {
        let mut ticks =
            interval_at(Instant::now() + self.renewal_interval(), self.renewal_interval());
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = &mut stopped => return,
                _ = ticks.tick() => {}
            }
            match lease::renew(&self.context.leases, fence, self.ttl, true).await {
                Ok(true) => {}
                Ok(false) => return,
                // The lease may still be ours, and no write goes through if it is not.
                Err(error) => tracing::warn!(job = self.job.as_str(), %error, "no renewal"),
            }
        }
    }

    /// Who holds it, where it is not held here.
    ///
    /// # Errors
    /// [`JobError::Database`].
    pub async fn current_holder(&self) -> Result<Option<Held>, JobError> {
        Ok(lease::find(&self.context.leases, self.job.as_str()).await?)
    }

    /// Gives it back.
    pub async fn release(&mut self) {
        if let Some(fence) = self.fence.take()
            && let Err(error) = lease::release(&self.context.leases, &fence).await
        {
            tracing::warn!(job = self.job.as_str(), %error, "the lease was not given back");
        }
    }
}
