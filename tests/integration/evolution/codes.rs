//! Every refusal with its word.

use axum::http::Method;
use seamless_wallet::core::Amount;
use seamless_wallet::store::directory::players;
use serde_json::{Value, json};

use super::ann;
use crate::support::bank::player_id;
use crate::support::evolution::{
    Call, TABLE, TOKEN, balance, cancel, check, credit, debit, payout,
};
use crate::support::node::Setup;
use crate::support::world::World;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_refusal_has_its_word_and_moves_nothing() {
    let world = ann(1).await;
    world.bank.open("limited", "100.00").await;
    world.bank.session("sl", "limited", "evolution", 3600).await;
    let limit = Some(Amount::parse("9.99", 2).expect("an amount"));
    players::set_bet_limit(world.bank.wallet.pool(), &player_id("limited"), limit)
        .await
        .expect("a limit");
    let bet = || debit("s", "ann", "r1", "1");
    let of = |field: &str, value: Value| bet().with(field, value);
    let transaction = |value: Value| of("transaction", value);
    let rows: Vec<(&str, Call, &str)> = vec![
        ("more than the balance", debit("s", "ann", "r1", "100.000001"), "INSUFFICIENT_FUNDS"),
        ("the player's limit", debit("sl", "limited", "r1", "10"), "CASINO_LIMIT_EXCEEDED_STAKE"),
        (
            "the brand's limit",
            debit("so", "ann", "r1", "5.01").at("evolution-other"),
            "CASINO_LIMIT_EXCEEDED_STAKE",
        ),
        ("another currency", of("currency", json!("USD")), "INVALID_PARAMETER"),
        ("its balance", balance("s", "ann").with("currency", "USD"), "INVALID_PARAMETER"),
        (
            "its payout",
            payout("s", "ann", "p", "JackpotWin", "1").with("currency", "USD"),
            "INVALID_PARAMETER",
        ),
        ("no currency", of("currency", Value::Null), "INVALID_PARAMETER"),
        ("no player", of("userId", Value::Null), "INVALID_PARAMETER"),
        ("no sid", of("sid", json!("")), "INVALID_PARAMETER"),
        ("no round", of("game", Value::Null), "INVALID_PARAMETER"),
        ("no transaction", transaction(Value::Null), "INVALID_PARAMETER"),
        ("no bet", transaction(json!({ "id": "t", "amount": 1 })), "INVALID_PARAMETER"),
        (
            "an amount as a text",
            transaction(json!({ "id": "t", "refId": "r", "amount": "1" })),
            "INVALID_PARAMETER",
        ),
        ("a negative bet", debit("s", "ann", "r1", "-1"), "INVALID_PARAMETER"),
        ("a negative win", credit("s", "ann", "r1", "-1"), "INVALID_PARAMETER"),
        ("seven decimals", debit("s", "ann", "r1", "0.0000001"), "INVALID_PARAMETER"),
        ("beyond all bounds", debit("s", "ann", "r1", "1e300"), "INVALID_PARAMETER"),
        ("a win of no bet", credit("s", "ann", "r1", "1"), "BET_DOES_NOT_EXIST"),
        ("a cancel of no bet", cancel("s", "ann", "r2", "1"), "BET_DOES_NOT_EXIST"),
        ("an address that is not listed", bet().at("evolution-private"), "INVALID_TOKEN_ID"),
    ];
    let mut wrong = Vec::new();
    for (what, call, status) in rows {
        let reply = call.attempt(world.api(0)).await.expect("a reply");
        let came = (reply.status.as_u16(), reply.json()["status"].clone());
        if came != (200, json!(status)) {
            wrong.push(format!("{what}: {status} is right, came {}", reply.text()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    world.bank.switch_game("evolution", TABLE, false).await;
    assert_eq!(bet().send(world.api(0)).await.status, "INVALID_PARAMETER", "a table that is off");
    for player in ["ann", "limited"] {
        assert_eq!(world.balance(player).await, 10_000, "{player}");
    }
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_the_whole_token_is_one() {
    let world = ann(1).await;
    for query in [
        String::new(),
        "?authToken=".to_owned(),
        "?authToken=demo-evolution-toke".to_owned(),
        format!("?authToken={TOKEN}%20"),
        format!("?authToken={TOKEN}&authToken={TOKEN}"),
        format!("?token={TOKEN}"),
    ] {
        for call in [debit("s", "ann", "r1", "1"), balance("s", "ann"), check("s", "ann")] {
            let came = call.asking(&query).send(world.api(0)).await;
            assert_eq!(came.status, "INVALID_TOKEN_ID", "{query}");
        }
    }
    let escaped = TOKEN.replace('-', "%2D");
    let good = balance("s", "ann").asking(&format!("?x=1&authToken={escaped}"));
    assert_eq!(good.send(world.api(0)).await.status, "OK");
    assert_eq!(world.balance("ann").await, 10_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_call_is_an_invalid_parameter_in_shape() {
    let world = ann(1).await;
    let body = debit("s", "ann", "r1", "1").body();
    let query = format!("?authToken={TOKEN}");
    for (method, path, body) in [
        (Method::POST, "/evolution", body.as_str()),
        (Method::POST, "/evolution/", &body),
        (Method::POST, "/evolution/Debit", &body),
        (Method::POST, "/evolution/debit/debit", &body),
        (Method::GET, "/evolution/debit", ""),
        (Method::POST, "/evolution/debit", ""),
        (Method::POST, "/evolution/debit", "{"),
        (Method::POST, "/evolution/debit", "[]"),
        (Method::POST, "/evolution/debit", "nonsense"),
    ] {
        let path = format!("{path}{query}");
        let headers = [("content-type", "application/json")];
        let reply = world.api(0).send(method, &path, &headers, body.to_owned()).await;
        let reply = reply.unwrap_or_else(|error| panic!("{path}: {error}"));
        let expected = r#"{"status":"INVALID_PARAMETER","balance":null,"bonus":null,"uuid":null}"#;
        assert_eq!(
            (reply.status.as_u16(), reply.text().as_str()),
            (200, expected),
            "{path} {body}"
        );
        assert_eq!(reply.header("connection"), "keep-alive", "{path}");
    }
    assert_eq!(world.balance("ann").await, 10_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_players_bet_is_none_of_this_one_and_its_money_stays_where_it_is() {
    let world = ann(1).await;
    world.bank.open("bob", "100.00").await;
    world.bank.session("sb", "bob", "evolution", 3600).await;
    assert_eq!(debit("s", "ann", "r1", "10").send(world.api(0)).await.status, "OK");
    for (call, word) in [
        (debit("sb", "bob", "r1", "10"), "FINAL_ERROR_ACTION_FAILED"),
        (credit("sb", "bob", "r1", "10"), "BET_DOES_NOT_EXIST"),
        (cancel("sb", "bob", "r1", "10"), "BET_DOES_NOT_EXIST"),
    ] {
        assert_eq!(call.send(world.api(0)).await.status, word, "{call:?}");
    }
    assert_eq!((world.balance("ann").await, world.balance("bob").await), (9_000, 10_000));
    assert_eq!(credit("s", "ann", "r1", "10").send(world.api(0)).await.status, "OK");
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_without_an_allow_list_does_not_start_unless_something_in_front_has_one() {
    let world = World::with_nodes(0).await;
    let brand = |more: &str| {
        let brand = format!(
            "[providers.evo]\nprotocol = 'evolution'\nsecrets = ['env:EVOLUTION_TOKEN']\n{more}"
        );
        Setup::on(&world.database).with(&brand)
    };
    for (more, starts) in [
        ("", false),
        ("settings = { addresses_are_checked_in_front = false }", false),
        ("settings = { addresses_are_checked_in_front = true }", true),
        ("allow = ['127.0.0.0/8']", true),
    ] {
        let output = brand(more).run(&["migrate"]).await;
        let said = String::from_utf8_lossy(&output.stderr).into_owned()
            + &String::from_utf8_lossy(&output.stdout);
        assert_eq!(!said.contains("allow: missing"), starts, "{more}: {said}");
    }
}
