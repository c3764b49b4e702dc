//! The one way of every command to Redis, with its time-out, the circuit breaker and the
//! counters; and the commands themselves.

use std::pin::pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use fred::clients::{Client, WithOptions};
use fred::error::{Error, ErrorKind};
use fred::interfaces::{ClientLike as _, KeysInterface as _, LuaInterface as _};
use fred::types::scripts::Script;
use fred::types::{Expiration, Key, Value};
use futures_util::future::BoxFuture;
use tokio::time::{sleep, timeout};
use tracing::{info, warn};

use super::breaker::Breaker;
use super::client::ReconnectingClient;
use super::meters::{CommandMeters, Meters};
use super::{CacheConfig, CacheError};

/// How long the start of the node may wait for Redis.
const FIRST_CONNECTION: Duration = Duration::from_secs(1);
/// The client's own timer fires first, because it takes the command back if it was not sent
/// yet. Ours counts from before the command was built and stands behind it.
const BACKSTOP: Duration = Duration::from_millis(5);
/// So many failed probes in a row on a connection that is said to be open end it: its other end
/// may have vanished without a word.
const PROBES_BEFORE_RESTART: u32 = 3;
/// The most keys of one script: Redis does nothing else while it works on them.
const TOGETHER: usize = 128;
/// What is written to see whether Redis takes writes.
const PROBE_KEY: &str = "wallet:probe";

/// A command that is refused for the type of the value under its key has reached a healthy Redis.
pub(super) fn is_wrong_type(error: &Error) -> bool {
    error.details().starts_with("WRONGTYPE")
}

/// The connection to Redis.
pub(super) struct Connection {
    client: ReconnectingClient,
    is_cluster: bool,
    breaker: Mutex<Breaker>,
    deadline: Duration,
    pub(super) meters: Meters,
    failed_probes: AtomicU32,
}

impl Connection {
    /// Starts to connect and waits a moment for it. An unreachable Redis is no error.
    ///
    /// # Errors
    /// [`CacheError`] for a URL that can never work.
    pub(super) async fn open(url: &str, config: &CacheConfig) -> Result<Self, CacheError> {
        let connection = Self {
            client: ReconnectingClient::open(url, config)?,
            is_cluster: url.split_once("://").is_some_and(|(kind, _)| kind.contains("cluster")),
            breaker: Mutex::new(Breaker::new(config.breaker_failures.max(1), config.breaker_pause)),
            deadline: config.command_timeout + BACKSTOP,
            meters: Meters::new(),
            failed_probes: AtomicU32::new(0),
        };
        connection.meters.up.set(1.0);
        let started = Instant::now();
        while !connection.client.client().is_connected() {
            if started.elapsed() > FIRST_CONNECTION {
                connection.breaker().trip(Instant::now());
                connection.meters.up.set(0.0);
                warn!("Redis cannot be reached; the node runs without it and keeps trying");
                break;
            }
            sleep(Duration::from_millis(5)).await;
        }
        Ok(connection)
    }

    /// True while commands are sent, false while they are skipped.
    pub(super) fn is_up(&self) -> bool {
        !self.breaker().is_open()
    }

    /// Runs one command. `None` when Redis did not answer it in time, refused it, or was not
    /// asked at all; the future is not even started then.
    pub(super) async fn run<T>(
        &self,
        meters: &CommandMeters,
        command: impl Future<Output = Result<T, Error>>,
    ) -> Option<T> {
        let started = Instant::now();
        if !self.breaker().admits(started) {
            meters.skipped.increment(1);
            return None;
        }
        // Not moved on any more: what the client makes of a command is kilobytes.
        let mut command = pin!(command);
        let answer = timeout(self.deadline, command.as_mut()).await;
        meters.took(started.elapsed());
        match answer {
            Ok(Ok(answer)) => {
                meters.ok.increment(1);
                if self.breaker().succeeded() {
                    self.meters.up.set(1.0);
                    info!("Redis answers again and is used");
                }
                return Some(answer);
            }
            Ok(Err(error)) if *error.kind() != ErrorKind::Timeout => {
                meters.error.increment(1);
                self.failed(error.details());
            }
            Ok(Err(_)) | Err(_) => {
                meters.timeout.increment(1);
                self.failed("time-out");
            }
        }
        None
    }

