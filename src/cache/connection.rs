//! The way to Redis: one client that reconnects for ever, and the one function through which
//! every command goes, with its time-out, the circuit breaker and the counters.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use fred::clients::{Client, WithOptions};
use fred::error::{Error, ErrorKind};
use fred::interfaces::{ClientLike as _, KeysInterface as _, LuaInterface as _};
use fred::types::config::{Config, ConnectionConfig, Options, ReconnectPolicy, TcpConfig};
use fred::types::scripts::Script;
use fred::types::{Builder, Expiration, Key, Value};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tracing::{info, warn};

use super::breaker::Breaker;
use super::meters::{CommandMeters, Meters};
use super::{CacheConfig, CacheError};

/// How long the start of the node may wait for Redis.
const FIRST_CONNECTION: Duration = Duration::from_secs(1);
/// How long connecting, and each greeting on a new connection, may take.
const CONNECTING: Duration = Duration::from_secs(1);
/// Between two attempts to connect, for ever.
const RECONNECT_DELAY_MS: u32 = 100;
/// Commands that wait for the client at most; above it they fail at once.
const MAX_WAITING: usize = 10_000;
/// The client's own timer fires first, because it takes the command back if it was not sent
/// yet. Ours counts from before the command was built and stands behind it.
const BACKSTOP: Duration = Duration::from_millis(5);
/// So many failed probes in a row on a connection that is said to be open end it: its other end
/// may have vanished without a word.
const PROBES_BEFORE_RESTART: u32 = 3;
/// What is written to see whether Redis takes writes.
const PROBE_KEY: &str = "wallet:probe";

/// A command that is refused for the type of the value under its key has reached a healthy Redis.
pub(super) fn is_wrong_type(error: &Error) -> bool {
    error.details().starts_with("WRONGTYPE")
}

/// The connection to Redis.
pub(super) struct Connection {
    link: Arc<Link>,
    breaker: Mutex<Breaker>,
    deadline: Duration,
    pub(super) meters: Meters,
    failed_probes: AtomicU32,
    /// Ends the client's tasks with the connection.
    _driver: AbortOnDrop,
}

/// The client of the moment.
struct Link {
    client: RwLock<WithOptions<Client>>,
    /// Asks for another one.
    restart: Notify,
}

