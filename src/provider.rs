//! One provider as it is served: how it speaks, what it proves itself with, and its limits.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use tokio::sync::Semaphore;

use crate::config;
use crate::core::ProviderId;
use crate::meters::CallMeters;
use crate::providers::Adapter;
use crate::providers::signature::Secrets;

/// One provider as it is served.
pub struct Provider {
    /// The slug.
    pub id: ProviderId,
    /// The name of its protocol.
    pub protocol: &'static str,
    /// How it speaks.
    pub adapter: Box<dyn Adapter>,
    /// What it proves itself with.
    pub secrets: Secrets,
    /// Who may call; empty for everybody.
    pub allow: Vec<IpNet>,
    /// The longest that a call may take.
    pub deadline: Duration,
    /// The largest body, in bytes.
    pub body_max: usize,
    /// Places for calls in progress.
    pub in_flight: Semaphore,
    /// How many places there are.
    pub in_flight_max: usize,
    /// What is counted of its calls.
    pub meters: CallMeters,
}

impl Provider {
    /// Whether it may call from there; `None` is an address that cannot be read. Where everybody
    /// may call, nobody has to say who it is.
    pub fn may_call_from(&self, address: Option<IpAddr>) -> bool {
        self.allow.is_empty()
            || address.is_some_and(|ip| self.allow.iter().any(|net| net.contains(&ip)))
    }
}

/// All of them as configured, by slug.
///
/// # Errors
/// Everything that is wrong with their settings.
pub fn build_all(
    configured: impl IntoIterator<Item = (ProviderId, config::Provider)>,
) -> Result<HashMap<String, Arc<Provider>>, Vec<String>> {
    let mut providers = HashMap::new();
    let mut faults = Vec::new();
    for (id, config) in configured {
        let protocol = config.protocol;
        let built = (protocol.build)(config.setup(&id));
        match built {
            Ok(adapter) => {
                let provider = Provider {
                    id: id.clone(),
                    protocol: protocol.name,
                    adapter,
                    secrets: config.secrets,
                    allow: config.allow,
                    deadline: config.deadline,
                    body_max: config.body_max,
                    in_flight: Semaphore::new(config.in_flight_max),
                    in_flight_max: config.in_flight_max,
                    meters: CallMeters::of(&id),
                };
                providers.insert(id.to_string(), Arc::new(provider));
            }
            Err(fault) => faults.push(format!("providers.{id}.settings: {fault}")),
        }
    }
    if faults.is_empty() { Ok(providers) } else { Err(faults) }
}
