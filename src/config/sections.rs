//! The sections and what is a sensible value in each.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use ipnet::IpNet;
use secrecy::{ExposeSecret, SecretString};
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};

/// `[http]`; the units are in the names, the meanings in `defaults.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "every key is explained in defaults.toml")]
pub struct Http {
    pub listen: SocketAddr,
    pub workers: usize,
    pub header_timeout_ms: u64,
    pub idle_timeout_ms: u64,
    pub connections_max: usize,
    pub connections_per_address_max: usize,
    pub in_flight_max: usize,
    pub unproven_bytes_max: usize,
    pub drain_ms: u64,
    pub shutdown_ms: u64,
    pub trusted_proxies: Vec<IpNet>,
    pub docs: bool,
    pub docs_demo: BTreeMap<String, String>,
}

/// `[grpc]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "every key is explained in defaults.toml")]
pub struct Grpc {
    #[serde(deserialize_with = "address_or_none")]
    pub listen: Option<SocketAddr>,
    pub tls_cert: PathBuf,
    pub tls_key: PathBuf,
    pub connections_max: usize,
    pub streams_max: u32,
    pub batch_max: usize,
    pub stream_ms: u64,
    pub reflection: bool,
}

/// An empty text is no address.
fn address_or_none<'de, D: Deserializer<'de>>(value: D) -> Result<Option<SocketAddr>, D::Error> {
    let text = String::deserialize(value)?;
    let parse = |text: &str| text.parse().map_err(|_| D::Error::custom("listen: not an address"));
    Some(text.as_str()).filter(|text| !text.is_empty()).map(parse).transpose()
}

/// An empty text is no path.
fn path_or_none<'de, D: Deserializer<'de>>(value: D) -> Result<Option<PathBuf>, D::Error> {
    let path = PathBuf::deserialize(value)?;
    Ok(Some(path).filter(|path| !path.as_os_str().is_empty()))
}

/// `[ops]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "every key is explained in defaults.toml")]
pub struct Ops {
    pub listen: SocketAddr,
}

/// `[database]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "every key is explained in defaults.toml")]
pub struct Database {
    pub url: SecretString,
    pub pool_max: u32,
    pub timeout_ms: u64,
    pub lanes: usize,
    pub batch_max: usize,
    pub queue_max: usize,
    pub batch_timeout_ms: u64,
}

/// `[cache]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "every key is explained in defaults.toml")]
pub struct Cache {
    pub url: SecretString,
    #[serde(deserialize_with = "path_or_none")]
    pub tls_ca: Option<PathBuf>,
    #[serde(deserialize_with = "path_or_none")]
    pub tls_cert: Option<PathBuf>,
    #[serde(deserialize_with = "path_or_none")]
    pub tls_key: Option<PathBuf>,
    pub command_timeout_ms: u64,
    pub claim_ttl_s: u64,
    pub balance_ttl_s: u64,
    pub breaker_failures: u32,
    pub breaker_pause_ms: u64,
}

/// `[log]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "every key is explained in defaults.toml")]
pub struct Log {
    pub filter: String,
    pub format: LogFormat,
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For a person at a terminal.
    Text,
}

/// `[telemetry]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "every key is explained in defaults.toml")]
pub struct Telemetry {
    pub otlp_endpoint: String,
    pub sample_ratio: f64,
}

/// `[operator]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "every key is explained in defaults.toml")]
pub struct Operator {
    pub keys: Vec<OperatorKey>,
    pub deadline_ms: u64,
    pub body_max: usize,
    pub in_flight_max: usize,
    pub pool_max: u32,
    pub search_timeout_ms: u64,
    pub search_examine: u32,
    pub exports_max: usize,
    pub export_timeout_s: u64,
}

/// One key of the operator's API.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OperatorKey {
    /// Who holds it, for the log.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// The key's SHA-256, hex.
    pub sha256: String,
}

/// What an operator's key may do.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Look.
    Read,
    /// Look and change.
    Write,
}

/// A section that can tell what is wrong with its values.
pub(super) trait Section: DeserializeOwned {
    /// Calls `must` with every rule and whether it holds.
    fn check(&self, must: &mut dyn FnMut(bool, &str));
}

impl Section for Http {
    fn check(&self, must: &mut dyn FnMut(bool, &str)) {
        must(self.connections_max > 0, "connections_max: must be at least 1");
        must(self.in_flight_max > 0, "in_flight_max: must be at least 1");
        must(self.header_timeout_ms > 0, "header_timeout_ms: must be at least 1");
        must(self.idle_timeout_ms > 0, "idle_timeout_ms: must be at least 1");
        let per_address = self.connections_per_address_max;
        must(per_address > 0, "connections_per_address_max: must be at least 1");
        must(self.unproven_bytes_max >= 1 << 20, "unproven_bytes_max: must be at least 1048576");
    }
}

