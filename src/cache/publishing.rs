//! Balances as they are published: newer ones in place of older ones, in one script call.

use std::sync::Arc;

use fred::types::scripts::Script;
use fred::types::{Key as Name, Value};
use futures_util::future::{BoxFuture, join_all};

use super::connection::Connection;
use super::meters::CommandMeters;
use super::{CacheConfig, CachedBalance, keys, millis};
use crate::core::PlayerId;

/// A balance in Redis that is ahead of what was just committed or read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ahead {
    /// Whose.
    pub player: PlayerId,
    /// What stands there; `None` where only its version can be read.
    pub found: Option<CachedBalance>,
    seen: Seen,
}

impl Ahead {
    pub(super) fn of(player: &PlayerId, seen: Seen) -> Self {
        Self { player: player.clone(), found: CachedBalance::decode(&seen.text), seen }
    }

    /// Whether it was never committed, by what the database said after it had been seen.
    pub(super) fn is_refuted_by(&self, truth: &CachedBalance) -> bool {
        self.found.as_ref().is_none_or(|found| {
            found.version > truth.version || found.version == truth.version && found != truth
        })
    }
}

/// What stood under a key. The time tells whether anything was published since: each publication
/// moves it, also one that is refused, and that of a lost commit which is made again and so has the
/// same text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    text: String,
    expires_at_ms: i64,
}

/// What came of one balance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Published {
    /// Redis holds it now.
    Held,
    /// Redis holds this, of a higher version.
    Newer(Seen),
    /// Redis did not say.
    Unknown,
}

/// The script over a connection.
pub(super) struct Publishing {
    connection: Arc<Connection>,
    publish: Script,
    put_right: Script,
    lifetime_ms: i64,
}

impl Publishing {
    pub(super) fn over(connection: &Arc<Connection>, config: &CacheConfig) -> Self {
        Self {
            connection: Arc::clone(connection),
            publish: Script::from_lua(include_str!("publish.lua")),
            put_right: Script::from_lua(include_str!("put_right.lua")),
            lifetime_ms: millis(config.balance_ttl),
        }
    }

    /// One answer for each, in order.
    pub(super) async fn publish_all(
        &self,
        balances: &[(PlayerId, CachedBalance)],
    ) -> Vec<Published> {
        let meters = &self.connection.meters.publish;
        let batch_max = self.connection.keys_together();
        if balances.len() <= batch_max {
            return self.publish(meters, balances).await;
        }
        let parts = balances.chunks(batch_max).map(|part| self.publish(meters, part));
        join_all(parts).await.concat()
    }

    /// As [`Self::publish_all`], for what was read and not written.
    pub(super) async fn fill(&self, player: &PlayerId, balance: &CachedBalance) -> Published {
        let one = [(player.clone(), balance.clone())];
        let published = self.publish(&self.connection.meters.fill, &one).await;
        published.into_iter().next().unwrap_or(Published::Unknown)
    }

    /// Puts the right balance in the place of one that is ahead of it. False where something newer
    /// was published there meanwhile, or Redis did not say.
    pub(super) async fn put_right(&self, ahead: &Ahead, right: &CachedBalance) -> bool {
        let Seen { text, expires_at_ms } = &ahead.seen;
        let command = self.connection.script(&self.put_right, || {
            let name = Name::from(keys::balance(&ahead.player));
            let args: Vec<Value> = vec![
                text.as_str().into(),
                (*expires_at_ms).into(),
                right.version.into(),
                right.encode().into(),
                self.lifetime_ms.into(),
            ];
            (vec![name], args)
        });
        let answer = self.connection.run(&self.connection.meters.put_right, command).await;
        answer == Some(Value::Integer(1))
    }

    /// Boxed, as what the client makes of a command is: it is large, and moved on several times.
    fn publish<'a>(
        &'a self,
        meters: &'a CommandMeters,
        balances: &'a [(PlayerId, CachedBalance)],
    ) -> BoxFuture<'a, Vec<Published>> {
        Box::pin(self.publish_part(meters, balances))
    }

    async fn publish_part(
        &self,
        meters: &CommandMeters,
        balances: &[(PlayerId, CachedBalance)],
    ) -> Vec<Published> {
        let command = self.connection.script(&self.publish, || {
            let mut args: Vec<Value> = Vec::with_capacity(1 + 2 * balances.len());
            args.push(self.lifetime_ms.into());
            for (_, balance) in balances {
                args.extend([balance.version.into(), balance.encode().into()]);
            }
            let names = balances.iter().map(|(player, _)| Name::from(keys::balance(player)));
            (names.collect(), args)
        });
        match self.connection.run(meters, command).await {
            Some(Value::Array(answers)) if answers.len() == balances.len() => {
                answers.iter().map(published).collect()
            }
            _ => vec![Published::Unknown; balances.len()],
        }
    }
}

fn published(answer: &Value) -> Published {
    match answer {
        Value::Array(seen) => match seen.as_slice() {
            [Value::String(text), Value::Integer(expires_at_ms)] => {
                Published::Newer(Seen { text: text.to_string(), expires_at_ms: *expires_at_ms })
            }
            _ => Published::Unknown,
        },
        _ => Published::Held,
    }
}
