//! Checks all the time, on a connection of its own, whether a lane could commit: so a node knows
//! the health of its database without waiting behind anybody's work. The pools follow it: they are
//! pointed at the host that takes writes, with the password of the day, and use no connection that
//! was made before a server changed its role.

use std::fmt::Display;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use sqlx::postgres::PgPool;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::config::DatabaseConfig;
use super::hosts::Hosts;
use super::migrate::MIGRATOR;
use super::money::{WriteError, write};

/// Between two checks.
const INTERVAL: Duration = Duration::from_millis(250);
/// After so long without an answer the database counts as down.
const UNANSWERED: Duration = Duration::from_secs(1);
/// The longest that a connection may take, and that the answer of an only host is waited for: one
/// that is slow is not left, because there is no other. Of several hosts, another one may be
/// quicker.
const GIVE_UP: Duration = Duration::from_secs(5);
/// A check that is older says nothing any more.
const STALE: Duration = Duration::from_secs(3);
/// The longest that a caller of [`DatabaseMonitor::health`] waits for the first check.
const FIRST_CHECK: Duration = Duration::from_millis(1500);

/// The database as it was last seen.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Health {
    /// It answers.
    pub answers: bool,
    /// It has exactly the migrations of this build, or newer ones as well; `None` where it does
    /// not say.
    pub schema_is_current: Option<bool>,
    /// A lane could commit: it has the privileges, and the database takes writes.
    pub takes_writes: bool,
    /// How far the node's clock is ahead of the database's, in seconds.
    pub clock_skew: Option<f64>,
}

/// The running checks. They end when this is dropped.
pub struct DatabaseMonitor {
    health: watch::Receiver<Option<(Health, Instant)>>,
    followers: Arc<Followers>,
    refuses_standbys: bool,
}

/// Whether anything may be read on a standby.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standby {
    /// It may know less than what was answered, so nothing is.
    Refused,
    /// For a report; where there is a choice, the primary is used all the same.
    Read,
}

/// The pools that follow the monitor.
struct Followers {
    pools: Mutex<Vec<(Hosts, PgPool)>>,
    changed: LastChange,
}

/// When the server was last seen to be another one than before, or to have changed its role.
#[derive(Clone)]
pub(super) struct LastChange(Arc<Mutex<Instant>>);

impl LastChange {
    /// True for a connection that was made before.
    pub(super) fn is_after(&self, age: Duration) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).elapsed() <= age
    }

    fn set_now(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }
}

impl DatabaseMonitor {
    /// Starts the checks.
    ///
    /// # Errors
    /// Where the URL cannot be read.
    pub fn start(config: &DatabaseConfig, standby: Standby) -> Result<Self, sqlx::Error> {
        let hosts = config.monitor_hosts()?;
        let (sender, health) = watch::channel(None);
        let changed = LastChange(Arc::new(Mutex::new(Instant::now())));
        let followers = Arc::new(Followers { pools: Mutex::default(), changed });
        let several = hosts.are_several();
        let refuses_standbys = several || standby == Standby::Refused;
        let check_timeout = if several { Duration::ZERO } else { GIVE_UP };
        let checks = Checks {
            hosts,
            check_timeout,
            health: sender,
            followers: Arc::clone(&followers),
            host: None,
            was_disconnected: false,
            took_writes: None,
        };
        tokio::spawn(checks.run());
        Ok(Self { health, followers, refuses_standbys })
    }

    /// The result of the last check; of a database that has not been seen for a while, nothing.
    pub async fn health(&self) -> Health {
        let mut health = self.health.clone();
        let checked = timeout(FIRST_CHECK, health.wait_for(Option::is_some)).await;
        match checked.ok().and_then(Result::ok).and_then(|checked| *checked) {
            Some((health, at)) if at.elapsed() < STALE => health,
            _ => Health::default(),
        }
    }

    pub(super) const fn refuses_standbys(&self) -> bool {
        self.refuses_standbys
    }

    pub(super) fn changed(&self) -> LastChange {
        self.followers.changed.clone()
    }

    /// From now on the pool is pointed at the host to which connections are to be made.
    pub(super) fn add_follower(&self, hosts: Hosts, pool: PgPool) {
        let mut pools = self.followers.pools.lock().unwrap_or_else(PoisonError::into_inner);
        pools.push((hosts, pool));
    }
}

impl Followers {
    fn point_at(&self, host: usize) {
        for (hosts, pool) in &*self.pools.lock().unwrap_or_else(PoisonError::into_inner) {
            if let Some(options) = hosts.options(host) {
                pool.set_connect_options(options);
            }
        }
    }
}

/// The task that checks.
struct Checks {
    hosts: Hosts,
    /// How long an answer is still waited for after [`UNANSWERED`].
    check_timeout: Duration,
    health: watch::Sender<Option<(Health, Instant)>>,
    followers: Arc<Followers>,
    /// The host that was seen last.
    host: Option<usize>,
    /// The connection to it was ended by the other side.
    was_disconnected: bool,
    /// Whether it took writes at the last check.
    took_writes: Option<bool>,
}

