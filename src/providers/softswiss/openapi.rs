//! The three calls as an OpenAPI document, for whoever connects a casino or a game.

mod cases;
mod signing;

use std::collections::HashSet;

use serde_json::Value;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::Type;
use utoipa::openapi::{Object, OpenApi as Document, RefOr, Required};
use utoipa::{IntoResponses, OpenApi};

use super::wire::{Error, Freespins, Play, Rollback, Success};
use super::{OPERATIONS, Settings, Softswiss};
use crate::core::{Currency, IssueOwner, PlayerId, ProviderId};
use crate::providers::examples;
use crate::providers::issues::Issues as _;
use crate::providers::{Failure, Operation, Request};

/// The public token of the demo, with which the examples are signed.
const DEMO_TOKEN: &str = "demo-softswiss-token";

/// The document. Its paths stand below the prefix of a provider named `softswiss`.
pub(super) fn document() -> Document {
    let mut document = Calls::openapi();
    document.info.license = None;
    let description = document.info.description.get_or_insert_default();
    description.push_str("\n\n");
    description.push_str(&signing::how_to());
    if let Some(softswiss) = usual() {
        for operation in OPERATIONS {
            add_examples(&mut document, &softswiss, operation);
        }
    }
    document
}

/// The adapter of a provider with the usual settings.
fn usual() -> Option<Softswiss> {
    Softswiss::new(ProviderId::parse("softswiss").ok()?, Settings::default()).ok()
}

/// Signs the first example of a call, and adds every answer to its examples.
fn add_examples(
    document: &mut Document,
    softswiss: &Softswiss,
    operation: &'static Operation,
) -> Option<()> {
    let call = examples::post(document, &format!("/softswiss/{}", operation.name))?;
    let bodies: Vec<String> = examples::bodies(call).iter().map(|body| body.to_string()).collect();
    let first = bodies.first()?;
    call.parameters = Some(vec![RefOr::T(signature_header(first))]);
    let mut shown = HashSet::new();
    for body in &bodies {
        let request = asked(softswiss, operation, body).ok()?;
        // Bodies that say the same in two ways are answered in one.
        for case in cases::of_body(&request).into_iter().filter(|case| shown.insert(case.name)) {
            let reply = case.reply(softswiss, operation, &request)?;
            examples::add_reply(call, case.name, case.summary, &reply)?;
        }
    }
    let request = asked(softswiss, operation, first).ok()?;
    for case in cases::instead(operation.name) {
        let reply = case.reply(softswiss, operation, &request)?;
        let code: Value = serde_json::from_str(&reply.body).ok()?;
        let name = format!("{}_{}", code.get("code")?.as_u64()?, case.name);
        examples::add_reply(call, &name, case.summary, &reply)?;
    }
    Some(())
}

/// The header of every call, with the signature of this body.
fn signature_header(body: &str) -> Parameter {
    ParameterBuilder::new()
        .name("X-REQUEST-SIGN")
        .parameter_in(ParameterIn::Header)
        .required(Required::True)
        .description(Some(
            "HMAC-SHA256 of the body's bytes as sent, keyed with the casino's token, in hex. \
             This one is the first example's, sent without spaces.",
        ))
        .schema(Some(Object::with_type(Type::String)))
        .example(Some(Value::from(signing::signature(body, DEMO_TOKEN))))
        .build()
}

/// What a body asks for.
fn asked(softswiss: &Softswiss, operation: &Operation, body: &str) -> Result<Request, Failure> {
    match operation.name {
        "play" => softswiss.play(body.as_bytes()),
        "rollback" => softswiss.rollback(body.as_bytes()),
        _ => of_issue(softswiss, body),
    }
}

