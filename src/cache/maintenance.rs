//! What the jobs look at and sweep away in Redis. Their commands may take longer than a call's,
//! and never trip the breaker.

use std::sync::Arc;
use std::time::Duration;

use fred::clients::{Client, WithOptions};
use fred::error::Error;
use fred::interfaces::{ClientLike as _, KeysInterface as _, LuaInterface as _};
use fred::types::config::{Options, Server};
use fred::types::scripts::Script;
use fred::types::{Key as RedisKey, Value};
use futures_util::future::try_join_all;

use super::connection::{Connection, is_wrong_type};
use super::{Cache, CachedBalance, keys, text};
use crate::core::PlayerId;

/// The longest that a job waits for one command.
const PATIENCE: Duration = Duration::from_secs(2);
/// The names of all claims.
const CLAIMS: &str = "idemp:*";

/// What Redis holds of a player's balance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InCache {
    /// Nothing.
    Nothing,
    /// Something that is no balance.
    Unreadable,
    /// A balance.
    Balance(CachedBalance),
}

/// Where a sweep has come to.
#[derive(Clone, Debug, Default)]
pub struct SweepCursor {
    node: usize,
    cursor: String,
}

/// One page of a sweep.
#[derive(Clone, Debug)]
pub struct SweepPage {
    /// What was removed.
    pub swept: Swept,
    /// Where to go on; `None` at the end.
    pub next: Option<SweepCursor>,
}

/// What a sweep looked at and removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Swept {
    /// Claims that were looked at.
    pub claims: u64,
    /// Claims that would never have expired; they were removed.
    pub without_expiry: u64,
}

impl Swept {
    /// Both together.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            claims: self.claims + other.claims,
            without_expiry: self.without_expiry + other.without_expiry,
        }
    }
}

pub(super) struct Maintenance {
    connection: Arc<Connection>,
    sweep: Script,
}

impl Maintenance {
    pub(super) fn over(connection: &Arc<Connection>) -> Self {
        Self {
            connection: Arc::clone(connection),
            sweep: Script::from_lua(include_str!("sweep.lua")),
        }
    }

    /// In one go, or, in a cluster, where one command reads one slot, side by side.
    async fn values(&self, names: Vec<String>) -> Option<Vec<Value>> {
        let connection = &self.connection;
        let get = |client: WithOptions<Client>| async move {
            if !client.is_clustered() {
                return client.mget(names).await;
            }
            let one = |name: String| async {
                match client.get::<Value, _>(name).await {
                    Err(error) if is_wrong_type(&error) => Ok(Value::Boolean(false)),
                    answer => answer,
                }
            };
            try_join_all(names.into_iter().map(one)).await
        };
        connection.run_aside(&connection.meters.inspect, PATIENCE, get).await
    }

    async fn sweep(&self, at: SweepCursor, count: u32) -> Option<SweepPage> {
        let connection = &self.connection;
        let page = |client: WithOptions<Client>| async move {
            let mut nodes: Vec<Option<Server>> = vec![None];
            if client.is_clustered() {
                let mut servers = client.active_connections();
                servers.sort_by_key(ToString::to_string);
                nodes = servers.into_iter().map(Some).collect();
            }
            let Some(node) = nodes.get(at.node) else {
                return Ok(SweepPage { swept: Swept::default(), next: None });
            };
            let options = Options { cluster_node: node.clone(), ..client.options().clone() };
            let cursor = if at.cursor.is_empty() { "0".to_owned() } else { at.cursor };
            let (cursor, names): (String, Vec<String>) = (*client)
                .with_options(&options)
                .scan_page(cursor, CLAIMS, Some(count), None)
                .await?;
            let swept = self.sweep_claims(&client, names).await?;
            let next = match cursor.as_str() {
                "0" if at.node + 1 < nodes.len() => {
                    Some(SweepCursor { node: at.node + 1, cursor: String::new() })
                }
                "0" => None,
                _ => Some(SweepCursor { node: at.node, cursor }),
            };
            Ok(SweepPage { swept, next })
        };
        connection.run_aside(&connection.meters.sweep, PATIENCE, page).await
    }

    async fn sweep_claims(
        &self,
        client: &WithOptions<Client>,
        names: Vec<String>,
    ) -> Result<Swept, Error> {
        let claims = u64::try_from(names.len()).unwrap_or(u64::MAX);
        // In a cluster one script may use one slot.
        let calls: Vec<Vec<String>> = match (names.is_empty(), client.is_clustered()) {
            (true, _) => Vec::new(),
            (false, true) => names.into_iter().map(|name| vec![name]).collect(),
            (false, false) => vec![names],
        };
        let run = |names: Vec<String>| async {
            let names: Vec<RedisKey> = names.into_iter().map(RedisKey::from).collect();
            client.eval::<u64, _, _, _>(script_text(&self.sweep), names, Vec::<Value>::new()).await
        };
        let counts = try_join_all(calls.into_iter().map(run)).await?;
        Ok(Swept { claims, without_expiry: counts.iter().sum() })
    }
}

fn script_text(script: &Script) -> String {
    script.lua().map(ToString::to_string).unwrap_or_default()
}

impl Cache {
    /// What Redis holds of these players' balances, one for each; `None` when it does not say.
    pub async fn inspect(&self, players: &[&PlayerId]) -> Option<Vec<InCache>> {
        let inner = self.0.as_ref()?;
        if players.is_empty() {
            return Some(Vec::new());
        }
        let names = players.iter().map(|player| keys::balance(player)).collect();
        let values = inner.maintenance.values(names).await?;
        (values.len() == players.len()).then(|| values.iter().map(InCache::of).collect())
    }

    /// Removes the claims of one page of Redis that would never expire; the others are a hint of a
    /// repeat until they do. `None` when Redis does not answer.
    pub async fn sweep(&self, at: SweepCursor, count: u32) -> Option<SweepPage> {
        self.0.as_ref()?.maintenance.sweep(at, count).await
    }
}

impl InCache {
    fn of(value: &Value) -> Self {
        match (value, text(value)) {
            (Value::Null, _) => Self::Nothing,
            (_, Some(text)) => match CachedBalance::decode(text) {
                Some(balance) => Self::Balance(balance),
                None => Self::Unreadable,
            },
            (_, None) => Self::Unreadable,
        }
    }
}
