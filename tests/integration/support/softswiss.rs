//! SOFTSWISS's side: JSON signed with HMAC-SHA256 over the body.

use axum::http::Method;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

use super::http::{Endpoint, NoReply, Reply};

/// Shared with the nodes.
pub const TOKEN: &str = "demo-softswiss-token";
/// A game that nobody has switched off.
pub const GAME: &str = "acme:DemoSlot";

/// One call, which can be sent as often as one likes, to any node.
#[derive(Clone, Debug)]
pub struct Call {
    path: String,
    /// The body.
    pub json: Value,
}

/// Bets and wins of one round: `bet(id, units)`, `win(id, units)`.
pub fn play(player: &str, round: &str, actions: &[Value]) -> Call {
    call("play", player, round, actions)
}

/// Undoes bets and wins: `rolled_back(id, original)`.
pub fn rollback(player: &str, round: &str, actions: &[Value]) -> Call {
    call("rollback", player, round, actions)
}

/// An action of `play`.
pub fn bet(id: &str, units: i64) -> Value {
    json!({ "action": "bet", "action_id": id, "amount": units })
}

/// An action of `play`.
pub fn win(id: &str, units: i64) -> Value {
    json!({ "action": "win", "action_id": id, "amount": units })
}

/// An action of `rollback`.
pub fn rolled_back(id: &str, original: &str) -> Value {
    json!({ "action": "rollback", "action_id": id, "original_action_id": original })
}

/// What an issue of bonus spins came to.
pub fn freespins(player: &str, issue: &str, status: &str, units: i64) -> Call {
    let json = json!({
        "user_id": player, "currency": "EUR", "issue_id": issue, "status": status,
        "total_amount": units,
    });
    Call { path: "/softswiss/freespins".to_owned(), json }
}

fn call(path: &str, player: &str, round: &str, actions: &[Value]) -> Call {
    let json = json!({
        "user_id": player, "currency": "EUR", "game": GAME, "game_id": round, "actions": actions,
    });
    Call { path: format!("/softswiss/{path}"), json }
}

impl Call {
    /// Any call.
    pub fn of(path: &str, json: Value) -> Self {
        Self { path: path.to_owned(), json }
    }

    /// The same to another provider of this protocol.
    #[must_use]
    pub fn at(mut self, slug: &str) -> Self {
        self.path = self.path.replacen("softswiss", slug, 1);
        self
    }

    /// With a field more, or with another value of one; `null` is as good as without it.
    #[must_use]
    pub fn with(mut self, field: &str, value: impl Into<Value>) -> Self {
        self.json[field] = value.into();
        self
    }

    /// Sends it, whatever may come back.
    ///
    /// # Errors
    /// [`NoReply`].
    pub async fn attempt(&self, to: &Endpoint) -> Result<Reply, NoReply> {
        let body = self.json.to_string();
        let signature = sign(body.as_bytes());
        let headers = [("content-type", "application/json"), ("x-request-sign", &signature)];
        to.send(Method::POST, &self.path, &headers, body).await
    }

    /// Sends it to a node that has to answer: the status and the body.
    pub async fn send(&self, to: &Endpoint) -> (u16, Value) {
        let reply = self.attempt(to).await.unwrap_or_else(|error| panic!("{self:?}: {error}"));
        (reply.status.as_u16(), reply.json())
    }
}

/// The signature of a body.
pub fn sign(body: &[u8]) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(TOKEN.as_bytes()).expect("a key of any length");
    hex::encode(mac.chain_update(body).finalize().into_bytes())
}
