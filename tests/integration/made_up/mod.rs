//! The seam for protocols holds more than those that are there: a made-up one, in this folder and one
//! line of registration, plays against a node.

mod protocol;

use std::sync::Arc;

use axum::http::Method;
use chrono::Utc;
use hmac::{Hmac, KeyInit as _, Mac as _};
use seamless_wallet::app::App;
use seamless_wallet::config::{Config, Env};
use seamless_wallet::core::PlayerStatus;
use seamless_wallet::engine::Lanes;
use seamless_wallet::http;
use seamless_wallet::http::server::{self, Limits, Stage};
use seamless_wallet::http::threads::Threads;
use seamless_wallet::providers::{Protocol, pragmatic, softswiss};
use serde_json::Value;
use sha1::Sha1;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::support::http::{Endpoint, Reply};
use crate::support::node::{SECRETS, Setup};
use crate::support::process::Folder;
use crate::support::world::World;

/// The one line: beside those of the build, the made-up one.
static SPOKEN: [Protocol; 3] = [protocol::PROTOCOL, pragmatic::PROTOCOL, softswiss::PROTOCOL];

const KEY: &str = "the key that comes with each call";
const SECRET: &str = "the secret that signs";

const PROVIDER: &str = "
    [providers.acme]
    protocol = 'made-up'
    secrets = ['env:ACME_SECRET']
    named_secrets = { key = ['env:ACME_KEY'] }
    allow = ['127.0.0.0/8']
";

/// A node in this process that speaks it.
struct Node {
    api: Endpoint,
    world: World,
    _stage: watch::Sender<Stage>,
    _app: Arc<App>,
    _lanes: Lanes,
}

struct Variables;

impl Env for Variables {
    fn get(&self, name: &str) -> Option<String> {
        let own = [("ACME_SECRET", SECRET), ("ACME_KEY", KEY)];
        let found = SECRETS.iter().chain(&own).find(|(known, _)| *known == name);
        found.map(|(_, value)| (*value).to_owned())
    }

    fn all(&self) -> Vec<(String, String)> {
        Vec::new()
    }
}

fn config(setup: &Setup) -> Result<Config, String> {
    let folder = Folder::new("wallet-made-up");
    let config = Config::load_with(&SPOKEN, &setup.write(&folder), &Variables);
    config.map_err(|error| error.to_string())
}

impl Node {
    async fn start() -> Self {
        let world = World::with_nodes(0).await;
        let setup = Setup::on(&world.database).with_redis(&world.redis).with(PROVIDER);
        let config = config(&setup).expect("a configuration");
        let limits = Limits::of(&config.http);
        let (app, lanes) = App::build(config).await.expect("a node");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let api = Endpoint::at(listener.local_addr().expect("an address"));
        let (stage, staged) = watch::channel(Stage::Serving);
        let router = http::router(&app, None);
        tokio::spawn(server::serve(listener, router, limits, staged, Threads::current()));
        Self { api, world, _stage: stage, _app: app, _lanes: lanes }
    }

    /// A player with that much, and a launch token.
    async fn player(&self, name: &str, balance: &str) -> String {
        self.world.bank.open(name, balance).await;
        let token = format!("token of {name}");
        self.world.bank.session(&token, name, "acme", 3600).await;
        token
    }

    async fn send(&self, call: &Call) -> Reply {
        let form = call.form();
        let headers = [("x-sign", call.sign.as_str()), ("x-key", call.key.as_str())];
        let sent = match call.method {
            Method::GET => {
                let path = format!("/acme/{}?{form}", call.path);
                self.api.send(Method::GET, &path, &headers, "").await
            }
            _ => self.api.send(Method::POST, &format!("/acme/{}", call.path), &headers, form).await,
        };
        sent.unwrap_or_else(|error| panic!("{form}: {error}", form = call.form()))
    }

    async fn call(&self, what: &str, fields: &[(&str, &str)]) -> Value {
        self.send(&Call::new(what, fields)).await.json()
    }
}

/// The provider's side.
struct Call {
    method: Method,
    path: &'static str,
    fields: Vec<(String, String)>,
    sign: String,
    key: String,
}

impl Call {
    fn new(what: &str, fields: &[(&str, &str)]) -> Self {
        Self::at(what, fields, Utc::now().timestamp())
    }

    fn at(what: &str, fields: &[(&str, &str)], now: i64) -> Self {
        let (method, path) =
            if what == "wallet" { (Method::GET, "wallet") } else { (Method::POST, "rpc") };
        let mut fields: Vec<_> =
            fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        fields.push(("id".to_owned(), format!("{what}-1")));
        fields.push(("ts".to_owned(), now.to_string()));
        if method == Method::POST {
            fields.push(("call".to_owned(), what.to_owned()));
        }
        fields.sort();
        let rebuilt: Vec<_> =
            fields.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mac = Hmac::<Sha1>::new_from_slice(SECRET.as_bytes()).expect("any key");
        let mac = mac.chain_update(rebuilt.join("|")).finalize();
        let sign = hex::encode(mac.into_bytes());
        Self { method, path, fields, sign, key: KEY.to_owned() }
    }

