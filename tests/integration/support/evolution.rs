//! Evolution's side: JSON, with the shared token in the query.

use axum::http::Method;
use serde_json::{Value, json};

use super::http::{Endpoint, NoReply, Reply};

/// Shared with the nodes.
pub const TOKEN: &str = "demo-evolution-token";
/// A table that nobody has switched off.
pub const TABLE: &str = "tbl-1";

/// One call, which can be sent as often as one likes, to any node.
#[derive(Clone, Debug)]
pub struct Call {
    path: String,
    query: String,
    /// The body.
    pub json: Value,
}

/// Who is behind a sid?
pub fn check(sid: &str, player: &str) -> Call {
    call("check", json!({ "sid": sid, "userId": player, "channel": { "type": "P" } }))
}

/// What can be played with?
pub fn balance(sid: &str, player: &str) -> Call {
    call("balance", json!({ "sid": sid, "userId": player, "currency": "EUR", "game": null }))
}

/// A bet under that `refId`, for an amount as it is written.
pub fn debit(sid: &str, player: &str, bet: &str, amount: &str) -> Call {
    moved("debit", sid, player, (&format!("d-{bet}"), bet), amount)
}

/// The end of a bet.
pub fn credit(sid: &str, player: &str, bet: &str, amount: &str) -> Call {
    moved("credit", sid, player, (&format!("c-{bet}"), bet), amount)
}

/// A bet that shall not have been.
pub fn cancel(sid: &str, player: &str, bet: &str, amount: &str) -> Call {
    moved("cancel", sid, player, (&format!("d-{bet}"), bet), amount)
}

/// Money beside the bets.
pub fn payout(sid: &str, player: &str, id: &str, kind: &str, amount: &str) -> Call {
    let promo = json!({ "type": kind, "id": id, "amount": number(amount), "invented": [1] });
    call(
        "promo_payout",
        json!({ "sid": sid, "userId": player, "currency": "EUR", "game": null,
                "promoTransaction": promo }),
    )
}

fn moved(what: &str, sid: &str, player: &str, (id, bet): (&str, &str), amount: &str) -> Call {
    let details = json!({ "table": { "id": TABLE, "vid": null } });
    call(
        what,
        json!({
            "sid": sid, "userId": player, "currency": "EUR",
            "game": { "id": "g-1", "type": "roulette", "details": details },
            "transaction": { "id": id, "refId": bet, "amount": number(amount) },
        }),
    )
}

/// What stands for an amount until the body is written: its digits go out as they are.
fn number(amount: &str) -> Value {
    format!("\u{1}{amount}\u{1}").into()
}

fn call(what: &str, json: Value) -> Call {
    let query = format!("?authToken={TOKEN}");
    let call = Call { path: format!("/evolution/{what}"), query, json };
    call.with("uuid", format!("u-{what}")).with("invented", json!({ "by": "the tool" }))
}

impl Call {
    /// Any call.
    pub fn of(path: &str, json: Value) -> Self {
        Self { path: path.to_owned(), query: format!("?authToken={TOKEN}"), json }
    }

    /// The same to another provider of this protocol.
    #[must_use]
    pub fn at(mut self, slug: &str) -> Self {
        self.path = self.path.replacen("evolution", slug, 1);
        self
    }

    /// The same on another path.
    #[must_use]
    pub fn to(mut self, operation: &str) -> Self {
        let (slug, _) = self.path.rsplit_once('/').expect("a path");
        self.path = format!("{slug}/{operation}");
        self
    }

    /// With another query.
    #[must_use]
    pub fn asking(mut self, query: &str) -> Self {
        query.clone_into(&mut self.query);
        self
    }

    /// With a field more, or with another value of one.
    #[must_use]
    pub fn with(mut self, field: &str, value: impl Into<Value>) -> Self {
        self.json[field] = value.into();
        self
    }

    /// In another round.
    #[must_use]
    pub fn in_round(mut self, round: &str) -> Self {
        self.json["game"]["id"] = round.into();
        self
    }

    /// Under another transaction id.
    #[must_use]
    pub fn under_id(mut self, id: &str) -> Self {
        self.json["transaction"]["id"] = id.into();
        self
    }

    /// The bytes of the body.
    pub fn body(&self) -> String {
        self.json.to_string().replace("\"\\u0001", "").replace("\\u0001\"", "")
    }

    /// Sends it, whatever may come back.
    ///
    /// # Errors
    /// [`NoReply`].
    pub async fn attempt(&self, to: &Endpoint) -> Result<Reply, NoReply> {
        let path = format!("{}{}", self.path, self.query);
        to.send(Method::POST, &path, &[("content-type", "application/json")], self.body()).await
    }

    /// Sends it to a node that has to answer in shape: the status, the balance as it is written,
    /// and all of it.
    pub async fn send(&self, to: &Endpoint) -> Answer {
        let reply = self.attempt(to).await.unwrap_or_else(|error| panic!("{self:?}: {error}"));
        assert_eq!(reply.status.as_u16(), 200, "{self:?}: {}", reply.text());
        assert_eq!(reply.header("connection"), "keep-alive", "{self:?}");
        let json = reply.json();
        assert_eq!(json["uuid"], self.json["uuid"], "{self:?}: {json}");
        let text = reply.text();
        let balance = text.split("\"balance\":").nth(1).and_then(|rest| rest.split(',').next());
        let status = json["status"].as_str().unwrap_or_else(|| panic!("{self:?}: {json}"));
        Answer { status: status.to_owned(), balance: balance.map(str::to_owned), json }
    }
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The word.
    pub status: String,
    /// As it is written; `null` is one.
    pub balance: Option<String>,
    /// All of it.
    pub json: Value,
}
