//! A node put together from its configuration.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use secrecy::ExposeSecret;
use sqlx::PgPool;
use tokio::sync::{Semaphore, mpsc};

use crate::cache::{Cache, CacheConfig, TlsFiles};
use crate::config::{self, Config, OperatorKey};
use crate::core::{Policy, ProviderId, Reversible};
use crate::currencies;
use crate::edge::Edge;
use crate::edge::shares::Shares;
use crate::engine::{Engine, EngineConfig, Lanes, Publisher, Wallet};
use crate::free_rounds;
use crate::jobs;
use crate::provider::{self, Provider};
use crate::providers::Terms;
use crate::store::ledger::mismatches::{self, Mismatch};
use crate::store::{
    DatabaseConfig, DatabaseMonitor, Standby, connect_back_office, connect_leases, connect_pool,
};
use crate::telemetry::{Traces, TracesError, instance_name};

/// What every request handler shares.
pub struct App {
    /// The one door to money.
    pub wallet: Arc<Wallet>,
    /// By slug, the first segment of a callback's path.
    pub providers: HashMap<String, Arc<Provider>>,
    /// Who may call the operator's API.
    pub operator_keys: Vec<OperatorKey>,
    /// The longest time that an operator's call may take.
    pub operator_deadline: Duration,
    /// The largest body of an operator's call, in bytes.
    pub operator_body_max: usize,
    /// The most operator's calls in progress.
    pub operator_in_flight_max: usize,
    /// For people's searches.
    pub back_office: BackOffice,
    /// The health of the database.
    pub database: DatabaseMonitor,
    /// What all calls of providers share.
    pub edge: Arc<Edge>,
    /// What gRPC is bounded by.
    pub grpc: config::Grpc,
    /// What the background jobs work with.
    pub jobs: Arc<jobs::Context>,
    /// What this node is called where several are told apart.
    pub node: String,
    /// When this node was put together.
    pub started_at: DateTime<Utc>,
}

/// What people's searches of the ledger go by.
pub struct BackOffice {
    /// Connections of their own.
    pub pool: PgPool,
    /// And exports' own, whose statements may take as long as an export.
    pub export_pool: PgPool,
    /// Rows that are looked at for one page of a search.
    pub examine: u32,
    /// Places for exports.
    pub exports: Arc<Semaphore>,
    /// The longest that an export may take.
    pub export_timeout: Duration,
}

/// Calls under a key that says something else which wait to be kept.
const MISMATCH_QUEUE: usize = 256;

