//! The configuration: `defaults.toml` (the manual), a file over it, the environment over
//! both. Everything that is wrong is said at once, before anything is started.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use ipnet::IpNet;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use toml::{Table, Value};

use crate::core::ProviderId;
use crate::providers::signature::Secrets;

const DEFAULTS: &str = include_str!("defaults.toml");

/// Everything that can be configured.
#[derive(Debug)]
pub struct Config {
    /// `[http]`
    pub http: Http,
    /// `[ops]`
    pub ops: Ops,
    /// `[database]`
    pub database: Database,
    /// `[cache]`
    pub cache: Cache,
    /// `[log]`
    pub log: Log,
    /// `[operator]`
    pub operator: Operator,
    /// `[providers.*]`, by slug.
    pub providers: BTreeMap<ProviderId, Provider>,
}

/// `[http]`; the units are in the names, the meanings in `defaults.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "every key is explained in defaults.toml")]
pub struct Http {
    pub listen: SocketAddr,
    pub header_timeout_ms: u64,
    pub connections_max: usize,
    pub in_flight_max: usize,
    pub shutdown_ms: u64,
    pub trusted_proxies: Vec<IpNet>,
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

/// `[operator]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "every key is explained in defaults.toml")]
pub struct Operator {
    pub keys: Vec<OperatorKey>,
    pub deadline_ms: u64,
    pub body_max: usize,
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
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Look.
    Read,
    /// Look and change.
    Write,
}

/// One provider, its secrets resolved.
#[derive(Debug)]
pub struct Provider {
    /// A name out of [`crate::providers::PROTOCOLS`].
    pub protocol: String,
    /// One, or two while they are being rotated.
    pub secrets: Secrets,
    /// Who may call; empty for everybody.
    pub allow: Vec<IpNet>,
    /// The longest that a call may take.
    pub deadline: Duration,
    /// The largest body, in bytes.
    pub body_max: usize,
    /// Calls in progress.
    pub in_flight_max: usize,
    /// The protocol's own settings.
    pub settings: Table,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawProvider {
    protocol: String,
    secrets: Vec<String>,
    #[serde(default)]
    allow: Vec<IpNet>,
    #[serde(default = "default_deadline_ms")]
    deadline_ms: u64,
    #[serde(default = "default_body_max")]
    body_max: usize,
    #[serde(default = "default_in_flight_max")]
    in_flight_max: usize,
    #[serde(default)]
    settings: Table,
}

const fn default_deadline_ms() -> u64 {
    2500
}

const fn default_body_max() -> usize {
    256 * 1024
}

const fn default_in_flight_max() -> usize {
    2048
}

/// Everything that is wrong with a configuration.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the configuration cannot be used:\n  - {}", .0.join("\n  - "))]
pub struct ConfigErrors(pub Vec<String>);

impl Config {
    /// Reads the defaults, the file and the environment, in this order.
    ///
    /// # Errors
    /// [`ConfigErrors`] with everything that is wrong.
    pub fn load(file: Option<&Path>, env: &dyn Env) -> Result<Self, ConfigErrors> {
        let mut table = parse(DEFAULTS, "defaults.toml")?;
        if let Some(path) = file {
            let text = std::fs::read_to_string(path)
                .map_err(|error| ConfigErrors(vec![format!("{}: {error}", path.display())]))?;
            merge(&mut table, parse(&text, &path.display().to_string())?);
        }
        let mut errors = Vec::new();
        overlay_env(&mut table, env, &mut errors);
        Self::from_table(table, env, errors)
    }