/// What a `freespins` asks for when the issue is the demo player's.
pub(super) fn of_issue(softswiss: &Softswiss, body: &str) -> Result<Request, Failure> {
    let Request::Issue(call) = softswiss.freespins(body.as_bytes())? else {
        return Err(Failure::Internal);
    };
    let bad = |error: &dyn std::fmt::Display| Failure::BadRequest(error.to_string());
    let owner = IssueOwner {
        player: PlayerId::parse(examples::PLAYER).map_err(|error| bad(&error))?,
        currency: Currency::parse("EUR").map_err(|error| bad(&error))?,
    };
    let keys = softswiss.keys(&call.issue, &owner.player)?;
    softswiss.request(&call, &owner, keys.now)
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "SOFTSWISS Game Aggregator: seamless wallet",
        version = "1",
        description = "The calls that the aggregator (or BGaming directly) makes to the \
            casino's wallet. Amounts are whole numbers of the currency's smallest unit. Every \
            call may be repeated: it moves money once, and each repeat gets the first \
            `tx_id` and `processed_at` with the balance of now.\n\nThe first segment of the \
            paths is the name that the operator has given to the provider; here it is \
            `softswiss`, as in the demo, whose player and token the examples use."
    ),
    paths(play, rollback, freespins),
    components(schemas(Error)),
    tags((name = CALLS, description = "Bets, wins and what undoes them."))
)]
struct Calls;

const CALLS: &str = "SOFTSWISS";

/// What every call may be answered instead. The examples are the adapter's own words.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "read by the derive alone")]
enum Errors {
    /// The call cannot be understood or done, now or later.
    #[response(status = 400)]
    BadRequest(Error),
    /// `X-REQUEST-SIGN` is missing or wrong, or the address is not on the list.
    #[response(status = 403)]
    Forbidden(Error),
    /// No such path; or, where the casino asks for it, a win whose round has no bet.
    #[response(status = 404)]
    NotFound(Error),
    /// Refused, the whole list of actions together. A bet that was refused stays refused.
    #[response(status = 412)]
    Refused(Error),
    /// A fault of the wallet. May be sent again.
    #[response(status = 500)]
    UnknownError(Error),
    /// Not now; also a win or a rollback for a closed wallet, and bonus spins of which the casino
    /// has not said whose they are. May be sent again.
    #[response(status = 503)]
    Unavailable(Error),
    /// Not in time, done or not. May be sent again.
    #[response(status = 504)]
    Timeout(Error),
}

/// Bets and wins of a round; without actions the balance, or the end of the round.
///
/// All actions or none. The bets of one call must fit together into the balance from before
/// it. An action that was carried out before is not carried out again; the others are.
#[utoipa::path(
    post,
    path = "/softswiss/play",
    operation_id = "softswiss_play",
    tag = CALLS,
    request_body(content = Play, examples(
        ("1_bet_and_win" = (summary = "A bet and its win, the round's last call", value = json!({
            "user_id": "demo-player", "currency": "EUR", "game": "acme:DemoSlot",
            "game_id": "rnd-77", "finished": true, "actions": [
                {"action": "bet", "amount": 150, "action_id": "a-0001"},
                {"action": "win", "amount": 400, "action_id": "a-0002"},
            ],
        }))),
        ("2_balance" = (summary = "A question for the balance", value = json!({
            "user_id": "demo-player", "currency": "EUR", "game": "acme:DemoSlot",
        }))),
        ("3_end" = (summary = "The end of a round", value = json!({
            "user_id": "demo-player", "currency": "EUR", "game": "acme:DemoSlot",
            "game_id": "rnd-77", "finished": true,
        }))),
    )),
    responses(
        (status = 200, description = "Carried out, now or before", body = Success),
        Errors,
    ),
)]
#[expect(dead_code, reason = "stands for the path")]
fn play() {}

/// Undoes bets and wins.
///
/// Always a success where the original is the player's own bet or win. An original that is
/// not known is remembered: it moves no money when it arrives. Of a win as much is taken back
/// as the balance holds.
#[utoipa::path(
    post,
    path = "/softswiss/rollback",
    operation_id = "softswiss_rollback",
    tag = CALLS,
    request_body(content = Rollback, example = json!({
        "user_id": "demo-player", "currency": "EUR", "game": "acme:DemoSlot",
        "game_id": "rnd-77", "actions": [
            {"action": "rollback", "action_id": "a-0003", "original_action_id": "a-0001"},
        ],
    })),
    responses(
        (status = 200, description = "Undone, now or before", body = Success),
        Errors,
    ),
)]
#[expect(dead_code, reason = "stands for the path")]
fn rollback() {}

