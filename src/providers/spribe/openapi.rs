//! The five calls as an OpenAPI document, for whoever connects a casino or a game.

mod cases;
mod signing;

use std::collections::BTreeSet;

use serde_json::Value;
use utoipa::OpenApi;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::Type;
use utoipa::openapi::{Object, OpenApi as Document, RefOr, Required};

use super::wire::{Auth, Deposit, Info, PlayerReply, Rollback, TransactionReply, Withdraw};
use super::{OPERATIONS, Spribe};
use crate::core::ProviderId;
use crate::providers::{Failure, Operation, Request, Setup, examples};

/// The public client of the demo, with whose secret the examples are signed.
const DEMO_CLIENT: &str = "demo-spribe-client";
const DEMO_SECRET: &str = "demo-spribe-secret";
/// 2026-11-22T10:00:00Z: when every example was signed.
const SIGNED_AT: &str = "1795341600";

/// The document. Its paths stand below the prefix of a provider named `spribe`.
pub(super) fn document() -> Document {
    let mut document = Calls::openapi();
    document.info.license = None;
    let description = document.info.description.get_or_insert_default();
    description.push_str("\n\n");
    description.push_str(&signing::how_to());
    if let Some(spribe) = usual() {
        for operation in OPERATIONS {
            add_examples(&mut document, &spribe, operation);
        }
    }
    document
}

/// The adapter of a provider with the usual settings.
fn usual() -> Option<Spribe> {
    let client = toml::Value::String(DEMO_CLIENT.to_owned());
    Spribe::new(Setup {
        provider: ProviderId::parse("spribe").ok()?,
        settings: toml::Table::from_iter([("client_id".to_owned(), client)]),
        named_secrets: BTreeSet::new(),
        is_walled: false,
    })
    .ok()
}

/// Signs the first example of a call, and adds every answer to its examples.
fn add_examples(
    document: &mut Document,
    spribe: &Spribe,
    operation: &'static Operation,
) -> Option<()> {
    let path = format!("/spribe/{}", operation.name);
    let call = examples::post(document, &path)?;
    let body = examples::bodies(call).first()?.to_string();
    examples::add_long_head(call);
    call.parameters = Some(headers(&path, &body).into_iter().map(RefOr::T).collect());
    let request = asked(spribe, operation, &body).ok()?;
    for case in cases::of(operation.name) {
        let reply = case.reply(spribe, operation, &request)?;
        let code: Value = serde_json::from_str(&reply.body).ok()?;
        let name = format!("{}_{}", code.get("code")?.as_u64()?, case.name);
        examples::add_reply(call, &name, case.summary, &reply)?;
    }
    Some(())
}

/// The headers of every call, with the signature of this body.
fn headers(path: &str, body: &str) -> [Parameter; 3] {
    let signature = signing::signature(SIGNED_AT, path, body, DEMO_SECRET);
    let of_this = "HMAC-SHA256 of time, path with query and body as sent, keyed with the client's \
                   secret, in hex. This one is the first example's, sent without spaces.";
    [
        header("X-Spribe-Client-ID", "The client id as agreed.", DEMO_CLIENT),
        header("X-Spribe-Client-TS", "When the call was signed, in Unix seconds.", SIGNED_AT),
        header("X-Spribe-Client-Signature", of_this, &signature),
    ]
}

fn header(name: &str, description: &str, example: &str) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Header)
        .required(Required::True)
        .description(Some(description))
        .schema(Some(Object::with_type(Type::String)))
        .example(Some(Value::from(example)))
        .build()
}

/// What a body asks for.
fn asked(spribe: &Spribe, operation: &Operation, body: &str) -> Result<Request, Failure> {
    match operation.name {
        "auth" => spribe.auth(body.as_bytes()),
        "info" => spribe.info(body.as_bytes()),
        "withdraw" => spribe.withdraw(body.as_bytes()),
        "deposit" => spribe.deposit(body.as_bytes()),
        _ => spribe.rollback(body.as_bytes()),
    }
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Spribe: operator's wallet",
        version = "1.9",
        description = "The calls that Spribe's games make to the casino's wallet. Every answer has \
            the HTTP status 200; `code` says how the call ended. Amounts are whole numbers: \
            thousandths of the currency, or satoshi. Every call may be repeated: it moves money \
            once, and each repeat is answered 409 with the data of the first time.\n\nThe first \
            segment of the paths is the name that the operator has given to the provider; here it \
            is `spribe`, as in the demo, whose player, client and secret the examples use."
    ),
    paths(auth, info, withdraw, deposit, rollback),
    tags((name = CALLS, description = "Stakes, wins and what undoes them."))
)]
struct Calls;

const CALLS: &str = "Spribe";

/// Who is behind a launch token.
///
/// The provider's own `session_token` takes the launch token's place: it opens the same games for the
/// same player, and ends when the launch token would have. The same pair may come again.
#[utoipa::path(
    post,
    path = "/spribe/auth",
    operation_id = "spribe_auth",
    tag = CALLS,
    request_body(content = Auth, example = json!({
        "user_token": "demo-spribe-token", "session_token": "st-1", "platform": "desktop",
        "currency": "EUR",
    })),
    responses((status = 200, description = "However it ended", body = PlayerReply)),
)]
#[expect(dead_code, reason = "stands for the path")]
fn auth() {}