/// The provider that the operator itself is, and what its commands go by.
const OPERATOR: (&str, Terms<'static>) =
    ("operator", Terms { policy: &Policy::PERMISSIVE, undoes: Reversible::Unpaid });

/// Why a node cannot be put together.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The database URL cannot be read.
    #[error("database.url cannot be read (it is not repeated here: it may hold a password)")]
    DatabaseUrl,
    /// The system gives no thread for a lane.
    #[error("a thread for committing cannot be started: {0}")]
    Thread(#[source] std::io::Error),
    /// The Redis URL cannot be read.
    #[error("cache.url: {0}")]
    Cache(#[from] crate::cache::CacheError),
    /// No traces can be sent to where they are wanted.
    #[error(transparent)]
    Traces(#[from] TracesError),
    /// Settings that a protocol does not take.
    #[error("the providers' settings cannot be used:\n  - {}", .0.join("\n  - "))]
    Settings(Vec<String>),
}

/// How to reach the database.
pub fn database_config(config: &config::Database) -> DatabaseConfig {
    DatabaseConfig {
        url: config.url.clone(),
        pool_max: config.pool_max,
        timeout: Duration::from_millis(config.timeout_ms),
    }
}

impl App {
    /// Builds a node and starts its lanes. Neither PostgreSQL nor Redis has to be there yet.
    ///
    /// # Errors
    /// [`BuildError`].
    pub async fn build(config: Config) -> Result<(Arc<Self>, Lanes), BuildError> {
        let providers = provider::build_all(config.providers).map_err(BuildError::Settings)?;
        providers.values().for_each(|provider| currencies::log_finer_than_booked(provider));
        let database = database_config(&config.database);
        let url = |_| BuildError::DatabaseUrl;
        let monitor = DatabaseMonitor::start(&database, Standby::Refused).map_err(url)?;
        let pool = connect_pool(&database, &monitor).map_err(url)?;
        let leases = connect_leases(&database, &monitor).map_err(url)?;
        let engine = EngineConfig {
            lanes: config.database.lanes,
            batch_max: config.database.batch_max,
            queue_max: config.database.queue_max,
            batch_timeout: Duration::from_millis(config.database.batch_timeout_ms),
        };
        let cache = connect_cache(&config.cache).await?;
        let (sender, mismatches) = mpsc::channel(MISMATCH_QUEUE);
        let (watch, totals) = free_rounds::watch(providers.clone());
        let publisher = Publisher::new(&cache, &pool, Some(sender), watch);
        let started = Engine::start(engine, &database, publisher);
        let (engine, lanes) = started.map_err(|error| match error {
            sqlx::Error::Io(error) => BuildError::Thread(error),
            _ => BuildError::DatabaseUrl,
        })?;
        let back_office = open_back_office(&config.operator, &database, &monitor)?;
        tokio::spawn(keep_mismatches(back_office.pool.clone(), mismatches));
        tokio::spawn(free_rounds::compare(back_office.pool.clone(), totals));
        tokio::spawn(currencies::warn_of_unknown(back_office.pool.clone(), providers.clone()));
        let wallet = Arc::new(Wallet::new(engine, pool, cache));
        let jobs = jobs::Context {
            wallet: Arc::clone(&wallet),
            providers: providers.clone(),
            leases,
            settings: config.jobs,
            reapply: jobs::reapply::Position::default(),
        };
        let app = Self {
            wallet,
            providers,
            operator_keys: config.operator.keys,
            operator_deadline: Duration::from_millis(config.operator.deadline_ms),
            operator_body_max: config.operator.body_max,
            operator_in_flight_max: config.operator.in_flight_max,
            back_office,
            database: monitor,
            edge: Arc::new(Edge {
                trusted_proxies: config.http.trusted_proxies,
                in_flight: Semaphore::new(config.http.in_flight_max),
                unproven_bytes: unproven_bytes(config.http.unproven_bytes_max),
                traces: Traces::start(&config.telemetry)?,
            }),
            grpc: config.grpc,
            jobs: Arc::new(jobs),
            node: instance_name(),
            started_at: Utc::now(),
        };
        Ok((Arc::new(app), lanes))
    }

    /// What a provider's commands go by; `None` for one that is not configured.
    pub fn terms(&self, provider: &ProviderId) -> Option<Terms<'_>> {
        let (operator, terms) = OPERATOR;
        if provider.as_str() == operator {
            return Some(terms);
        }
        self.providers.get(provider.as_str()).map(|provider| provider.adapter.terms())
    }
}

/// However many addresses somebody has, one leaves room for others.
fn unproven_bytes(most: usize) -> Arc<Shares> {
    Shares::new(most, most / 8)
}

fn open_back_office(
    config: &config::Operator,
    database: &DatabaseConfig,
    monitor: &DatabaseMonitor,
) -> Result<BackOffice, BuildError> {
    let open = |connections: u32, timeout| {
        connect_back_office(database, connections.max(1), timeout, monitor)
            .map_err(|_| BuildError::DatabaseUrl)
    };
    // What nobody waits for any more need not be searched.
    let timeout = Duration::from_millis(config.search_timeout_ms.min(config.deadline_ms));
    let export_timeout = Duration::from_secs(config.export_timeout_s);
    let exports = u32::try_from(config.exports_max).unwrap_or(config.pool_max);
    Ok(BackOffice {
        pool: open(config.pool_max.saturating_sub(exports), timeout)?,
        export_pool: open(exports, export_timeout)?,
        examine: config.search_examine,
        exports: Arc::new(Semaphore::new(config.exports_max)),
        export_timeout,
    })
}

/// Writes down, behind the replies, which calls came under a key that says something else.
async fn keep_mismatches(pool: PgPool, mut mismatches: mpsc::Receiver<Mismatch>) {
    while let Some(mismatch) = mismatches.recv().await {
        if let Err(error) = mismatches::keep(&pool, &mismatch).await {
            tracing::warn!(%error, "a call under a used key is in the log alone");
        }
    }
}

async fn connect_cache(config: &config::Cache) -> Result<Cache, crate::cache::CacheError> {
    if config.url.expose_secret().is_empty() {
        tracing::info!("no Redis is configured: PostgreSQL answers everything");
        return Ok(Cache::disabled());
    }
    Cache::connect(cache_config(config)).await
}

/// How to reach Redis.
pub fn cache_config(config: &config::Cache) -> CacheConfig {
    CacheConfig {
        url: Some(config.url.expose_secret().to_owned()),
        tls: TlsFiles {
            ca: config.tls_ca.clone(),
            client: config.tls_cert.clone().zip(config.tls_key.clone()),
        },
        command_timeout: Duration::from_millis(config.command_timeout_ms),
        claim_ttl: Duration::from_secs(config.claim_ttl_s),
        balance_ttl: Duration::from_secs(config.balance_ttl_s),
        breaker_failures: config.breaker_failures,
        breaker_pause: Duration::from_millis(config.breaker_pause_ms),
    }
}
