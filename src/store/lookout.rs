//! Looks at the database all the time, on a connection of its own, whether a lane could commit: so
//! a node knows what to say of itself without waiting behind anybody's work. And it has the pools
//! follow what it sees. A pool is pointed at the host that takes writes, by the password of the day;
//! connections that were made before a server changed its mind are not used any more.

use std::fmt::Display;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use sqlx::postgres::PgPool;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::connect::{DatabaseConfig, MIGRATOR};
use super::hosts::Hosts;
use super::money::{WriteError, write};

/// Between two looks.
const LOOK_AGAIN: Duration = Duration::from_millis(250);
/// After so long without an answer the database is said to be gone.
const PATIENCE: Duration = Duration::from_secs(1);
/// After so long it is given up to connect, and to wait for the answer of an only host: one that
/// is slow is not left for the sake of it. Of several hosts, another one may be quicker.
const GIVE_UP: Duration = Duration::from_secs(5);
/// What was seen so long ago says nothing any more.
const FORGOTTEN: Duration = Duration::from_secs(3);
/// The longest that whoever asks waits for the first look.
const FIRST_LOOK: Duration = Duration::from_millis(1500);

/// What the database was seen to be.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sight {
    /// It answers.
    pub answers: bool,
    /// It has exactly the migrations of this build, or newer ones as well; `None` where it does
    /// not say.
    pub schema_is_current: Option<bool>,
    /// A lane could commit: it may, and the database takes it.
    pub takes_writes: bool,
    /// How far the node's clock is ahead of its own, in seconds.
    pub clock_skew: Option<f64>,
}

/// The looking. It ends when this is dropped.
pub struct Lookout {
    sight: watch::Receiver<Option<(Sight, Instant)>>,
    led: Arc<Led>,
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

/// Who follows what is seen.
struct Led {
    pools: Mutex<Vec<(Hosts, PgPool)>>,
    changed: Changed,
}

/// When the server was last seen to be another one than before, or of another mind.
#[derive(Clone)]
pub(super) struct Changed(Arc<Mutex<Instant>>);

impl Changed {
    /// True for a connection that was made before.
    pub(super) fn is_after(&self, age: Duration) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).elapsed() <= age
    }

    fn now(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }
}

impl Lookout {
    /// Begins to look.
    ///
    /// # Errors
    /// Where the URL cannot be read.
    pub fn start(config: &DatabaseConfig, standby: Standby) -> Result<Self, sqlx::Error> {
        let hosts = config.lookout_hosts()?;
        let (sender, sight) = watch::channel(None);
        let changed = Changed(Arc::new(Mutex::new(Instant::now())));
        let led = Arc::new(Led { pools: Mutex::default(), changed });
        let several = hosts.are_several();
        let refuses_standbys = several || standby == Standby::Refused;
        let patience = if several { Duration::ZERO } else { GIVE_UP };
        let looking = Looking {
            hosts,
            patience,
            sight: sender,
            led: Arc::clone(&led),
            place: None,
            was_cut: false,
            took_writes: None,
        };
        tokio::spawn(looking.run());
        Ok(Self { sight, led, refuses_standbys })
    }

    /// What was seen last; of a database that has not been seen for a while, nothing.
    pub async fn sight(&self) -> Sight {
        let mut sight = self.sight.clone();
        let seen = timeout(FIRST_LOOK, sight.wait_for(Option::is_some)).await;
        match seen.ok().and_then(Result::ok).and_then(|seen| *seen) {
            Some((sight, at)) if at.elapsed() < FORGOTTEN => sight,
            _ => Sight::default(),
        }
    }

    pub(super) const fn refuses_standbys(&self) -> bool {
        self.refuses_standbys
    }

    pub(super) fn changed(&self) -> Changed {
        self.led.changed.clone()
    }

    /// From now on the pool is pointed at where connections are to be made.
    pub(super) fn lead(&self, hosts: Hosts, pool: PgPool) {
        self.led.pools.lock().unwrap_or_else(PoisonError::into_inner).push((hosts, pool));
    }
}

impl Led {
    fn point(&self, place: usize) {
        for (hosts, pool) in &*self.pools.lock().unwrap_or_else(PoisonError::into_inner) {
            if let Some(options) = hosts.options(place) {
                pool.set_connect_options(options);
            }
        }
    }
}

