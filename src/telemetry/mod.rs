//! Logs, metrics and traces of the process.
//!
//! - here: how they are started;
//! - `line`: an event as JSON; `output`: where lines go;
//! - `instance`: the name of this process;
//! - `timeline`: what a traced command leaves behind; `traces`: the spans made of it; `otlp`: where
//!   they go.

mod instance;
mod line;
mod otlp;
mod output;
pub mod timeline;
pub mod traces;

use std::io::IsTerminal;

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;

pub use self::instance::instance_name;
use self::line::JsonLine;
pub use self::otlp::TracesError;
use self::output::Output;
pub use self::output::flush as flush_log;
pub use self::traces::Traces;
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

/// Sends logs to standard output, one line for each event, messages of panics among them. Nothing in
/// the node waits for whoever reads the output.
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
pub fn start_log_on_stderr() {
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
    PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), DURATION_BUCKETS)?
        .set_buckets_for_metric(
            Matcher::Full("wallet_job_duration_seconds".to_owned()),
            JOB_BUCKETS,
        )?
        .set_buckets_for_metric(Matcher::Full("wallet_batch_size".to_owned()), BATCH_BUCKETS)?
        .install_recorder()
}
