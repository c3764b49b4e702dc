//! What is counted about the jobs. The gauges of a job have a value on the node that leads it; on
//! all others they are zero. The label is `job_name`, because Prometheus itself says `job` of whatever
//! it collects.

use std::time::Duration;

use chrono::{DateTime, Utc};
use metrics::{
    Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
};

use super::{Job, JobError};
use crate::store::jobs::reconciliation::Totals;
use crate::store::jobs::retry_schedule::Backlog;

/// Tells the recorder what the jobs' metrics mean.
pub fn describe_metrics() {
    describe_counter!("wallet_job_runs_total", "Runs of a job: ok, failed, skipped (lease lost)");
    describe_histogram!("wallet_job_duration_seconds", Unit::Seconds, "How long a job's run took");
    describe_gauge!(
        "wallet_job_last_success_timestamp_seconds",
        Unit::Seconds,
        "When a job last came to its end, as Unix time; zero where that is not known"
    );
    describe_gauge!("wallet_job_leader", "1 on the node that holds a job's lease");
    describe_counter!("wallet_reconcile_findings_total", "Findings of reconciliations by kind");
    describe_gauge!("wallet_drift_open", "Findings of the last reconciliation");
    describe_gauge!("wallet_drift_micros", "Sum of the last reconciliation's differences");
    describe_gauge!("wallet_parked_movements", "Movements that wait for the next attempt");
    describe_gauge!("wallet_dead_movements", "Parked movements that were given up");
    describe_gauge!(
        "wallet_parked_oldest_seconds",
        Unit::Seconds,
        "The age of the oldest movement that waits"
    );
    describe_gauge!(
        "wallet_free_rounds_waiting",
        "Results of free rounds that wait for somebody to say whose they are"
    );
    describe_counter!("wallet_reapplied_total", "Attempts at parked movements by result");
    describe_counter!("wallet_cleaned_total", "What cleaning up removed");
}

/// A run ended.
pub fn run_ended<T>(job: Job, took: Duration, result: &Result<T, JobError>) {
    let word = match result {
        Ok(_) => "ok",
        Err(JobError::Fenced) => "skipped",
        Err(JobError::Database(_) | JobError::Unanswered | JobError::Panicked) => "failed",
    };
    counter!("wallet_job_runs_total", "job_name" => job.as_str(), "result" => word).increment(1);
    histogram!("wallet_job_duration_seconds", "job_name" => job.as_str())
        .record(took.as_secs_f64());
    if result.is_ok() {
        succeeded_at(job, Utc::now());
    }
}

/// A job came to its end, here or on another node.
pub fn succeeded_at(job: Job, at: DateTime<Utc>) {
    let seconds = u32::try_from(at.timestamp()).unwrap_or_default();
    gauge!("wallet_job_last_success_timestamp_seconds", "job_name" => job.as_str())
        .set(f64::from(seconds));
}

/// This node leads a job, or does not.
pub fn leads(job: Job, leads: bool) {
    gauge!("wallet_job_leader", "job_name" => job.as_str()).set(if leads { 1.0 } else { 0.0 });
    if !leads {
        // The values are the next leader's to show.
        match job {
            Job::Reconcile => drifted(&Totals::default()),
            Job::Reapply => {
                parked(&Backlog::default());
                free_rounds(0);
            }
            Job::Cleanup => {}
        }
    }
}

/// A reconciliation found something.
pub fn found(kind: &'static str) {
    counter!("wallet_reconcile_findings_total", "kind" => kind).increment(1);
}

/// A reconciliation ended.
pub fn drifted(totals: &Totals) {
    gauge!("wallet_drift_open").set(float(totals.findings));
    gauge!("wallet_drift_micros").set(float(totals.drift_micros));
}

/// Movements that wait, and those that were given up.
pub fn parked(backlog: &Backlog) {
    gauge!("wallet_parked_movements").set(float(backlog.parked));
    gauge!("wallet_dead_movements").set(float(backlog.dead));
    gauge!("wallet_parked_oldest_seconds").set(backlog.oldest_seconds);
}

/// Results of free rounds whose player is not known.
pub fn free_rounds(waiting: i64) {
    gauge!("wallet_free_rounds_waiting").set(float(waiting));
}

/// An attempt at a parked movement ended.
pub fn reapplied(result: &'static str) {
    counter!("wallet_reapplied_total", "result" => result).increment(1);
}

/// Something was removed.
pub fn cleaned(what: &'static str, count: u64) {
    counter!("wallet_cleaned_total", "what" => what).increment(count);
}

/// For a gauge, which takes nothing else. Exact up to 2⁵³.
fn float(count: i64) -> f64 {
    let high = i32::try_from(count >> 32).unwrap_or_default();
    let low = u32::try_from(count & 0xffff_ffff).unwrap_or_default();
    f64::from(high) * 4_294_967_296.0 + f64::from(low)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::float_cmp, reason = "these are exact")]
    fn a_gauge_shows_counts_of_any_size() {
        for (count, shown) in [
            (0, 0.0),
            (7, 7.0),
            (5_000_000_000, 5e9),
            (-1, -1.0),
            (1_234_567_890_123, 1_234_567_890_123.0),
        ] {
            assert_eq!(float(count), shown);
        }
    }
}
