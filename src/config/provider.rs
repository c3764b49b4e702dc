//! One `[providers.<slug>]` table.

use std::time::Duration;

use ipnet::IpNet;
use secrecy::SecretString;
use serde::Deserialize;
use toml::{Table, Value};

use super::env::Env;
use super::feed::Feed;
use crate::core::ProviderId;
use crate::providers::signature::Secrets;

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
    /// What its own list of transactions looks like.
    pub feed: Option<Feed>,
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
    feed: Option<Feed>,
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

pub(super) fn read_provider(
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
    let raw: Option<RawProvider> =
        value.try_into().map_err(|error: toml::de::Error| faults.push(super::said(&error))).ok();
    let (Some(id), Some(raw)) = (id, raw) else { return Err(faults) };
    match crate::providers::protocol(&raw.protocol) {
        None => faults.push(unknown_protocol(&raw.protocol)),
        Some(protocol) => {
            // Made to see what it says, and made again for use.
            let built = (protocol.build)(id.clone(), raw.settings.clone());
            faults.extend(built.err().map(|fault| format!("settings: {fault}")));
        }
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
        ((50..=60_000).contains(&raw.deadline_ms), "deadline_ms: must be 50 to 60000"),
        (raw.body_max > 0, "body_max: must be at least 1"),
        (raw.in_flight_max > 0, "in_flight_max: must be at least 1"),
    ] {
        if !good {
            faults.push(what.to_owned());
        }
    }
    faults.extend(raw.feed.iter().flat_map(Feed::faults));
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
                feed: raw.feed,
            },
        )),
        _ => Err(faults),
    }
}

fn unknown_protocol(name: &str) -> String {
    let known: Vec<_> = crate::providers::PROTOCOLS.iter().map(|known| known.name).collect();
    format!("protocol `{name}` is not one of this build: there are {}", known.join(", "))
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
