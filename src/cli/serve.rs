//! `wallet serve` and `wallet worker`: a node from its first port to its last call.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::time::Duration;

use anyhow::{Context, anyhow};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::{finish, metrics, signals};
use crate::app::App;
use crate::config::Config;
use crate::http::server::{self, Limits, Stage};
use crate::http::threads::Threads;
use crate::http::{self, ops};
use crate::jobs::Jobs;
use crate::{grpc, telemetry};

/// How often the exporter drops what its histograms need no longer.
const METRICS_MAINTENANCE: Duration = Duration::from_secs(5);

/// Serves calls until the process is asked to end.
///
/// # Errors
/// Where the node cannot be started.
pub(super) async fn serve(mut config: Config) -> anyhow::Result<()> {
    telemetry::start_log(&config.log.filter, config.log.format).context("the log")?;
    let metrics = start_metrics()?;
    let mut limits = Limits::of(&config.http);
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
    let runs_jobs = app.jobs.settings.enabled;
    metrics::start_at_zero(&app, runs_jobs);
    let grpc_address = grpc_listener.as_ref().map(TcpListener::local_addr).transpose()?;
    let grpc_server = match grpc_listener {
        Some(listener) => {
            let threads = self::threads(workers)?;
            grpc::start(&app, listener, limits.clone(), staged.clone(), threads).await?
        }
        None => tokio::spawn(async {}),
    };
    let jobs = runs_jobs.then(|| Jobs::start(&app.jobs));
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
    let asked_by = signals::end().await?;
    tracing::info!("leaving: serving on until the load balancer has noticed");
    stage.send_replace(Stage::Leaving);
    let jobs_end = async {
        if let Some(jobs) = jobs {
            jobs.finish().await;
        }
    };
    tokio::join!(jobs_end, signals::drained(asked_by, drain)).1?;
    tracing::info!("stopping: calls in progress are finished, new ones refused");
    stage.send_replace(Stage::Stopping);
    api_server.await?;
    grpc_server.await?;
    ops_server.await?;
    finish(app, lanes).await;
    tracing::info!("stopped");
    Ok(())
}

/// Runs the background jobs and the ops port until the process is asked to end.
///
/// # Errors
/// Where the node cannot be started.
pub(super) async fn work(config: Config) -> anyhow::Result<()> {
    telemetry::start_log(&config.log.filter, config.log.format).context("the log")?;
    let metrics = start_metrics()?;
    let limits = Limits::of(&config.http).of_ops();
    let ops_listener = listen(config.ops.listen).await?;
    let (app, lanes) = App::build(config).await?;
    let (stage, staged) = watch::channel(Stage::Serving);
    metrics::start_at_zero(&app, true);
    tracing::info!(ops = %ops_listener.local_addr()?, "working");
    let ops_router = ops::router(&app, metrics, staged.clone());
    let threads = Threads::current();
    let ops_server = tokio::spawn(server::serve(ops_listener, ops_router, limits, staged, threads));
    let jobs = Jobs::start(&app.jobs);
    signals::end().await?;
    tracing::info!("stopping");
    stage.send_replace(Stage::Leaving);
    jobs.finish().await;
    stage.send_replace(Stage::Stopping);
    ops_server.await?;
    finish(app, lanes).await;
    tracing::info!("stopped");
    Ok(())
}

fn start_metrics() -> anyhow::Result<PrometheusHandle> {
    let metrics = telemetry::start_metrics()?;
    metrics::describe();
    let exporter = metrics.clone();
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(METRICS_MAINTENANCE).await;
            exporter.run_upkeep();
        }
    });
    Ok(metrics)
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

async fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
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
