//! The calls as an OpenAPI document, for whoever connects the provider to the wallet.

mod forms;

use utoipa::{IntoResponses, OpenApi};

use super::wire::Body;
use forms::{
    Adjustment, Authenticate, Balance, Bet, BonusWin, EndRound, GetBalancePerGame, JackpotWin,
    PromoWin, Refund, Result, RoundDetails, SessionExpired,
};

/// The document. Its paths stand below the prefix of a provider named `pragmatic`.
pub(super) fn document() -> utoipa::openapi::OpenApi {
    Document::openapi()
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Pragmatic Play: seamless wallet",
        version = "3.233",
        license(name = "proprietary"),
        description = "The calls that Pragmatic Play makes to the operator's wallet: forms in, \
            JSON out, HTTP 200 for everything; the outcome is the field `error`. Every call \
            that moves money may be repeated: it moves money once, and each repeat gets the \
            first `transactionId` with the balance of now. Parameters that are not listed are \
            accepted and covered by the hash."
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
        refund,
        adjustment,
        balance_per_game,
        session_expired,
        round_details,
    )
)]
struct Document;

/// What every call may be answered instead, whatever it asks for.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "read by the derive alone")]
enum Errors<'a> {
    /// The caller's address is not on the list.
    #[response(status = 403, example = json!({"error": 5, "description": "Invalid hash code"}))]
    Forbidden(Body<'a>),
}

/// Who is behind a launch token, and what they have.
///
/// The same token may come again and again.
#[utoipa::path(
    post,
    path = "/pragmatic/authenticate.html",
    operation_id = "pragmatic_authenticate",
    request_body(
        content = Authenticate,
        content_type = "application/x-www-form-urlencoded",
        example = json!({
            "token": "tk-7f3a1c", "providerId": "PragmaticPlay", "gameId": "vs20demogame",
            "ipAddress": "203.0.113.7", "hash": "1c78252027a18a012c5355c352148e1d",
        })
    ),
    responses(
        (status = 200, description = "`error` says what came of it", body = Body, examples(
            ("success" = (value = json!({
                "userId": "op1_88012", "currency": "EUR", "cash": 100.00, "bonus": 0.00,
                "token": "tk-7f3a1c", "error": 0, "description": "Success",
            }))),
            ("token" = (value = json!(
                {"error": 4, "description": "Player token is invalid, unknown or expired"}))),
            ("hash" = (value = json!({"error": 5, "description": "Invalid hash code"}))),
            ("frozen" = (value = json!({"error": 6, "description": "Player is frozen"}))),
            ("parameters" = (value = json!(
                {"error": 7, "description": "Bad parameters in the request: token: missing"}))),
            ("game" =
                (value = json!({"error": 8, "description": "Game is not found or disabled"}))),
            ("retry" = (value =
                json!({"error": 100, "description": "Internal server error, please retry"}))),
        )),
        Errors,
    ),
)]
#[expect(dead_code, reason = "stands for the path")]
fn authenticate() {}

