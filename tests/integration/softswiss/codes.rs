//! Every refusal with its status and its code.

use axum::http::Method;
use seamless_wallet::core::{Amount, PlayerStatus};
use seamless_wallet::store::directory::players;
use serde_json::{Value, json};

use super::{ann, done, send};
use crate::support::bank::player_id;
use crate::support::softswiss::{
    Call, GAME, bet, freespins, play, rollback, rolled_back, sign, win,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_refusal_has_its_status_and_its_code_and_moves_nothing() {
    let world = ann().await;
    for player in ["frozen", "closed", "limited"] {
        world.bank.open(player, "100.00").await;
    }
    world.bank.set_status("frozen", PlayerStatus::Frozen).await;
    world.bank.set_status("closed", PlayerStatus::Closed).await;
    let limit = Some(Amount::parse("9.99", 2).expect("an amount"));
    players::set_bet_limit(world.bank.wallet.pool(), &player_id("limited"), limit)
        .await
        .expect("a limit");
    world.bank.switch_game("softswiss", "acme:Closed", false).await;

    let stake = |player: &str| play(player, "r", &[bet(&format!("b-{player}"), 1_000)]);
    let actions = |actions: Value| play("ann", "r", &[]).with("actions", actions);
    let rows: Vec<(&str, Call, u16, u16)> = vec![
        ("bets beyond the balance", play("ann", "r", &[bet("b1", 10_001)]), 412, 100),
        ("nobody of that name", stake("nobody"), 412, 101),
        ("a balance of nobody", play("nobody", "r", &[]), 412, 101),
        ("a rollback of nobody", rollback("nobody", "r", &[rolled_back("x1", "b")]), 412, 101),
        ("bonus spins of nobody", freespins("nobody", "of-nobody", "played", 1), 412, 101),
        ("above the player's limit", stake("limited"), 412, 105),
        (
            "above the brand's limit",
            play("ann", "r", &[bet("b2", 501)]).at("softswiss-strict"),
            412,
            106,
        ),
        ("a frozen player's bet", stake("frozen"), 412, 110),
        ("a closed player's bet", stake("closed"), 412, 110),
        ("another currency", play("ann", "r", &[bet("b3", 1)]).with("currency", "USD"), 412, 154),
        ("another currency's balance", play("ann", "r", &[]).with("currency", "USD"), 412, 154),
        (
            "another currency's issue",
            freespins("ann", "i", "played", 1).with("currency", "USD"),
            412,
            154,
        ),
        (
            "a game that is off",
            play("ann", "r", &[bet("b4", 1)]).with("game", "acme:Closed"),
            412,
            405,
        ),
        ("a win without a bet", play("ann", "r", &[win("w1", 1)]).at("softswiss-strict"), 404, 404),
        ("a negative bet", play("ann", "r", &[bet("b5", -1)]), 400, 400),
        ("a negative win", play("ann", "r", &[win("w2", -1)]), 400, 400),
        ("a negative total", freespins("ann", "i", "played", -1), 400, 400),
        ("a bet beyond all bounds", play("ann", "r", &[bet("b6", i64::MAX)]), 400, 400),
        (
            "an amount with decimals",
            actions(json!([{ "action": "bet", "action_id": "b7", "amount": 1.5 }])),
            400,
            400,
        ),
        (
            "an amount as a text",
            actions(json!([{ "action": "bet", "action_id": "b7", "amount": "1" }])),
            400,
            400,
        ),
        ("no amount", actions(json!([{ "action": "bet", "action_id": "b7" }])), 400, 400),
        ("no id", actions(json!([{ "action": "bet", "amount": 1 }])), 400, 400),
        ("an empty id", play("ann", "r", &[bet("", 1)]), 400, 400),
        ("an id twice in a list", play("ann", "r", &[bet("b8", 1), win("b8", 1)]), 400, 400),
        (
            "an unknown action",
            actions(json!([{ "action": "tip", "action_id": "b7", "amount": 1 }])),
            400,
            400,
        ),
        ("a rollback inside play", play("ann", "r", &[rolled_back("x2", "b")]), 400, 400),
        ("a bet inside a rollback", rollback("ann", "r", &[bet("b9", 1)]), 400, 400),
        ("a rollback of nothing", rollback("ann", "r", &[]), 400, 400),
        ("a rollback of itself", rollback("ann", "r", &[rolled_back("x3", "x3")]), 400, 400),
        ("no round", play("ann", "r", &[bet("b10", 1)]).with("game_id", Value::Null), 400, 400),
        (
            "no round that ends",
            play("ann", "r", &[]).with("game_id", Value::Null).with("finished", true),
            400,
            400,
        ),
        ("no player", stake("ann").with("user_id", Value::Null), 400, 400),
        ("no game", stake("ann").with("game", Value::Null), 400, 400),
        ("no currency", stake("ann").with("currency", Value::Null), 400, 400),
        (
            "more than a hundred actions",
            play("ann", "r", &(0..101).map(|n| bet(&format!("m{n}"), 0)).collect::<Vec<_>>()),
            400,
            400,
        ),
        ("a body beyond the limit", stake("ann").with("x", "y".repeat(300_000)), 400, 400),
        ("an address that is not on the list", stake("ann").at("softswiss-private"), 403, 403),
        ("a closed player's win", play("closed", "r", &[win("w3", 1)]), 503, 503),
        (
            "a closed player's rollback",
            rollback("closed", "r", &[rolled_back("x4", "b")]),
            503,
            503,
        ),
    ];
    let mut wrong = Vec::new();
    for (what, call, status, code) in rows {
        let (came, json) = send(&world, call).await;
        let tells = json.get("balance").is_some() == (code == 100);
        let shape = json["message"].is_string() && json.get("transactions").is_none();
        if (came, &json["code"]) != (status, &json!(code)) || !tells || !shape {
            wrong.push(format!("{what}: {status} and {code} are right, came {came} {json}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for player in ["ann", "frozen", "closed", "limited"] {
        assert_eq!(world.balance(player).await, 10_000, "{player}");
    }
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_player_and_a_game_that_is_off_are_paid_and_a_closed_one_once_it_is_open_again() {
    let world = ann().await;
    done(&world, play("ann", "r", &[bet("b1", 1_000), bet("b2", 1_000)])).await;
    world.bank.set_status("ann", PlayerStatus::Frozen).await;
    world.bank.switch_game("softswiss", GAME, false).await;
    assert_eq!(done(&world, play("ann", "r", &[win("w1", 300)])).await.0, 8_300);
    assert_eq!(done(&world, rollback("ann", "r", &[rolled_back("x1", "b1")])).await.0, 9_300);
    assert_eq!(send(&world, freespins("ann", "i", "played", 100)).await.1["balance"], 9_400);

    world.bank.set_status("ann", PlayerStatus::Closed).await;
    let waiting = [
        play("ann", "r", &[win("w2", 300)]),
        rollback("ann", "r", &[rolled_back("x2", "b2")]),
        freespins("ann", "i2", "played", 100),
    ];
    for call in waiting.iter().chain(&waiting) {
        assert_eq!(send(&world, call.clone()).await.0, 503);
    }
    assert_eq!(world.balance("ann").await, 9_400);
    world.bank.set_status("ann", PlayerStatus::Active).await;
    for (call, balance) in waiting.iter().zip([9_700, 10_700, 10_800]) {
        for _ in 0..2 {
            let (status, json) = send(&world, call.clone()).await;
            assert_eq!((status, &json["balance"]), (200, &json!(balance)), "{json}");
        }
    }
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_path_that_is_unknown_and_a_method_that_is_not_post_are_a_404_in_shape() {
    let world = ann().await;
    let body = play("ann", "r", &[bet("b1", 100)]).json.to_string();
    let signature = sign(body.as_bytes());
    let headers = [("content-type", "application/json"), ("x-request-sign", &signature)];
    for (method, path) in [
        (Method::POST, "/softswiss"),
        (Method::POST, "/softswiss/"),
        (Method::POST, "/softswiss/bet"),
        (Method::POST, "/softswiss/Play"),
        (Method::POST, "/softswiss/play/play"),
        (Method::GET, "/softswiss/play"),
        (Method::PUT, "/softswiss/play"),
        (Method::DELETE, "/softswiss/rollback"),
    ] {
        let reply = world.api(0).send(method.clone(), path, &headers, body.clone()).await;
        let reply = reply.unwrap_or_else(|error| panic!("{method} {path}: {error}"));
        let came = (reply.status.as_u16(), reply.json());
        assert_eq!(came, (404, json!({ "code": 404, "message": "Not found" })), "{method} {path}");
    }
    assert_eq!(world.balance("ann").await, 10_000);
}
