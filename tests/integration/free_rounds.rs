//! Issues of free rounds, whose calls do not say whose they are: the operator has said it, or says
//! it later, and nothing of what was won is lost meanwhile.

use std::time::Duration;

use axum::http::Method;
use futures_util::future::join_all;
use seamless_wallet::core::{
    Action, Amount, Category, Command, Movement, PlayerStatus, Policy, ProviderId, TxId,
};
use serde_json::{Value, json};

use crate::support::bank::player_id;
use crate::support::http::Reply;
use crate::support::operator;
use crate::support::softswiss::{Call, freespins};
use crate::support::world::World;

/// A node, and Ann with 100.00 and Bob with 50.00.
async fn world(nodes: usize) -> World {
    let world = World::with_nodes(nodes).await;
    world.bank.open("ann", "100.00").await;
    world.bank.open("bob", "50.00").await;
    world
}

/// The body of a real sender: nobody is named.
fn bare(issue: &str, status: &str, cents: i64) -> Call {
    freespins("", issue, status, cents).with("user_id", Value::Null).with("currency", Value::Null)
}

async fn tell(world: &World, issue: &str, player: &str) -> Reply {
    let body = json!({
        "provider": "softswiss", "issue_id": issue, "player_id": player, "currency": "EUR",
        "reason": "welcome offer", "author": "m.rossi",
    });
    operator::call(world.api(0), Method::POST, "/free-rounds", Some(&body)).await
}

async fn told(world: &World, issue: &str, player: &str) -> Value {
    let reply = tell(world, issue, player).await;
    assert!([200, 201].contains(&reply.status.as_u16()), "{}", reply.text());
    reply.json()
}

async fn balance(world: &World, call: &Call) -> i64 {
    let (status, json) = call.send(world.api(0)).await;
    assert_eq!(status, 200, "{call:?}: {json}");
    json["balance"].as_i64().expect("a balance")
}

async fn waiting(world: &World) -> Vec<Value> {
    let reply = operator::get(world.api(0), "/free-rounds").await;
    assert_eq!(reply.status, 200);
    reply.json()["items"].as_array().cloned().expect("a list")
}

async fn flagged(world: &World, reason: &str) -> f64 {
    let labels = [("provider", "softswiss"), ("reason", reason)];
    world.nodes[0].metric("wallet_flagged_total", &labels).await
}

async fn number(world: &World, sql: &'static str) -> i64 {
    sqlx::query_scalar(sql).fetch_one(&world.database.pool).await.expect(sql)
}

