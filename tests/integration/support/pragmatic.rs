//! Pragmatic Play's side: forms signed with MD5 over the sorted parameters.

use std::time::Duration;

use axum::http::StatusCode;
use md5::{Digest as _, Md5};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::http::{Endpoint, NoReply, Reply};

/// Shared with the nodes.
pub const SECRET: &str = "demo-pragmatic-secret";
/// As agreed with the nodes.
pub const PROVIDER_ID: &str = "PragmaticPlay";
/// A game that nobody has switched off.
pub const GAME: &str = "vs20demogame";

/// One call, which can be sent as often as one likes, to any node.
#[derive(Clone, Debug)]
pub struct Call {
    path: String,
    params: Vec<(String, String)>,
    signed: bool,
}

/// What a reply says.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The code.
    pub error: i64,
    /// The balance in cents, where the reply tells it.
    pub cash: Option<i64>,
    /// The operator's id of the transaction.
    pub transaction_id: Option<String>,
    /// How long it took.
    pub took: Duration,
    /// The whole reply.
    pub json: serde_json::Value,
}

/// A call of that path, such as `bet.html`, with `providerId` and these parameters.
pub fn call(path: &str, params: &[(&str, &str)]) -> Call {
    let params = [("providerId", PROVIDER_ID)].iter().chain(params);
    Call {
        path: format!("/pragmatic/{path}"),
        params: params.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        signed: true,
    }
}

/// Who is behind a token?
pub fn authenticate(token: &str) -> Call {
    call("authenticate.html", &[("token", token), ("gameId", GAME)])
}

/// What does the player have?
pub fn balance(player: &str) -> Call {
    call("balance.html", &[("userId", player)])
}

/// Takes a stake.
pub fn bet(player: &str, reference: &str, round: &str, amount: &str) -> Call {
    money("bet.html", player, reference, round, amount)
}

/// Pays a win.
pub fn result(player: &str, reference: &str, round: &str, amount: &str) -> Call {
    money("result.html", player, reference, round, amount)
}

/// Corrects a round, either way.
pub fn adjustment(player: &str, reference: &str, round: &str, amount: &str) -> Call {
    money("adjustment.html", player, reference, round, amount)
}

/// Cancels the bet of that reference.
pub fn refund(player: &str, reference: &str) -> Call {
    call("refund.html", &[("userId", player), ("reference", reference)])
}

fn money(path: &str, player: &str, reference: &str, round: &str, amount: &str) -> Call {
    call(
        path,
        &[
            ("userId", player),
            ("gameId", GAME),
            ("roundId", round),
            ("amount", amount),
            ("reference", reference),
            ("timestamp", "1795305601000"),
            ("roundDetails", "spin"),
        ],
    )
}

impl Call {
    /// Any call: a form as JSON has it, but for its hash.
    pub fn of(path: &str, form: &serde_json::Value) -> Self {
        let fields = form.as_object().into_iter().flatten().filter(|(name, _)| *name != "hash");
        let text = |value: &serde_json::Value| {
            value.as_str().map_or_else(|| value.to_string(), str::to_owned)
        };
        let params = fields.map(|(name, value)| (name.clone(), text(value))).collect();
        Self { path: path.to_owned(), params, signed: true }
    }

    /// The same to another provider of this protocol.
    #[must_use]
    pub fn at(mut self, slug: &str) -> Self {
        self.path = self.path.replacen("pragmatic", slug, 1);
        self
    }

    /// With a parameter more, or with another value of one.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        match self.params.iter_mut().find(|(known, _)| known == name) {
            Some((_, old)) => value.clone_into(old),
            None => self.params.push((name.to_owned(), value.to_owned())),
        }
        self
    }

    /// Without a parameter.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.params.retain(|(known, _)| known != name);
        self
    }

    /// Without a hash.
    #[must_use]
    pub fn unsigned(mut self) -> Self {
        self.signed = false;
        self
    }

    /// The value of a parameter.
    pub fn param(&self, name: &str) -> Option<&str> {
        self.params.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// With a parameter once more than it is there already.
    #[must_use]
    pub fn and(mut self, name: &str, value: &str) -> Self {
        self.params.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The hash over the parameters.
    pub fn hash(&self) -> String {
        let mut sorted: Vec<_> = self
            .params
            .iter()
            .filter(|(name, value)| name != "hash" && !value.is_empty())
            .collect();
        sorted.sort();
        let text: Vec<String> =
            sorted.iter().map(|(name, value)| format!("{name}={value}")).collect();
        hex::encode(Md5::digest(format!("{}{SECRET}", text.join("&"))))
    }

    /// The form with its hash, unless a hash was set by hand.
    pub fn body(&self) -> String {
        let mut pairs: Vec<String> =
            self.params.iter().map(|(name, value)| pair(name, value)).collect();
        if self.signed && self.param("hash").is_none() {
            pairs.push(pair("hash", &self.hash()));
        }
        pairs.join("&")
    }

    /// Where it goes.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Sends it, whatever may come back.
    ///
    /// # Errors
    /// [`NoReply`].
    pub async fn attempt(&self, to: &Endpoint) -> Result<Reply, NoReply> {
        to.post(&self.path, "application/x-www-form-urlencoded", self.body()).await
    }

    /// Sends it to a node that has to answer, in Pragmatic Play's shape.
    pub async fn send(&self, to: &Endpoint) -> Answer {
        let reply = self.attempt(to).await.unwrap_or_else(|error| panic!("{self:?}: {error}"));
        Answer::of(&reply)
    }
}

impl Answer {
    /// Reads a reply, which has to have the shape that this protocol demands.
    pub fn of(reply: &Reply) -> Self {
        assert_eq!(reply.status, StatusCode::OK, "{}", reply.text());
        assert_eq!(reply.header("content-type"), "application/json", "{}", reply.text());
        let json = reply.json();
        assert!(json["description"].is_string(), "{json}");
        Self {
            error: json["error"].as_i64().unwrap_or_else(|| panic!("no error in {json}")),
            cash: json["cash"].as_f64().map(cents),
            transaction_id: json["transactionId"].as_str().map(str::to_owned),
            took: reply.took,
            json,
        }
    }

    /// The id of a success.
    pub fn id(&self) -> &str {
        assert_eq!(self.error, 0, "{}", self.json);
        self.transaction_id
            .as_deref()
            .unwrap_or_else(|| panic!("no transactionId in {}", self.json))
    }
}

#[expect(clippy::cast_possible_truncation, reason = "amounts of the tests are small")]
fn cents(amount: f64) -> i64 {
    (amount * 100.0).round() as i64
}

fn pair(name: &str, value: &str) -> String {
    format!("{}={}", encoded(name), encoded(value))
}

fn encoded(text: &str) -> impl std::fmt::Display + '_ {
    utf8_percent_encode(text, NON_ALPHANUMERIC)
}