impl Connection {
    /// Starts to connect and waits a moment for it. An unreachable Redis is no error.
    ///
    /// # Errors
    /// [`CacheError`] for a URL that can never work.
    pub(super) async fn open(url: &str, config: &CacheConfig) -> Result<Self, CacheError> {
        let options = Options {
            timeout: Some(config.command_timeout),
            max_attempts: Some(1),
            fail_fast: true,
            ..Options::default()
        };
        let link = Arc::new(Link {
            client: RwLock::new(client(url, config)?.with_options(&options)),
            restart: Notify::new(),
        });
        let connection = Self {
            link: Arc::clone(&link),
            breaker: Mutex::new(Breaker::new(config.breaker_failures.max(1), config.breaker_pause)),
            deadline: config.command_timeout + BACKSTOP,
            meters: Meters::new(),
            failed_probes: AtomicU32::new(0),
            _driver: AbortOnDrop(tokio::spawn(drive(link))),
        };
        connection.meters.up.set(1.0);
        let started = Instant::now();
        while !connection.link.client().is_connected() {
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
        let answer = timeout(self.deadline, command).await;
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
        let client = self.link.client();
        let write = client.set(PROBE_KEY, 1, Some(Expiration::PX(1_000)), None, false);
        if self.run::<()>(&self.meters.probe, write).await.is_some() || !client.is_connected() {
            self.failed_probes.store(0, Ordering::Relaxed);
        } else if self.failed_probes.fetch_add(1, Ordering::Relaxed) + 1 >= PROBES_BEFORE_RESTART {
            self.failed_probes.store(0, Ordering::Relaxed);
            self.link.restart.notify_one();
        }
        self.is_up()
    }

    // ---- The commands themselves, to be given to `run` ----

    /// Runs a script by its hash, and by its text where Redis does not know it (any more).
    pub(super) async fn script(
        &self,
        script: &Script,
        keys: Vec<Key>,
        args: Vec<Value>,
    ) -> Result<Value, Error> {
        let client = self.link.client();
        match client.evalsha(script.sha1().clone(), keys.clone(), args.clone()).await {
            Err(error) if error.details().starts_with("NOSCRIPT") => {
                let text = script.lua().cloned().unwrap_or_default();
                client.eval(text, keys, args).await
            }
            answer => answer,
        }
    }

    /// Reads a key.
    pub(super) async fn get(&self, key: String) -> Result<Value, Error> {
        self.link.client().get(key).await
    }

    /// Removes a key.
    pub(super) async fn del(&self, key: String) -> Result<(), Error> {
        self.link.client().del(key).await
    }
}

impl Link {
    fn client(&self) -> WithOptions<Client> {
        self.client.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Puts an unconnected client in place: it refuses commands at once.
    fn renew(&self) {
        let mut client = self.client.write().unwrap_or_else(PoisonError::into_inner);
        *client = client.clone_new().with_options(client.options());
    }
}

/// Keeps the link connected. The client's own reconnecting covers lost connections; this loop
/// covers the first one, a client that hangs, and whatever else ends the client's task. Each
/// time with a new client: one whose task was ended counts the commands that it still owed as
/// waiting for ever, and then no longer flushes what it writes.
async fn drive(link: Arc<Link>) {
    loop {
        let mut task = AbortOnDrop(link.client().connect());
        tokio::select! {
            _ = &mut task.0 => {}
            () = link.restart.notified() => {}
        }
        drop(task);
        link.renew();
        sleep(Duration::from_millis(RECONNECT_DELAY_MS.into())).await;
    }
}

struct AbortOnDrop<T = ()>(JoinHandle<T>);

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn client(url: &str, config: &CacheConfig) -> Result<Client, CacheError> {
    check_scheme(url)?;
    // The client's own words may quote a part of the URL, so they are not passed on.
    let redis = Config::from_url(url).map_err(|_| CacheError::Url)?;
    Builder::from_config(Config { fail_fast: true, ..redis })
        .with_performance_config(|performance| {
            performance.default_command_timeout = config.command_timeout;
        })
        .with_connection_config(|connection| {
            *connection = ConnectionConfig {
                connection_timeout: CONNECTING,
                internal_command_timeout: CONNECTING,
                max_command_attempts: 1,
                max_command_buffer_len: MAX_WAITING,
                reconnect_on_auth_error: true,
                tcp: TcpConfig { nodelay: Some(true), ..TcpConfig::default() },
                ..ConnectionConfig::default()
            };
        })
        .set_policy(ReconnectPolicy::new_constant(0, RECONNECT_DELAY_MS))
        .build()
        .map_err(|_| CacheError::Url)
}

/// The client takes any scheme for `redis` and, worse, speaks plain text to a `rediss` address
/// when it is built without TLS.
fn check_scheme(url: &str) -> Result<(), CacheError> {
    let scheme = url.split_once("://").map(|(scheme, _)| scheme).ok_or(CacheError::Url)?;
    let (server, suffix) = match scheme.split_once(['-', '+']) {
        Some((server, suffix)) => (server, Some(suffix)),
        None => (scheme, None),
    };
    match (server, suffix) {
        ("redis" | "valkey", None | Some("cluster" | "sentinel" | "unix")) => Ok(()),
        ("rediss" | "valkeys", _) => Err(CacheError::Tls),
        _ => Err(CacheError::Url),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(url: &str) -> Result<(), CacheError> {
        client(url, &CacheConfig::default()).map(drop)
    }

    #[test]
    fn every_kind_of_address_that_can_be_reached_is_taken() {
        for url in [
            "redis://localhost",
            "redis://user:p%40ss@localhost:6380/1",
            "redis+unix:///run/redis.sock",
            "redis-cluster://a:7000?node=b:7000&node=c:7000",
            "redis-sentinel://a:26379/0?sentinelServiceName=wallet&node=b:26379&sentinelPassword=x",
            "valkey://localhost",
        ] {
            assert_eq!(verdict(url), Ok(()), "{url}");
        }
    }

    #[test]
    fn an_address_that_can_never_work_is_refused_without_being_quoted() {
        for url in ["", "localhost", "http://h", "redis://", "redis://h:x", "redis://h/one/two"] {
            assert_eq!(verdict(url), Err(CacheError::Url), "{url}");
        }
        for url in ["redis://:hunter2@h:hunter2", "redis-sentinel://:hunter2@h"] {
            let error = verdict(url).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("hunter2"));
        }
    }

    #[test]
    fn an_encrypted_address_is_refused_rather_than_spoken_to_in_plain_text() {
        assert_eq!(verdict("rediss://h"), Err(CacheError::Tls));
        assert_eq!(verdict("rediss-cluster://h"), Err(CacheError::Tls));
    }
}