const PAID: &str =
    "SELECT count(*) FROM trx_log WHERE category = 'free_round' AND outcome = 'applied'";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_issue_that_the_operator_has_told_is_paid_once_when_it_is_over_and_not_before() {
    let world = world(1).await;
    assert_eq!(tell(&world, "i-1", "ann").await.status, 201);
    assert_eq!(tell(&world, "i-1", "ann").await.status, 200, "a repeat");
    for status in ["issued", "pending", "active", "processing", "Active", "something new"] {
        assert_eq!(balance(&world, &bare("i-1", status, 0)).await, 10_000, "{status}");
        assert_eq!(balance(&world, &bare("i-1", status, 900)).await, 10_000, "{status}");
    }
    assert_eq!(number(&world, PAID).await, 0, "nothing has closed it");
    assert!(flagged(&world, "free_rounds_state_unknown").await > 1.5);
    for status in ["played", "played", "PLAYED"] {
        assert_eq!(balance(&world, &bare("i-1", status, 1_250)).await, 11_250);
    }
    // The first final state counts, whatever is said of the issue later.
    for (status, cents) in [("expired", 1_250), ("played", 9_999), ("active", 0)] {
        assert_eq!(balance(&world, &bare("i-1", status, cents)).await, 11_250);
    }
    for (issue, status) in [("i-2", "expired"), ("i-3", "canceled"), ("i-4", "cancelled")] {
        told(&world, issue, "ann").await;
        balance(&world, &bare(issue, status, 100)).await;
    }
    assert_eq!(world.balance("ann").await, 11_550);
    let row = world.row("softswiss", "~issue:3:ann:i-1").await.expect("a row");
    assert_eq!(row, ("applied".to_owned(), String::new(), 1_250));
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_unknown_issue_won_outlives_every_node_and_is_paid_when_its_player_is_told() {
    let mut world = world(1).await;
    for _ in 0..2 {
        let (status, json) = bare("i-1", "played", 1_250).send(world.api(0)).await;
        assert_eq!((status, &json["code"]), (503, &json!(503)), "{json}");
    }
    // The first counts, as it does where the player is known.
    assert_eq!(bare("i-1", "played", 9_999).send(world.api(0)).await.0, 503);
    assert_eq!(bare("i-2", "active", 0).send(world.api(0)).await.0, 503, "whose balance?");
    assert!(flagged(&world, "free_rounds_owner_unknown").await > 3.5);
    world.nodes.remove(0).kill9();
    world.add_node("").await;

    let items = waiting(&world).await;
    assert_eq!(items.len(), 1, "an issue that is not over waits for nobody: {items:?}");
    for (field, value) in [
        ("provider", json!("softswiss")),
        ("issue_id", json!("i-1")),
        ("player_id", Value::Null),
        ("status", json!("played")),
        ("units", json!("1250")),
        ("calls", json!(3)),
    ] {
        assert_eq!(items[0][field], value, "{field}");
    }
    assert_eq!(number(&world, PAID).await, 0);

    let answer = told(&world, "i-1", "ann").await;
    assert_eq!(answer["waiting"], json!(false), "{answer}");
    let id = answer["transaction_id"].as_str().expect("it is booked").to_owned();
    assert_eq!(world.balance("ann").await, 11_250);
    assert_eq!(waiting(&world).await, Vec::<Value>::new());
    assert_eq!(balance(&world, &bare("i-1", "played", 1_250)).await, 11_250, "their repeat");
    assert_eq!(told(&world, "i-1", "ann").await["transaction_id"], Value::Null);
    assert_eq!(world.balance("ann").await, 11_250);

    let audit = operator::get(world.api(0), "/audit?action=free_rounds").await.json();
    let deed = audit["items"].as_array().and_then(|all| all.last()).expect("a deed").clone();
    assert_eq!((&deed["subject"], &deed["author"]), (&json!("i-1"), &json!("m.rossi")), "{deed}");
    assert_eq!((&deed["outcome"], &deed["transaction_id"]), (&json!("done"), &json!(id)));
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_player_is_learnt_from_the_call_from_an_earlier_one_or_from_the_session() {
    let world = world(1).await;
    // Named, with and without a currency.
    assert_eq!(balance(&world, &freespins("ann", "i-1", "played", 100)).await, 10_100);
    let no_currency = freespins("ann", "i-2", "played", 100).with("currency", Value::Null);
    assert_eq!(balance(&world, &no_currency).await, 10_200);
    // An earlier call has named it, the last one does not.
    assert_eq!(balance(&world, &freespins("ann", "i-3", "active", 0)).await, 10_200);
    assert_eq!(balance(&world, &bare("i-3", "played", 100)).await, 10_300);
    assert_eq!(balance(&world, &freespins("ann", "i-3", "played", 100)).await, 10_300, "a repeat");
    // The launch token of ours, and nobody else's.
    let session = json!({ "player_id": "ann", "provider": "softswiss" });
    let issued = operator::call(world.api(0), Method::POST, "/sessions", Some(&session)).await;
    let token = issued.json()["token"].as_str().expect("a token").to_owned();
    assert_eq!(
        balance(&world, &bare("i-4", "played", 100).with("session_id", token)).await,
        10_400
    );
    let strange = bare("i-5", "played", 100).with("session_id", "strange");
    assert_eq!(strange.send(world.api(0)).await.0, 503);
    assert_eq!(world.balance("ann").await, 10_400);
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_id_that_several_players_have_is_paid_to_each_of_them_once() {
    let world = world(1).await;
    for _ in 0..2 {
        assert_eq!(balance(&world, &freespins("ann", "spring", "played", 100)).await, 10_100);
        assert_eq!(balance(&world, &freespins("bob", "spring", "played", 200)).await, 5_200);
    }
    // Told for two, a call that names neither is nobody's.
    told(&world, "summer", "ann").await;
    told(&world, "summer", "bob").await;
    assert_eq!(bare("summer", "played", 300).send(world.api(0)).await.0, 503);
    assert_eq!(balance(&world, &freespins("bob", "summer", "played", 300)).await, 5_500);
    assert_eq!(balance(&world, &freespins("ann", "summer", "played", 300)).await, 10_400);
    assert_eq!(waiting(&world).await.len(), 1);
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_the_call_names_somebody_else_the_operators_word_counts_and_somebody_hears_of_it() {
    let world = world(1).await;
    told(&world, "i-1", "ann").await;
    for _ in 0..2 {
        assert_eq!(balance(&world, &freespins("bob", "i-1", "played", 100)).await, 10_100);
    }
    assert!(flagged(&world, "free_rounds_owner_differs").await > 0.5);
    assert_eq!(world.balance("bob").await, 5_000);
    // Who has been paid before the operator said otherwise stays paid, and alone.
    assert_eq!(balance(&world, &freespins("bob", "i-2", "played", 100)).await, 5_100);
    told(&world, "i-2", "ann").await;
    assert_eq!(balance(&world, &freespins("bob", "i-2", "played", 100)).await, 5_100);
    assert_eq!(world.balance("ann").await, 10_100);
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_issue_that_an_older_version_has_paid_is_not_paid_again() {
    let world = world(1).await;
    let (tx_id, provider) = (TxId::parse("~freespins:i-1"), ProviderId::parse("softswiss"));
    let paid = Command {
        provider: provider.expect("a slug"),
        player: player_id("ann"),
        currency: seamless_wallet::core::Currency::parse("EUR").ok(),
        token: None,
        game: None,
        round: None,
        movements: vec![Movement {
            tx_id: tx_id.expect("an id"),
            action: Action::credit(Amount::parse("12.50", 2).expect("an amount")),
            category: Category::FreeRound,
            detail: None,
        }],
        policy: Policy::PERMISSIVE,
        occurred_at: None,
    };
    world.bank.execute(paid).await.expect("a receipt");
    for call in [freespins("ann", "i-1", "played", 1_250), bare("i-1", "played", 1_250)] {
        assert_eq!(balance(&world, &call).await, 11_250);
    }
    // Of another player it is another issue.
    assert_eq!(balance(&world, &freespins("bob", "i-1", "played", 1_250)).await, 6_250);
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_and_the_operators_word_at_the_same_time_on_two_nodes_pay_once() {
    let world = world(2).await;
    for round in 0..8 {
        let issue = format!("i-{round}");
        let call = bare(&issue, "played", 100);
        if round % 2 == 0 {
            assert_eq!(call.send(world.api(0)).await.0, 503);
        }
        let calls = join_all((0..6).map(|n| call.send(world.api(n))));
        let (_, _) = tokio::join!(calls, told(&world, &issue, "ann"));
        // Their repeat, or ours.
        balance(&world, &call).await;
    }
    assert_eq!(world.balance("ann").await, 10_800);
    assert_eq!(number(&world, PAID).await, 8);
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_books_what_waits_once_it_can_and_says_how_much_cannot_be() {
    let world = world(1).await;
    for issue in ["i-1", "i-2"] {
        assert_eq!(bare(issue, "played", 100).send(world.api(0)).await.0, 503);
    }
    // The operator's node ended between the two steps.
    let sql = "INSERT INTO free_round_issue (provider, issue_id, player_id, told)
               VALUES ('softswiss', 'i-1', 'ann', true)";
    sqlx::query(sql).execute(&world.database.pool).await.expect("a row");
    let mut world = world;
    world.add_node("jobs.enabled = true\njobs.reapply_every_s = 1").await;
    while world.balance("ann").await < 10_100 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let node = &world.nodes[1];
    while (node.metric("wallet_free_rounds_waiting", &[]).await - 1.0).abs() > 0.1 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(balance(&world, &bare("i-1", "played", 100)).await, 10_100);
    told(&world, "i-2", "bob").await;
    while node.metric("wallet_free_rounds_waiting", &[]).await > 0.1 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(world.balance("bob").await, 5_100);
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_player_is_paid_and_a_closed_one_when_the_wallet_opens() {
    let world = world(1).await;
    world.bank.set_status("ann", PlayerStatus::Frozen).await;
    world.bank.set_status("bob", PlayerStatus::Closed).await;
    for issue in ["i-1", "i-2"] {
        assert_eq!(bare(issue, "played", 100).send(world.api(0)).await.0, 503);
    }
    assert!(told(&world, "i-1", "ann").await["transaction_id"].is_string());
    assert_eq!(world.balance("ann").await, 10_100);
    told(&world, "i-2", "bob").await;
    assert_eq!(world.balance("bob").await, 5_000);
    let row = world.row("softswiss", "~issue:3:bob:i-2").await.expect("it waits with its wallet");
    assert_eq!(row, ("parked".to_owned(), "wallet_closed".to_owned(), 0));
    assert_eq!(waiting(&world).await, Vec::<Value>::new());
    world.bank.set_status("bob", PlayerStatus::Active).await;
    assert_eq!(balance(&world, &bare("i-2", "played", 100)).await, 5_100);
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_operator_tells_no_issue_of_nobody_in_another_currency_or_where_there_are_none() {
    let world = world(1).await;
    let good = json!({
        "provider": "softswiss", "issue_id": "i", "player_id": "ann", "currency": "EUR",
    });
    for (field, value, status, code) in [
        ("provider", "pragmatic", 422, "invalid_value"),
        ("provider", "nobody", 422, "invalid_value"),
        ("issue_id", "", 422, "invalid_value"),
        ("player_id", "cid", 404, "player_unknown"),
        ("currency", "USD", 409, "currency_mismatch"),
        ("currency", "eur", 422, "invalid_value"),
        ("author", "", 422, "invalid_value"),
    ] {
        let mut body = good.clone();
        body[field] = json!(value);
        let reply = operator::call(world.api(0), Method::POST, "/free-rounds", Some(&body)).await;
        let told = (reply.status.as_u16(), reply.json()["code"].as_str().map(str::to_owned));
        assert_eq!(told, (status, Some(code.to_owned())), "{field} {value}");
    }
    assert_eq!(number(&world, "SELECT count(*) FROM free_round_issue").await, 0);
    let bearer = format!("Bearer {}", operator::READER_KEY);
    let headers = [("authorization", bearer.as_str())];
    let reply =
        operator::call_with(world.api(0), Method::POST, "/free-rounds", Some(&good), &headers);
    assert_eq!(reply.await.status, 403);
}
