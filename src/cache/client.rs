//! The client, connected or about to be. There is always one; who asks gets the present one.

use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use fred::clients::{Client, WithOptions};
use fred::interfaces::ClientLike as _;
use fred::types::Builder;
use fred::types::config::{Config, ConnectionConfig, Options, ReconnectPolicy, TcpConfig};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::{CacheConfig, CacheError};

/// How long connecting, and each greeting on a new connection, may take.
const CONNECTING: Duration = Duration::from_secs(1);
/// Between two attempts to connect, for ever.
const RECONNECT_DELAY_MS: u32 = 100;
/// Commands that wait for the client at most; above it they fail at once.
const MAX_WAITING: usize = 10_000;

/// Connects for as long as it lives.
pub(super) struct ReconnectingClient {
    shared: Arc<Shared>,
    _driver: AbortOnDrop,
}

struct Shared {
    client: RwLock<WithOptions<Client>>,
    restart: Notify,
}

impl ReconnectingClient {
    /// Starts to connect.
    ///
    /// # Errors
    /// [`CacheError`] for a URL that can never work.
    pub(super) fn open(url: &str, config: &CacheConfig) -> Result<Self, CacheError> {
        // A command is sent once, at once or not at all.
        let options = Options {
            timeout: Some(config.command_timeout),
            max_attempts: Some(1),
            fail_fast: true,
            ..Options::default()
        };
        let shared = Arc::new(Shared {
            client: RwLock::new(client(url, config)?.with_options(&options)),
            restart: Notify::new(),
        });
        let driver = AbortOnDrop(tokio::spawn(drive(Arc::clone(&shared))));
        Ok(Self { shared, _driver: driver })
    }

    /// The present client.
    pub(super) fn client(&self) -> WithOptions<Client> {
        self.shared.client()
    }

    /// The present client, for commands that may take their time.
    pub(super) fn unhurried_client(&self, limit: Duration) -> WithOptions<Client> {
        let client = self.client();
        let options = Options { timeout: Some(limit), ..client.options().clone() };
        (*client).with_options(&options)
    }

    /// Gives the present client up, whatever it waits for, and connects anew.
    pub(super) fn restart(&self) {
        self.shared.restart.notify_one();
    }
}

impl Shared {
    fn client(&self) -> WithOptions<Client> {
        self.client.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Puts an unconnected client in place: it refuses commands at once.
    fn renew(&self) {
        let mut client = self.client.write().unwrap_or_else(PoisonError::into_inner);
        *client = client.clone_new().with_options(client.options());
    }
}

/// The client's own reconnecting covers lost connections; this loop covers the first one, a
/// client that hangs, and whatever else ends its task. Each time with a new client: one whose
/// task was ended counts the commands that it had not sent as waiting for ever, and then no
/// longer flushes what it writes.
async fn drive(shared: Arc<Shared>) {
    loop {
        let mut task = AbortOnDrop(shared.client().connect());
        tokio::select! {
            _ = &mut task.0 => {}
            () = shared.restart.notified() => {}
        }
        drop(task);
        shared.renew();
        sleep(Duration::from_millis(RECONNECT_DELAY_MS.into())).await;
    }
}

struct AbortOnDrop<T = ()>(JoinHandle<T>);

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl CacheConfig {
    /// Whether its URL can be used. Nothing is connected to.
    ///
    /// # Errors
    /// [`CacheError`].
    pub fn check(&self) -> Result<(), CacheError> {
        self.url.as_ref().map_or(Ok(()), |url| client(url, self).map(drop))
    }
}

fn client(url: &str, config: &CacheConfig) -> Result<Client, CacheError> {
    let (url, is_encrypted) = scheme(url)?;
    // The client's own words may quote a part of the URL, so they are not passed on.
    let redis = Config::from_url(&url).map_err(|_| CacheError::Url)?;
    let tls = match is_encrypted {
        true => Some(config.tls.config(is_named(&redis))?),
        false if config.tls.are_none() => None,
        false => return Err(CacheError::Plain),
    };
    Builder::from_config(Config { fail_fast: true, tls, ..redis })
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

/// The address as one without TLS, and whether it was with it: what to trust is ours to say. The
/// client takes any unknown scheme for `redis`, so there is none.
fn scheme(url: &str) -> Result<(String, bool), CacheError> {
    let (scheme, rest) = url.split_once("://").ok_or(CacheError::Url)?;
    let plain = match scheme {
        "redis" | "redis+unix" | "redis-cluster" | "redis-sentinel" | "valkey" | "valkey+unix"
        | "valkey-cluster" | "valkey-sentinel" => return Ok((url.to_owned(), false)),
        "rediss" => "redis",
        "rediss-cluster" => "redis-cluster",
        "rediss-sentinel" => "redis-sentinel",
        "valkeys" => "valkey",
        "valkeys-cluster" => "valkey-cluster",
        "valkeys-sentinel" => "valkey-sentinel",
        _ => return Err(CacheError::Url),
    };
    Ok((format!("{plain}://{rest}"), true))
}

/// Whether the first host is a name, not an address.
fn is_named(redis: &Config) -> bool {
    let hosts = redis.server.hosts();
    hosts.first().is_some_and(|server| server.host.parse::<IpAddr>().is_err())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::TlsFiles;

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
            "valkey-cluster://localhost",
        ] {
            assert_eq!(verdict(url), Ok(()), "{url}");
        }
    }

    #[test]
    fn an_address_that_can_never_work_is_refused_without_being_quoted() {
        for url in [
            "",
            "localhost",
            "http://h",
            "redis://",
            "redis://h:x",
            "redis+cluster://h",
            "redis://h/one/two",
        ] {
            assert_eq!(verdict(url), Err(CacheError::Url), "{url}");
        }
        for url in ["redis://:hunter2@h:hunter2", "redis-sentinel://:hunter2@h"] {
            let error = verdict(url).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("hunter2"));
        }
    }

    #[test]
    fn an_encrypted_address_is_never_spoken_to_in_plain_text() {
        for url in ["rediss://h", "rediss-cluster://a:1?node=b:2", "valkeys-sentinel://a:1/0"] {
            let url = url.replace("/0", "/0?sentinelServiceName=w");
            assert_eq!(verdict(&url), Ok(()), "{url}");
            let client = client(&url, &CacheConfig::default()).expect("a client");
            assert!(client.client_config().uses_tls(), "{url}");
        }
        assert_eq!(verdict("rediss+unix:///run/redis.sock"), Err(CacheError::Url));
    }

    #[test]
    fn files_that_cannot_be_used_and_files_for_nothing_are_refused() {
        let files = TlsFiles { ca: Some("/there/is/none.pem".into()), client: None };
        let config = CacheConfig { tls: files, ..CacheConfig::default() };
        let verdict = |url| client(url, &config).map(drop);
        assert!(
            matches!(verdict("rediss://h"), Err(CacheError::Tls(why)) if why.contains("none.pem"))
        );
        assert_eq!(verdict("redis://h"), Err(CacheError::Plain));
    }
}
