//! The calls as an OpenAPI document, for whoever connects the provider to the wallet.

mod cases;
mod forms;
mod signing;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use utoipa::{IntoResponses, OpenApi};

use super::settings::Settings;
use super::wire::{Body, Form};
use super::{OPERATIONS, Pragmatic};
use crate::core::ProviderId;
use crate::providers::examples;
use crate::providers::{Operation, Request};
use forms::{
    Adjustment, Authenticate, Balance, Bet, BonusWin, EndRound, GetBalancePerGame, JackpotWin,
    PromoWin, Refund, Result, RoundDetails, SessionExpired,
};

/// The public secret of the demo, with which the examples are signed.
const DEMO_SECRET: &str = "demo-pragmatic-secret";

/// The document. Its paths stand below the prefix of a provider named `pragmatic`.
pub(super) fn document() -> utoipa::openapi::OpenApi {
    let mut document = Document::openapi();
    document.info.license = None;
    forms::shape(&mut document);
    let description = document.info.description.get_or_insert_default();
    description.push_str("\n\n");
    description.push_str(&signing::how_to());
    if let Some(pragmatic) = usual() {
        for operation in OPERATIONS {
            add_examples(&mut document, &pragmatic, operation);
        }
    }
    document
}

/// The adapter of a provider with the usual settings.
fn usual() -> Option<Pragmatic> {
    let settings: Settings = toml::Table::new().try_into().ok()?;
    Pragmatic::new(ProviderId::parse("pragmatic").ok()?, settings).ok()
}

/// Signs the examples of a call, and adds every answer to the first of them.
fn add_examples(
    document: &mut utoipa::openapi::OpenApi,
    pragmatic: &Pragmatic,
    operation: &'static Operation,
) -> Option<()> {
    let path = format!("/pragmatic/{}", operation.paths.first()?);
    let call = examples::post(document, &path)?;
    let mut asked = None;
    for fields in examples::bodies(call) {
        let body = signing::signed(&encoded(fields)?, DEMO_SECRET)?;
        let form = Form::parse(body.as_bytes()).ok()?;
        let hash = Value::from(form.hash()?);
        fields.as_object_mut()?.insert("hash".to_owned(), hash);
        let request: Request = pragmatic.request(operation, &form).ok()?;
        asked.get_or_insert(request);
    }
    let asked = asked?;
    for case in cases::of(operation.name) {
        let reply = case.reply(pragmatic, operation, &asked)?;
        // The code comes first, so that a success does.
        let body: Value = serde_json::from_str(&reply.body).ok()?;
        let name = format!("{:03}_{}", body.get("error")?.as_u64()?, case.name);
        examples::add_reply(call, &name, case.summary, &reply)?;
    }
    Some(())
}

/// An example as the form that is sent.
fn encoded(fields: &Value) -> Option<String> {
    let pair = |(name, value): (&String, &Value)| {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        format!("{name}={}", utf8_percent_encode(&value, NON_ALPHANUMERIC))
    };
    Some(fields.as_object()?.iter().map(pair).collect::<Vec<_>>().join("&"))
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Pragmatic Play: seamless wallet",
        version = "3.233",
        description = "The calls that Pragmatic Play makes to the operator's wallet: forms in, \
            JSON out, HTTP 200 for everything; the outcome is the field `error`. Every call \
            that moves money may be repeated: it moves money once, and each repeat gets the \
            first `transactionId` with the balance of now. Parameters that are not listed are \
            accepted and covered by the hash.\n\nThe first segment of the paths is the name \
            that the operator has given to the brand; here it is `pragmatic`, as in the demo, \
            whose player, token and secret the examples use."
    ),
    paths(
        authenticate,
        balance,
        bet,
        result,
        bonus_win,
        jackpot_win,
        promo_win,
        end_round,
        adjustment,
        refund,
        balance_per_game,
        session_expired,
        round_details,
    ),
    components(schemas(Body<'static>)),
    tags(
        (name = PLAYERS, description = "Who plays, and what they have."),
        (name = MONEY, description = "What moves money. Each may be sent again."),
        (name = ROUNDS, description = "What a round came to. No money."),
    )
)]
struct Document;