    fn from_table(
        mut table: Table,
        env: &dyn Env,
        mut errors: Vec<String>,
    ) -> Result<Self, ConfigErrors> {
        let providers = table.remove("providers").unwrap_or_else(|| Value::Table(Table::new()));
        let http: Option<Http> = section(&mut table, "http", &mut errors);
        let ops: Option<Ops> = section(&mut table, "ops", &mut errors);
        let database: Option<Database> = section(&mut table, "database", &mut errors);
        let cache: Option<Cache> = section(&mut table, "cache", &mut errors);
        let log: Option<Log> = section(&mut table, "log", &mut errors);
        let operator: Option<Operator> = section(&mut table, "operator", &mut errors);
        errors.extend(table.keys().map(|key| format!("[{key}]: no such section")));
        let providers = read_providers(providers, env, &mut errors);
        let (Some(http), Some(ops), Some(database), Some(cache), Some(log), Some(operator)) =
            (http, ops, database, cache, log, operator)
        else {
            return Err(ConfigErrors(errors));
        };
        if errors.is_empty() {
            Ok(Self { http, ops, database, cache, log, operator, providers })
        } else {
            Err(ConfigErrors(errors))
        }
    }
}

/// A section that can tell what is wrong with its values.
trait Section: DeserializeOwned {
    /// Calls `must` with every rule and whether it holds.
    fn check(&self, must: &mut dyn FnMut(bool, &str));
}

impl Section for Http {
    fn check(&self, must: &mut dyn FnMut(bool, &str)) {
        must(self.connections_max > 0, "connections_max: must be at least 1");
        must(self.in_flight_max > 0, "in_flight_max: must be at least 1");
        must(self.header_timeout_ms > 0, "header_timeout_ms: must be at least 1");
    }
}

impl Section for Ops {
    fn check(&self, _must: &mut dyn FnMut(bool, &str)) {}
}

impl Section for Database {
    fn check(&self, must: &mut dyn FnMut(bool, &str)) {
        must(!self.url.expose_secret().is_empty(), "url: is required (or DATABASE_URL)");
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
        must(self.command_timeout_ms > 0, "command_timeout_ms: must be at least 1");
        must(self.claim_ttl_s > 0, "claim_ttl_s: must be at least 1");
        must(self.balance_ttl_s > 0, "balance_ttl_s: must be at least 1");
        must(self.breaker_failures > 0, "breaker_failures: must be at least 1");
    }
}

impl Section for Log {
    fn check(&self, must: &mut dyn FnMut(bool, &str)) {
        must(!self.filter.is_empty(), "filter: must not be empty");
    }
}

impl Section for Operator {
    fn check(&self, must: &mut dyn FnMut(bool, &str)) {
        must(self.deadline_ms >= 50, "deadline_ms: must be at least 50");
        must(self.body_max > 0, "body_max: must be at least 1");
        for key in &self.keys {
            let is_hash = key.sha256.len() == 64 && hex::decode(&key.sha256).is_ok();
            must(is_hash, &format!("keys ({}): sha256 must be 64 hex characters", key.name));
        }
    }
}

/// Where environment variables come from, so that tests need not touch the process's own.
pub trait Env {
    /// The value of a variable, when it is set and not empty.
    fn get(&self, name: &str) -> Option<String>;
    /// Every variable.
    fn all(&self) -> Vec<(String, String)>;
}

/// The process's own environment.
#[derive(Clone, Copy, Debug)]
pub struct ProcessEnv;

impl Env for ProcessEnv {
    fn get(&self, name: &str) -> Option<String> {
        std::env::var(name).ok().filter(|value| !value.is_empty())
    }