/// The balance.
#[utoipa::path(
    post,
    path = "/spribe/info",
    operation_id = "spribe_info",
    tag = CALLS,
    request_body(content = Info, example = json!({
        "user_id": "demo-player", "session_token": "st-1", "currency": "EUR",
    })),
    responses((status = 200, description = "However it ended", body = PlayerReply)),
)]
#[expect(dead_code, reason = "stands for the path")]
fn info() {}

/// A stake.
///
/// A free bet's stake is zero. What was refused stays refused under its id.
#[utoipa::path(
    post,
    path = "/spribe/withdraw",
    operation_id = "spribe_withdraw",
    tag = CALLS,
    request_body(content = Withdraw, example = json!({
        "user_id": "demo-player", "currency": "EUR", "amount": 5320,
        "provider": "spribe_crash", "provider_tx_id": "tx-1", "game": "aviator",
        "action": "bet", "action_id": "rnd-77", "session_token": "st-1", "platform": "desktop",
    })),
    responses((status = 200, description = "However it ended", body = TransactionReply)),
)]
#[expect(dead_code, reason = "stands for the path")]
fn withdraw() {}

/// A win.
///
/// Paid once for the withdraw that it names, whether the session is over or the player frozen. Free
/// bets name none. A win whose withdraw is not known is answered 408 and not remembered: it is paid
/// when it comes again after the withdraw.
#[utoipa::path(
    post,
    path = "/spribe/deposit",
    operation_id = "spribe_deposit",
    tag = CALLS,
    request_body(content = Deposit, example = json!({
        "user_id": "demo-player", "currency": "EUR", "amount": 13250,
        "provider": "spribe_crash", "provider_tx_id": "tx-2", "withdraw_provider_tx_id": "tx-1",
        "game": "aviator", "action": "win", "action_id": "rnd-77", "session_token": "st-1",
        "platform": "desktop",
    })),
    responses((status = 200, description = "However it ended", body = TransactionReply)),
)]
#[expect(dead_code, reason = "stands for the path")]
fn deposit() {}

/// Undoes a withdraw.
///
/// One that is not known is answered 408 and remembered: the withdraw moves nothing when it comes. One
/// that was paid for is not undone. Of a deposit as much is taken back as the balance holds.
#[utoipa::path(
    post,
    path = "/spribe/rollback",
    operation_id = "spribe_rollback",
    tag = CALLS,
    request_body(content = Rollback, example = json!({
        "user_id": "demo-player", "currency": "EUR", "amount": 5320,
        "provider": "spribe_crash", "provider_tx_id": "tx-3", "rollback_provider_tx_id": "tx-1",
        "game": "aviator", "action": "bet", "action_id": "rnd-77", "session_token": "st-1",
    })),
    responses((status = 200, description = "However it ended", body = TransactionReply)),
)]
#[expect(dead_code, reason = "stands for the path")]
fn rollback() {}

#[cfg(test)]
mod tests {
    use super::super::codes::Code;
    use super::*;

    fn as_json() -> Value {
        serde_json::to_value(document()).expect("JSON")
    }

    #[test]
    fn every_operation_is_a_path_that_is_signed_and_has_its_answers() {
        let document = as_json();
        let mut codes = Vec::new();
        for operation in OPERATIONS {
            let call = &document["paths"][format!("/spribe/{}", operation.name)]["post"];
            let headers = call["parameters"].as_array().expect("headers");
            assert_eq!(headers.len(), 3, "{}", operation.name);
            let answers = &call["responses"]["200"]["content"]["application/json"]["examples"];
            let answers = answers.as_object().expect("answers");
            assert_eq!(answers.len(), cases::of(operation.name).len(), "{}", operation.name);
            for answer in answers.values() {
                let number = answer["value"]["code"].as_u64().expect("a code");
                codes.push(u16::try_from(number).ok().and_then(Code::parse).expect("known"));
            }
        }
        assert_eq!(document["paths"].as_object().map(serde_json::Map::len), Some(5));
        assert!(Code::ALL.iter().all(|code| codes.contains(code)), "{codes:?}");
    }

    #[test]
    fn an_example_shows_the_balances_of_its_own_movement() {
        let document = as_json();
        for (name, moved) in [("withdraw", -5320), ("deposit", 13250), ("rollback", 5320)] {
            let call = &document["paths"][format!("/spribe/{name}")]["post"];
            let answers = &call["responses"]["200"]["content"]["application/json"]["examples"];
            let (first, again) =
                (&answers["200_done"]["value"]["data"], &answers["409_repeated"]["value"]["data"]);
            assert_eq!(first, again);
            let balance = |of: &str| first[of].as_i64().expect("a balance");
            assert_eq!(balance("new_balance") - balance("old_balance"), moved, "{name}");
            assert_eq!(first["provider"], "spribe_crash");
        }
    }
}
