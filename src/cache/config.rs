//! How Redis is used.

use std::fmt;
use std::time::Duration;

/// How Redis is used.
#[derive(Clone)]
pub struct CacheConfig {
    /// `redis://`, `redis+unix://`, `redis-cluster://` or `redis-sentinel://`; `None` for no
    /// Redis at all. May hold a password.
    pub url: Option<String>,
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
            .field("command_timeout", &self.command_timeout)
            .field("claim_ttl", &self.claim_ttl)
            .field("balance_ttl", &self.balance_ttl)
            .field("breaker_failures", &self.breaker_failures)
            .field("breaker_pause", &self.breaker_pause)
            .finish()
    }
}

/// Why there can be no cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CacheError {
    /// The URL can never work.
    #[error(
        "the Redis URL is unusable: expected redis://, redis+unix://, redis-cluster:// or \
         redis-sentinel://, with a host or a path"
    )]
    Url,
    /// An encrypted address.
    #[error("this build speaks no TLS to Redis")]
    Tls,
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
