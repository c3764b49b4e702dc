//! The configuration: `defaults.toml` (the manual), a file over it, the environment over
//! both. Everything that is wrong is said at once, before anything is started.

mod effective;
mod env;
mod feed;
mod jobs;
mod provider;
mod risks;
mod sections;

use std::collections::BTreeMap;
use std::path::Path;

use toml::{Table, Value};

use crate::core::ProviderId;
use crate::providers::{PROTOCOLS, Protocol};
pub use effective::Effective;
use env::overlay_env;
pub use env::{Env, ProcessEnv};
pub use feed::{Columns, Feed, FeedKind, FeedType, Sign};
pub use jobs::Jobs;
pub use provider::Provider;
use provider::read_provider;
use sections::Section;
pub use sections::{
    Cache, Database, Grpc, Http, Log, LogFormat, Operator, OperatorKey, Ops, Role, Telemetry,
};

const DEFAULTS: &str = include_str!("../defaults.toml");

/// Everything that can be configured.
#[derive(Debug)]
pub struct Config {
    /// `[http]`
    pub http: Http,
    /// `[grpc]`
    pub grpc: Grpc,
    /// `[ops]`
    pub ops: Ops,
    /// `[database]`
    pub database: Database,
    /// `[cache]`
    pub cache: Cache,
    /// `[log]`
    pub log: Log,
    /// `[telemetry]`
    pub telemetry: Telemetry,
    /// `[operator]`
    pub operator: Operator,
    /// `[jobs]`
    pub jobs: Jobs,
    /// `[providers.*]`, by slug.
    pub providers: BTreeMap<ProviderId, Provider>,
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
        Ok(Self::read(file, env)?.0)
    }

    /// As [`Self::load`], in a build that speaks these protocols.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn load_with(
        protocols: &'static [Protocol],
        file: &Path,
        env: &dyn Env,
    ) -> Result<Self, ConfigErrors> {
        Ok(Self::read_with(protocols, Some(file), env)?.0)
    }

    /// As [`Self::load`], and says what holds in the end.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn read(file: Option<&Path>, env: &dyn Env) -> Result<(Self, Effective), ConfigErrors> {
        Self::read_with(PROTOCOLS, file, env)
    }

    fn read_with(
        protocols: &'static [Protocol],
        file: Option<&Path>,
        env: &dyn Env,
    ) -> Result<(Self, Effective), ConfigErrors> {
        let defaults = parse(DEFAULTS, "defaults.toml")?;
        let mut table = defaults.clone();
        let mut name = String::new();
        if let Some(path) = file {
            name = path.display().to_string();
            let text = std::fs::read_to_string(path)
                .map_err(|error| ConfigErrors(vec![format!("{name}: {error}")]))?;
            merge(&mut table, parse(&text, &name)?);
        }
        let with_file = table.clone();
        let mut errors = Vec::new();
        overlay_env(&mut table, env, &mut errors);
        let effective = Effective { defaults, with_file, all: table.clone(), file: name };
        Ok((Self::from_table(protocols, table, env, errors)?, effective))
    }

    /// Providers of whom two have the same secret.
    pub fn shared_secrets(&self) -> Vec<(&ProviderId, &ProviderId)> {
        let mut shared = Vec::new();
        let mut seen: BTreeMap<[u8; 32], &ProviderId> = BTreeMap::new();
        for (id, provider) in &self.providers {
            for hash in provider.secrets.hashes() {
                match seen.insert(hash, id) {
                    Some(other) if other != id => shared.push((other, id)),
                    _ => {}
                }
            }
        }
        shared
    }

    fn from_table(
        protocols: &'static [Protocol],
        mut table: Table,
        env: &dyn Env,
        mut errors: Vec<String>,
    ) -> Result<Self, ConfigErrors> {
        let providers = table.remove("providers").unwrap_or_else(|| Value::Table(Table::new()));
        let http: Option<Http> = section(&mut table, "http", &mut errors);
        let grpc: Option<Grpc> = section(&mut table, "grpc", &mut errors);
        let ops: Option<Ops> = section(&mut table, "ops", &mut errors);
        let database: Option<Database> = section(&mut table, "database", &mut errors);
        let cache: Option<Cache> = section(&mut table, "cache", &mut errors);
        let log: Option<Log> = section(&mut table, "log", &mut errors);
        let telemetry: Option<Telemetry> = section(&mut table, "telemetry", &mut errors);
        let operator: Option<Operator> = section(&mut table, "operator", &mut errors);
        let jobs: Option<Jobs> = section(&mut table, "jobs", &mut errors);
        errors.extend(table.keys().map(|key| format!("[{key}]: no such section")));
        let providers = read_providers(protocols, providers, env, &mut errors);
        let (Some(http), Some(ops), Some(database), Some(cache)) = (http, ops, database, cache)
        else {
            return Err(ConfigErrors(errors));
        };
        let (Some(grpc), Some(log), Some(telemetry), Some(operator), Some(jobs)) =
            (grpc, log, telemetry, operator, jobs)
        else {
            return Err(ConfigErrors(errors));
        };
        errors.extend(same_port(&http, &ops, &grpc));
        if errors.is_empty() {
            Ok(Self { http, grpc, ops, database, cache, log, telemetry, operator, jobs, providers })
        } else {
            Err(ConfigErrors(errors))
        }
    }
}