/// What does the looking.
struct Looking {
    hosts: Hosts,
    patience: Duration,
    sight: watch::Sender<Option<(Sight, Instant)>>,
    led: Arc<Led>,
    /// The host that was seen last.
    place: Option<usize>,
    /// The connection to it was ended by the other side.
    was_cut: bool,
    /// Whether it took writes, as it said itself.
    took_writes: Option<bool>,
}

impl Looking {
    async fn run(mut self) {
        while !self.sight.is_closed() {
            match self.patiently(GIVE_UP, self.hosts.find()).await {
                Ok((place, connection)) => self.watch(place, connection).await,
                Err(error) => {
                    self.say(Sight::default(), Some(&error));
                    // Where there is one host, what is needed to get in may have changed.
                    if self.place.is_none() {
                        self.led.point(0);
                    }
                }
            }
            sleep(LOOK_AGAIN).await;
        }
    }

    /// Looks for as long as the connection is good, and a lane could commit on one like it: a
    /// connection that was made while the server was read-only may stay so.
    async fn watch(&mut self, place: usize, mut connection: PgConnection) {
        if std::mem::take(&mut self.was_cut) || self.place != Some(place) {
            self.led.changed.now();
        }
        self.place = Some(place);
        while !self.sight.is_closed() {
            match self.patiently(self.patience, look(&mut connection)).await {
                Ok((sight, refusal)) => {
                    if self.took_writes.replace(sight.takes_writes) != Some(sight.takes_writes) {
                        self.led.changed.now();
                    }
                    self.led.point(place);
                    self.say(sight, refusal.as_ref().map(|error| error as &dyn Display));
                    if !sight.takes_writes {
                        return;
                    }
                }
                Err(error) => {
                    self.was_cut = !matches!(error, sqlx::Error::PoolTimedOut);
                    return self.say(Sight::default(), Some(&error));
                }
            }
            sleep(LOOK_AGAIN).await;
        }
    }

    /// Waits, and says meanwhile that there is no answer.
    async fn patiently<T>(
        &self,
        limit: Duration,
        work: impl Future<Output = Result<T, sqlx::Error>>,
    ) -> Result<T, sqlx::Error> {
        tokio::pin!(work);
        if let Ok(done) = timeout(PATIENCE, &mut work).await {
            return done;
        }
        self.say(Sight::default(), Some(&"no answer"));
        timeout(limit, work).await.unwrap_or(Err(sqlx::Error::PoolTimedOut))
    }

    fn say(&self, sight: Sight, why: Option<&dyn Display>) {
        let before = self.sight.send_replace(Some((sight, Instant::now())));
        let took_writes = before.is_some_and(|(before, _)| before.takes_writes);
        let is_first = before.is_none();
        match why {
            Some(why) if is_first || took_writes => {
                tracing::warn!(%why, "nothing can be committed in the database");
            }
            None if !is_first && !took_writes && sight.takes_writes => {
                tracing::info!("the database takes what is committed again");
            }
            _ => {}
        }
    }
}

/// Looks once. Why a lane could not commit is given back beside what is seen.
async fn look(connection: &mut PgConnection) -> Result<(Sight, Option<sqlx::Error>), sqlx::Error> {
    let (schema_is_current, clock) = schema(connection).await?;
    let clock_skew = clock.map(|clock| (Utc::now() - clock).as_seconds_f64());
    let sight = |takes_writes| Sight {
        answers: true,
        schema_is_current: Some(schema_is_current),
        takes_writes,
        clock_skew,
    };
    if !schema_is_current {
        return Ok((sight(false), Some(sqlx::Error::Protocol("not migrated".to_owned()))));
    }
    // As a lane would, with nothing in it: only so is every privilege asked for.
    match write::batch(connection, &[]).await {
        // A table is locked for a moment: that is no refusal.
        Ok(_) | Err(WriteError::Locked(_)) => Ok((sight(true), None)),
        Err(WriteError::TooSlow(_)) => Err(sqlx::Error::PoolTimedOut),
        Err(error) => match error.into_sqlx() {
            refusal @ (sqlx::Error::Database(_) | sqlx::Error::Protocol(_)) => {
                Ok((sight(false), Some(refusal)))
            }
            cut => Err(cut),
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