const PLAYERS: &str = "Pragmatic Play: players";
const MONEY: &str = "Pragmatic Play: money";
const ROUNDS: &str = "Pragmatic Play: rounds";

/// What comes back. The examples are the adapter's own words.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "read by the derive alone")]
enum Answers<'a> {
    /// `error` says what came of it.
    #[response(status = 200)]
    Heard(Body<'a>),
    /// The caller's address is not on the list.
    #[response(status = 403)]
    Forbidden(Body<'a>),
}

/// Who is behind a launch token, and what they have.
///
/// The same token may come again and again.
#[utoipa::path(
    post,
    path = "/pragmatic/authenticate.html",
    operation_id = "pragmatic_authenticate",
    tag = PLAYERS,
    request_body(
        content = Authenticate,
        content_type = "application/x-www-form-urlencoded",
        example = json!({
            "token": "demo-token", "providerId": "PragmaticPlay", "gameId": "vs20demogame",
            "ipAddress": "203.0.113.7",
        })
    ),
    responses(Answers),
)]
#[expect(dead_code, reason = "stands for the path")]
fn authenticate() {}

/// What a player has.
#[utoipa::path(
    post,
    path = "/pragmatic/balance.html",
    operation_id = "pragmatic_balance",
    tag = PLAYERS,
    request_body(
        content = Balance,
        content_type = "application/x-www-form-urlencoded",
        example = json!({
            "providerId": "PragmaticPlay", "userId": "demo-player", "token": "demo-token",
        })
    ),
    responses(Answers),
)]
#[expect(dead_code, reason = "stands for the path")]
fn balance() {}

/// Takes a stake.
///
/// The only call for which a token, the player's status, the game and limits matter. After
/// every answer but 0, 1, 3, 50, 120 and 310 the provider sends `refund`.
#[utoipa::path(
    post,
    path = "/pragmatic/bet.html",
    operation_id = "pragmatic_bet",
    tag = MONEY,
    request_body(
        content = Bet,
        content_type = "application/x-www-form-urlencoded",
        examples(
            ("1_spin" = (value = json!({
                "userId": "demo-player", "gameId": "vs20demogame", "roundId": "700100200301",
                "amount": "1.5", "reference": "64f0c2a19b3d5e7f80a1b201",
                "providerId": "PragmaticPlay", "timestamp": 1_795_305_601_000_i64,
                "roundDetails": "spin", "platform": "MOBILE", "language": "en",
                "token": "demo-token",
            }))),
            ("2_free_round" = (value = json!({
                "userId": "demo-player", "gameId": "vs20demogame", "roundId": "700100200310",
                "amount": "0.00", "reference": "64f0c2a19b3d5e7f80a1b205",
                "providerId": "PragmaticPlay", "timestamp": 1_795_305_609_000_i64,
                "roundDetails": "spin", "bonusCode": "FRB-2026-0007",
                "token": "demo-token",
            }))),
        )
    ),
    responses(Answers),
)]
#[expect(dead_code, reason = "stands for the path")]
fn bet() {}

