//! A fresh, migrated database for each test. All are on one server: the one of `DATABASE_URL`,
//! or else one that is started once for the whole run.

use std::str::FromStr as _;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use seamless_wallet::store::{DatabaseConfig, MIGRATOR};
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, PgConnection};
use tokio::sync::OnceCell;

use super::postgres_server::PostgresServer;

/// Before the process id in the name of every database that is made here.
const PREFIX: &str = "wallet_test_";

/// A database of one's own. It goes when it is dropped.
pub struct Database {
    /// For looking at it.
    pub pool: PgPool,
    options: PgConnectOptions,
    /// Where else it may be looked for.
    standby: Option<PgConnectOptions>,
    /// Who may drop it, and whether that is worth while.
    admin: Option<PgConnectOptions>,
}

impl Database {
    /// Makes one on the shared server, as a copy of one that was migrated once.
    pub async fn fresh() -> Self {
        let shared = shared().await;
        let name = format!("{}_{}", own_prefix(), number());
        let sql = format!("CREATE DATABASE {name} TEMPLATE {}", shared.template);
        run(&shared.admin, &[sql]).await;
        let options = shared.admin.clone().database(&name);
        let admin = Some(shared.admin.clone());
        Self { pool: pool(&options), options, standby: None, admin }
    }

    /// Makes one on a server of the test's own, which takes it along when it goes.
    pub async fn on(server: &PostgresServer) -> Self {
        let name = format!("wallet_{}", number());
        run(&server.options(), &[format!("CREATE DATABASE {name}")]).await;
        let options = server.options().database(&name);
        let pool = pool(&options);
        MIGRATOR.run(&pool).await.expect("the migrations run");
        Self { pool, options, standby: None, admin: None }
    }

    /// From now on its address names this server, too, to which everything is copied.
    #[must_use]
    pub fn copied_to(mut self, standby: &PostgresServer) -> Self {
        self.standby = Some(standby.options().database(self.name()));
        self
    }

    /// Looks at it in the other place.
    pub fn look_at_the_standby(&mut self) {
        self.pool = pool(self.standby.as_ref().expect("a standby"));
    }

    /// Its name.
    pub fn name(&self) -> &str {
        self.options.get_database().unwrap_or_default()
    }

    /// Its address, for a configuration.
    pub fn url(&self) -> String {
        let url = self.options.to_url_lossy().to_string();
        let Some(standby) = &self.standby else { return url };
        let standby = standby.to_url_lossy().to_string();
        let (host, other) = (host_of(&url), host_of(&standby));
        url.replace(host, &format!("{host},{other}"))
    }

    /// As the library is told.
    pub fn config(&self) -> DatabaseConfig {
        DatabaseConfig { url: self.url().into(), pool_max: 4, timeout: Duration::from_secs(10) }
    }

    /// The rows of the ledger, of whatever outcome.
    pub async fn ledger_rows(&self) -> i64 {
        let count = sqlx::query_scalar("SELECT count(*) FROM trx_log").fetch_one(&self.pool);
        count.await.expect("a count")
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let Some(admin) = self.admin.take() else { return };
        let name = self.name().to_owned();
        // A thread of its own, because this one may be inside the test's runtime.
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(async {
                let Ok(mut connection) = admin.connect().await else { return };
                drop_database(&mut connection, &name).await;
            });
        });
        let _ = dropped.join();
    }
}

struct Shared {
    admin: PgConnectOptions,
    template: String,
    /// When there is no other.
    _server: Option<PostgresServer>,
}

async fn shared() -> &'static Shared {
    static SHARED: OnceCell<Shared> = OnceCell::const_new();
    SHARED
        .get_or_init(|| async {
            let url = std::env::var("DATABASE_URL").ok().filter(|url| !url.is_empty());
            let (admin, server) = match url {
                Some(url) => (PgConnectOptions::from_str(&url).expect("DATABASE_URL"), None),
                None => {
                    let server = PostgresServer::start().await;
                    (server.options(), Some(server))
                }
            };
            let template = format!("{}_template", own_prefix());
            forget_the_dead(&admin).await;
            run(&admin, &[format!("CREATE DATABASE {template}")]).await;
            let mut connection =
                admin.clone().database(&template).connect().await.expect("the new database");
            MIGRATOR.run(&mut connection).await.expect("the migrations run");
            // A database in use cannot be copied.
            connection.close().await.expect("closed");
            Shared { admin, template, _server: server }
        })
        .await
}

/// Drops what earlier runs have left: the databases of processes that are gone.
async fn forget_the_dead(admin: &PgConnectOptions) {
    let mut connection = admin.connect().await.expect("the server of DATABASE_URL");
    let sql = "SELECT datname::text FROM pg_database WHERE starts_with(datname, $1)";
    let names: Vec<String> =
        sqlx::query_scalar(sql).bind(PREFIX).fetch_all(&mut connection).await.expect("databases");
    for name in names {
        let owner = name.trim_start_matches(PREFIX).split('_').next().unwrap_or_default();
        if !std::path::Path::new("/proc").join(owner).exists() {
            drop_database(&mut connection, &name).await;
        }
    }
}

/// Best effort: whatever stays is dropped by a later run.
async fn drop_database(connection: &mut PgConnection, name: &str) {
    let sql = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
    let _ = sqlx::query(AssertSqlSafe(sql)).execute(connection).await;
}

async fn run(options: &PgConnectOptions, statements: &[String]) {
    let mut connection = options.connect().await.expect("a connection to PostgreSQL");
    for sql in statements {
        let done = sqlx::query(AssertSqlSafe(sql.clone())).execute(&mut connection).await;
        done.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }
    let _ = connection.close().await;
}

fn pool(options: &PgConnectOptions) -> PgPool {
    PgPoolOptions::new().max_connections(4).connect_lazy_with(options.clone())
}

/// What stands between the user and the name.
fn host_of(url: &str) -> &str {
    let at = url.split_once('@').expect("a user").1;
    at.split_once('/').expect("a name").0
}

fn own_prefix() -> String {
    format!("{PREFIX}{}", std::process::id())
}

fn number() -> u32 {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    COUNT.fetch_add(1, Ordering::Relaxed)
}
