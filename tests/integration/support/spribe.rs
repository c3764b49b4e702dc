//! Spribe's side: JSON signed with HMAC-SHA256 over time, path and body.

use axum::http::Method;
use chrono::Utc;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

use super::http::{Endpoint, NoReply, Reply};

/// Shared with the nodes.
pub const SECRET: &str = "demo-spribe-secret";
/// Which operator is called.
pub const CLIENT: &str = "demo-spribe-client";
/// A game that nobody has switched off.
pub const GAME: &str = "aviator";
/// The provider of a node that is called so.
pub const PROVIDER: &str = r#"
    [providers.spribe]
    protocol = "spribe"
    secrets = ["env:SPRIBE_SECRET"]
    settings = { client_id = "demo-spribe-client" }
"#;

/// One call, which can be sent as often as one likes, to any node.
#[derive(Clone, Debug)]
pub struct Call {
    path: String,
    /// The body.
    pub json: Value,
}

/// Exchanges a launch token for a session token.
pub fn auth(user_token: &str, session_token: &str) -> Call {
    let json = json!({
        "user_token": user_token, "session_token": session_token, "platform": "desktop",
        "currency": "EUR",
    });
    Call::of("/spribe/auth", json)
}

/// Asks for the balance.
pub fn info(player: &str) -> Call {
    let json = json!({ "user_id": player, "session_token": session(player), "currency": "EUR" });
    Call::of("/spribe/info", json)
}

/// A stake in thousandths, under the session of the player.
pub fn withdraw(player: &str, id: &str, units: i64) -> Call {
    money("withdraw", player, id, "bet").with("amount", units)
}

/// A win in thousandths, of that withdraw.
pub fn deposit(player: &str, id: &str, of: &str, units: i64) -> Call {
    let call = money("deposit", player, id, "win").with("amount", units);
    call.with("withdraw_provider_tx_id", of)
}

/// A free bet's win, which names no withdraw.
pub fn free_bet(player: &str, id: &str, action: &str, units: i64) -> Call {
    money("deposit", player, id, action).with("amount", units)
}

/// Undoes a withdraw.
pub fn rollback(player: &str, id: &str, of: &str) -> Call {
    let call = money("rollback", player, id, "bet").with("amount", 1_000);
    call.with("rollback_provider_tx_id", of)
}

/// The session token of a player in the tests.
pub fn session(player: &str) -> String {
    format!("session of {player}")
}

fn money(call: &str, player: &str, id: &str, action: &str) -> Call {
    let json = json!({
        "user_id": player, "currency": "EUR", "provider": "spribe_crash", "provider_tx_id": id,
        "game": GAME, "action": action, "action_id": "rnd-77", "session_token": session(player),
        "platform": "desktop",
    });
    Call::of(&format!("/spribe/{call}"), json)
}

impl Call {
    /// Any call.
    pub fn of(path: &str, json: Value) -> Self {
        Self { path: path.to_owned(), json }
    }

    /// The same to another provider of this protocol.
    #[must_use]
    pub fn at(mut self, slug: &str) -> Self {
        self.path = self.path.replacen("spribe", slug, 1);
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
        let (body, time) = (self.json.to_string(), Utc::now().timestamp().to_string());
        let signature = sign(SECRET, &time, &self.path, body.as_bytes());
        let headers = [
            ("content-type", "application/json"),
            ("x-spribe-client-id", CLIENT),
            ("x-spribe-client-ts", &time),
            ("x-spribe-client-signature", &signature),
        ];
        to.send(Method::POST, &self.path, &headers, body).await
    }

    /// Sends it to a node that has to answer: the body, which says how it ended.
    pub async fn send(&self, to: &Endpoint) -> Value {
        serde_json::from_str(&self.text(to).await)
            .unwrap_or_else(|error| panic!("{self:?}: {error}"))
    }

    /// The same, to the byte.
    pub async fn text(&self, to: &Endpoint) -> String {
        let reply = self.attempt(to).await.unwrap_or_else(|error| panic!("{self:?}: {error}"));
        assert_eq!(reply.status.as_u16(), 200, "{self:?}: {}", reply.text());
        assert_eq!(reply.headers["content-type"], "application/json");
        reply.text()
    }
}

/// The signature of a call.
pub fn sign(secret: &str, time: &str, path_and_query: &str, body: &[u8]) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("a key of any length");
    let mac = mac.chain_update(time).chain_update(path_and_query).chain_update(body);
    hex::encode(mac.finalize().into_bytes())
}