/// What a player has.
#[utoipa::path(
    post,
    path = "/pragmatic/balance.html",
    operation_id = "pragmatic_balance",
    request_body(
        content = Balance,
        content_type = "application/x-www-form-urlencoded",
        example = json!({
            "providerId": "PragmaticPlay", "userId": "op1_88012", "token": "tk-7f3a1c",
            "hash": "7992aad8cda7a823a48cb01ce0bc86bd",
        })
    ),
    responses(
        (status = 200, description = "`error` says what came of it", body = Body, examples(
            ("success" = (value = json!({
                "currency": "EUR", "cash": 100.00, "bonus": 0.00,
                "error": 0, "description": "Success",
            }))),
            ("player" = (value = json!({"error": 2, "description": "Player not found"}))),
            ("token" = (value = json!(
                {"error": 4, "description": "Player token is invalid, unknown or expired"}))),
            ("frozen" = (value = json!({"error": 6, "description": "Player is frozen"}))),
        )),
        Errors,
    ),
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
    request_body(
        content = Bet,
        content_type = "application/x-www-form-urlencoded",
        examples(
            ("spin" = (value = json!({
                "userId": "op1_88012", "gameId": "vs20demogame", "roundId": "700100200301",
                "amount": "1.5", "reference": "64f0c2a19b3d5e7f80a1b201",
                "providerId": "PragmaticPlay", "timestamp": 1_795_305_601_000_i64,
                "roundDetails": "spin", "platform": "MOBILE", "language": "en",
                "token": "tk-7f3a1c", "hash": "257778e76af8e80074e050764c9a34b6",
            }))),
            ("free_round" = (value = json!({
                "userId": "op1_88012", "gameId": "vs20demogame", "roundId": "700100200310",
                "amount": "0.00", "reference": "64f0c2a19b3d5e7f80a1b205",
                "providerId": "PragmaticPlay", "timestamp": 1_795_305_609_000_i64,
                "roundDetails": "spin", "bonusCode": "FRB-2026-0007",
                "token": "tk-7f3a1c", "hash": "2fc5510ed348106d9ba9afb86bdd226b",
            }))),
        )
    ),
    responses(
        (status = 200, description = "`error` says what came of it", body = Body, examples(
            ("success" = (value = json!({
                "transactionId": "0199f1c2a4b07c3e8d5512ab34cd56ef", "currency": "EUR",
                "cash": 98.50, "bonus": 0.00, "usedPromo": 0.00,
                "error": 0, "description": "Success",
            }))),
            ("insufficient" = (value = json!({
                "currency": "EUR", "cash": 1.00, "bonus": 0.00,
                "error": 1, "description": "Insufficient balance",
            }))),
            ("player" = (value = json!({"error": 2, "description": "Player not found"}))),
            ("token" = (value = json!({
                "currency": "EUR", "cash": 98.50, "bonus": 0.00,
                "error": 4, "description": "Player token is invalid, unknown or expired",
            }))),
            ("hash" = (value = json!({"error": 5, "description": "Invalid hash code"}))),
            ("frozen" = (value = json!({
                "currency": "EUR", "cash": 98.50, "bonus": 0.00,
                "error": 6, "description": "Player is frozen",
            }))),
            ("parameters" = (value = json!(
                {"error": 7, "description": "Bad parameters in the request: amount: negative"}))),
            ("game" = (value = json!({
                "currency": "EUR", "cash": 98.50, "bonus": 0.00,
                "error": 8, "description": "Game is not found or disabled",
            }))),
            ("limit" = (value = json!({
                "currency": "EUR", "cash": 98.50, "bonus": 0.00,
                "error": 50, "description": "Bet limit has been reached",
            }))),
            ("retry" = (value =
                json!({"error": 100, "description": "Internal server error, please retry"}))),
            ("refunded" = (summary = "The bet came after its refund", value = json!({
                "currency": "EUR", "cash": 98.50, "bonus": 0.00,
                "error": 120, "description": "Internal server error, do not retry",
            }))),
            ("max_bet" = (value = json!({
                "currency": "EUR", "cash": 98.50, "bonus": 0.00,
                "error": 310, "description": "Bet is out of the player's bet limits",
            }))),
        )),
        Errors,
    ),
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
    request_body(
        content = Result,
        content_type = "application/x-www-form-urlencoded",
        examples(
            ("win" = (value = json!({
                "userId": "op1_88012", "gameId": "vs20demogame", "roundId": "700100200301",
                "amount": "4.20", "reference": "64f0c2a19b3d5e7f80a1b202",
                "providerId": "PragmaticPlay", "timestamp": 1_795_305_602_000_i64,
                "roundDetails": "spin", "platform": "MOBILE",
                "token": "tk-7f3a1c", "hash": "3bde5bf5ba046b3378e0e27e59ea9efb",
            }))),
            ("prize" = (summary = "A win and a prize", value = json!({
                "userId": "op1_88012", "gameId": "vs20demogame", "roundId": "700100200301",
                "amount": "4.20", "reference": "64f0c2a19b3d5e7f80a1b20b",
                "providerId": "PragmaticPlay", "timestamp": 1_795_305_602_000_i64,
                "roundDetails": "spin", "promoWinAmount": "5.00",
                "promoWinReference": "64f0c2a19b3d5e7f80a1b20c", "promoCampaignID": "5512",
                "promoCampaignType": "R",
                "token": "tk-7f3a1c", "hash": "bf3407742b3dd12776304502aeca76a2",
            }))),
        )
    ),
    responses(
        (status = 200, description = "`error` says what came of it", body = Body, examples(
            ("success" = (value = json!({
                "transactionId": "0199f1c2a4b17c3e8d5512ab34cd56f0", "currency": "EUR",
                "cash": 102.70, "bonus": 0.00, "error": 0, "description": "Success",
            }))),
            ("waiting" = (summary = "The bet is not known", value = json!({
                "currency": "EUR", "cash": 98.50, "bonus": 0.00,
                "error": 100, "description": "Internal server error, please retry",
            }))),
            ("refunded" = (summary = "The round's only bet was refunded", value = json!({
                "currency": "EUR", "cash": 98.50, "bonus": 0.00,
                "error": 120, "description": "Internal server error, do not retry",
            }))),
        )),
        Errors,
    ),
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
    request_body(
        content = BonusWin,
        content_type = "application/x-www-form-urlencoded",
        example = json!({
            "userId": "op1_88012", "amount": "0.80", "reference": "64f0c2a19b3d5e7f80a1b207",
            "providerId": "PragmaticPlay", "timestamp": 1_795_305_610_000_i64,
            "bonusCode": "FRB-2026-0007", "roundId": "700100200310", "gameId": "vs20demogame",
            "token": "tk-7f3a1c", "hash": "3e98ae999052534f137d4389867bcc7c",
        })
    ),
    responses(
        (status = 200, description = "`error` says what came of it", body = Body,
         example = json!({
            "transactionId": "0199f1c2a4b27c3e8d5512ab34cd56f1", "currency": "EUR",
            "cash": 101.50, "bonus": 0.00, "error": 0, "description": "Success",
        })),
        Errors,
    ),
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
    request_body(
        content = JackpotWin,
        content_type = "application/x-www-form-urlencoded",
        example = json!({
            "providerId": "PragmaticPlay", "timestamp": 1_795_305_700_000_i64,
            "userId": "op1_88012", "gameId": "vs20demogame", "roundId": "700100200399",
            "jackpotId": "9001",
            "jackpotDetails": r#"{"progressive":180.0,"non-progressive":70.25}"#,
            "amount": "250.25", "reference": "64f0c2a19b3d5e7f80a1b208", "platform": "WEB",
            "token": "tk-7f3a1c", "hash": "486ad8c8fc863e1dfe5da614cb94a233",
        })
    ),
    responses(
        (status = 200, description = "`error` says what came of it", body = Body,
         example = json!({
            "transactionId": "0199f1c2a4b37c3e8d5512ab34cd56f2", "currency": "EUR",
            "cash": 351.75, "bonus": 0.00, "error": 0, "description": "Success",
        })),
        Errors,
    ),
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
    request_body(
        content = PromoWin,
        content_type = "application/x-www-form-urlencoded",
        example = json!({
            "reference": "64f0c2a19b3d5e7f80a1b209", "amount": "25.00", "campaignType": "T",
            "providerId": "PragmaticPlay", "campaignId": "5511", "currency": "EUR",
            "userId": "op1_88012", "timestamp": 1_795_307_400_000_i64,
            "hash": "41c3c0abc81a12139548e8166a3b831d",
        })
    ),
    responses(
        (status = 200, description = "`error` says what came of it", body = Body, examples(
            ("success" = (value = json!({
                "transactionId": "0199f1c2a4b47c3e8d5512ab34cd56f3", "currency": "EUR",
                "cash": 376.75, "bonus": 0.00, "error": 0, "description": "Success",
            }))),
            ("currency" = (summary = "Not the wallet's currency", value = json!({
                "currency": "EUR", "cash": 351.75, "bonus": 0.00,
                "error": 7, "description": "Bad parameters in the request",
            }))),
        )),
        Errors,
    ),
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
    request_body(
        content = EndRound,
        content_type = "application/x-www-form-urlencoded",
        example = json!({
            "userId": "op1_88012", "gameId": "vs20demogame", "roundId": "700100200301",
            "providerId": "PragmaticPlay", "token": "tk-7f3a1c", "win": "4.20",
            "hash": "8192c0f4d7282fea681ba73659b97cb2",
        })
    ),
    responses(
        (status = 200, description = "`error` says what came of it", body = Body, examples(
            ("success" = (value = json!(
                {"cash": 102.70, "bonus": 0.00, "error": 0, "description": "Success"}))),
            ("retry" = (value = json!({
                "error": 130, "description": "Internal server error on EndRound, please retry",
            }))),
        )),
        Errors,
    ),
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
    request_body(
        content = Refund,
        content_type = "application/x-www-form-urlencoded",
        examples(
            ("least" = (value = json!({
                "userId": "op1_88012", "providerId": "PragmaticPlay",
                "reference": "64f0c2a19b3d5e7f80a1b201",
                "hash": "707e1bb748ddcf0ee8ba0e5f41d8c0dd",
            }))),
            ("whole" = (value = json!({
                "userId": "op1_88012", "providerId": "PragmaticPlay",
                "reference": "64f0c2a19b3d5e7f80a1b201", "amount": "1.5",
                "gameId": "vs20demogame", "roundId": "700100200301",
                "timestamp": 1_795_305_660_000_i64, "token": "tk-7f3a1c",
                "hash": "ec14fd4c84e03fce0040ac972d78fa10",
            }))),
        )
    ),
    responses(
        (status = 200, description = "`error` says what came of it", body = Body, examples(
            ("success" = (value = json!({
                "transactionId": "0199f1c2a4b57c3e8d5512ab34cd56f4",
                "error": 0, "description": "Success",
            }))),
            ("no_bet" = (summary = "The reference is a win's", value = json!(
                {"error": 120, "description": "Internal server error, do not retry"}))),
        )),
        Errors,
    ),
)]
#[expect(dead_code, reason = "stands for the path")]
fn refund() {}

