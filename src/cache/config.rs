//! How Redis is used.

use std::fmt;
use std::time::Duration;

use super::tls::TlsFiles;

/// How Redis is used.
#[derive(Clone)]
pub struct CacheConfig {
    /// `redis://`, `redis+unix://`, `redis-cluster://` or `redis-sentinel://`; with TLS `rediss://`,
    /// `rediss-cluster://` or `rediss-sentinel://`; `None` for no Redis at all. May hold a password.
    pub url: Option<String>,
    /// What an encrypted address needs.
    pub tls: TlsFiles,
    /// The longest that a call may be held up by Redis.
    pub command_timeout: Duration,
    /// How long a command is remembered.
    pub claim_ttl: Duration,
    /// How long a balance is remembered: the longest that any node may serve an old one.
    pub balance_ttl: Duration,
    /// After that many failures in a row Redis is skipped.
    pub breaker_failures: u32,
    /// How long it is skipped before it is tried again.
    pub breaker_pause: Duration,
}

impl Default for CacheConfig {
    fn default() -> Self {
        Self {
            url: None,
            tls: TlsFiles::default(),
            command_timeout: Duration::from_millis(50),
            claim_ttl: Duration::from_secs(600),
            balance_ttl: Duration::from_secs(30),
            breaker_failures: 5,
            breaker_pause: Duration::from_secs(1),
        }
    }
}

/// Without the URL, which may hold a password.
impl fmt::Debug for CacheConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CacheConfig")
            .field("url", &self.url.as_ref().map(|_| "…"))
            .field("tls", &self.tls)
            .field("command_timeout", &self.command_timeout)
            .field("claim_ttl", &self.claim_ttl)
            .field("balance_ttl", &self.balance_ttl)
            .field("breaker_failures", &self.breaker_failures)
            .field("breaker_pause", &self.breaker_pause)
            .finish()
    }
}

/// Why there can be no cache.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CacheError {
    /// The URL can never work.
    #[error(
        "the Redis URL is unusable: expected redis://, redis+unix://, redis-cluster:// or \
         redis-sentinel://, with a host or a path, or with TLS rediss://, rediss-cluster:// or \
         rediss-sentinel://"
    )]
    Url,
    /// A file for TLS cannot be used.
    #[error("TLS to Redis: {0}")]
    Tls(String),
    /// Files for TLS, and an address without.
    #[error("tls_ca, tls_cert, tls_key: the address is without TLS (rediss:// is with it)")]
    Plain,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_password_is_shown() {
        let url = Some("redis://:hunter2@localhost".to_owned());
        let shown = format!("{:?}", CacheConfig { url, ..CacheConfig::default() });
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}