/// A text that is no TOML is pointed at by its line, and not shown: a secret may stand there.
fn parse(text: &str, name: &str) -> Result<Table, ConfigErrors> {
    text.parse::<Table>().map_err(|error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        ConfigErrors(vec![format!("{name}: line {line}: {}", without_value(&error))])
    })
}

/// What the library says without the text that it did not expect: that may be a secret.
fn without_value(error: &toml::de::Error) -> String {
    let message = error.message();
    match (message.split_once(" string \""), message.rsplit_once("\", expected ")) {
        (Some((what, _)), Some((_, expected))) => format!("{what} string, expected {expected}"),
        _ => message.to_owned(),
    }
}

/// The key below its section that an error is about. It stands behind the message, which may repeat a
/// value.
fn key_of(error: &toml::de::Error) -> Option<String> {
    let text = error.to_string();
    let key = text.trim_end().lines().last()?.strip_prefix("in `")?.strip_suffix('`')?;
    Some(key.to_owned())
}

/// Two that would listen on one port: the second one could not.
fn same_port(http: &Http, ops: &Ops, grpc: &Grpc) -> Vec<String> {
    let mut taken = BTreeMap::new();
    let all = [("http", Some(http.listen)), ("ops", Some(ops.listen)), ("grpc", grpc.listen)];
    let mut errors = Vec::new();
    for (name, address) in all {
        let Some(port) = address.map(|address| address.port()).filter(|port| *port != 0) else {
            continue;
        };
        if let Some(other) = taken.insert(port, name) {
            errors.push(format!("{name}.listen: port {port} is that of {other}.listen already"));
        }
    }
    errors
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
            let place =
                key_of(&error).map_or_else(|| format!("[{name}]"), |key| format!("{name}.{key}"));
            errors.push(format!("{place}: {}", without_value(&error)));
            None
        }
    }
}

