//! Claims: a key in Redis for each command that has come, by which a repeat is told from a new one.
//! A claim says nothing about what came of the command; it is a hint where to look first.

use std::sync::Arc;

use fred::error::{Error, ErrorKind};
use fred::interfaces::KeysInterface as _;
use fred::types::{Expiration, SetOptions, Value};

use super::connection::{Connection, is_wrong_type};
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
    lifetime_ms: i64,
}

impl Claims {
    pub(super) fn over(connection: &Arc<Connection>, config: &CacheConfig) -> Self {
        let lifetime_ms = super::millis(config.claim_ttl);
        Self { connection: Arc::clone(connection), lifetime_ms }
    }

    /// Claims all of them in one trip, each with a token of its own: the client may send a claim
    /// twice, and one's own is no repeat.
    pub(super) async fn claim_all(&self, claims: &[Claim<'_>], tokens: &[String]) -> Vec<Claimed> {
        // Boxed: see [`Connection::run`].
        let trip = Box::pin(self.trip(claims, tokens));
        let answers = self.connection.run(&self.connection.meters.claim, trip).await;
        let Some(answers) = answers else { return vec![Claimed::Unavailable; claims.len()] };
        let what = |(answer, token): (&Value, &String)| match answer {
            Value::Null => Claimed::New,
            Value::String(there) if &**there == token.as_str() => Claimed::New,
            _ => Claimed::Seen,
        };
        answers.iter().zip(tokens).map(what).collect()
    }

    /// What stood under each key; fails as a whole where Redis refuses one of them.
    async fn trip(&self, claims: &[Claim<'_>], tokens: &[String]) -> Result<Vec<Value>, Error> {
        let pipeline = self.connection.client().pipeline();
        for (claim, token) in claims.iter().zip(tokens) {
            let name = keys::claim(&claim.key, claim.player);
            let lifetime = Some(Expiration::PX(self.lifetime_ms));
            let nx = Some(SetOptions::NX);
            pipeline.set::<(), _, _>(name, token.as_str(), lifetime, nx, true).await?;
        }
        let answers = pipeline.try_all::<Value>().await;
        let whole = answers.len() == claims.len();
        let read = |answer: Result<Value, Error>| match answer {
            // Something is there, whatever it is.
            Err(error) if is_wrong_type(&error) => Ok(Value::Boolean(true)),
            answer => answer,
        };
        let answers = answers.into_iter().map(read).collect::<Result<Vec<_>, _>>()?;
        if whole {
            Ok(answers)
        } else {
            Err(Error::new(ErrorKind::Protocol, "answers are missing"))
        }
    }
}
