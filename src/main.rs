//! The `wallet` program.

use std::io::{ErrorKind, Write as _};
use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use clap::Parser;
use metrics_exporter_prometheus::PrometheusHandle;
use seamless_wallet::app::{App, database_config};
use seamless_wallet::cli::{self, Cli, ConfigTask, Errand, Profile, Task};
use seamless_wallet::config::{Config, ProcessEnv};
use seamless_wallet::engine::Lanes;
use seamless_wallet::http::server::{self, Limits, Stage};
use seamless_wallet::http::threads::Threads;
use seamless_wallet::http::{self, openapi, ops};
use seamless_wallet::jobs::reconcile::Scope;
use seamless_wallet::jobs::{Job, Jobs, by_hand};
use seamless_wallet::{feed, grpc, seed, telemetry};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// As diff(1) ends where it cannot compare.
const INCOMPARABLE: u8 = 2;

fn main() -> ExitCode {
    let task = match Cli::try_parse() {
        Ok(cli) => cli.task,
        Err(said) => return answer(&said),
    };
    let compares = matches!(task, Task::ReconcileProvider(_));
    let result = start(task);
    telemetry::flush_log();
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error);
            if compares && !error.is::<feed::NotTheSame>() {
                return ExitCode::from(INCOMPARABLE);
            }
            ExitCode::FAILURE
        }
    }
}

/// Help, the version, or what is wrong with the command line.
fn answer(said: &clap::Error) -> ExitCode {
    if said.use_stderr() {
        // Where standard error is gone there is nobody to tell: the status says it.
        let _: std::io::Result<()> = said.print();
        return u8::try_from(said.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from);
    }
    match cli::print_help(said) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error.into());
            ExitCode::FAILURE
        }
    }
}

fn complain(error: &anyhow::Error) {
    // As in `answer`.
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
        Task::Serve(profile) => serve(load(&profile)?).await,
        Task::Worker(profile) => work(load(&profile)?).await,
        Task::Reconcile { errand, full } => {
            let scope = if full { Scope::Full } else { Scope::Window };
            run_job(Job::Reconcile, scope, &errand).await
        }
        Task::Reapply(errand) => run_job(Job::Reapply, Scope::Window, &errand).await,
        Task::Cleanup(errand) => run_job(Job::Cleanup, Scope::Window, &errand).await,
        Task::ReconcileProvider(list) => {
            let config = load(&list.errand.profile)?;
            telemetry::start_log_aside();
            let errand = feed::Errand {
                provider: list.provider,
                file: list.file,
                from: list.from,
                to: list.to,
                json: list.errand.json,
                html: list.html,
            };
            feed::run(config, errand).await
        }
        Task::Migrate(profile) => migrate(&load(&profile)?).await,
        Task::Seed { profile, file } => {
            let (app, lanes) = App::build(load(&profile)?).await?;
            seed::seed(&app.wallet, &file).await?;
            finish(app, lanes).await;
            Ok(())
        }
        Task::Config(ConfigTask::Check { file }) => cli::check(file.as_deref(), &ProcessEnv),
        Task::Key(task) => cli::print_key(&task),
        Task::Token { profile, request } => {
            let (app, lanes) = App::build(load(&profile)?).await?;
            let token = cli::issue_token(&app, &request).await;
            finish(app, lanes).await;
            Ok(cli::print(token?)?)
        }
        Task::Openapi { only } => print_document(&only),
        Task::Healthcheck(profile) => healthcheck(&load(&profile)?).await,
    }
}

fn load(profile: &Profile) -> anyhow::Result<Config> {
    Ok(Config::load(profile.config.as_deref(), &ProcessEnv)?)
}

fn print_document(name: &str) -> anyhow::Result<()> {
    let names: Vec<_> = openapi::names().map(|(name, _)| name).collect();
    let document = openapi::document(name)
        .with_context(|| format!("no document `{name}`: there are {}", names.join(", ")))?;
    Ok(cli::print(document.to_pretty_json()?)?)
}

