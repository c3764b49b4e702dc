//! Series that are there before anything has happened: what counts the increase of a counter
//! does not see the first event of a series that begins with it.

use metrics::{counter, gauge, histogram};

use crate::app::App;
use crate::core::{Movement, Reason};
use crate::free_rounds::{self, issues};
use crate::jobs::Job;
use crate::jobs::reconcile::Kind;
use crate::providers::Failure;

/// What any call may come to before anything is decided.
const FAILURES: [Failure; 9] = [
    Failure::UnknownOperation,
    Failure::AddressNotAllowed,
    Failure::BadSignature,
    Failure::TooLarge,
    Failure::BadRequest(String::new()),
    Failure::Busy,
    Failure::Timeout,
    Failure::Unavailable,
    Failure::Internal,
];

/// Starts what this process may count at zero.
pub fn count_from_zero(app: &App, with_jobs: bool) {
    for provider in app.providers.values() {
        let operations = provider.adapter.operations().iter().map(|operation| operation.name);
        for operation in operations.chain(["unknown"]) {
            calls(provider.id.as_str(), operation);
        }
        movements(provider.id.as_str());
    }
    movements("operator");
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
        jobs();
    }
}

fn calls(provider: &str, operation: &'static str) {
    for outcome in FAILURES.iter().map(Failure::as_str).chain(["currency_unknown", "owner_unknown"])
    {
        counter!(
            "wallet_calls_total",
            "provider" => provider.to_owned(),
            "operation" => operation,
            "outcome" => outcome,
        )
        .increment(0);
    }
}

fn movements(provider: &str) {
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

fn jobs() {
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
