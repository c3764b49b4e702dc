//! Tokens: the launch token is exchanged for the provider's own, stakes need it, and nothing else
//! does.

use futures_util::future::join_all;
use seamless_wallet::core::PlayerStatus;
use serde_json::json;

use super::{ann, ann_on, code, send};
use crate::support::spribe::{auth, deposit, info, rollback, session, withdraw};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn auth_puts_the_providers_token_in_the_launch_tokens_place() {
    let world = ann_on(2).await;
    world.bank.session("ut-1", "ann", "spribe", 3600).await;
    let let_in = json!({
        "code": 200, "message": "ok",
        "data": { "user_id": "ann", "username": "ann", "balance": 100_000, "currency": "EUR" },
    });
    let stake = |id: &str, token: &str| withdraw("ann", id, 1_000).with("session_token", token);
    assert_eq!(code(&world, stake("b0", "st-1")).await, 401, "not yet");
    for turn in 0..3 {
        assert_eq!(auth("ut-1", "st-1").send(world.api(turn)).await, let_in, "and as a repeat");
    }
    assert_eq!(code(&world, auth("ut-1", "st-2")).await, 403, "it is used up");
    assert_eq!(code(&world, stake("b1", "st-1")).await, 200);
    assert_eq!(code(&world, stake("b2", "ut-1")).await, 403);
    let asked = info("ann").with("session_token", "st-1");
    assert_eq!(send(&world, asked).await["data"]["balance"], 99_000);
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_auths_at_once_on_two_nodes_one_gets_the_launch_token() {
    let world = ann_on(2).await;
    world.bank.session("ut-1", "ann", "spribe", 3600).await;
    let calls = ["st-1", "st-2"].map(|token| auth("ut-1", token));
    let answers = join_all((0..2).map(|n| calls[n].send(world.api(n)))).await;
    let mut codes: Vec<_> = answers.iter().map(|answer| answer["code"].as_u64()).collect();
    codes.sort_unstable();
    assert_eq!(codes, [Some(200), Some(403)], "{answers:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_not_let_in_has_not_used_the_launch_token_up() {
    let world = ann().await;
    world.bank.open("bob", "50.00").await;
    world.bank.session("ut-1", "ann", "spribe", 3600).await;
    world.bank.session("st-bob", "bob", "spribe", 3600).await;
    world.bank.session("ut-over", "ann", "spribe", -1).await;
    world.bank.session("ut-other", "ann", "softswiss", 3600).await;
    assert_eq!(code(&world, auth("nobody's", "st-1")).await, 401);
    assert_eq!(code(&world, auth("ut-other", "st-1")).await, 401, "another provider's");
    assert_eq!(code(&world, auth("ut-over", "st-1")).await, 403);
    assert_eq!(code(&world, auth("ut-1", "st-bob")).await, 401, "Bob's session token");
    assert_eq!(code(&world, auth("ut-1", "st-1").with("currency", "USD")).await, 405);
    assert_eq!(code(&world, auth("ut-1", "st-1").with("currency", "TON")).await, 405);
    world.bank.set_status("ann", PlayerStatus::Frozen).await;
    assert_eq!(code(&world, auth("ut-1", "st-1")).await, 405);
    world.bank.set_status("ann", PlayerStatus::Active).await;
    assert_eq!(code(&world, auth("ut-1", "st-1")).await, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_the_session_is_over_stakes_are_refused_and_wins_and_rollbacks_are_not() {
    let world = ann().await;
    for id in ["b1", "b2"] {
        assert_eq!(code(&world, withdraw("ann", id, 1_000)).await, 200);
    }
    world.bank.session(&session("ann"), "ann", "spribe", -1).await;
    assert_eq!(code(&world, withdraw("ann", "b3", 1_000)).await, 403);
    assert_eq!(code(&world, info("ann")).await, 403);
    assert_eq!(code(&world, deposit("ann", "w1", "b1", 3_000)).await, 200);
    assert_eq!(code(&world, rollback("ann", "x2", "b2")).await, 200);
    for (token, refusal) in [("nobody's", 401), ("", 401)] {
        let stake = withdraw("ann", "b4", 1_000).with("session_token", token);
        assert_eq!(code(&world, stake).await, refusal, "{token}");
        assert_eq!(code(&world, info("ann").with("session_token", token)).await, refusal);
    }
    world.bank.open("bob", "50.00").await;
    world.bank.session("st-bob", "bob", "spribe", 3600).await;
    let stolen = withdraw("ann", "b5", 1_000).with("session_token", "st-bob");
    assert_eq!(code(&world, stolen).await, 401, "another player's");
    let win = deposit("ann", "w2", "b2", 3_000).with("session_token", "st-bob");
    assert_eq!(code(&world, win).await, 408, "its stake was given back");
    assert_eq!(world.balance("ann").await, 10_200);
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_player_stakes_nothing_and_gets_wins_and_rollbacks() {
    let world = ann().await;
    for id in ["b1", "b2", "b3"] {
        assert_eq!(code(&world, withdraw("ann", id, 1_000)).await, 200);
    }
    world.bank.set_status("ann", PlayerStatus::Frozen).await;
    assert_eq!(code(&world, withdraw("ann", "b4", 1_000)).await, 405);
    assert_eq!(code(&world, info("ann")).await, 200);
    assert_eq!(code(&world, deposit("ann", "w1", "b1", 3_000)).await, 200);
    assert_eq!(code(&world, rollback("ann", "x2", "b2")).await, 200);
    // What is paid to a closed wallet waits for it, and is asked for until it is open.
    world.bank.set_status("ann", PlayerStatus::Closed).await;
    assert_eq!(code(&world, withdraw("ann", "b5", 1_000)).await, 405);
    let win = deposit("ann", "w3", "b3", 3_000);
    for _ in 0..2 {
        assert_eq!(code(&world, win.clone()).await, 500);
    }
    world.bank.set_status("ann", PlayerStatus::Active).await;
    assert!([200, 409].contains(&code(&world, win).await));
    assert_eq!(world.balance("ann").await, 10_400);
    world.check().await;
}