async fn migrate(config: &Config) -> anyhow::Result<()> {
    let database = database_config(&config.database);
    // Without its sources: each of its messages says them already.
    let migrated = database.migrate().await;
    migrated.map_err(|error| anyhow!("the database cannot be migrated: {error}"))?;
    Ok(cli::print("the database's schema is current")?)
}

async fn serve(config: Config) -> anyhow::Result<()> {
    telemetry::start_log(&config.log.filter, config.log.format).context("the log")?;
    let metrics = telemetry::start_metrics()?;
    let mut limits = Limits::of(&config.http);
    let mut config = config;
    let over_grpc = config.grpc.listen.map_or(0, |_| config.grpc.connections_max);
    if let [http, grpc] = http::files::connections(&[limits.connections_max, over_grpc])[..] {
        (limits.connections_max, config.grpc.connections_max) = (http, grpc);
    }
    warn_of_shared_secrets(&config);
    let workers = config.http.workers;
    let threads = threads(workers)?;
    let drain = Duration::from_millis(config.http.drain_ms);
    // The ports are taken before anything else is begun: the commonest mistake shows first.
    let api_listener = listen(config.http.listen).await?;
    let ops_listener = listen(config.ops.listen).await?;
    let docs = config.http.docs.then(|| config.http.docs_demo.clone());
    let grpc_listener = match config.grpc.listen {
        Some(address) => Some(listen(address).await?),
        None => None,
    };
    let (app, lanes) = App::build(config).await?;
    let (stage, staged) = watch::channel(Stage::Serving);
    keep_metrics(metrics.clone());
    telemetry::count_from_zero(&app, app.jobs.enabled);
    let grpc_address = grpc_listener.as_ref().map(TcpListener::local_addr).transpose()?;
    let grpc_server = match grpc_listener {
        Some(listener) => {
            let threads = self::threads(workers)?;
            grpc::start(&app, listener, limits.clone(), staged.clone(), threads).await?
        }
        None => tokio::spawn(async {}),
    };
    let jobs = app.jobs.enabled.then(|| Jobs::start(&app));
    tracing::info!(
        api = %api_listener.local_addr()?, ops = %ops_listener.local_addr()?,
        grpc = grpc_address.map(tracing::field::display),
        providers = app.providers.len(), "serving"
    );
    let ops_server = tokio::spawn(server::serve(
        ops_listener,
        ops::router(&app, metrics, staged.clone()),
        limits.of_ops(),
        staged.clone(),
        Threads::current(),
    ));
    let api_router = http::router(&app, docs);
    let api_server = tokio::spawn(server::serve(api_listener, api_router, limits, staged, threads));
    let ask = wait_for_the_end().await?;
    tracing::info!("leaving: serving on until the load balancer has noticed");
    stage.send_replace(Stage::Leaving);
    let jobs_end = async {
        if let Some(jobs) = jobs {
            jobs.finish().await;
        }
    };
    tokio::join!(jobs_end, drained(ask, drain)).1?;
    tracing::info!("stopping: calls in progress are finished, new ones refused");
    stage.send_replace(Stage::Stopping);
    api_server.await?;
    grpc_server.await?;
    ops_server.await?;
    finish(app, lanes).await;
    tracing::info!("stopped");
    Ok(())
}

/// A call that is signed for one of them is as good at the other.
fn warn_of_shared_secrets(config: &Config) {
    for (one, other) in config.shared_secrets() {
        tracing::warn!(
            provider = one.as_str(),
            other = other.as_str(),
            "two providers have the same secret: what one signs is believed of the other"
        );
    }
}

/// As many as there are cores for 0.
fn threads(configured: usize) -> anyhow::Result<Threads> {
    let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    Threads::start(if configured == 0 { cores } else { configured }).context("threads for calls")
}