/// Pays a win, and a prize that fell into the round.
///
/// A round may have many. A win whose bet is not known is answered 100 and paid without one
/// when it comes again after a grace period.
#[utoipa::path(
    post,
    path = "/pragmatic/result.html",
    operation_id = "pragmatic_result",
    tag = MONEY,
    request_body(
        content = Result,
        content_type = "application/x-www-form-urlencoded",
        examples(
            ("1_win" = (value = json!({
                "userId": "demo-player", "gameId": "vs20demogame", "roundId": "700100200301",
                "amount": "4.20", "reference": "64f0c2a19b3d5e7f80a1b202",
                "providerId": "PragmaticPlay", "timestamp": 1_795_305_602_000_i64,
                "roundDetails": "spin", "platform": "MOBILE",
                "token": "demo-token",
            }))),
            ("2_prize" = (summary = "A win and a prize", value = json!({
                "userId": "demo-player", "gameId": "vs20demogame", "roundId": "700100200301",
                "amount": "4.20", "reference": "64f0c2a19b3d5e7f80a1b20b",
                "providerId": "PragmaticPlay", "timestamp": 1_795_305_602_000_i64,
                "roundDetails": "spin", "promoWinAmount": "5.00",
                "promoWinReference": "64f0c2a19b3d5e7f80a1b20c", "promoCampaignID": "5512",
                "promoCampaignType": "R",
                "token": "demo-token",
            }))),
        )
    ),
    responses(Answers),
)]
#[expect(dead_code, reason = "stands for the path")]
fn result() {}

/// Free rounds are over.
///
/// Pays their total, or is a notice where their wins were paid one by one: as agreed for the
/// brand.
#[utoipa::path(
    post,
    path = "/pragmatic/bonusWin.html",
    operation_id = "pragmatic_bonusWin",
    tag = MONEY,
    request_body(
        content = BonusWin,
        content_type = "application/x-www-form-urlencoded",
        example = json!({
            "userId": "demo-player", "amount": "0.80", "reference": "64f0c2a19b3d5e7f80a1b207",
            "providerId": "PragmaticPlay", "timestamp": 1_795_305_610_000_i64,
            "bonusCode": "FRB-2026-0007", "roundId": "700100200310", "gameId": "vs20demogame",
            "token": "demo-token",
        })
    ),
    responses(Answers),
)]
#[expect(dead_code, reason = "stands for the path")]
fn bonus_win() {}

/// Pays a jackpot.
///
/// Its round need not be known.
#[utoipa::path(
    post,
    path = "/pragmatic/jackpotWin.html",
    operation_id = "pragmatic_jackpotWin",
    tag = MONEY,
    request_body(
        content = JackpotWin,
        content_type = "application/x-www-form-urlencoded",
        example = json!({
            "providerId": "PragmaticPlay", "timestamp": 1_795_305_700_000_i64,
            "userId": "demo-player", "gameId": "vs20demogame", "roundId": "700100200399",
            "jackpotId": "9001",
            "jackpotDetails": r#"{"progressive":180.0,"non-progressive":70.25}"#,
            "amount": "250.25", "reference": "64f0c2a19b3d5e7f80a1b208", "platform": "WEB",
            "token": "demo-token",
        })
    ),
    responses(Answers),
)]
#[expect(dead_code, reason = "stands for the path")]
fn jackpot_win() {}

/// Pays a campaign's prize.
///
/// Comes long after the play, without a token. A prize that was paid within a result is known
/// by its reference and not paid again.
#[utoipa::path(
    post,
    path = "/pragmatic/promoWin.html",
    operation_id = "pragmatic_promoWin",
    tag = MONEY,
    request_body(
        content = PromoWin,
        content_type = "application/x-www-form-urlencoded",
        example = json!({
            "reference": "64f0c2a19b3d5e7f80a1b209", "amount": "25.00", "campaignType": "T",
            "providerId": "PragmaticPlay", "campaignId": "5511", "currency": "EUR",
            "userId": "demo-player", "timestamp": 1_795_307_400_000_i64,
        })
    ),
    responses(Answers),
)]
#[expect(dead_code, reason = "stands for the path")]
fn promo_win() {}

/// A round is over.
///
/// Moves no money; may come twice, or before the last win.
#[utoipa::path(
    post,
    path = "/pragmatic/endRound.html",
    operation_id = "pragmatic_endRound",
    tag = ROUNDS,
    request_body(
        content = EndRound,
        content_type = "application/x-www-form-urlencoded",
        example = json!({
            "userId": "demo-player", "gameId": "vs20demogame", "roundId": "700100200301",
            "providerId": "PragmaticPlay", "token": "demo-token", "win": "4.20",
        })
    ),
    responses(Answers),
)]
#[expect(dead_code, reason = "stands for the path")]
fn end_round() {}

