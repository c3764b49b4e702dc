//! The three calls as an OpenAPI document, for whoever connects a casino or a game.

use utoipa::{IntoResponses, OpenApi};

use super::wire::{Error, Freespins, Play, Rollback, Success};

/// The document. Its paths stand below the prefix of a provider named `softswiss`.
pub(super) fn document() -> utoipa::openapi::OpenApi {
    Document::openapi()
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "SOFTSWISS Game Aggregator: seamless wallet",
        version = "1",
        license(name = "proprietary"),
        description = "The calls that the aggregator (or BGaming directly) makes to the \
            casino's wallet. Amounts are whole numbers of the currency's smallest unit. Every \
            call may be repeated: it moves money once, and each repeat gets the first \
            `tx_id` and `processed_at` with the balance of now."
    ),
    paths(play, rollback, freespins),
    components(schemas(Error))
)]
struct Document;

/// What every call may be answered instead.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "read by the derive alone")]
enum Errors {
    /// The call cannot be understood or done, now or later.
    #[response(status = 400, examples(
        ("malformed" = (value = json!({"code": 400, "message": "Bad request: amount: negative"}))),
        ("not_reversible" = (value = json!({"code": 400, "message": "Bad request"}))),
    ))]
    BadRequest(Error),
    /// `X-REQUEST-SIGN` is missing or wrong, or the address is not on the list.
    #[response(status = 403, example = json!({"code": 403, "message": "Forbidden"}))]
    Forbidden(Error),
    /// No such path; or, where the casino asks for it, a win whose round has no bet.
    #[response(status = 404, example = json!({"code": 404, "message": "Not found"}))]
    NotFound(Error),
    /// Refused, the whole list of actions together. A bet that was refused stays refused.
    #[response(status = 412, examples(
        ("funds" = (value = json!({"code": 100, "message": "Not enough funds", "balance": 10250}))),
        ("player" = (value = json!({"code": 101, "message": "Player is invalid"}))),
        ("player_limit" =
            (value = json!({"code": 105, "message": "Player reached their bet limit"}))),
        ("max_bet" = (value = json!({"code": 106, "message": "Bet exceeds the maximum bet"}))),
        ("disabled" = (value = json!({"code": 110, "message": "Player is disabled"}))),
        ("currency" =
            (value = json!({"code": 154, "message": "Currency is not allowed for the player"}))),
        ("game" =
            (value = json!({"code": 405, "message": "Game is not available to the casino"}))),
    ))]
    Refused(Error),
    /// A fault of the wallet. May be sent again.
    #[response(status = 500, example = json!({"code": 500, "message": "Unknown error"}))]
    UnknownError(Error),
    /// Not now; also a win or a rollback for a closed wallet. May be sent again.
    #[response(status = 503, example = json!({"code": 503, "message": "Service is unavailable"}))]
    Unavailable(Error),
    /// Not in time, done or not. May be sent again.
    #[response(status = 504, example = json!({"code": 504, "message": "Request timed out"}))]
    Timeout(Error),
}

/// Bets and wins of a round; without actions the balance, or the end of the round.
///
/// All actions or none. The bets of one call must fit together into the balance from before
/// it. An action that was carried out before is not carried out again; the others are.
#[utoipa::path(
    post,
    path = "/softswiss/play",
    params(("X-REQUEST-SIGN" = String, Header, description = SIGNATURE)),
    request_body(content = Play, examples(
        ("bet_and_win" = (summary = "A bet and its win, the round's last call", value = json!({
            "user_id": "p-1001", "currency": "EUR", "game": "acme:DemoSlot",
            "game_id": "rnd-77", "finished": true, "actions": [
                {"action": "bet", "amount": 150, "action_id": "a-0001"},
                {"action": "win", "amount": 400, "action_id": "a-0002"},
            ],
        }))),
        ("balance" = (summary = "A question for the balance", value = json!({
            "user_id": "p-1001", "currency": "EUR", "game": "acme:DemoSlot",
        }))),
        ("end" = (summary = "The end of a round", value = json!({
            "user_id": "p-1001", "currency": "EUR", "game": "acme:DemoSlot",
            "game_id": "rnd-77", "finished": true,
        }))),
    )),
    responses(
        (status = 200, description = "Carried out, now or before", body = Success, examples(
            ("bet_and_win" = (value = json!({
                "balance": 10250, "game_id": "rnd-77", "transactions": [
                    {"action_id": "a-0001", "tx_id": "0199f1c2a4b07c3e8d5512ab34cd56ef",
                     "processed_at": "2026-11-22T10:00:00.000Z"},
                    {"action_id": "a-0002", "tx_id": "0199f1c2a4b17c3e8d5512ab34cd56f0",
                     "processed_at": "2026-11-22T10:00:00.000Z"},
                ],
            }))),
            ("balance" = (value = json!({"balance": 10250}))),
            ("end" = (value = json!({"balance": 10250, "game_id": "rnd-77"}))),
        )),
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
    params(("X-REQUEST-SIGN" = String, Header, description = SIGNATURE)),
    request_body(content = Rollback, example = json!({
        "user_id": "p-1001", "currency": "EUR", "game": "acme:DemoSlot",
        "game_id": "rnd-77", "finished": true, "actions": [
            {"action": "rollback", "action_id": "a-0003", "original_action_id": "a-0001"},
        ],
    })),
    responses(
        (status = 200, description = "Undone, now or before", body = Success, examples(
            ("known" = (value = json!({
                "balance": 10400, "game_id": "rnd-77", "transactions": [
                    {"action_id": "a-0003", "tx_id": "0199f1c2b0007c3e8d5512ab34cd56f1",
                     "processed_at": "2026-11-22T10:00:05.000Z"},
                ],
            }))),
            ("unknown" = (summary = "The original has never been seen", value = json!({
                "balance": 10250, "game_id": "rnd-77", "transactions": [
                    {"action_id": "a-0003", "tx_id": "",
                     "processed_at": "2026-11-22T10:00:05.000Z"},
                ],
            }))),
        )),
        Errors,
    ),
)]
#[expect(dead_code, reason = "stands for the path")]
fn rollback() {}

/// What an issue of bonus spins won.
///
/// Paid once for each issue, with the first status that is not `active`.
#[utoipa::path(
    post,
    path = "/softswiss/freespins",
    params(("X-REQUEST-SIGN" = String, Header, description = SIGNATURE)),
    request_body(content = Freespins, example = json!({
        "user_id": "p-1001", "currency": "EUR",
        "issue_id": "issue-5", "status": "played", "total_amount": 1250,
    })),
    responses(
        (status = 200, description = "Paid, now or before; or nothing to pay yet",
         body = Success, example = json!({"balance": 11500})),
        Errors,
    ),
)]
#[expect(dead_code, reason = "stands for the path")]
fn freespins() {}

const SIGNATURE: &str =
    "HMAC-SHA256 of the body's bytes as sent, keyed with the casino's token, in hex";

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::super::OPERATIONS;
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
                let read = match operation.name {
                    "play" => softswiss.play(body.as_bytes()),
                    "rollback" => softswiss.rollback(body.as_bytes()),
                    _ => softswiss.freespins(body.as_bytes()),
                };
                assert!(read.is_ok(), "{body}: {read:?}");
                seen += 1;
            }
        }
        assert_eq!(seen, 5);
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
        assert_eq!(seen, 14);
    }
}
