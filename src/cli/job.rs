//! One run of a job, under its lease like any other, with a progress bar for a person and a report
//! for a program.

use std::sync::Arc;

use anyhow::{Context as _, bail};

use super::print::print;
use crate::jobs::reconcile::Scope;
use crate::jobs::{self, Context, Job, Lease, Progress, Report};
use crate::store::jobs::lease::Takeover;
use crate::telemetry::instance_name;

/// Runs a job once and prints its report.
///
/// # Errors
/// Where another process runs the same job, the run fails, or a reconciliation has found
/// something.
pub(super) async fn run_once(
    context: &Arc<Context>,
    job: Job,
    scope: Scope,
    json: bool,
) -> anyhow::Result<()> {
    let mut lease = Lease::new(context, job, format!("{} by hand", instance_name()));
    // A node that leads without running the job stands back.
    if !lease.try_hold(Takeover::IfIdle).await.context("the lease cannot be taken")? {
        bail!("{}", refusal(&lease, job).await?);
    }
    let progress = Progress::on_terminal();
    let interrupted = tokio::signal::ctrl_c();
    let result = tokio::select! {
        result = jobs::run_once(context, job, &mut lease, scope, &progress) => Some(result),
        _ = interrupted => None,
    };
    progress.end();
    lease.release().await;
    let report = result.context("interrupted")??;
    print(if json { serde_json::to_string(&report)? } else { as_text(&report)? })?;
    match report {
        Report::Reconcile(report) if report.totals.findings > 0 => bail!(
            "what is there twice is not the same: {} findings, listed under \
             /operator/v1/reconciliation/drift?run_id={}",
            report.totals.findings,
            report.run_id
        ),
        _ => Ok(()),
    }
}

async fn refusal(lease: &Lease, job: Job) -> anyhow::Result<String> {
    let other = lease.current_holder().await?;
    let job = job.as_str();
    Ok(match other {
        Some(other) => match other.running_since {
            Some(since) => {
                format!("{job} is being run by {} since {since}: try again later", other.holder)
            }
            None => format!("{job} is being run by {}: try again later", other.holder),
        },
        None => format!("the lease of {job} cannot be taken: try again"),
    })
}

/// One line for each figure, as it is called in the JSON.
fn as_text(report: &Report) -> anyhow::Result<String> {
    let json = serde_json::to_value(report)?;
    let fields = json.as_object().into_iter().flatten();
    let lines: Vec<String> = fields
        .flat_map(|(name, value)| match value {
            serde_json::Value::Array(items) => {
                items.iter().map(|item| format!("{name}: {item}")).collect()
            }
            value => vec![format!("{name}: {value}")],
        })
        .collect();
    Ok(lines.join("\n"))
}