/// What an issue of bonus spins won.
///
/// Paid once for each issue and player, with the first state that ends it; with any other state
/// nothing is paid, and the issue stays open. Whose the issue is need not be said where the casino
/// has told its wallet: an issue that it has not is kept, and answered 503 until it has.
#[utoipa::path(
    post,
    path = "/softswiss/freespins",
    operation_id = "softswiss_freespins",
    tag = CALLS,
    request_body(content = Freespins, examples(
        ("1_named" = (summary = "An issue that is over, of a player who is named", value = json!({
            "user_id": "demo-player", "currency": "EUR",
            "issue_id": "issue-5", "status": "played", "total_amount": 1250,
        }))),
        ("2_bare" = (summary = "The same as most senders say it", value = json!({
            "issue_id": "issue-5", "status": "played", "total_amount": 1250,
        }))),
        ("3_open" = (summary = "An issue that is not over", value = json!({
            "issue_id": "issue-5", "status": "active", "total_amount": 500,
        }))),
    )),
    responses(
        (status = 200, description = "Paid, now or before; or nothing to pay yet",
         body = Success),
        Errors,
    ),
)]
#[expect(dead_code, reason = "stands for the path")]
fn freespins() {}

#[cfg(test)]
mod tests {
    use super::super::codes::Code;
    use super::super::tests::adapter;
    use super::*;

    fn as_json() -> Value {
        serde_json::to_value(document()).expect("JSON")
    }

    /// Every `value` and `example` below a node.
    fn examples(node: &Value) -> Vec<&Value> {
        let one = node.get("example").into_iter();
        let named = node.get("examples").and_then(Value::as_object);
        one.chain(named.into_iter().flat_map(|all| all.values()).filter_map(|e| e.get("value")))
            .collect()
    }

    #[test]
    fn every_operation_is_a_path_with_a_signature() {
        let document = as_json();
        for operation in OPERATIONS {
            let call = &document["paths"][format!("/softswiss/{}", operation.name)]["post"];
            assert_eq!(call["parameters"][0]["name"], "X-REQUEST-SIGN", "{}", operation.name);
            assert_eq!(call["responses"].as_object().map(serde_json::Map::len), Some(8));
        }
        assert_eq!(document["paths"].as_object().map(serde_json::Map::len), Some(3));
    }

    #[test]
    fn every_example_of_a_request_is_understood() {
        let document = as_json();
        let softswiss = adapter("").expect("defaults");
        let mut seen = 0;
        for operation in OPERATIONS {
            let call = &document["paths"][format!("/softswiss/{}", operation.name)]["post"];
            for example in examples(&call["requestBody"]["content"]["application/json"]) {
                let body = example.to_string();
                let read = asked(&softswiss, operation, &body);
                assert!(read.is_ok(), "{body}: {read:?}");
                seen += 1;
            }
        }
        assert_eq!(seen, 7);
    }

    #[test]
    fn every_example_of_an_error_has_its_codes_status_and_words() {
        let document = as_json();
        let responses = &document["paths"]["/softswiss/play"]["post"]["responses"];
        let mut seen = 0;
        for (status, response) in responses.as_object().expect("responses") {
            for example in examples(&response["content"]["application/json"]) {
                let Some(number) = example["code"].as_u64() else { continue };
                let code = u16::try_from(number).ok().and_then(Code::parse).expect("a code");
                assert_eq!(status, &code.status().to_string(), "{example}");
                let message = example["message"].as_str().expect("a message");
                assert!(message.starts_with(code.message()), "{example}");
                seen += 1;
            }
        }
        assert_eq!(seen, 15);
    }
}