    fn failed(&self, error: &str) {
        if self.breaker().failed(Instant::now()) {
            self.meters.up.set(0.0);
            warn!(error, "Redis fails and is skipped until it answers");
        }
    }

    fn breaker(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sees whether Redis takes writes, and ends a connection on which nothing comes back.
    pub(super) async fn probe(&self) -> bool {
        let client = self.client.client();
        let write = client.set(PROBE_KEY, 1, Some(Expiration::PX(1_000)), None, false);
        if self.run::<()>(&self.meters.probe, write).await.is_some() || !client.is_connected() {
            self.failed_probes.store(0, Ordering::Relaxed);
        } else if self.failed_probes.fetch_add(1, Ordering::Relaxed) + 1 >= PROBES_BEFORE_RESTART {
            self.failed_probes.store(0, Ordering::Relaxed);
            self.client.restart();
        }
        self.is_up()
    }

    /// Runs a command of a job's, which may take its time; `None` as with [`Self::run`]. It
    /// respects the breaker and never trips it: no bet is to suffer from a job's slow command.
    pub(super) async fn run_aside<T, F>(
        &self,
        meters: &CommandMeters,
        limit: Duration,
        command: impl FnOnce(WithOptions<Client>) -> F,
    ) -> Option<T>
    where
        F: Future<Output = Result<T, Error>>,
    {
        if !self.is_up() {
            meters.skipped.increment(1);
            return None;
        }
        let started = Instant::now();
        let command = command(self.client.unhurried_client(limit));
        let answer = timeout(limit + BACKSTOP, command).await;
        meters.took(started.elapsed());
        match answer {
            Ok(Ok(answer)) => {
                meters.ok.increment(1);
                Some(answer)
            }
            Ok(Err(error)) if *error.kind() != ErrorKind::Timeout => {
                meters.error.increment(1);
                warn!(error = error.details(), "Redis refused a job's command");
                None
            }
            Ok(Err(_)) | Err(_) => {
                meters.timeout.increment(1);
                None
            }
        }
    }

    // ---- The commands themselves, to be given to `run` ----

    /// Runs a script by its hash, and by its text where Redis does not know it (any more).
    pub(super) fn script<'a>(
        &'a self,
        script: &'a Script,
        input: impl Fn() -> (Vec<Key>, Vec<Value>) + Send + 'a,
    ) -> BoxFuture<'a, Result<Value, Error>> {
        Box::pin(self.script_or_text(script, input))
    }

    async fn script_or_text(
        &self,
        script: &Script,
        input: impl Fn() -> (Vec<Key>, Vec<Value>),
    ) -> Result<Value, Error> {
        let client = self.client.client();
        let (keys, args) = input();
        match client.evalsha(script.sha1().clone(), keys, args).await {
            Err(error) if error.details().starts_with("NOSCRIPT") => {
                let text = script.lua().cloned().unwrap_or_default();
                let (keys, args) = input();
                client.eval(text, keys, args).await
            }
            answer => answer,
        }
    }

    /// How many players' keys one script may use: in a cluster they lie in different places.
    pub(super) const fn keys_together(&self) -> usize {
        if self.is_cluster { 1 } else { TOGETHER }
    }

    /// Reads a key.
    pub(super) async fn get(&self, key: String) -> Result<Value, Error> {
        self.client.client().get(key).await
    }

    /// Removes a key.
    pub(super) async fn del(&self, key: String) -> Result<(), Error> {
        self.client.client().del(key).await
    }
}
