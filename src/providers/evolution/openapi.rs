//! The calls as an OpenAPI document, for whoever connects a casino or a game.

mod cases;

use serde_json::Value;
use utoipa::OpenApi;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::Type;
use utoipa::openapi::{Object, OpenApi as Document, RefOr, Required};

use super::settings::Settings;
use super::wire::{Balance, Check, Move, PromoPayout, Session, Standing};
use super::{Evolution, OPERATIONS, TOKEN_PARAMETER};
use crate::core::{PlayerId, ProviderId};
use crate::providers::{Failure, Operation, Reply, Request, examples};

/// The public token of the demo, which the examples are sent with.
const DEMO_TOKEN: &str = "demo-evolution-token";

/// The document. Its paths stand below the prefix of a provider named `evolution`.
pub(super) fn document() -> Document {
    let mut document = Calls::openapi();
    document.info.license = None;
    let description = document.info.description.get_or_insert_default();
    description.push_str("\n\n");
    description.push_str(&signing());
    if let Some(evolution) = usual() {
        for operation in OPERATIONS {
            add_examples(&mut document, &evolution, operation);
        }
    }
    document
}

/// For the document's description, in Markdown.
fn signing() -> String {
    let path = "/evolution/debit";
    format!(
        "### How to sign\n\n\
        Nothing is signed: every call has the token that both sides know in its query, as \
        `{TOKEN_PARAMETER}`, percent-encoded. It is decoded once and compared exactly; a token \
        that is sent twice is none.\n\n\
        With the token `{DEMO_TOKEN}`\n\n\
        ```sh\nprintf '%s?{TOKEN_PARAMETER}=%s' '{path}' '{DEMO_TOKEN}'\n```\n\n\
        prints what is called:\n\n\
        ```text\n{path}?{TOKEN_PARAMETER}={DEMO_TOKEN}\n```\n"
    )
}

/// The adapter of a provider with the usual settings.
fn usual() -> Option<Evolution> {
    let rules = Settings::default().read(true).ok()?;
    Some(Evolution { provider: ProviderId::parse("evolution").ok()?, rules })
}

/// Says which token the examples come with, and adds every answer to them.
fn add_examples(
    document: &mut Document,
    evolution: &Evolution,
    operation: &'static Operation,
) -> Option<()> {
    let call = examples::post(document, &format!("/evolution/{}", operation.name))?;
    examples::add_long_head(call);
    call.parameters = Some(vec![RefOr::T(token_parameter())]);
    let body: Value = examples::bodies(call).first().map(|body| (**body).clone())?;
    for case in cases::of(operation.name) {
        let request = asked(evolution, operation, &body.to_string()).ok()?;
        let reply = with_uuid(case.reply(evolution, operation, &request)?, body.get("uuid")?);
        examples::add_reply(call, case.name, case.summary, &reply)?;
    }
    Some(())
}

/// As it is when the call has said what it is called.
fn with_uuid(reply: Reply, uuid: &Value) -> Reply {
    let body = reply.body.replace(r#""uuid":null"#, &format!(r#""uuid":{uuid}"#));
    Reply { body, ..reply }
}

fn token_parameter() -> Parameter {
    ParameterBuilder::new()
        .name(TOKEN_PARAMETER)
        .parameter_in(ParameterIn::Query)
        .required(Required::True)
        .description(Some("The token that both sides know, compared exactly."))
        .schema(Some(Object::with_type(Type::String)))
        .example(Some(Value::from(DEMO_TOKEN)))
        .build()
}

/// What a body asks for, when the sid is the demo player's.
fn asked(evolution: &Evolution, operation: &Operation, body: &str) -> Result<Request, Failure> {
    let body = body.as_bytes();
    let request = match operation.name {
        "check" => evolution.check(body),
        "balance" => evolution.balance(body),
        "debit" => evolution.debit(body),
        "credit" => evolution.credit(body),
        "cancel" => evolution.cancel(body),
        _ => evolution.promo_payout(body),
    };
    match request? {
        Request::Unnamed(unnamed) => {
            let player = PlayerId::parse(examples::PLAYER);
            (unnamed.read)(player.map_err(|error| Failure::BadRequest(error.to_string()))?)
        }
        request => Ok(request),
    }
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Evolution One Wallet: seamless wallet",
        version = "1",
        description = "The calls that Evolution makes to the casino's wallet. Amounts are major \
            units with up to six decimals, balances have exactly six. Every call may be repeated: \
            it moves money once.\n\nEvery answer has HTTP status 200; what became of the call says \
            `status`. `BET_ALREADY_EXIST` and `BET_ALREADY_SETTLED` are as good as a success, \
            `TEMPORARY_ERROR` means that the same call may be sent again, and every other word is \
            for good.\n\nCalls are not signed: the token stands in the query, and the casino lets \
            in none but known addresses.\n\nThe first segment of the paths is the name that the \
            operator has given to the provider; here it is `evolution`, as in the demo, whose \
            player and token the examples use."
    ),
    paths(check, balance, debit, credit, cancel, promo_payout),
    tags((name = CALLS, description = "Bets, what settles them, and what undoes them."))
)]
struct Calls;

const CALLS: &str = "Evolution";

/// Who is behind a sid?
///
/// A `userId` that is not whose the sid is does not use it up. Where the operator has it so, the
/// answer has a new sid, and the old one is over.
#[utoipa::path(
    post,
    path = "/evolution/check",
    operation_id = "evolution_check",
    tag = CALLS,
    request_body(content = Check, example = json!({
        "sid": "demo-evolution-sid", "userId": "demo-player", "uuid": "u-1",
    })),
    responses((status = 200, description = "Let in, or what stands against it", body = Session)),
)]
#[expect(dead_code, reason = "stands for the path")]
fn check() {}