fn read_providers(
    protocols: &'static [Protocol],
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
        match read_provider(protocols, &slug, value, env) {
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

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) struct Fixed(pub Vec<(&'static str, &'static str)>);

    impl Env for Fixed {
        fn get(&self, name: &str) -> Option<String> {
            self.0.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned())
        }

        fn all(&self) -> Vec<(String, String)> {
            self.0.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect()
        }
    }

    pub(super) fn load(text: &str, env: &Fixed) -> Result<Config, ConfigErrors> {
        let mut table = parse(DEFAULTS, "defaults.toml")?;
        merge(&mut table, parse(text, "test.toml")?);
        let mut errors = Vec::new();
        overlay_env(&mut table, env, &mut errors);
        Config::from_table(PROTOCOLS, table, env, errors)
    }

    #[test]
    fn the_defaults_need_only_a_database() {
        let config = load("", &Fixed(vec![("DATABASE_URL", "postgres://db")])).expect("valid");
        assert_eq!(config.http.listen.port(), 8080);
        assert!(config.providers.is_empty() && config.operator.keys.is_empty());
        for none in [vec![], vec![("DATABASE_URL", "mysql://db")]] {
            let ConfigErrors(errors) = load("", &Fixed(none)).expect_err("no database of ours");
            assert!(
                matches!(&errors[..], [only] if only.starts_with("database.url")),
                "{errors:?}"
            );
        }
    }

    #[test]
    fn the_environment_stands_over_the_file() {
        let env = Fixed(vec![
            ("DATABASE_URL", "postgres://db"),
            ("PORT", "9999"),
            ("WALLET__DATABASE__LANES", "2"),
            ("WALLET__LOG__FORMAT", "text"),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318"),
        ]);
        let config = load("[database]\nlanes = 4\n", &env).expect("valid");
        assert_eq!(config.http.listen.port(), 9999);
        assert_eq!(config.database.lanes, 2);
        assert_eq!(config.log.format, LogFormat::Text);
        assert_eq!(config.telemetry.otlp_endpoint, "http://collector:4318");
    }

    #[test]
    fn every_error_is_said_at_once() {
        let text = r#"
            [http]
            lisen = "x"
            [database]
            lanes = 0
            [operator]
            exports_max = 4
            [providers.one]
            protocol = "unheard-of"
            secrets = ["plain text"]
            [providers.two]
            protocol = "pragmatic"
            secrets = ["env:MISSING"]
            [providers.three]
            protocol = "pragmatic"
            secrets = []
            settings = { free_round = "x" }
            [providers.four]
            protocol = "pragmatic"
            secrets = "a plain text"
            [log]
            filter = "info,=,"
        "#;
        let ConfigErrors(errors) = load(text, &Fixed(vec![("PORT", "http")])).expect_err("invalid");
        let all = errors.join("\n");
        for part in [
            "lisen",
            "database.lanes",
            "operator.pool_max",
            "unheard-of",
            "env:NAME",
            "MISSING",
            "three: secrets",
            "three: settings",
            "four: invalid type: string, expected",
            "log.filter",
            "PORT",
        ] {
            assert!(all.contains(part), "{part} is not in:\n{all}");
        }
        assert!(!all.contains("plain text"), "a secret must not be repeated:\n{all}");
    }

    #[test]
    fn a_value_of_the_wrong_kind_is_named_by_its_key_and_not_repeated() {
        let env = Fixed(vec![("WALLET__DATABASE__LANES", "hidden"), ("DATABASE_URL", "x")]);
        let ConfigErrors(errors) = load("", &env).expect_err("no number");
        let all = errors.join("\n");
        assert!(all.contains("database.lanes: invalid type") && !all.contains("hidden"), "{all}");
    }

    #[test]
    fn what_is_no_toml_is_pointed_at_and_not_repeated() {
        let ConfigErrors(errors) =
            load("[database]\nurl = 'postgres://u:hidden@db\n", &Fixed(vec![]))
                .expect_err("no TOML");
        let all = errors.join("\n");
        assert!(all.contains("test.toml: line 2: ") && !all.contains("hidden"), "{all}");
    }

    #[test]
    fn two_listeners_do_not_want_the_same_port() {
        let env = Fixed(vec![("DATABASE_URL", "postgres://db"), ("OPS_PORT", "8080")]);
        let ConfigErrors(errors) = load("", &env).expect_err("one port");
        assert_eq!(errors, ["ops.listen: port 8080 is that of http.listen already"]);
    }

    #[test]
    fn a_secret_is_not_shown() {
        let text = "[providers.p]\nprotocol = \"pragmatic\"\nsecrets = [\"env:S\"]\n";
        let env = Fixed(vec![("DATABASE_URL", "postgres://u:hidden@db"), ("S", "hidden")]);
        let config = load(text, &env).expect("valid");
        assert!(!format!("{config:?}").contains("hidden"));
    }
}