/// A node that takes no calls.
async fn work(config: Config) -> anyhow::Result<()> {
    telemetry::start_log(&config.log.filter, config.log.format).context("the log")?;
    let metrics = telemetry::start_metrics()?;
    let limits = Limits::of(&config.http).of_ops();
    let ops_listener = listen(config.ops.listen).await?;
    let (app, lanes) = App::build(config).await?;
    let (stage, staged) = watch::channel(Stage::Serving);
    keep_metrics(metrics.clone());
    telemetry::count_from_zero(&app, true);
    tracing::info!(ops = %ops_listener.local_addr()?, "working");
    let ops_router = ops::router(&app, metrics, staged.clone());
    let threads = Threads::current();
    let ops_server = tokio::spawn(server::serve(ops_listener, ops_router, limits, staged, threads));
    let jobs = Jobs::start(&app);
    wait_for_the_end().await?;
    tracing::info!("stopping");
    stage.send_replace(Stage::Leaving);
    jobs.finish().await;
    stage.send_replace(Stage::Stopping);
    ops_server.await?;
    finish(app, lanes).await;
    tracing::info!("stopped");
    Ok(())
}

async fn run_job(job: Job, scope: Scope, errand: &Errand) -> anyhow::Result<()> {
    let config = load(&errand.profile)?;
    telemetry::start_log_aside();
    let (app, lanes) = App::build(config).await?;
    let result = by_hand::run(&app, job, scope, errand.json).await;
    finish(app, lanes).await;
    result
}

fn keep_metrics(metrics: PrometheusHandle) {
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(Duration::from_secs(5)).await;
            metrics.run_upkeep();
        }
    });
}

async fn listen(address: std::net::SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|error| {
        let advice = match error.kind() {
            ErrorKind::AddrInUse => {
                ": another program listens there (perhaps a wallet that still runs): stop it, or \
                 choose another port (http.listen or PORT, ops.listen or OPS_PORT, grpc.listen)"
            }
            ErrorKind::AddrNotAvailable => ": it is no address of this machine",
            ErrorKind::PermissionDenied => ": a port below 1024 is for root: choose another one",
            _ => "",
        };
        anyhow!("cannot listen on {address}: {error}{advice}")
    })
}

/// How the process was asked to end.
#[derive(PartialEq, Eq)]
enum Ask {
    /// SIGTERM: by whatever runs it.
    Terminate,
    /// SIGINT: by a person at a terminal, who waits.
    Interrupt,
}

async fn wait_for_the_end() -> anyhow::Result<Ask> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(tokio::select! {
        _ = terminate.recv() => Ask::Terminate,
        _ = interrupt.recv() => Ask::Interrupt,
    })
}

/// The time in which a load balancer notices that this node is not ready any more. A person at
/// a terminal has none in front of the node, and a second signal means at once.
async fn drained(ask: Ask, drain: Duration) -> anyhow::Result<()> {
    if ask == Ask::Terminate && !drain.is_zero() {
        let again = wait_for_the_end();
        tokio::select! {
            () = tokio::time::sleep(drain) => {}
            again = again => {
                again?;
            }
        }
    }
    Ok(())
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

async fn healthcheck(config: &Config) -> anyhow::Result<()> {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let ask = async {
        let mut stream = tokio::net::TcpStream::connect(config.ops.listen).await?;
        stream.write_all(b"GET /readyz HTTP/1.1\r\nhost: ops\r\nconnection: close\r\n\r\n").await?;
        let mut reply = String::new();
        stream.take(4096).read_to_string(&mut reply).await?;
        std::io::Result::Ok(reply)
    };
    let reply = tokio::time::timeout(Duration::from_secs(3), ask).await??;
    if !reply.starts_with("HTTP/1.1 200") {
        bail!("not ready: {}", reply.lines().next().unwrap_or_default());
    }
    Ok(())
}
