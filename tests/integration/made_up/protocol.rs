//! The wallet's side of a protocol that nobody speaks. It asks for what the real ones do not: one URL
//! for all calls that change something, a `GET` beside it, two proofs with a time stamp, calls that
//! name no player, stakes that are settled once, answers that repeat the first one word for word.

use std::borrow::Cow;

use axum::http::{HeaderName, HeaderValue};
use chrono::{DateTime, TimeDelta};
use percent_encoding::percent_decode_str;
use seamless_wallet::core::policy::{
    CreditAfterReversal, CreditWithoutDebit, FundsTest, LateOriginal, Refusals,
    ReversalAfterSettlement, SessionRule, Settlement,
};
use seamless_wallet::core::{
    Action, Amount, Category, Checks, Command, Exchange, Movement, Outcome, PlayerId, Policy,
    ProviderId, Receipt, Reversible, RoundId, TokenHash, TxId,
};
use seamless_wallet::providers::signature::{Proof, Scheme};
use seamless_wallet::providers::{
    Adapter, Answer, Asked, Failure, Opened, Operation, Protocol, RawCall, Reply, Request, Setup,
    Terms, Unnamed,
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

/// What a configuration calls it.
pub const PROTOCOL: Protocol =
    Protocol { name: "made-up", build: |setup| Ok(Box::new(MadeUp::new(setup)?)), page: None };

const RPC: &[&str] = &["rpc"];
const OPERATIONS: &[Operation] = &[
    // What a call to the one URL is before anybody has looked into it.
    Operation::post("rpc", RPC),
    Operation::post("launch", RPC),
    Operation::post("login", RPC),
    Operation::post("stake", RPC),
    Operation::post("buy", RPC),
    Operation::post("win", RPC),
    Operation::post("undo", RPC),
    Operation::get("wallet", &["wallet"]),
];

/// How far a time stamp may be from now.
const FRESH: TimeDelta = TimeDelta::seconds(30);

struct MadeUp {
    provider: ProviderId,
    policy: Policy,
}

impl MadeUp {
    fn new(setup: Setup) -> Result<Self, String> {
        if !setup.settings.is_empty() {
            return Err("there are no settings".to_owned());
        }
        if !setup.named_secrets.contains("key") {
            return Err("named_secrets.key: the key that comes with every call".to_owned());
        }
        if !setup.is_walled {
            return Err("allow: amounts could be changed on the way".to_owned());
        }
        let policy = Policy {
            session: SessionRule::Required,
            funds: FundsTest::Gross,
            credit_without_debit: CreditWithoutDebit::Refuse,
            credit_after_reversal: CreditAfterReversal::Refuse,
            late_original: LateOriginal::Refuse,
            reversal_after_settlement: ReversalAfterSettlement::Refuse,
            settlement: Settlement::OncePerDebit,
            refusals: Refusals::Remembered,
            max_bet: None,
        };
        Ok(Self { provider: setup.provider, policy })
    }
}

/// A form or a query, in the order of its names.
#[derive(Clone)]
struct Form(Vec<(String, String)>);

impl Form {
    fn parse(text: &str) -> Self {
        let decode = |part: &str| percent_decode_str(part).decode_utf8_lossy().into_owned();
        let pairs = text.split('&').filter(|pair| !pair.is_empty());
        let mut pairs: Vec<_> = pairs
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
            .map(|(name, value)| (decode(name), decode(value)))
            .collect();
        pairs.sort();
        Self(pairs)
    }

    fn get(&self, name: &str) -> Result<&str, Failure> {
        let found = self.0.iter().find(|(own, _)| own == name);
        let found = found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty());
        found.ok_or_else(|| Failure::BadRequest(format!("{name}: missing")))
    }

    /// What the signature covers: not the bytes as sent, but what they say.
    fn rebuilt(&self) -> String {
        let pairs = self.0.iter().map(|(name, value)| format!("{name}={value}"));
        pairs.collect::<Vec<_>>().join("|")
    }
}

fn read<T, E: ToString>(
    form: &Form,
    name: &str,
    parse: impl Fn(&str) -> Result<T, E>,
) -> Result<T, Failure> {
    let value = form.get(name)?;
    parse(value).map_err(|error| Failure::BadRequest(format!("{name}: {}", error.to_string())))
}

fn key(kind: &str, form: &Form, name: &str) -> Result<TxId, Failure> {
    read(form, name, |id| TxId::parse(format!("{kind}:{id}")))
}

