//! The two scripts, each for any number of calls at once.

use std::sync::Arc;
use std::time::Duration;

use fred::types::scripts::Script;
use fred::types::{Key as Name, Value};
use futures_util::future::join_all;

use super::connection::Connection;
use super::meters::CommandMeters;
use super::{CacheConfig, CachedBalance, Finished, claims, keys};
use crate::core::{Key, PlayerId};

/// The most calls that go together: Redis does nothing else while it works on them.
const TOGETHER: usize = 128;

/// A command on its way.
pub(super) struct ClaimAsk {
    claim: Name,
    balance: Name,
    token: Value,
}

/// A command that ended, or a balance that was read.
pub(super) struct PublishAsk {
    balance: Name,
    claim: Option<Name>,
    version: i64,
    value: Value,
    finished: Value,
}

/// The scripts over a connection.
pub(super) struct Scripts {
    connection: Arc<Connection>,
    /// In a cluster one script may use one player's keys alone.
    is_cluster: bool,
    claim: Script,
    publish: Script,
    claim_ttl: i64,
    balance_ttl: i64,
}

impl ClaimAsk {
    /// For the command of that key; the token is the attempt's own.
    pub(super) fn of(key: &Key, player: &PlayerId, token: String) -> Self {
        Self {
            claim: keys::claim(key, player).into(),
            balance: keys::balance(player).into(),
            token: token.into(),
        }
    }
}

impl PublishAsk {
    /// For the player's balance and, where a command ended, its result.
    pub(super) fn of(
        player: &PlayerId,
        balance: &CachedBalance,
        finished: Option<&Finished>,
    ) -> Self {
        let (claim, finished) = match finished {
            Some(Finished { key, fingerprint, receipt }) => (
                Some(keys::claim(key, player).into()),
                claims::encode(*fingerprint, receipt).unwrap_or_default(),
            ),
            None => (None, String::new()),
        };
        Self {
            balance: keys::balance(player).into(),
            claim,
            version: balance.version,
            value: balance.encode().into(),
            finished: finished.into(),
        }
    }
}

impl Scripts {
    /// The scripts, for what the URL names.
    pub(super) fn over(connection: &Arc<Connection>, url: &str, config: &CacheConfig) -> Self {
        Self {
            connection: Arc::clone(connection),
            is_cluster: url.split_once("://").is_some_and(|(kind, _)| kind.contains("cluster")),
            claim: Script::from_lua(include_str!("claim.lua")),
            publish: Script::from_lua(include_str!("publish.lua")),
            claim_ttl: millis(config.claim_ttl),
            balance_ttl: millis(config.balance_ttl),
        }
    }

    /// What stood under each key, in order; `None` where Redis did not say. What the oldest
    /// call has waited already is taken from the time-out.
    pub(super) async fn claim_all(
        &self,
        asks: &[ClaimAsk],
        waited: Duration,
    ) -> Vec<Option<Value>> {
        let together = self.parts(asks).map(|part| async move {
            match self.claim_part(part, waited).await {
                Some(Value::Array(answers)) if answers.len() == part.len() => {
                    answers.into_iter().map(Some).collect()
                }
                _ => vec![None; part.len()],
            }
        });
        join_all(together).await.concat()
    }

    /// True for each that Redis has now, or something newer.
    pub(super) async fn publish_all(&self, asks: &[PublishAsk]) -> Vec<bool> {
        let meters = &self.connection.meters.publish;
        let together = self
            .parts(asks)
            .map(|part| async move { vec![self.publish_part(meters, part).await; part.len()] });
        join_all(together).await.concat()
    }

    /// As [`Self::publish_all`], for what was read and not written.
    pub(super) async fn fill(&self, ask: PublishAsk) -> bool {
        self.publish_part(&self.connection.meters.fill, &[ask]).await
    }

    fn parts<'a, A>(&self, asks: &'a [A]) -> std::slice::Chunks<'a, A> {
        asks.chunks(if self.is_cluster { 1 } else { TOGETHER })
    }

    async fn claim_part(&self, asks: &[ClaimAsk], waited: Duration) -> Option<Value> {
        let command = self.connection.script(&self.claim, || {
            let mut keys = Vec::with_capacity(2 * asks.len());
            let mut args = Vec::with_capacity(1 + asks.len());
            args.push(self.claim_ttl.into());
            for ask in asks {
                keys.extend([ask.claim.clone(), ask.balance.clone()]);
                args.push(ask.token.clone());
            }
            (keys, args)
        });
        self.connection.run_after(waited, &self.connection.meters.claim, command).await
    }

    async fn publish_part(&self, meters: &CommandMeters, asks: &[PublishAsk]) -> bool {
        let command = self.connection.script(&self.publish, || {
            let mut keys = Vec::with_capacity(2 * asks.len());
            let mut args = Vec::with_capacity(2 + 3 * asks.len());
            args.extend([self.balance_ttl.into(), self.claim_ttl.into()]);
            for ask in asks {
                let claim = ask.claim.as_ref().unwrap_or(&ask.balance);
                keys.extend([ask.balance.clone(), claim.clone()]);
                args.extend([ask.version.into(), ask.value.clone(), ask.finished.clone()]);
            }
            (keys, args)
        });
        self.connection.run(meters, command).await.is_some()
    }
}

/// A life time as Redis takes it: at least a millisecond.
fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX).clamp(1, 10 * 365 * 86_400_000)
}
