//! One `[providers.<slug>]` table.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ipnet::IpNet;
use secrecy::SecretString;
use serde::Deserialize;
use toml::{Table, Value};

use super::env::Env;
use super::feed::Feed;
use crate::core::ProviderId;
use crate::providers::signature::Secrets;
use crate::providers::{Protocol, Setup};

/// One provider, its secrets resolved.
#[derive(Debug)]
pub struct Provider {
    /// How it speaks.
    pub protocol: &'static Protocol,
    /// One, or two while they are being rotated; and those that its protocol gives a name.
    pub secrets: Secrets,
    /// Their names.
    pub named_secrets: BTreeSet<String>,
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

impl Provider {
    /// As its protocol wants to know it.
    pub fn setup(&self, id: &ProviderId) -> Setup {
        Setup {
            provider: id.clone(),
            settings: self.settings.clone(),
            named_secrets: self.named_secrets.clone(),
            is_walled: !self.allow.is_empty(),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawProvider {
    protocol: String,
    secrets: Vec<String>,
    #[serde(default)]
    named_secrets: BTreeMap<String, Vec<String>>,
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
    protocols: &'static [Protocol],
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
        .map_err(|error: toml::de::Error| faults.push(super::without_value(&error)))
        .ok();
    let (Some(id), Some(raw)) = (id, raw) else { return Err(faults) };
    let protocol = protocols.iter().find(|known| known.name == raw.protocol);
    match protocol {
        None => faults.push(unknown_protocol(protocols, &raw.protocol)),
        Some(protocol) => {
            // Made to see what it says, and made again for use.
            let built = (protocol.build)(Setup {
                provider: id.clone(),
                settings: raw.settings.clone(),
                named_secrets: raw.named_secrets.keys().cloned().collect(),
                is_walled: !raw.allow.is_empty(),
            });
            faults.extend(built.err().map(|fault| format!("settings: {fault}")));
        }
    }
    let secrets = read_secrets(&raw, env).map_err(|wrong| faults.extend(wrong)).ok();
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
    match (secrets, protocol) {
        (Some(secrets), Some(protocol)) if faults.is_empty() => Ok((
            id,
            Provider {
                protocol,
                secrets,
                named_secrets: raw.named_secrets.into_keys().collect(),
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

/// The provider's secrets, with those that have a name.
fn read_secrets(raw: &RawProvider, env: &dyn Env) -> Result<Secrets, Vec<String>> {
    let mut faults = Vec::new();
    let mut read = |what: &str, references: &[String]| {
        let mut secrets = Vec::new();
        for reference in references {
            match resolve_secret(reference, env) {
                Ok(secret) => secrets.push(secret),
                Err(fault) => faults.push(format!("{what}: {fault}")),
            }
        }
        (secrets.len() == references.len()).then_some(secrets)
    };
    let mut made = read("secrets", &raw.secrets)
        .map(|secrets| Secrets::new(secrets).map_err(|error| format!("secrets: {error}")));
    for (name, references) in &raw.named_secrets {
        let what = format!("named_secrets.{name}");
        let named = read(&what, references);
        made = match (made, named) {
            (Some(Ok(made)), Some(named)) => Some(
                made.with_named(name.clone(), named).map_err(|error| format!("{what}: {error}")),
            ),
            (made, _) => made,
        };
    }
    match made {
        Some(Ok(secrets)) if faults.is_empty() => Ok(secrets),
        Some(Err(fault)) => {
            faults.push(fault);
            Err(faults)
        }
        _ => Err(faults),
    }
}

fn unknown_protocol(protocols: &[Protocol], name: &str) -> String {
    let known: Vec<_> = protocols.iter().map(|known| known.name).collect();
    format!("protocol `{name}` is not one of this build: there are {}", known.join(", "))
}

/// Follows a reference to a secret. The message never repeats what was found.
fn resolve_secret(reference: &str, env: &dyn Env) -> Result<SecretString, String> {
    if let Some(name) = reference.strip_prefix("env:") {
        let value = env.get(name).ok_or(format!("the variable {name} is not set"))?;
        return Ok(SecretString::from(value));
    }
    if let Some(path) = reference.strip_prefix("file:") {
        let text = std::fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))?;
        return Ok(SecretString::from(text.trim_end_matches(['\r', '\n'])));
    }
    Err("write \"env:NAME\" or \"file:/path\", never the secret itself".to_owned())
}