    /// In another order than it is signed in.
    fn form(&self) -> String {
        let encode = |text: &str| text.replace('%', "%25").replace(' ', "%20").replace('&', "%26");
        let pairs = self.fields.iter().rev();
        pairs.map(|(name, value)| format!("{name}={}", encode(value))).collect::<Vec<_>>().join("&")
    }
}

fn said<'a>(reply: &'a Value, name: &str) -> &'a str {
    reply[name].as_str().unwrap_or_else(|| panic!("no {name} in {reply}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn one_url_takes_calls_that_say_themselves_which_they_are() {
    let node = Node::start().await;
    let token = node.player("ann", "10.00").await;
    let stake = [("token", &*token), ("tx", "1"), ("amount", "2.50"), ("round", "r")];
    let reply = node.call("stake", &stake).await;
    assert_eq!((said(&reply, "call"), said(&reply, "status")), ("stake", "ok"), "{reply}");
    let reply = node.call("wallet", &[("token", &token)]).await;
    assert_eq!((said(&reply, "call"), reply["balance"].as_i64()), ("wallet", Some(7_500_000)));
    // Neither the other method nor a call that nobody knows moves anything.
    let mut posted = Call::new("wallet", &[("token", &token)]);
    posted.method = Method::POST;
    assert_eq!(said(&node.send(&posted).await.json(), "why"), "unknown_operation");
    let reply = node.call("steal", &stake).await;
    assert_eq!((said(&reply, "call"), said(&reply, "why")), ("rpc", "unknown_operation"));
    assert_eq!(node.world.balance("ann").await, 750);
}

#[tokio::test(flavor = "multi_thread")]
async fn both_proofs_must_hold_and_a_refusal_repeats_the_callers_id() {
    let node = Node::start().await;
    let token = node.player("ann", "10.00").await;
    let stake = [("token", &*token), ("tx", "1"), ("amount", "2.50")];
    let good = || Call::new("stake", &stake);
    let wrong_key = Call { key: SECRET.to_owned(), ..good() };
    let wrong_sign = Call { sign: Call::new("stake", &stake[1..]).sign, ..good() };
    let no_sign = Call { sign: String::new(), ..good() };
    for call in [wrong_key, wrong_sign, no_sign] {
        let reply = node.send(&call).await;
        assert_eq!(reply.headers["x-version"], "7", "refusals have the protocol's header as well");
        let reply = reply.json();
        assert_eq!((said(&reply, "why"), said(&reply, "id")), ("bad_signature", "stake-1"));
    }
    let now = Utc::now().timestamp();
    for ts in [now - 600, now + 600, 0, i64::MAX] {
        let reply = node.send(&Call::at("stake", &stake, ts)).await.json();
        assert_eq!(said(&reply, "why"), "stale_signature", "{ts}");
    }
    assert_eq!(node.world.balance("ann").await, 1000);
    assert_eq!(said(&node.send(&good()).await.json(), "status"), "ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_names_only_a_token_is_its_players() {
    let node = Node::start().await;
    let (ann, bob) = (node.player("ann", "10.00").await, node.player("bob", "10.00").await);
    for (token, tx) in [(&ann, "1"), (&bob, "2"), (&ann, "3")] {
        node.call("stake", &[("token", token), ("tx", tx), ("amount", "1.00")]).await;
    }
    assert_eq!((node.world.balance("ann").await, node.world.balance("bob").await), (800, 900));
    let reply = node.call("stake", &[("token", "nobody's"), ("tx", "4"), ("amount", "1")]).await;
    assert_eq!((said(&reply, "status"), said(&reply, "why")), ("refused", "session_unknown"));
    // Nobody knows the token any more: the stake tells whose win it is.
    let win = [("token", "long gone"), ("tx", "5"), ("stake", "2"), ("amount", "3.00")];
    assert_eq!(said(&node.call("win", &win).await, "status"), "ok");
    assert_eq!(node.world.balance("bob").await, 1200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_exchanges_the_token_and_wins_by_the_old_one_are_paid() {
    let node = Node::start().await;
    let old = node.player("ann", "10.00").await;
    let stake = [("token", &*old), ("tx", "1"), ("amount", "1.00")];
    assert_eq!(said(&node.call("stake", &stake).await, "status"), "ok");
    let reply = node.call("login", &[("token", &old)]).await;
    let new = said(&reply, "token").to_owned();
    assert!(new.len() <= 32 && new.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{new}");
    let late = [("token", &*old), ("tx", "2"), ("amount", "1.00")];
    assert_eq!(said(&node.call("stake", &late).await, "why"), "session_expired");
    assert_eq!(said(&node.call("login", &[("token", &old)]).await, "why"), "session_expired");
    let win = [("token", &*old), ("tx", "3"), ("stake", "1"), ("amount", "4.00")];
    assert_eq!(said(&node.call("win", &win).await, "status"), "ok");
    let next = [("token", &*new), ("tx", "4"), ("amount", "1.00")];
    assert_eq!(said(&node.call("stake", &next).await, "status"), "ok");
    assert_eq!(node.world.balance("ann").await, 1200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_protocol_may_ask_for_a_token_of_a_player_who_is_there_and_may_play() {
    let node = Node::start().await;
    for name in ["ann", "bob"] {
        node.player(name, "10.00").await;
    }
    let reply = node.call("launch", &[("player", "ann")]).await;
    let token = said(&reply, "token").to_owned();
    let stake = [("token", &*token), ("tx", "1"), ("amount", "1.00")];
    assert_eq!(said(&node.call("stake", &stake).await, "status"), "ok");
    assert_eq!(node.world.balance("ann").await, 900);
    let reply = node.call("launch", &[("player", "nobody")]).await;
    assert_eq!(said(&reply, "why"), "player_unknown");
    node.world.bank.set_status("bob", PlayerStatus::Frozen).await;
    let reply = node.call("launch", &[("player", "bob")]).await;
    assert_eq!(said(&reply, "why"), "player_frozen");
}

#[tokio::test(flavor = "multi_thread")]
async fn which_refusals_are_remembered_is_said_by_operation() {
    let node = Node::start().await;
    let token = node.player("ann", "1.00").await;
    for (what, tx, amount, then) in [("stake", "1", "5.00", "ok"), ("buy", "2", "50.00", "refused")]
    {
        let fields = [("token", &*token), ("tx", tx), ("amount", amount)];
        let reply = node.call(what, &fields).await;
        assert_eq!(said(&reply, "why"), "insufficient_funds", "{reply}");
        node.world.bank.open("ann", amount).await; // as much more
        let again = node.call(what, &fields).await;
        assert_eq!(said(&again, "status"), then, "{what}: {again}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stake_is_won_once_and_undone_once() {
    let node = Node::start().await;
    let token = node.player("ann", "10.00").await;
    let stake = async |tx| {
        let fields = [("token", &*token), ("tx", tx), ("amount", "1.00"), ("round", "the same")];
        node.call("stake", &fields).await
    };
    let win = async |tx, of| {
        node.call("win", &[("token", &*token), ("tx", tx), ("stake", of), ("amount", "3.00")]).await
    };
    let undo =
        async |tx, of| node.call("undo", &[("token", &*token), ("tx", tx), ("stake", of)]).await;
    for tx in ["a", "b"] {
        assert_eq!(said(&stake(tx).await, "status"), "ok");
    }
    assert_eq!(said(&win("w1", "a").await, "status"), "ok");
    let second = win("w2", "a").await;
    assert_eq!(said(&second, "why"), "already_settled", "{second}");
    // The other stake of the round is still open, and no third one is known.
    assert_eq!(said(&win("w3", "c").await, "why"), "debit_unknown");
    assert_eq!(said(&undo("u1", "a").await, "why"), "already_settled");
    let first = undo("u2", "b").await;
    assert_eq!(said(&first, "status"), "ok", "{first}");
    let again = undo("u3", "b").await;
    assert_eq!(said(&again, "tx"), said(&first, "tx"), "the first undo's id: {again}");
    assert_eq!(said(&win("w4", "b").await, "why"), "debit_reversed");
    assert_eq!(node.world.balance("ann").await, 1200);
    node.world.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_is_answered_word_for_word_as_at_first() {
    let node = Node::start().await;
    let token = node.player("ann", "10.00").await;
    let stake = Call::new(
        "stake",
        &[("token", &token), ("tx", "1"), ("amount", "1.00"), ("note", "red, twice")],
    );
    let first = node.send(&stake).await;
    node.call("stake", &[("token", &token), ("tx", "2"), ("amount", "5.00")]).await;
    let again = node.send(&stake).await;
    assert_eq!(first.text(), again.text());
    let reply = again.json();
    assert_eq!(said(&reply, "note"), "red, twice");
    let balances = (reply["before"].as_i64(), reply["after"].as_i64());
    assert_eq!(balances, (Some(10_000_000), Some(9_000_000)), "of the stake, not of now");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_protocol_says_at_start_what_it_cannot_do_without() {
    let world = World::with_nodes(0).await;
    let with = |provider: &str| {
        config(&Setup::on(&world.database).with(provider)).expect_err("not a configuration")
    };
    let unwalled = with(&PROVIDER.replace("allow = ['127.0.0.0/8']", ""));
    assert!(unwalled.contains("amounts could be changed on the way"), "{unwalled}");
    let without = with(&PROVIDER.replace("named_secrets = { key = ['env:ACME_KEY'] }", ""));
    assert!(without.contains("named_secrets.key"), "{without}");
    let unset = with(&PROVIDER.replace("env:ACME_KEY", "env:NO_SUCH"));
    assert!(unset.contains("named_secrets.key: the variable NO_SUCH is not set"), "{unset}");
}