/// Corrects a round of a live table, either way.
#[utoipa::path(
    post,
    path = "/pragmatic/adjustment.html",
    operation_id = "pragmatic_adjustment",
    request_body(
        content = Adjustment,
        content_type = "application/x-www-form-urlencoded",
        example = json!({
            "userId": "op1_88012", "gameId": "227", "roundId": "700100200777",
            "amount": "-5.00", "reference": "64f0c2a19b3d5e7f80a1b20f",
            "providerId": "PragmaticPlay", "validBetAmount": "10.00",
            "timestamp": 1_795_308_600_000_i64, "token": "tk-7f3a1c",
            "hash": "538ee758c39fb8b92019128a7563f627",
        })
    ),
    responses(
        (status = 200, description = "`error` says what came of it", body = Body, examples(
            ("success" = (value = json!({
                "transactionId": "0199f1c2a4b67c3e8d5512ab34cd56f5", "currency": "EUR",
                "cash": 371.75, "bonus": 0.00, "error": 0, "description": "Success",
            }))),
            ("insufficient" = (value = json!({
                "currency": "EUR", "cash": 1.00, "bonus": 0.00,
                "error": 1, "description": "Insufficient balance",
            }))),
        )),
        Errors,
    ),
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
    request_body(
        content = GetBalancePerGame,
        content_type = "application/x-www-form-urlencoded",
        example = json!({
            "userId": "op1_88012", "providerId": "PragmaticPlay",
            "gameIdList": "vs20demogame,vs20closed", "token": "tk-7f3a1c",
            "hash": "44c935a5f81ef3d28098c9ebccea03c3",
        })
    ),
    responses(
        (status = 200, description = "`error` says what came of it", body = Body,
         example = json!({
            "gamesBalances": [
                {"gameID": "vs20demogame", "cash": 100.00, "bonus": 0.00},
                {"gameID": "vs20closed", "cash": 100.00, "bonus": 0.00},
            ],
            "error": 0, "description": "Success",
        })),
        Errors,
    ),
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
    request_body(
        content = SessionExpired,
        content_type = "application/x-www-form-urlencoded",
        example = json!({
            "providerId": "PragmaticPlay", "sessionId": "98f1", "playerId": "op1_88012",
            "hash": "7eae9b615b7c518ce734a99987232e3c",
        })
    ),
    responses(
        (status = 200, description = "`error` says what came of it", body = Body,
         example = json!({"error": 0, "description": "Success"})),
        Errors,
    ),
)]
#[expect(dead_code, reason = "stands for the path")]
fn session_expired() {}