impl Checks {
    async fn run(mut self) {
        while !self.health.is_closed() {
            match self.within(GIVE_UP, self.hosts.find()).await {
                Ok((host, connection)) => self.check_on(host, connection).await,
                Err(error) => {
                    self.publish(Health::default(), Some(&error));
                    // Where there is one host, the password may have changed.
                    if self.host.is_none() {
                        self.followers.point_at(0);
                    }
                }
            }
            sleep(INTERVAL).await;
        }
    }

    /// Checks for as long as the connection is good, and a lane could commit on one like it: a
    /// connection that was made while the server was read-only may stay so.
    async fn check_on(&mut self, host: usize, mut connection: PgConnection) {
        if std::mem::take(&mut self.was_disconnected) || self.host != Some(host) {
            self.followers.changed.set_now();
        }
        self.host = Some(host);
        while !self.health.is_closed() {
            match self.within(self.check_timeout, check(&mut connection)).await {
                Ok((health, refusal)) => {
                    if self.took_writes.replace(health.takes_writes) != Some(health.takes_writes) {
                        self.followers.changed.set_now();
                    }
                    self.followers.point_at(host);
                    self.publish(health, refusal.as_ref().map(|error| error as &dyn Display));
                    if !health.takes_writes {
                        return;
                    }
                }
                Err(error) => {
                    self.was_disconnected = !matches!(error, sqlx::Error::PoolTimedOut);
                    return self.publish(Health::default(), Some(&error));
                }
            }
            sleep(INTERVAL).await;
        }
    }

    /// Waits for [`UNANSWERED`], then publishes that there is no answer and waits on up to `limit`.
    async fn within<T>(
        &self,
        limit: Duration,
        work: impl Future<Output = Result<T, sqlx::Error>>,
    ) -> Result<T, sqlx::Error> {
        tokio::pin!(work);
        if let Ok(done) = timeout(UNANSWERED, &mut work).await {
            return done;
        }
        self.publish(Health::default(), Some(&"no answer"));
        timeout(limit, work).await.unwrap_or(Err(sqlx::Error::PoolTimedOut))
    }

    fn publish(&self, health: Health, fault: Option<&dyn Display>) {
        let before = self.health.send_replace(Some((health, Instant::now())));
        let took_writes = before.is_some_and(|(before, _)| before.takes_writes);
        let is_first = before.is_none();
        match fault {
            Some(why) if is_first || took_writes => {
                tracing::warn!(%why, "nothing can be committed in the database");
            }
            None if !is_first && !took_writes && health.takes_writes => {
                tracing::info!("the database takes what is committed again");
            }
            _ => {}
        }
    }
}

/// Checks once. The reason why a lane could not commit is beside the health.
async fn check(
    connection: &mut PgConnection,
) -> Result<(Health, Option<sqlx::Error>), sqlx::Error> {
    let (schema_is_current, clock) = schema(connection).await?;
    let clock_skew = clock.map(|clock| (Utc::now() - clock).as_seconds_f64());
    let health = |takes_writes| Health {
        answers: true,
        schema_is_current: Some(schema_is_current),
        takes_writes,
        clock_skew,
    };
    if !schema_is_current {
        return Ok((health(false), Some(sqlx::Error::Protocol("not migrated".to_owned()))));
    }
    // The lane's own statement without a command: only so is every privilege asked for.
    match write::batch(connection, &[]).await {
        // A table is locked for a moment: that is no refusal.
        Ok(_) | Err(WriteError::Locked(_)) => Ok((health(true), None)),
        Err(WriteError::TooSlow(_)) => Err(sqlx::Error::PoolTimedOut),
        Err(error) => match error.into_sqlx() {
            refusal @ (sqlx::Error::Database(_) | sqlx::Error::Protocol(_)) => {
                Ok((health(false), Some(refusal)))
            }
            disconnected => Err(disconnected),
        },
    }
}

/// Whether it has this build's migrations, and its clock where it was ever migrated.
async fn schema(
    connection: &mut PgConnection,
) -> Result<(bool, Option<DateTime<Utc>>), sqlx::Error> {
    let newest = MIGRATOR.iter().map(|migration| migration.version).max().unwrap_or_default();
    let found: Result<(Option<i64>, DateTime<Utc>), _> =
        sqlx::query_as("SELECT max(version), now() FROM _sqlx_migrations WHERE success")
            .fetch_one(connection)
            .await;
    match found {
        Ok((version, now)) => Ok((version.is_some_and(|version| version >= newest), Some(now))),
        // 42P01: the table is not there, so nothing was ever migrated.
        Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some("42P01") => {
            Ok((false, None))
        }
        Err(error) => Err(error),
    }
}