/// What can be played with?
#[utoipa::path(
    post,
    path = "/evolution/balance",
    operation_id = "evolution_balance",
    tag = CALLS,
    request_body(content = Balance, example = json!({
        "sid": "demo-evolution-sid", "userId": "demo-player", "currency": "EUR", "uuid": "u-2",
    })),
    responses((status = 200, description = "The balance, or what stands against it",
               body = Standing)),
)]
#[expect(dead_code, reason = "stands for the path")]
fn balance() {}

/// A bet.
///
/// Placed once for each `refId`, whatever comes again with it. Needs a sid that is open.
#[utoipa::path(
    post,
    path = "/evolution/debit",
    operation_id = "evolution_debit",
    tag = CALLS,
    request_body(content = Move, example = json!({
        "sid": "demo-evolution-sid", "userId": "demo-player", "currency": "EUR",
        "game": {"id": "g-77", "details": {"table": {"id": "tbl-1"}}},
        "transaction": {"id": "d-5001", "refId": "r-5001", "amount": 2.5}, "uuid": "u-3",
    })),
    responses((status = 200, description = "Placed, or what stands against it", body = Standing)),
)]
#[expect(dead_code, reason = "stands for the path")]
fn debit() {}

/// The end of a bet: what it won, or zero.
///
/// Paid once for each `refId`. A sid that is over is good enough.
#[utoipa::path(
    post,
    path = "/evolution/credit",
    operation_id = "evolution_credit",
    tag = CALLS,
    request_body(content = Move, example = json!({
        "sid": "demo-evolution-sid", "userId": "demo-player", "currency": "EUR",
        "game": {"id": "g-77", "details": {"table": {"id": "tbl-1"}}},
        "transaction": {"id": "c-5002", "refId": "r-5001", "amount": 5.0}, "uuid": "u-4",
    })),
    responses((status = 200, description = "Settled, or what stands against it", body = Standing)),
)]
#[expect(dead_code, reason = "stands for the path")]
fn credit() {}

/// A bet that shall not have been.
///
/// The stake as it was taken is given back, once. A bet that is not known is remembered: it moves
/// nothing when it arrives. A sid that is over is good enough.
#[utoipa::path(
    post,
    path = "/evolution/cancel",
    operation_id = "evolution_cancel",
    tag = CALLS,
    request_body(content = Move, example = json!({
        "sid": "demo-evolution-sid", "userId": "demo-player", "currency": "EUR",
        "game": {"id": "g-77", "details": {"table": {"id": "tbl-1"}}},
        "transaction": {"id": "d-5001", "refId": "r-5001", "amount": 2.5}, "uuid": "u-5",
    })),
    responses((status = 200, description = "Undone, or what stands against it", body = Standing)),
)]
#[expect(dead_code, reason = "stands for the path")]
fn cancel() {}

/// Money beside the bets: jackpots, what free rounds came to, prizes.
///
/// Paid once for each `promoTransaction.id`, whatever its type.
#[utoipa::path(
    post,
    path = "/evolution/promo_payout",
    operation_id = "evolution_promo_payout",
    tag = CALLS,
    request_body(content = PromoPayout, example = json!({
        "sid": "demo-evolution-sid", "userId": "demo-player", "currency": "EUR",
        "promoTransaction": {"type": "JackpotWin", "id": "pr-1", "amount": 10.0}, "uuid": "u-6",
    })),
    responses((status = 200, description = "Paid, now or before, or what stands against it",
               body = Standing)),
)]
#[expect(dead_code, reason = "stands for the path")]
fn promo_payout() {}

#[cfg(test)]
mod tests {
    use super::super::codes::Status;
    use super::*;

    fn as_json() -> Value {
        serde_json::to_value(document()).expect("JSON")
    }

    #[test]
    fn every_operation_is_a_path_with_a_token_and_an_example_that_is_understood() {
        let document = as_json();
        let evolution = usual().expect("the usual settings");
        for operation in OPERATIONS {
            let call = &document["paths"][format!("/evolution/{}", operation.name)]["post"];
            assert_eq!(call["parameters"][0]["name"], "authToken", "{}", operation.name);
            let body = &call["requestBody"]["content"]["application/json"]["example"];
            let read = asked(&evolution, operation, &body.to_string());
            assert!(read.is_ok(), "{body}: {read:?}");
        }
        assert_eq!(document["paths"].as_object().map(serde_json::Map::len), Some(6));
    }

    #[test]
    fn every_example_of_an_answer_has_the_status_that_it_is_named_for_and_the_uuid() {
        let document = as_json();
        let mut seen = std::collections::BTreeSet::new();
        for operation in OPERATIONS {
            let call = &document["paths"][format!("/evolution/{}", operation.name)]["post"];
            let examples = &call["responses"]["200"]["content"]["application/json"]["examples"];
            for (name, example) in examples.as_object().expect("examples") {
                let status = example["value"]["status"].as_str().expect("a status");
                assert!(name.starts_with(status), "{name}: {example}");
                assert!(Status::ALL.iter().any(|known| known.word() == status), "{status}");
                assert!(example["value"]["uuid"].is_string(), "{example}");
                seen.insert(status.to_owned());
            }
        }
        assert_eq!(seen.len(), Status::ALL.len() - 1, "all but BET_ALREADY_EXIST: {seen:?}");
    }
}
