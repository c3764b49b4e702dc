//! The command line: what the program can do, and each command around the rooms below.
//!
//! - `arguments`: every command with its options;
//! - `serve`: `wallet serve` and `wallet worker`, from the first port to the last call;
//! - `job`: one run of a job; `reconcile_provider`: a provider's list against the ledger;
//! - `seed`, `token`, `key`, `check`, `healthcheck`;
//! - `metrics`: what each metric means, and the series that start at zero;
//! - `print`: what a command has to say.

mod arguments;
mod check;
mod healthcheck;
mod job;
mod key;
mod metrics;
mod print;
mod reconcile_provider;
mod seed;
mod serve;
mod signals;
mod token;

use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use clap::Parser;

use self::arguments::{Cli, ConfigTask, OneShot, Profile, Task};
use self::print::print;
use crate::app::{App, database_config};
use crate::config::{Config, ProcessEnv};
use crate::engine::Lanes;
use crate::http::openapi;
use crate::jobs::Job;
use crate::jobs::reconcile::Scope;
use crate::telemetry;

/// As diff(1) ends where it cannot compare.
const INCOMPARABLE: u8 = 2;

/// Does what the command line says, and says how it ended.
pub fn main() -> ExitCode {
    let task = match Cli::try_parse() {
        Ok(cli) => cli.task,
        Err(error) => return usage(&error),
    };
    let compares = matches!(task, Task::ReconcileProvider(_));
    let result = start(task);
    telemetry::flush_log();
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error);
            if compares && !error.is::<reconcile_provider::NotTheSame>() {
                return ExitCode::from(INCOMPARABLE);
            }
            ExitCode::FAILURE
        }
    }
}

/// Help, the version, or what is wrong with the command line.
fn usage(error: &clap::Error) -> ExitCode {
    if error.use_stderr() {
        // Where standard error is gone there is nobody to tell: the status says it.
        let _: std::io::Result<()> = error.print();
        return u8::try_from(error.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from);
    }
    match print::print_help(error) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error.into());
            ExitCode::FAILURE
        }
    }
}

fn complain(error: &anyhow::Error) {
    // As in `usage`.
    let _: std::io::Result<()> = writeln!(std::io::stderr(), "wallet: {error:#}");
}

fn start(task: Task) -> anyhow::Result<()> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    // Redis, jobs and the ops port; lanes and most calls have threads of their own.
    builder.worker_threads(1).enable_all();
    builder.build().context("the runtime cannot be started")?.block_on(run(task))
}

async fn run(task: Task) -> anyhow::Result<()> {
    match task {
        Task::Serve(profile) => serve::serve(load(&profile)?).await,
        Task::Worker(profile) => serve::work(load(&profile)?).await,
        Task::Reconcile { run, full } => {
            let scope = if full { Scope::Full } else { Scope::Window };
            run_job(Job::Reconcile, scope, &run).await
        }
        Task::Reapply(run) => run_job(Job::Reapply, Scope::Window, &run).await,
        Task::Cleanup(run) => run_job(Job::Cleanup, Scope::Window, &run).await,
        Task::ReconcileProvider(arguments) => {
            let config = load(&arguments.run.profile)?;
            telemetry::start_log_on_stderr();
            reconcile_provider::run(&config, arguments).await
        }
        Task::Migrate(profile) => migrate(&load(&profile)?).await,
        Task::Seed { profile, file } => {
            let (app, lanes) = App::build(load(&profile)?).await?;
            seed::seed(&app.wallet, &file).await?;
            finish(app, lanes).await;
            Ok(())
        }
        Task::Config(ConfigTask::Check { file }) => check::check(file.as_deref(), &ProcessEnv),
        Task::Key(task) => key::run(&task),
        Task::Token { profile, request } => {
            let (app, lanes) = App::build(load(&profile)?).await?;
            let token = token::issue(&app, &request).await;
            finish(app, lanes).await;
            Ok(print(token?)?)
        }
        Task::Openapi { only } => print_document(&only),
        Task::Healthcheck(profile) => healthcheck::ask(load(&profile)?.ops.listen).await,
    }
}

fn load(profile: &Profile) -> anyhow::Result<Config> {
    Ok(Config::load(profile.config.as_deref(), &ProcessEnv)?)
}

async fn run_job(job: Job, scope: Scope, run: &OneShot) -> anyhow::Result<()> {
    let config = load(&run.profile)?;
    telemetry::start_log_on_stderr();
    let (app, lanes) = App::build(config).await?;
    let result = job::run_once(&app.jobs, job, scope, run.json).await;
    finish(app, lanes).await;
    result
}

async fn migrate(config: &Config) -> anyhow::Result<()> {
    let database = database_config(&config.database);
    // Without its sources: each of its messages says them already.
    let migrated = database.migrate().await;
    migrated.map_err(|error| anyhow!("the database cannot be migrated: {error}"))?;
    Ok(print("the database's schema is current")?)
}

fn print_document(name: &str) -> anyhow::Result<()> {
    let names: Vec<_> = openapi::names().map(|(name, _)| name).collect();
    let document = openapi::document(name)
        .with_context(|| format!("no document `{name}`: there are {}", names.join(", ")))?;
    Ok(print(document.to_pretty_json()?)?)
}

/// Lets the lanes finish what they have accepted; commands whose callers are gone included.
async fn finish(app: Arc<App>, lanes: Lanes) {
    let traces = app.edge.traces.clone();
    drop(app);
    if let Some(traces) = traces {
        traces.finish().await;
    }
    if tokio::time::timeout(Duration::from_secs(5), lanes.finish()).await.is_err() {
        tracing::warn!("commands were still in progress at the end");
    }
}