impl Adapter for MadeUp {
    fn operations(&self) -> &'static [Operation] {
        OPERATIONS
    }

    fn open<'c>(&'c self, call: &'c RawCall<'_>) -> Result<Opened<'c>, Failure> {
        let text = match call.operation.name {
            "wallet" => Cow::Borrowed(call.query()),
            _ => String::from_utf8_lossy(call.body),
        };
        let form = Form::parse(&text);
        let operation = match form.get("call") {
            Ok(name) => OPERATIONS.iter().find(|known| known.name == name && known.paths == RPC),
            Err(_) => Some(call.operation),
        };
        let signature = call.header("x-sign").unwrap_or_default();
        let proof = Proof::new(Scheme::HmacSha1Hex, form.rebuilt().into_bytes(), signature);
        let token = Proof::token(call.header("x-key").unwrap_or_default()).under("key");
        let seconds = form.get("ts").ok().and_then(|seconds| seconds.parse().ok());
        let signed = seconds.and_then(|seconds| DateTime::from_timestamp(seconds, 0));
        let id = form.get("id").ok().map(str::to_owned);
        let operation = operation.unwrap_or(call.operation);
        let opened = Opened::new(operation, proof, move || self.request(operation.name, form));
        Ok(opened.and(token).signed(signed.unwrap_or_default(), FRESH).called(id))
    }

    fn terms(&self) -> Terms<'_> {
        Terms { policy: &self.policy, undoes: Reversible::Debit }
    }

    fn encode(&self, asked: Asked<'_>, answer: &Answer<'_>) -> Reply {
        let mut said = match answer {
            Answer::Executed(receipt) => executed(receipt),
            Answer::Player(player) => {
                json!({ "status": "ok", "player": player.player.as_str(),
                        "balance": player.balance.get() })
            }
            Answer::Authenticated { player, token } => json!({
                "status": "ok",
                "player": player.player.as_str(),
                "token": token.map(|token| token.expose_secret().to_owned()),
            }),
            Answer::Failed(Failure::Refused(reason)) => {
                json!({ "status": "refused", "why": reason.as_str() })
            }
            Answer::Failed(failure) => json!({ "status": "failed", "why": failure.as_str() }),
        };
        said["id"] = json!(asked.echo);
        said["call"] = json!(asked.name());
        let version = (HeaderName::from_static("x-version"), HeaderValue::from_static("7"));
        Reply { headers: vec![version], ..Reply::json(200, &said) }
    }
}

/// The same for a repeat as it was at first.
fn executed(receipt: &Receipt) -> Value {
    let status = match receipt.refusal() {
        Some(_) => "refused",
        None => "ok",
    };
    let first = receipt.outcomes.first();
    let entry = first.and_then(Outcome::entry);
    // A second undo is answered with the first one's id.
    let id = entry.map(|entry| entry.first_reversal.unwrap_or(entry.id()).to_string());
    json!({
        "status": status,
        "why": receipt.refusal().map(|reason| reason.as_str()),
        "tx": id,
        "before": entry.and_then(|entry| entry.balance_before_micros()),
        "after": entry.and_then(|entry| entry.balance_after_micros),
        "note": entry.and_then(|entry| entry.detail.as_deref().map(str::to_owned)),
    })
}

impl MadeUp {
    fn request(&self, name: &str, form: Form) -> Result<Request, Failure> {
        if name == "launch" {
            let player = read(&form, "player", |id| PlayerId::parse(id))?;
            return Ok(Request::Launch { player, lifetime: TimeDelta::minutes(1) });
        }
        let token = form.get("token")?.to_owned();
        if name == "login" {
            let token = SecretString::from(token);
            return Ok(Request::Authenticate {
                token,
                player: None,
                currency: None,
                game: None,
                exchange: Exchange::Issue,
            });
        }
        let hash = TokenHash::of(&token);
        let (provider, policy, name) =
            (self.provider.clone(), self.policy.clone(), name.to_owned());
        let or_of = key("stake", &form, "stake").ok();
        let read = move |player: PlayerId| match name.as_str() {
            "wallet" => {
                Ok(Request::Balance { player, checks: Checks::NONE, games: Vec::new(), echo: None })
            }
            name => Ok(Request::Execute(Command {
                movements: vec![movement(name, &form)?],
                round: form.get("round").ok().and_then(|round| RoundId::parse(round).ok()),
                policy: match name {
                    // A stake that failed may be tried again under the same key; what was bought
                    // for good or not is asked for once.
                    "stake" => Policy { refusals: Refusals::Forgotten, ..policy.clone() },
                    _ => policy.clone(),
                },
                provider: provider.clone(),
                player,
                currency: None,
                token: Some(hash),
                game: None,
                occurred_at: None,
            })),
        };
        Ok(Request::Unnamed(Unnamed { token: hash, or_of, read: Box::new(read) }))
    }
}

fn movement(name: &str, form: &Form) -> Result<Movement, Failure> {
    let amount = || read(form, "amount", |text| Amount::parse(text, 2));
    let (tx_id, action, category) = match name {
        "stake" | "buy" => (key("stake", form, "tx")?, Action::Debit(amount()?), Category::Bet),
        "win" => {
            let settles = Some(key("stake", form, "stake")?);
            let action = Action::Credit { amount: amount()?, settles };
            (key("win", form, "tx")?, action, Category::Win)
        }
        "undo" => {
            let target = key("stake", form, "stake")?;
            let action = Action::Reverse { target, of: Reversible::Debit, at_most: None };
            (key("undo", form, "tx")?, action, Category::Bet)
        }
        _ => return Err(Failure::UnknownOperation),
    };
    let detail = form.get("note").ok().map(Into::into);
    Ok(Movement { tx_id, action, category, detail })
}