/// Gives a bet back.
///
/// A success whatever became of the bet: one that is not known is remembered and takes no
/// money when it arrives. Only what is no bet is answered 120.
#[utoipa::path(
    post,
    path = "/pragmatic/refund.html",
    operation_id = "pragmatic_refund",
    tag = MONEY,
    request_body(
        content = Refund,
        content_type = "application/x-www-form-urlencoded",
        examples(
            ("least" = (value = json!({
                "userId": "demo-player", "providerId": "PragmaticPlay",
                "reference": "64f0c2a19b3d5e7f80a1b201",
            }))),
            ("whole" = (value = json!({
                "userId": "demo-player", "providerId": "PragmaticPlay",
                "reference": "64f0c2a19b3d5e7f80a1b201", "amount": "1.5",
                "gameId": "vs20demogame", "roundId": "700100200301",
                "timestamp": 1_795_305_660_000_i64, "token": "demo-token",
            }))),
        )
    ),
    responses(Answers),
)]
#[expect(dead_code, reason = "stands for the path")]
fn refund() {}

/// Corrects a round of a live table, either way.
#[utoipa::path(
    post,
    path = "/pragmatic/adjustment.html",
    operation_id = "pragmatic_adjustment",
    tag = MONEY,
    request_body(
        content = Adjustment,
        content_type = "application/x-www-form-urlencoded",
        example = json!({
            "userId": "demo-player", "gameId": "vs20demogame", "roundId": "700100200301",
            "amount": "-5.00", "reference": "64f0c2a19b3d5e7f80a1b20f",
            "providerId": "PragmaticPlay", "validBetAmount": "10.00",
            "timestamp": 1_795_308_600_000_i64, "token": "demo-token",
        })
    ),
    responses(Answers),
)]
#[expect(dead_code, reason = "stands for the path")]
fn adjustment() {}

/// What a player has, for each of some games: the same everywhere.
///
/// `getBalancePerGame.html` is served, too.
#[utoipa::path(
    post,
    path = "/pragmatic/GetBalancePerGame.html",
    operation_id = "pragmatic_GetBalancePerGame",
    tag = PLAYERS,
    request_body(
        content = GetBalancePerGame,
        content_type = "application/x-www-form-urlencoded",
        example = json!({
            "userId": "demo-player", "providerId": "PragmaticPlay",
            "gameIdList": "vs20demogame,vs20closed", "token": "demo-token",
        })
    ),
    responses(Answers),
)]
#[expect(dead_code, reason = "stands for the path")]
fn balance_per_game() {}

/// The provider's session is over. Nothing is to be done.
///
/// `sessionExpired` and `sessionExpired.html` are served, too.
#[utoipa::path(
    post,
    path = "/pragmatic/session/expired",
    operation_id = "pragmatic_sessionExpired",
    tag = PLAYERS,
    request_body(
        content = SessionExpired,
        content_type = "application/x-www-form-urlencoded",
        example = json!({
            "providerId": "PragmaticPlay", "sessionId": "98f1", "playerId": "demo-player",
        })
    ),
    responses(Answers),
)]
#[expect(dead_code, reason = "stands for the path")]
fn session_expired() {}

/// What happened in a round, kept for the regulator.
#[utoipa::path(
    post,
    path = "/pragmatic/roundDetails.html",
    operation_id = "pragmatic_roundDetails",
    tag = ROUNDS,
    request_body(
        content = RoundDetails,
        content_type = "application/x-www-form-urlencoded",
        example = json!({
            "userId": "demo-player", "providerId": "PragmaticPlay", "roundId": "700100200301",
            "smResult": "<sm>1,2,3</sm>", "gameCategory": "SLOT", "betMultiplier": "1",
        })
    ),
    responses(Answers),
)]
#[expect(dead_code, reason = "stands for the path")]
fn round_details() {}

