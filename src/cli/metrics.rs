//! What each metric means, and the series that are there before anything has happened: a query for
//! the increase of a counter does not see the first event of a series that begins with it.

use metrics::{
    Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
};

use crate::app::App;
use crate::core::{Movement, Reason};
use crate::free_rounds::{self, issues};
use crate::jobs::reconcile::Kind;
use crate::jobs::{self, Job};
use crate::providers::Failure;
use crate::{cache, http};

/// Tells the recorder what each metric means.
pub(super) fn describe() {
    cache::describe_metrics();
    jobs::describe_metrics();
    http::ops::describe_metrics();
    describe_counter!("wallet_calls_total", "Providers' calls by operation and outcome");
    describe_histogram!(
        "wallet_call_duration_seconds",
        Unit::Seconds,
        "From a call's headers to its reply"
    );
    describe_counter!("wallet_operator_calls_total", "The operator's calls by route and status");
    describe_histogram!(
        "wallet_operator_call_duration_seconds",
        Unit::Seconds,
        "From an operator's call's headers to its reply"
    );
    describe_counter!("wallet_duplicates_total", "Movements that had been decided before");
    describe_counter!("wallet_flagged_total", "Movements that a person should look at");
    describe_histogram!("wallet_batch_size", "Commands in one commit");
    describe_histogram!(
        "wallet_update_duration_seconds",
        Unit::Seconds,
        "The statement that writes rows and balances, with its commit"
    );
    describe_counter!("wallet_redo_total", "Batches that were tried again, by cause");
    describe_counter!("wallet_left_out_total", "Players who were left out of a batch");
    describe_counter!("wallet_slow_path_total", "Commands that went beside the lanes");
    describe_gauge!("wallet_slow_path_commands", "Commands that wait beside the lanes");
    describe_counter!("wallet_damaged_chains_total", "Commands of wallets behind their ledger");
    describe_counter!("wallet_unreadable_total", "Commands of players with unknown values");
    describe_gauge!("wallet_queue_depth", "Commands waiting when a batch was taken");
    describe_counter!("wallet_panics_total", "Handlers that panicked");
    describe_counter!(
        "wallet_connections_refused_total",
        "Connections closed because their address has as many as it may"
    );
    describe_counter!(
        "wallet_log_lines_dropped_total",
        "Log lines dropped because standard output was not read fast enough"
    );
    describe_counter!("wallet_unknown_provider_total", "Calls below no provider's prefix");
}

/// Starts what this process may count at zero.
pub(super) fn start_at_zero(app: &App, with_jobs: bool) {
    for provider in app.providers.values() {
        let operations = provider.adapter.operations().iter().map(|operation| operation.name);
        for operation in operations.chain(["unknown"]) {
            calls_at_zero(provider.id.as_str(), operation);
        }
        movements_at_zero(provider.id.as_str());
    }
    movements_at_zero("operator");
    for cause in ["key_taken", "locked", "too_slow", "database", "error"] {
        counter!("wallet_redo_total", "cause" => cause).increment(0);
    }
    counter!("wallet_slow_path_total").increment(0);
    counter!("wallet_damaged_chains_total").increment(0);
    counter!("wallet_unreadable_total").increment(0);
    counter!("wallet_panics_total").increment(0);
    counter!("wallet_log_lines_dropped_total").increment(0);
    counter!("wallet_connections_refused_total").increment(0);
    counter!("wallet_unknown_provider_total").increment(0);
    if with_jobs {
        jobs_at_zero();
    }
}

fn calls_at_zero(provider: &str, operation: &'static str) {
    for outcome in Failure::FAULTS {
        counter!(
            "wallet_calls_total",
            "provider" => provider.to_owned(),
            "operation" => operation,
            "outcome" => outcome,
        )
        .increment(0);
    }
}

fn movements_at_zero(provider: &str) {
    for mismatch in ["no", "yes"] {
        counter!(
            "wallet_duplicates_total",
            "provider" => provider.to_owned(), "mismatch" => mismatch,
        )
        .increment(0);
    }
    let parked = [Reason::DebitUnknown, Reason::WalletClosed, Reason::DecidedElsewhere];
    let flags = Reason::ALL.iter().copied().filter(|reason| reason.is_flag());
    let flagged = flags.chain(parked).chain([Reason::DebitReversed]).map(Reason::as_str);
    for reason in
        flagged.chain(free_rounds::REASONS).chain(issues::REASONS).chain([Movement::CUT_OFF])
    {
        counter!(
            "wallet_flagged_total",
            "provider" => provider.to_owned(), "reason" => reason,
        )
        .increment(0);
    }
}

fn jobs_at_zero() {
    for job in Job::ALL {
        for result in ["ok", "failed", "skipped"] {
            counter!("wallet_job_runs_total", "job_name" => job.as_str(), "result" => result)
                .increment(0);
        }
        gauge!("wallet_job_last_success_timestamp_seconds", "job_name" => job.as_str()).set(0.0);
        // Only its being there: no run has taken any time yet.
        drop(histogram!("wallet_job_duration_seconds", "job_name" => job.as_str()));
    }
    for kind in Kind::ALL {
        counter!("wallet_reconcile_findings_total", "kind" => kind.as_str()).increment(0);
    }
    for result in ["waiting", "dead", "unanswered"] {
        counter!("wallet_reapplied_total", "result" => result).increment(0);
    }
    for what in ["session", "report", "claim"] {
        counter!("wallet_cleaned_total", "what" => what).increment(0);
    }
}
