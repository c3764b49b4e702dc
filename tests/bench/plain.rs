//! A node as it is written without an engine: the same front and the same answers, and for each
//! call the plain transaction on a connection of a pool. It takes bets and nothing else, knows
//! no repeat and asks no session or game: the least that such a node can do for a bet.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use axum::Router;
use axum::body::Body;
use axum::http::Response;
use seamless_wallet::app::App;
use seamless_wallet::config::{Config, ProcessEnv};
use seamless_wallet::core::{
    Action, Command, Currency, Entry, Micros, Outcome, PlayerStatus, Receipt, RowOutcome,
};
use seamless_wallet::edge::call::Arrival;
use seamless_wallet::edge::record::CallOutcome;
use seamless_wallet::http::callback::{self, Proven};
use seamless_wallet::http::ops;
use seamless_wallet::http::server::{self, Limits, Stage};
use seamless_wallet::http::threads::Threads;
use seamless_wallet::providers::{self, Answer, Failure};
use seamless_wallet::telemetry;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use uuid::Uuid;

/// With this in its environment, the benchmark's own binary is such a node.
pub const SWITCH: &str = "BENCH_PLAIN_NODE";

/// Serves until it is asked to end, with the threads that a node of the wallet has.
pub fn serve() -> anyhow::Result<()> {
    let file = std::env::args_os().skip_while(|word| word != "--config").nth(1);
    let config = Config::load(file.map(PathBuf::from).as_deref(), &ProcessEnv)?;
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?
        .block_on(run(config))
}

async fn run(config: Config) -> anyhow::Result<()> {
    telemetry::start_log(&config.log.filter, config.log.format)?;
    let metrics = telemetry::start_metrics()?;
    let limits = Limits { shutdown: std::time::Duration::ZERO, ..Limits::of(&config.http) };
    let api = TcpListener::bind(config.http.listen).await.context("the API port")?;
    let operations = TcpListener::bind(config.ops.listen).await.context("the ops port")?;
    let (app, _lanes) = App::build(config).await?;
    let (stage, staged) = watch::channel(Stage::Serving);
    let ops_router = ops::router(&app, metrics, staged.clone());
    let handler = Arc::clone(&app);
    let service = callback::around(&app, move |call| answer(Arc::clone(&handler), call));
    let callbacks = Router::new().fallback_service(service);
    let (here, cores) = (Threads::current(), std::thread::available_parallelism()?);
    let ops =
        tokio::spawn(server::serve(operations, ops_router, limits.clone(), staged.clone(), here));
    let threads = Threads::start(cores.get())?;
    let api = tokio::spawn(server::serve(api, callbacks, limits, staged, threads));
    // As the bench ends a node.
    signal(SignalKind::interrupt())?.recv().await;
    stage.send_replace(Stage::Stopping);
    api.await?;
    ops.await?;
    Ok(())
}

async fn answer(
    app: Arc<App>,
    Arrival { call, request }: Proven,
) -> Result<Response<Body>, Failure> {
    let providers::Request::Execute(command) = call.asks_for(request) else {
        return Err(Failure::UnknownOperation);
    };
    let receipt = transaction(&app, command).await.map_err(|error| {
        tracing::error!(%error, "the plain transaction");
        Failure::Unavailable
    })?;
    let outcome = CallOutcome {
        word: "applied",
        player: Some(command.player.clone()),
        tx_id: command.movements.first().map(|movement| movement.tx_id.clone()),
        ..CallOutcome::default()
    };
    Ok(call.reply(&Answer::Executed(&receipt), outcome))
}

/// pgbench's two statements the other way round, so that the row can carry the version and the
/// balance that the chain is made of.
async fn transaction(app: &App, command: &Command) -> anyhow::Result<Receipt> {
    let movement = command.movements.first().context("no movement")?;
    let Action::Debit(stake) = movement.action else { anyhow::bail!("no bet") };
    let (stake, id, now) = (stake.micros().get(), Uuid::now_v7(), chrono::Utc::now());
    let mut transaction = app.wallet.pool().begin().await?;
    let (balance, version, currency): (i64, i64, String) = sqlx::query_as(
        "UPDATE wallet SET balance_micros = balance_micros - $2, version = version + 1, \
         updated_at = now() WHERE player_id = $1 AND balance_micros >= $2 \
         RETURNING balance_micros, version, currency",
    )
    .bind(command.player.as_str())
    .bind(stake)
    .fetch_one(&mut *transaction)
    .await?;
    let inserted = sqlx::query(
        "INSERT INTO trx_log (provider, tx_id, player_id, transaction_id, kind, category, \
         outcome, requested_micros, amount_micros, balance_after_micros, wallet_version, \
         round_id, game_id, fingerprint, occurred_at, created_at) \
         VALUES ($1, $2, $3, $4, 'debit', 'bet', 'applied', $5, $5, $6, $7, $8, $9, $10, $11, \
         $12) ON CONFLICT DO NOTHING",
    )
    .bind(command.provider.as_str())
    .bind(movement.tx_id.as_str())
    .bind(command.player.as_str())
    .bind(id)
    .bind(-stake)
    .bind(balance)
    .bind(version)
    .bind(command.round.as_ref().map(|round| round.as_str()))
    .bind(command.game.as_ref().map(|game| game.as_str()))
    .bind(id.as_u64_pair().1.cast_signed())
    .bind(command.occurred_at)
    .bind(now)
    .execute(&mut *transaction)
    .await?;
    anyhow::ensure!(inserted.rows_affected() == 1, "a repeat");
    transaction.commit().await?;
    let entry = Entry {
        transaction_id: id,
        outcome: RowOutcome::Applied,
        reason: None,
        amount_micros: -stake,
        shortfall_micros: 0,
        balance_after_micros: Some(balance),
        created_at: now,
        reversed_by: None,
        first_reversal: None,
        detail: None,
    };
    Ok(Receipt {
        currency: Currency::parse(currency)?,
        balance: Micros::new(balance),
        version,
        status: PlayerStatus::Active,
        outcomes: vec![Outcome::Applied(entry)],
    })
}
