//! The two scripts, each for any number of calls at once.

use std::sync::Arc;
use std::time::Duration;

use fred::types::Value;
use fred::types::scripts::Script;

use super::connection::Connection;
use super::gather::Gather;
use super::meters::CommandMeters;
use super::{CacheConfig, CachedBalance, Finished, claims, keys};
use crate::core::{Key, PlayerId};

/// A command on its way.
pub(super) struct ClaimAsk {
    claim: String,
    balance: String,
    token: String,
}

/// A command that ended, or a balance that was read.
pub(super) struct PublishAsk {
    balance: String,
    claim: Option<String>,
    version: i64,
    value: String,
    finished: String,
}

/// The scripts over a connection.
pub(super) struct Scripts {
    shared: Arc<Shared>,
    /// `None` in a cluster, where one script may use one player's keys alone.
    gathered: Option<Gathered>,
}

struct Gathered {
    claims: Gather<ClaimAsk, Value>,
    publications: Gather<PublishAsk, ()>,
}

struct Shared {
    connection: Arc<Connection>,
    claim: Script,
    publish: Script,
    claim_ttl: i64,
    balance_ttl: i64,
}

impl ClaimAsk {
    /// For the command of that key; the token is the attempt's own.
    pub(super) fn of(key: &Key, player: &PlayerId, token: String) -> Self {
        Self { claim: keys::claim(key, player), balance: keys::balance(player), token }
    }
}

impl PublishAsk {
    /// For the player's balance and, where a command ended, its result.
    pub(super) fn of(
        player: &PlayerId,
        balance: &CachedBalance,
        finished: Option<Finished>,
    ) -> Self {
        let (claim, finished) = match finished {
            Some(Finished { key, fingerprint, receipt }) => (
                Some(keys::claim(&key, player)),
                claims::encode(fingerprint, &receipt).unwrap_or_default(),
            ),
            None => (None, String::new()),
        };
        Self {
            balance: keys::balance(player),
            claim,
            version: balance.version,
            value: balance.encode(),
            finished,
        }
    }
}

impl Scripts {
    /// Starts to take calls.
    pub(super) fn over(connection: &Arc<Connection>, url: &str, config: &CacheConfig) -> Self {
        let shared = Arc::new(Shared {
            connection: Arc::clone(connection),
            claim: Script::from_lua(include_str!("claim.lua")),
            publish: Script::from_lua(include_str!("publish.lua")),
            claim_ttl: millis(config.claim_ttl),
            balance_ttl: millis(config.balance_ttl),
        });
        let is_cluster = url.split_once("://").is_some_and(|(kind, _)| kind.contains("cluster"));
        let gathered = (!is_cluster).then(|| {
            let (for_claims, for_publications) = (Arc::clone(&shared), Arc::clone(&shared));
            Gathered {
                claims: Gather::start(config.command_timeout, move |asks| {
                    let shared = Arc::clone(&for_claims);
                    async move { shared.claim_all(asks).await }
                }),
                publications: Gather::start(config.command_timeout, move |asks: Vec<_>| {
                    let shared = Arc::clone(&for_publications);
                    let count = asks.len();
                    async move {
                        let meters = &shared.connection.meters.publish;
                        shared.publish_all(meters, asks).await.then(|| vec![(); count])
                    }
                }),
            }
        });
        Self { shared, gathered }
    }

    /// What stood under the key; `None` when Redis did not say.
    pub(super) async fn claim(&self, ask: ClaimAsk) -> Option<Value> {
        match &self.gathered {
            Some(gathered) => gathered.claims.ask(ask).await,
            None => self.shared.claim_all(vec![ask]).await?.pop(),
        }
    }

    /// True when Redis has it, or something newer, now.
    pub(super) async fn publish(&self, ask: PublishAsk) -> bool {
        match &self.gathered {
            Some(gathered) => gathered.publications.ask(ask).await.is_some(),
            None => {
                let meters = &self.shared.connection.meters.publish;
                self.shared.publish_all(meters, vec![ask]).await
            }
        }
    }

    /// As [`Self::publish`], for what was read and not written.
    pub(super) async fn fill(&self, ask: PublishAsk) -> bool {
        let meters = &self.shared.connection.meters.fill;
        self.shared.publish_all(meters, vec![ask]).await
    }
}

impl Shared {
    async fn claim_all(&self, asks: Vec<ClaimAsk>) -> Option<Vec<Value>> {
        let connection = &self.connection;
        let command = async {
            let mut keys = Vec::with_capacity(2 * asks.len());
            let mut args = Vec::with_capacity(1 + asks.len());
            args.push(self.claim_ttl.into());
            for ask in asks {
                keys.push(ask.claim.into());
                keys.push(ask.balance.into());
                args.push(ask.token.into());
            }
            connection.script(&self.claim, keys, args).await
        };
        match connection.run(&connection.meters.claim, command).await? {
            Value::Array(answers) => Some(answers),
            _ => None,
        }
    }

    async fn publish_all(&self, meters: &CommandMeters, asks: Vec<PublishAsk>) -> bool {
        let command = async {
            let mut keys = Vec::with_capacity(2 * asks.len());
            let mut args = Vec::with_capacity(2 + 3 * asks.len());
            args.push(self.balance_ttl.into());
            args.push(self.claim_ttl.into());
            for ask in asks {
                let claim = ask.claim.unwrap_or_else(|| ask.balance.clone());
                keys.push(ask.balance.into());
                keys.push(claim.into());
                args.push(ask.version.into());
                args.push(ask.value.into());
                args.push(ask.finished.into());
            }
            self.connection.script(&self.publish, keys, args).await
        };
        self.connection.run(meters, command).await.is_some()
    }
}

/// A life time as Redis takes it: at least a millisecond.
fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX).clamp(1, 10 * 365 * 86_400_000)
}
