//! The environment, which stands over the file.

use std::net::SocketAddr;

use toml::{Table, Value};

use super::merge;

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

pub(super) fn overlay_env(table: &mut Table, env: &dyn Env, errors: &mut Vec<String>) {
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
    for (name, part, key) in [
        ("DATABASE_URL", "database", "url"),
        ("REDIS_URL", "cache", "url"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "telemetry", "otlp_endpoint"),
    ] {
        if let Some(url) = env.get(name) {
            let layer = Table::from_iter([(key.to_owned(), Value::String(url))]);
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
