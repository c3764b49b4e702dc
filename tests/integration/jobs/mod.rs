//! What runs by itself: leases, reconciliation, parked movements, cleaning up; from the inside,
//! from the command line, and as the operator sees it.

mod back_office;
mod cleanup;
mod lease;
mod one_shot;
mod parked;
mod races;
mod reapply;
mod reconcile;

use std::sync::Arc;
use std::time::Duration;

use seamless_wallet::app::App;
use seamless_wallet::config::{Config, Env};
use seamless_wallet::engine::Lanes;
use seamless_wallet::jobs::reconcile::Scope;
use seamless_wallet::jobs::{self, Job, JobError, Lease, Progress, Report};
use seamless_wallet::store::jobs::lease::Takeover;

use crate::support::node::{SECRETS, Setup};
use crate::support::process::Folder;
use crate::support::world::World;

/// A brand in which a result hardly waits for its bet.
const QUICK: &str = "
    [providers.quick]
    protocol = 'pragmatic'
    secrets = ['env:PRAGMATIC_SECRET']
    settings = { grace_ms = 50 }
";
/// Longer than it does.
const AFTER_THE_GRACE: Duration = Duration::from_millis(120);

/// A node inside this process, whose jobs run when a test says so.
struct Crew {
    app: Arc<App>,
    _lanes: Lanes,
}

struct Secrets;

impl Env for Secrets {
    fn get(&self, name: &str) -> Option<String> {
        SECRETS.iter().find(|(own, _)| *own == name).map(|(_, value)| (*value).to_owned())
    }

    fn all(&self) -> Vec<(String, String)> {
        Vec::new()
    }
}

impl Crew {
    /// On the world's servers, with further lines of TOML.
    async fn of(world: &World, toml: &str) -> Self {
        let usual = format!("{QUICK}\n[jobs]\nreconcile_grace_ms = 50\nbusy_percent = 100\n");
        let setup = Setup::on(&world.database).with_redis(&world.redis).with(&usual).with(toml);
        let folder = Folder::new("wallet-crew");
        let config = Config::load(Some(&setup.write(&folder)), &Secrets).expect("a configuration");
        let (app, lanes) = App::build(config).await.expect("a node");
        Self { app, _lanes: lanes }
    }

    fn lease(&self, job: Job, holder: &str) -> Lease {
        Lease::new(&self.app.jobs, job, holder.to_owned())
    }

    /// Runs a job once under a lease of its own.
    async fn run(&self, job: Job, scope: Scope) -> Result<Report, JobError> {
        let mut lease = self.lease(job, "the test");
        assert!(lease.hold(Takeover::IfIdle).await, "the lease is free");
        let report =
            jobs::run_once(&self.app.jobs, job, &mut lease, scope, &Progress::none()).await;
        lease.release().await;
        report
    }

    async fn reconcile(&self, scope: Scope) -> jobs::reconcile::Report {
        match self.run(Job::Reconcile, scope).await {
            Ok(Report::Reconcile(report)) => report,
            other => panic!("{other:?}"),
        }
    }

    async fn reapply(&self) -> jobs::reapply::Report {
        match self.run(Job::Reapply, Scope::Window).await {
            Ok(Report::Reapply(report)) => report,
            other => panic!("{other:?}"),
        }
    }

    async fn cleanup(&self) -> jobs::cleanup::Report {
        match self.run(Job::Cleanup, Scope::Window).await {
            Ok(Report::Cleanup(report)) => report,
            other => panic!("{other:?}"),
        }
    }
}

impl World {
    /// Runs a statement by hand, as somebody would who should not.
    async fn meddle(&self, sql: &str) -> u64 {
        let done = sqlx::query(sqlx::AssertSqlSafe(sql.to_owned())).execute(&self.database.pool);
        done.await.unwrap_or_else(|error| panic!("{sql}: {error}")).rows_affected()
    }

    /// A single number.
    async fn number(&self, sql: &str) -> i64 {
        let number = sqlx::query_scalar(sqlx::AssertSqlSafe(sql.to_owned()));
        number.fetch_one(&self.database.pool).await.unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    /// Makes every parked movement due now.
    async fn hurry(&self) {
        self.meddle("UPDATE parked_movement SET next_attempt_at = now()").await;
    }
}
