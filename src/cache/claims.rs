//! Claims: a key in Redis for each command that has come, by which a repeat is told from a new one.
//! A claim says nothing about what came of the command; it is a hint where to look first.

use std::sync::Arc;

use fred::types::scripts::Script;
use fred::types::{Key as Name, Value};
use futures_util::future::join_all;

use super::connection::Connection;
use super::{CacheConfig, keys};
use crate::core::{Key, PlayerId};

/// A command on its way.
#[derive(Clone, Debug)]
pub struct Claim<'a> {
    /// What it is claimed by.
    pub key: Key,
    /// Whose wallet.
    pub player: &'a PlayerId,
}

/// What Redis knows of a command: a hint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claimed {
    /// Nobody has come with it within the claim's lifetime, as far as Redis remembers.
    New,
    /// Somebody has. The database knows what came of it; expect a repeat.
    Seen,
    /// Redis is not there.
    Unavailable,
}

/// Claims over a connection.
pub(super) struct Claims {
    connection: Arc<Connection>,
    claim: Script,
    lifetime_ms: i64,
}

impl Claims {
    pub(super) fn over(connection: &Arc<Connection>, config: &CacheConfig) -> Self {
        Self {
            connection: Arc::clone(connection),
            claim: Script::from_lua(include_str!("claim.lua")),
            lifetime_ms: super::millis(config.claim_ttl),
        }
    }

    /// Claims all of them, each with a token of its own: the client may send a claim twice, and one's
    /// own is no repeat. By a script, because what a command costs the client is most of a claim.
    pub(super) async fn claim_all(&self, claims: &[Claim<'_>], tokens: &[String]) -> Vec<Claimed> {
        let together = self.connection.keys_together();
        if claims.len() <= together {
            return self.claim_part(claims, tokens).await;
        }
        let parts = claims.chunks(together).zip(tokens.chunks(together));
        join_all(parts.map(|(claims, tokens)| self.claim_part(claims, tokens))).await.concat()
    }

    async fn claim_part(&self, claims: &[Claim<'_>], tokens: &[String]) -> Vec<Claimed> {
        let command = self.connection.script(&self.claim, || {
            let names =
                claims.iter().map(|claim| Name::from(keys::claim(&claim.key, claim.player)));
            let mut args: Vec<Value> = Vec::with_capacity(1 + tokens.len());
            args.push(self.lifetime_ms.into());
            args.extend(tokens.iter().map(|token| Value::from(token.as_str())));
            (names.collect(), args)
        });
        match self.connection.run(&self.connection.meters.claim, command).await {
            Some(Value::Array(places)) => {
                let seen = |place: &i64| places.contains(&Value::Integer(*place));
                let what = |place| if seen(&place) { Claimed::Seen } else { Claimed::New };
                (1..).take(claims.len()).map(what).collect()
            }
            _ => vec![Claimed::Unavailable; claims.len()],
        }
    }
}