    fn all(&self) -> Vec<(String, String)> {
        std::env::vars().collect()
    }
}

fn parse(text: &str, name: &str) -> Result<Table, ConfigErrors> {
    text.parse::<Table>().map_err(|error| ConfigErrors(vec![format!("{name}: {error}")]))
}

/// Lays one table over another.
fn merge(below: &mut Table, above: Table) {
    for (key, value) in above {
        match (below.get_mut(&key), value) {
            (Some(Value::Table(below)), Value::Table(above)) => merge(below, above),
            (_, value) => {
                below.insert(key, value);
            }
        }
    }
}

fn overlay_env(table: &mut Table, env: &dyn Env, errors: &mut Vec<String>) {
    for (name, value) in env.all() {
        let Some(path) = name.strip_prefix("WALLET__") else { continue };
        let path: Vec<String> = path.split("__").map(str::to_ascii_lowercase).collect();
        // `key = value` in TOML's own words, or else the text as it is.
        let value = format!("v = {value}")
            .parse::<Table>()
            .ok()
            .and_then(|mut parsed| parsed.remove("v"))
            .unwrap_or(Value::String(value));
        let mut layer = Table::new();
        let Some((last, parents)) = path.split_last() else { continue };
        layer.insert(last.clone(), value);
        for parent in parents.iter().rev() {
            layer = Table::from_iter([(parent.clone(), Value::Table(layer))]);
        }
        merge(table, layer);
    }
    for (name, part) in [("DATABASE_URL", "database"), ("REDIS_URL", "cache")] {
        if let Some(url) = env.get(name) {
            let layer = Table::from_iter([("url".to_owned(), Value::String(url))]);
            merge(table, Table::from_iter([(part.to_owned(), Value::Table(layer))]));
        }
    }
    for (name, part) in [("PORT", "http"), ("OPS_PORT", "ops")] {
        if let Some(port) = env.get(name) {
            set_port(table, part, name, &port, errors);
        }
    }
}

fn set_port(table: &mut Table, part: &str, name: &str, port: &str, errors: &mut Vec<String>) {
    let Ok(port) = port.parse::<u16>() else {
        errors.push(format!("{name}: `{port}` is not a port"));
        return;
    };
    let listen = table.get_mut(part).and_then(|part| part.get_mut("listen"));
    if let Some(Value::String(listen)) = listen
        && let Ok(mut address) = listen.parse::<SocketAddr>()
    {
        address.set_port(port);
        *listen = address.to_string();
    }
}

fn section<T: Section>(table: &mut Table, name: &str, errors: &mut Vec<String>) -> Option<T> {
    let value = table.remove(name).unwrap_or_else(|| Value::Table(Table::new()));
    let parsed: Result<T, toml::de::Error> = value.try_into();
    match parsed {
        Ok(section) => {
            section.check(&mut |good, what| {
                if !good {
                    errors.push(format!("{name}.{what}"));
                }
            });
            Some(section)
        }
        Err(error) => {
            errors.push(format!("[{name}]: {}", error.message()));
            None
        }
    }
}

fn read_providers(
    value: Value,
    env: &dyn Env,
    errors: &mut Vec<String>,
) -> BTreeMap<ProviderId, Provider> {
    let Value::Table(table) = value else {
        errors.push("providers: must be tables, [providers.<slug>]".to_owned());
        return BTreeMap::new();
    };
    let mut providers = BTreeMap::new();
    for (slug, value) in table {
        match read_provider(&slug, value, env) {
            Ok((id, provider)) => {
                providers.insert(id, provider);
            }
            Err(faults) => {
                errors.extend(faults.iter().map(|fault| format!("providers.{slug}: {fault}")));
            }
        }
    }
    providers
}

fn read_provider(
    slug: &str,
    value: Value,
    env: &dyn Env,
) -> Result<(ProviderId, Provider), Vec<String>> {
    let mut faults = Vec::new();
    let is_slug = slug.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if !is_slug || slug == "operator" || slug == "docs" {
        faults.push("the slug must be lower-case letters, digits and -, and not reserved".into());
    }
    let id = ProviderId::parse(slug).map_err(|error| faults.push(error.to_string())).ok();
    let raw: Option<RawProvider> = value
        .try_into()
        .map_err(|error: toml::de::Error| faults.push(error.message().to_owned()))
        .ok();
    let (Some(id), Some(raw)) = (id, raw) else { return Err(faults) };
    if crate::providers::protocol(&raw.protocol).is_none() {
        faults.push(format!("protocol `{}` is not one of this build", raw.protocol));
    }
    let mut secrets = Vec::new();
    for reference in &raw.secrets {
        match resolve_secret(reference, env) {
            Ok(secret) => secrets.push(secret),
            Err(fault) => faults.push(fault),
        }
    }
    let secrets = if secrets.len() == raw.secrets.len() {
        Secrets::new(secrets).map_err(|error| faults.push(format!("secrets: {error}"))).ok()
    } else {
        None
    };
    for (good, what) in [
        (raw.deadline_ms >= 50, "deadline_ms: must be at least 50"),
        (raw.body_max > 0, "body_max: must be at least 1"),
        (raw.in_flight_max > 0, "in_flight_max: must be at least 1"),
    ] {
        if !good {
            faults.push(what.to_owned());
        }
    }
    match secrets {
        Some(secrets) if faults.is_empty() => Ok((
            id,
            Provider {
                protocol: raw.protocol,
                secrets,
                allow: raw.allow,
                deadline: Duration::from_millis(raw.deadline_ms),
                body_max: raw.body_max,
                in_flight_max: raw.in_flight_max,
                settings: raw.settings,
            },
        )),
        _ => Err(faults),
    }
}

/// Follows a reference to a secret. The message never repeats what was found.
fn resolve_secret(reference: &str, env: &dyn Env) -> Result<SecretString, String> {
    if let Some(name) = reference.strip_prefix("env:") {
        let value = env.get(name).ok_or(format!("secrets: the variable {name} is not set"))?;
        return Ok(SecretString::from(value));
    }
    if let Some(path) = reference.strip_prefix("file:") {
        let text =
            std::fs::read_to_string(path).map_err(|error| format!("secrets: {path}: {error}"))?;
        return Ok(SecretString::from(text.trim_end_matches(['\r', '\n'])));
    }
    Err("secrets: write \"env:NAME\" or \"file:/path\", never the secret itself".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed(Vec<(&'static str, &'static str)>);

    impl Env for Fixed {
        fn get(&self, name: &str) -> Option<String> {
            self.0.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned())
        }

        fn all(&self) -> Vec<(String, String)> {
            self.0.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect()
        }
    }

    fn load(text: &str, env: &Fixed) -> Result<Config, ConfigErrors> {
        let mut table = parse(DEFAULTS, "defaults.toml")?;
        merge(&mut table, parse(text, "test.toml")?);
        let mut errors = Vec::new();
        overlay_env(&mut table, env, &mut errors);
        Config::from_table(table, env, errors)
    }

    #[test]
    fn the_defaults_need_only_a_database() {
        let config = load("", &Fixed(vec![("DATABASE_URL", "postgres://db")])).expect("valid");
        assert_eq!(config.http.listen.port(), 8080);
        assert!(config.providers.is_empty() && config.operator.keys.is_empty());
        assert!(load("", &Fixed(vec![])).is_err(), "there is no default database");
    }

    #[test]
    fn the_environment_stands_over_the_file() {
        let env = Fixed(vec![
            ("DATABASE_URL", "postgres://db"),
            ("PORT", "9999"),
            ("WALLET__DATABASE__LANES", "2"),
            ("WALLET__LOG__FORMAT", "text"),
        ]);
        let config = load("[database]\nlanes = 4\n", &env).expect("valid");
        assert_eq!(config.http.listen.port(), 9999);
        assert_eq!(config.database.lanes, 2);
        assert_eq!(config.log.format, LogFormat::Text);
    }

    #[test]
    fn every_error_is_said_at_once() {
        let text = r#"
            [http]
            lisen = "x"
            [database]
            lanes = 0
            [providers.one]
            protocol = "unheard-of"
            secrets = ["plain text"]
            [providers.two]
            protocol = "pragmatic"
            secrets = ["env:MISSING"]
            [providers.three]
            protocol = "pragmatic"
            secrets = []
        "#;
        let ConfigErrors(errors) = load(text, &Fixed(vec![("PORT", "http")])).expect_err("invalid");
        let all = errors.join("\n");
        for part in [
            "lisen",
            "database.lanes",
            "unheard-of",
            "env:NAME",
            "MISSING",
            "three: secrets",
            "PORT",
        ] {
            assert!(all.contains(part), "{part} is not in:\n{all}");
        }
        assert!(!all.contains("plain text"), "a secret must not be repeated:\n{all}");
    }

    #[test]
    fn a_secret_is_not_shown() {
        let text = "[providers.p]\nprotocol = \"pragmatic\"\nsecrets = [\"env:S\"]\n";
        let env = Fixed(vec![("DATABASE_URL", "postgres://u:hidden@db"), ("S", "hidden")]);
        let config = load(text, &env).expect("valid");
        assert!(!format!("{config:?}").contains("hidden"));
    }
}