/// What happened in a round, kept for the regulator.
#[utoipa::path(
    post,
    path = "/pragmatic/roundDetails.html",
    operation_id = "pragmatic_roundDetails",
    request_body(
        content = RoundDetails,
        content_type = "application/x-www-form-urlencoded",
        example = json!({
            "userId": "op1_88012", "providerId": "PragmaticPlay", "roundId": "700100200301",
            "smResult": "<sm>1,2,3</sm>", "gameCategory": "SLOT", "betMultiplier": "1",
            "hash": "afdbed2776df3d539756e1c0e5e8fb0f",
        })
    ),
    responses(
        (status = 200, description = "`error` says what came of it", body = Body,
         example = json!({"error": 0, "description": "Success"})),
        Errors,
    ),
)]
#[expect(dead_code, reason = "stands for the path")]
fn round_details() {}

#[cfg(test)]
mod tests {
    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
    use serde_json::{Map, Value};

    use super::super::OPERATIONS;
    use super::super::codes::Code;
    use super::super::tests::{adapter, read as request, verify};
    use super::super::wire::bad;
    use super::*;
    use crate::providers::Operation;

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

    fn encoded(fields: &Map<String, Value>) -> String {
        let pair = |(name, value): (&String, &Value)| {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            format!("{name}={}", utf8_percent_encode(&value, NON_ALPHANUMERIC))
        };
        fields.iter().map(pair).collect::<Vec<_>>().join("&")
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
                let body = encoded(&all);
                assert_eq!(verify(&body, "made-up-Secret-01"), Ok(true), "{body}");
                assert!(request(&pragmatic, operation, &body).is_ok(), "{body}");
                let least = || required.iter().map(|name| ((*name).to_owned(), all[*name].clone()));
                let read = |left_out: &str| {
                    let body = encoded(&least().filter(|(name, _)| name != left_out).collect());
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