#[cfg(test)]
mod tests {
    use serde_json::Map;

    use super::super::codes::Code;
    use super::super::tests::{adapter, read as request, verify};
    use super::super::wire::bad;
    use super::*;

    const FORM: &str = "application/x-www-form-urlencoded";

    fn as_json() -> Value {
        serde_json::to_value(document()).expect("JSON")
    }

    fn call<'d>(document: &'d Value, operation: &Operation) -> &'d Value {
        &document["paths"][format!("/pragmatic/{}", operation.paths[0])]["post"]
    }

    /// Every `value` and `example` below a node.
    fn examples(node: &Value) -> Vec<&Value> {
        let one = node.get("example").into_iter();
        let named = node.get("examples").and_then(Value::as_object);
        one.chain(named.into_iter().flat_map(|all| all.values()).filter_map(|e| e.get("value")))
            .collect()
    }

    fn fields(example: &Value) -> Map<String, Value> {
        example.as_object().expect("an object").clone()
    }

    fn written(fields: &Map<String, Value>) -> String {
        encoded(&Value::Object(fields.clone())).expect("an object")
    }

    #[test]
    fn every_operation_is_a_path() {
        let document = as_json();
        for operation in OPERATIONS {
            let call = call(&document, operation);
            assert_eq!(call["operationId"], format!("pragmatic_{}", operation.name));
            assert_eq!(call["responses"].as_object().map(Map::len), Some(2));
        }
        assert_eq!(document["paths"].as_object().map(Map::len), Some(OPERATIONS.len()));
    }

    #[test]
    fn every_example_of_a_request_is_signed_and_understood_and_needs_what_it_says() {
        let document = as_json();
        let pragmatic = adapter("");
        for operation in OPERATIONS {
            let content = &call(&document, operation)["requestBody"]["content"][FORM];
            let schema = content["schema"]["$ref"].as_str().expect("a schema");
            let schema = document.pointer(&schema[1..]).expect("a schema");
            let required: Vec<&str> = schema["required"]
                .as_array()
                .expect("a list")
                .iter()
                .filter_map(Value::as_str)
                .collect();
            assert!(!examples(content).is_empty());
            for example in examples(content) {
                let all = fields(example);
                let body = written(&all);
                assert_eq!(verify(&body, DEMO_SECRET), Ok(true), "{body}");
                assert!(request(&pragmatic, operation, &body).is_ok(), "{body}");
                let least = || required.iter().map(|name| ((*name).to_owned(), all[*name].clone()));
                let read = |left_out: &str| {
                    let body = written(&least().filter(|(name, _)| name != left_out).collect());
                    request(&pragmatic, operation, &body).map(|_| ())
                };
                assert_eq!(read("nothing"), Ok(()));
                for name in required.iter().filter(|name| **name != "hash") {
                    assert_eq!(read(name), Err(bad(name, "missing")), "{}", operation.name);
                }
            }
        }
    }

    #[test]
    fn every_example_of_a_reply_has_a_codes_words_and_fields_of_the_schema() {
        let document = as_json();
        let known = &document["components"]["schemas"]["pragmatic.Reply"]["properties"];
        let mut seen = Vec::new();
        for operation in OPERATIONS {
            let responses = call(&document, operation)["responses"].as_object().expect("responses");
            for response in responses.values() {
                let replies = examples(&response["content"]["application/json"]);
                assert!(!replies.is_empty(), "{}", operation.name);
                for reply in replies {
                    let code = Code::ALL.iter().find(|code| reply["error"] == code.number());
                    let code = code.expect("a code");
                    let description = reply["description"].as_str().expect("a description");
                    assert!(description.starts_with(code.description()), "{reply}");
                    assert!(fields(reply).keys().all(|name| known.get(name).is_some()), "{reply}");
                    seen.push(code.number());
                }
            }
        }
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen, [0, 1, 2, 4, 5, 6, 7, 8, 50, 100, 120, 130, 310]);
    }
}
