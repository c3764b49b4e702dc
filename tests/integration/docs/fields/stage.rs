//! A node with a player whom the document's examples name, and what is called on it.

use std::sync::atomic::{AtomicU32, Ordering};

use axum::http::Method;
use serde_json::Value;

use crate::support::http::Reply;
use crate::support::operator::{KEY, call_with};
use crate::support::world::World;

/// The id of no movement.
pub const NO_MOVEMENT: &str = "019a1c9e7b3a7d2e8f4061b2c3d4e5f6";

/// A node, and the player `p-42` with 1000.00.
pub struct Stage {
    /// Everything around it.
    pub world: World,
    keys: AtomicU32,
}

impl Stage {
    /// One without any history.
    pub async fn open() -> Self {
        let world = World::with_nodes(1).await;
        world.bank.open("p-42", "1000.00").await;
        Self { world, keys: AtomicU32::new(0) }
    }

    /// An `Idempotency-Key` that was not used before.
    pub fn next_key(&self) -> String {
        format!("key-{}", self.keys.fetch_add(1, Ordering::Relaxed))
    }

    /// What stands for a name in a path.
    pub fn in_path(&self, path: &str, name: &str) -> String {
        let value = match name {
            "player_id" => "p-42",
            "provider" => "softswiss",
            "game_id" => "acceptance:test",
            "id" => NO_MOVEMENT,
            "format" => "csv",
            _ => panic!("what is {name} of {path}?"),
        };
        value.to_owned()
    }

    /// Does this to the database behind the node's back.
    pub async fn plant(&self, statements: &[&'static str]) {
        for statement in statements {
            let done = sqlx::query(*statement).execute(&self.world.database.pool).await;
            let rows = done.unwrap_or_else(|error| panic!("{statement}: {error}")).rows_affected();
            assert!(rows > 0, "nothing is there for {statement}");
        }
    }

    /// Calls the operator's API as somebody who may do everything.
    pub async fn call(
        &self,
        method: Method,
        path: &str,
        key: Option<&str>,
        body: Option<&Value>,
    ) -> Reply {
        let bearer = format!("Bearer {KEY}");
        let mut headers = vec![("authorization", bearer.as_str())];
        headers.extend(key.map(|key| ("idempotency-key", key)));
        call_with(self.world.api(0), method, path, body, &headers).await
    }
}
