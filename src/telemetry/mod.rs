//! Logs, metrics and traces of the process.
//!
//! - here: how they are started, and what each metric means;
//! - `line`: an event as JSON; `output`: where lines go;
//! - `zeros`: what is counted from the start;
//! - `trail`: what a traced command leaves behind; `traces`: the spans made of it; `otlp`: where
//!   they go.

mod line;
mod otlp;
mod output;
pub mod traces;
pub mod trail;
mod zeros;

use std::io::IsTerminal;

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;

use self::line::JsonLine;
pub use self::otlp::TracesError;
use self::output::Output;
pub use self::output::flush as flush_log;
pub use self::traces::Traces;
pub use self::zeros::count_from_zero;
use crate::config::LogFormat;

/// Seconds: from a cached balance to a call at its deadline.
const DURATION_BUCKETS: &[f64] = &[
    0.0001, 0.000_25, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0,
];
/// Seconds: a job's run, up to a pass over many wallets.
const JOB_BUCKETS: &[f64] =
    &[0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 180.0, 600.0, 1800.0, 3600.0];
/// Commands in one commit.
const BATCH_BUCKETS: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0];

/// Sends logs to standard output, one line for each event, and what a panic has to say with them:
/// nothing of a node waits for whoever reads its output.
///
/// # Errors
/// Where there can be no thread that writes them.
pub fn start_log(filter: &str, format: LogFormat) -> std::io::Result<()> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(filter));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(Output::start()?);
    match format {
        LogFormat::Json => log.event_format(JsonLine).init(),
        LogFormat::Text => {
            log.with_target(false).with_ansi(has_colours(&std::io::stdout())).init();
        }
    }
    std::panic::set_hook(Box::new(|panic| {
        let at = panic.location().map(tracing::field::display);
        tracing::error!(at, message = panic.payload_as_str(), "panicked");
    }));
    Ok(())
}

/// Sends warnings to standard error, for commands whose standard output is their result.
pub fn start_log_aside() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_target(false)
        .with_ansi(has_colours(&std::io::stderr()))
        .with_writer(std::io::stderr)
        // They would be told on standard error, and panic where that is closed or full.
        .log_internal_errors(false)
        .init();
}

/// Not in a file or a mail, and not for somebody who wants none (<https://no-color.org>).
fn has_colours(out: &impl IsTerminal) -> bool {
    out.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|no| no.is_empty())
}

/// Starts counting.
///
/// # Errors
/// Where the process counts already.
pub fn start_metrics() -> Result<PrometheusHandle, BuildError> {
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), DURATION_BUCKETS)?
        .set_buckets_for_metric(
            Matcher::Full("wallet_job_duration_seconds".to_owned()),
            JOB_BUCKETS,
        )?
        .set_buckets_for_metric(Matcher::Full("wallet_batch_size".to_owned()), BATCH_BUCKETS)?
        .install_recorder()?;
    describe();
    Ok(handle)
}

fn describe() {
    crate::cache::describe_metrics();
    crate::jobs::describe_metrics();
    crate::http::ops::describe_metrics();
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
