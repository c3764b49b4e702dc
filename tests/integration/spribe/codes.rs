//! Every code, and the calls that get it.

use axum::http::Method;
use chrono::Utc;
use serde_json::{Value, json};

use super::{ann, code, send};
use crate::support::spribe::{
    CLIENT, Call, SECRET, auth, deposit, info, rollback, session, sign, withdraw,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_not_there_is_404_and_what_is_not_the_wallets_currency_405() {
    let world = ann().await;
    for call in [
        withdraw("nobody", "b1", 1_000).with("session_token", session("ann")),
        deposit("nobody", "w1", "b1", 1_000),
        rollback("nobody", "x1", "b1"),
        info("nobody").with("session_token", session("ann")),
    ] {
        let told = send(&world, call.clone()).await;
        assert_eq!(told, json!({ "code": 404, "message": "Player not found" }), "{call:?}");
    }
    assert_eq!(code(&world, withdraw("ann", "b2", 1_000)).await, 200);
    for currency in ["USD", "TON"] {
        for call in [
            withdraw("ann", "b3", 1_000),
            deposit("ann", "w2", "b2", 1_000),
            rollback("ann", "x2", "b2"),
            info("ann"),
        ] {
            let told = send(&world, call.with("currency", currency)).await;
            assert_eq!(told, json!({ "code": 405, "message": "Wrong currency" }), "{currency}");
        }
    }
    assert_eq!(code(&world, deposit("ann", "w2", "b2", 1_000)).await, 200, "the id is still free");
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_game_that_is_off_and_a_stake_above_a_limit_are_405_and_wins_are_paid() {
    let world = ann().await;
    assert_eq!(code(&world, withdraw("ann", "b1", 1_000).with("game", "mines")).await, 200);
    world.bank.switch_game("spribe", "mines", false).await;
    assert_eq!(code(&world, withdraw("ann", "b2", 1_000).with("game", "mines")).await, 405);
    let win = deposit("ann", "w1", "b1", 1_000).with("game", "mines");
    assert_eq!(code(&world, win).await, 200);
    let slug = "spribe-lenient";
    world.bank.session("lenient", "ann", slug, 3600).await;
    for (units, answer) in [(5_000, 200), (5_001, 405)] {
        let stake = withdraw("ann", &format!("m{units}"), units).with("session_token", "lenient");
        assert_eq!(code(&world, stake.at(slug)).await, answer);
    }
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_understood_is_405_says_why_and_moves_nothing() {
    let world = ann().await;
    for (call, what) in [
        (withdraw("ann", "b1", -1), "amount: negative"),
        (withdraw("ann", "b1", i64::MAX), "amount: too large"),
        (withdraw("ann", "b1", 1).with("amount", "1000"), "invalid number"),
        (withdraw("ann", "b1", 1).with("amount", 1.5), "expected `,` or `}`"),
        (withdraw("ann", "b1", 1).with("amount", Value::Null), "invalid number"),
        (withdraw("ann", "", 1), "provider_tx_id: empty"),
        (withdraw("ann", &"x".repeat(256), 1), "provider_tx_id: longer than 255 bytes"),
        (withdraw("ann", "b\n1", 1), "provider_tx_id: has a control character"),
        (withdraw("ann", "b1", 1).with("game", ""), "game: empty"),
        (withdraw("ann", "b1", 1).with("currency", "euro"), "currency: not a currency code"),
        (deposit("ann", "w1", "b1", -1), "amount: negative"),
        (rollback("ann", "x1", "x1"), "rollback_provider_tx_id: the rollback's own id"),
        (auth("", "").with("user_token", 7), "invalid type: integer"),
    ] {
        let told = send(&world, call.clone()).await;
        let message = told["message"].as_str().expect("a message");
        assert_eq!((&told["code"], told.get("data")), (&json!(405), None), "{call:?}");
        assert!(message.starts_with("Bad request: ") && message.contains(what), "{message}");
    }
    assert_eq!(world.balance("ann").await, 10_000);
    world.check().await;
}

/// Sends a body as it is, signed.
async fn raw(world: &crate::support::world::World, path: &str, body: &str) -> (u16, Value) {
    let time = Utc::now().timestamp().to_string();
    let signature = sign(SECRET, &time, path, body.as_bytes());
    let headers = [
        ("x-spribe-client-id", CLIENT),
        ("x-spribe-client-ts", &time),
        ("x-spribe-client-signature", &signature),
    ];
    let reply = world.api(0).send(Method::POST, path, &headers, body.to_owned()).await;
    let reply = reply.expect("a reply");
    (reply.status.as_u16(), reply.json())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_comes_below_the_prefix_is_answered_in_shape() {
    let world = ann().await;
    for body in ["", "{", "[]", "null", "7", "{}", "\u{0}", "[[[[[["] {
        let (status, told) = raw(&world, "/spribe/withdraw", body).await;
        assert_eq!((status, &told["code"]), (200, &json!(405)), "{body:?}: {told}");
    }
    let large = format!("{{\"x\":\"{}\"}}", "x".repeat(300_000));
    let (status, told) = raw(&world, "/spribe/withdraw", &large).await;
    assert_eq!((status, &told), (200, &json!({ "code": 405, "message": "Request is too large" })));
    let unknown = json!({ "code": 405, "message": "Unknown call" });
    for path in ["/spribe/", "/spribe/steal", "/spribe/auth/x"] {
        assert_eq!(raw(&world, path, "{}").await, (200, unknown.clone()), "{path}");
    }
    let reply = world.api(0).send(Method::GET, "/spribe/info", &[], "").await.expect("a reply");
    assert_eq!((reply.status.as_u16(), reply.json()), (200, unknown), "another method");
    let elsewhere = withdraw("ann", "b1", 1_000).at("spribe-private");
    let told = json!({ "code": 413, "message": "Invalid signature or client id" });
    assert_eq!(send(&world, elsewhere).await, told, "from another address");
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fields_that_are_not_known_are_accepted() {
    let world = ann().await;
    let call: Call = withdraw("ann", "b1", 1_000).with("brand_new", json!({ "a": [1] }));
    assert_eq!(code(&world, call).await, 200);
}