impl Section for Grpc {
    fn check(&self, must: &mut dyn FnMut(bool, &str)) {
        let is_named = |path: &Path| !path.as_os_str().is_empty();
        let both_or_none = is_named(&self.tls_cert) == is_named(&self.tls_key);
        must(both_or_none, "tls_cert, tls_key: both are needed, or none");
        must(self.connections_max > 0, "connections_max: must be at least 1");
        must(self.streams_max > 0, "streams_max: must be at least 1");
        must((1..=1000).contains(&self.batch_max), "batch_max: must be 1 to 1000");
        must(self.stream_ms > 0, "stream_ms: must be at least 1");
    }
}

impl Section for Ops {
    fn check(&self, _must: &mut dyn FnMut(bool, &str)) {}
}

impl Section for Database {
    fn check(&self, must: &mut dyn FnMut(bool, &str)) {
        let url = self.url.expose_secret();
        must(!url.is_empty(), "url: is required (or DATABASE_URL)");
        // The library takes any scheme, and speaks PostgreSQL to whatever is there.
        let starts = ["postgres://", "postgresql://", "file:"];
        let is_ours = url.is_empty() || starts.iter().any(|start| url.starts_with(start));
        must(is_ours, "url: must begin with postgres:// (or be a file: that holds such a one)");
        must(self.pool_max > 0, "pool_max: must be at least 1");
        must((1..=64).contains(&self.lanes), "lanes: must be 1 to 64");
        must((1..=4096).contains(&self.batch_max), "batch_max: must be 1 to 4096");
        must(self.queue_max > 0, "queue_max: must be at least 1");
        must(self.timeout_ms > 0, "timeout_ms: must be at least 1");
        must(self.batch_timeout_ms > 0, "batch_timeout_ms: must be at least 1");
    }
}

impl Section for Cache {
    fn check(&self, must: &mut dyn FnMut(bool, &str)) {
        let both_or_none = self.tls_cert.is_some() == self.tls_key.is_some();
        must(both_or_none, "tls_cert, tls_key: both are needed, or none");
        must(self.command_timeout_ms > 0, "command_timeout_ms: must be at least 1");
        must(self.claim_ttl_s > 0, "claim_ttl_s: must be at least 1");
        must(self.balance_ttl_s > 0, "balance_ttl_s: must be at least 1");
        must(self.breaker_failures > 0, "breaker_failures: must be at least 1");
    }
}

impl Section for Log {
    fn check(&self, must: &mut dyn FnMut(bool, &str)) {
        must(!self.filter.is_empty(), "filter: must not be empty");
        let is_filter = tracing_subscriber::EnvFilter::try_new(&self.filter).is_ok();
        must(is_filter, "filter: must be as in RUST_LOG, such as \"info\"");
    }
}

impl Section for Telemetry {
    fn check(&self, must: &mut dyn FnMut(bool, &str)) {
        let endpoint = &self.otlp_endpoint;
        let plain = endpoint.is_empty() || endpoint.starts_with("http://");
        must(plain, "otlp_endpoint: must begin with http:// (TLS is the collector's)");
        must((0.0..=1.0).contains(&self.sample_ratio), "sample_ratio: must be 0.0 to 1.0");
    }
}

impl Section for Operator {
    fn check(&self, must: &mut dyn FnMut(bool, &str)) {
        must((50..=600_000).contains(&self.deadline_ms), "deadline_ms: must be 50 to 600000");
        must(self.body_max > 0, "body_max: must be at least 1");
        must(self.in_flight_max > 0, "in_flight_max: must be at least 1");
        must(self.pool_max > 0, "pool_max: must be at least 1");
        must(self.search_timeout_ms > 0, "search_timeout_ms: must be at least 1");
        must(self.search_examine > 0, "search_examine: must be at least 1");
        must(self.exports_max > 0, "exports_max: must be at least 1");
        // Each export holds one as long as it lasts.
        let searches_too = self.exports_max.saturating_add(1);
        let suffices = usize::try_from(self.pool_max).is_ok_and(|all| all >= searches_too);
        must(suffices, "pool_max: must be at least 1 more than exports_max");
        must(self.export_timeout_s > 0, "export_timeout_s: must be at least 1");
        for key in &self.keys {
            let is_hash = key.sha256.len() == 64 && hex::decode(&key.sha256).is_ok();
            must(is_hash, &format!("keys ({}): sha256 must be 64 hex characters", key.name));
        }
    }
}
