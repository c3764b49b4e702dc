//! The jobs from the command line: under the lease like any run, with a bar for a person and a
//! report for a program.

use std::sync::Arc;

use anyhow::{Context, bail};

use super::reconcile::Scope;
use super::{Job, Lease, Progress, Report, holder_name, run_once};
use crate::app::App;
use crate::cli;
use crate::store::jobs::lease::Reach;

/// Runs a job once and prints what came of it.
///
/// # Errors
/// Where somebody else is at work on the same, the run fails, or a reconciliation has found
/// something.
pub async fn run(app: &Arc<App>, job: Job, scope: Scope, json: bool) -> anyhow::Result<()> {
    let mut lease = Lease::new(app, job, format!("{} by hand", holder_name()));
    // A node that leads without being at work stands back.
    if !lease.try_keep(Reach::TheIdle).await.context("the lease cannot be taken")? {
        bail!("{}", refusal(&lease, job).await?);
    }
    let progress = Progress::on_terminal();
    let interrupted = tokio::signal::ctrl_c();
    let result = tokio::select! {
        result = run_once(app, job, &mut lease, scope, &progress) => Some(result),
        _ = interrupted => None,
    };
    progress.end();
    lease.release().await;
    let report = result.context("interrupted")??;
    cli::print(if json { serde_json::to_string(&report)? } else { in_words(&report)? })?;
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
    let rival = lease.rival().await?;
    let job = job.as_str();
    Ok(match rival {
        Some(rival) => match rival.running_since {
            Some(since) => {
                format!("{job} is being run by {} since {since}: try again later", rival.holder)
            }
            None => format!("{job} is being run by {}: try again later", rival.holder),
        },
        None => format!("the lease of {job} cannot be taken: try again"),
    })
}

/// One line for each figure, as it is called in the JSON.
fn in_words(report: &Report) -> anyhow::Result<String> {
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
