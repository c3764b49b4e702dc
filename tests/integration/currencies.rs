//! Currencies that are counted finer than they are booked, and those that nobody can count.

use axum::http::Method;
use serde_json::{Value, json};

use crate::support::http::Reply;
use crate::support::operator;
use crate::support::softswiss::{Call, bet, freespins, play, rollback, rolled_back, win};
use crate::support::world::World;

/// A brand that has said what a nanoton is, beside one that has not.
const BRANDS: &str = r#"
    [providers.softswiss-ton]
    protocol = "softswiss"
    secrets = ["env:SOFTSWISS_TOKEN"]
    settings = { exponents = { TON = 9 } }
"#;

/// A world with a wallet in this currency, with ten of it.
async fn world(currency: &str) -> World {
    let world = World::tuned(1, BRANDS).await;
    let ann = json!({ "player_id": "ann", "currency": currency });
    let opened = operator::call(world.api(0), Method::POST, "/players", Some(&ann)).await;
    assert_eq!(opened.status, 201);
    let bearer = format!("Bearer {}", operator::KEY);
    let headers = [("authorization", bearer.as_str()), ("idempotency-key", "ten")];
    let (path, ten) = ("/players/ann/deposits", json!({ "amount": "10.00" }));
    let paid = operator::call_with(world.api(0), Method::POST, path, Some(&ten), &headers).await;
    assert_eq!(paid.status, 201, "{}", paid.text());
    world
}

async fn send(world: &World, call: Call, currency: &str) -> (u16, Value) {
    call.with("currency", currency).send(world.api(0)).await
}

async fn session(world: &World, provider: &str) -> Reply {
    let asked = json!({ "player_id": "ann", "provider": provider });
    operator::call(world.api(0), Method::POST, "/sessions", Some(&asked)).await
}

async fn micros(world: &World) -> i64 {
    let sql = "SELECT balance_micros FROM wallet WHERE player_id = 'ann'";
    sqlx::query_scalar(sql).fetch_one(&world.database.pool).await.expect("a wallet")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_win_that_is_too_fine_is_paid_as_far_as_it_can_be_and_flagged_and_such_a_bet_is_refused()
{
    let world = world("BTC").await;
    let (status, placed) = send(&world, play("ann", "r", &[bet("b1", 100_000_000)]), "BTC").await;
    assert_eq!((status, &placed["balance"]), (200, &json!(900_000_000)), "{placed}");
    let won = play("ann", "r", &[win("w1", 123_456_789)]);
    for _ in 0..3 {
        let (status, json) = send(&world, won.clone(), "BTC").await;
        assert_eq!((status, &json["balance"]), (200, &json!(1_023_456_700)), "{json}");
    }
    let dust = play("ann", "r", &[win("w2", 99)]);
    assert_eq!(send(&world, dust, "BTC").await.0, 200);
    let labels = [("provider", "softswiss"), ("reason", "cut_off")];
    let flagged = world.nodes[0].metric("wallet_flagged_total", &labels).await;
    assert!((flagged - 2.0).abs() < 0.1, "{flagged}");
    let detail: String = sqlx::query_scalar("SELECT detail FROM trx_log WHERE tx_id = 'w1'")
        .fetch_one(&world.database.pool)
        .await
        .expect("a row");
    assert_eq!(detail, "cut_off=89");

    // Nothing of a list whose stake cannot be booked, and the stake's rollback is a success.
    let list = play("ann", "q", &[bet("b2", 150), win("w3", 1_000)]);
    let (status, json) = send(&world, list, "BTC").await;
    assert_eq!((status, &json["code"]), (400, &json!(400)), "{json}");
    assert_eq!(world.row("softswiss", "w3").await, None);
    let undone = rollback("ann", "q", &[rolled_back("x1", "b2")]);
    assert_eq!(send(&world, undone, "BTC").await.0, 200);
    assert_eq!(micros(&world).await, 10_234_567);
    world.check().await;

    let told = world.nodes[0].log_lines();
    let of = |provider: &str| {
        let line = |line: &&Value| line["currencies"].is_string() && line["provider"] == provider;
        told.iter().find(line).expect("a line at the start")["currencies"].clone()
    };
    assert_eq!(of("softswiss"), "BCH BTC DOG DOGE ETH LTC USDT");
    assert_eq!(of("softswiss-ton"), "BCH BTC DOG DOGE ETH LTC TON USDT");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_plays_in_a_currency_that_nobody_can_count_and_a_setting_is_all_it_takes() {
    let mut world = world("TON").await;
    for call in [
        play("ann", "r", &[]),
        play("ann", "r", &[bet("b1", 1_000_000_000)]),
        play("ann", "r", &[win("w1", 1_000_000_000)]),
        rollback("ann", "r", &[rolled_back("x1", "b1")]),
    ] {
        let (status, json) = send(&world, call, "TON").await;
        assert_eq!((status, &json["code"]), (412, &json!(154)), "{json}");
    }
    let reply = session(&world, "softswiss").await;
    assert_eq!((reply.status.as_u16(), &reply.json()["code"]), (409, &json!("currency_unknown")));
    assert_eq!(micros(&world).await, 10_000_000);

    // Where it is configured, one coin is one coin.
    let placed = play("ann", "r", &[bet("b1", 1_000_000_000)]).at("softswiss-ton");
    let (status, json) = send(&world, placed, "TON").await;
    assert_eq!((status, &json["balance"]), (200, &json!(9_000_000_000_i64)), "{json}");
    assert_eq!(micros(&world).await, 9_000_000);
    assert_eq!(session(&world, "softswiss-ton").await.status, 201);
    assert_eq!(session(&world, "pragmatic").await.status, 201, "it counts in major units");
    world.check().await;

    // A node that begins finds the wallet, and warns of the one brand that cannot count it.
    world.add_node(BRANDS).await;
    let node = &world.nodes[1];
    let warned = |line: &Value| line["currency"] == "TON" && line["level"] == "WARN";
    while !node.log_lines().iter().any(warned) {
        assert!(node.is_there());
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let lines = node.log_lines();
    let brands: Vec<&Value> =
        lines.iter().filter(|line| warned(line)).map(|line| &line["provider"]).collect();
    assert_eq!(brands, ["softswiss"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bonus_spins_in_a_currency_that_nobody_can_count_are_kept_until_somebody_can() {
    let mut world = world("TON").await;
    for _ in 0..2 {
        let spins = freespins("ann", "i-1", "played", 1_000_000_000);
        let (status, json) = send(&world, spins, "TON").await;
        assert_eq!((status, &json["code"]), (412, &json!(154)), "{json}");
    }
    let waiting = operator::get(world.api(0), "/free-rounds").await.json();
    assert_eq!(waiting["items"].as_array().map(Vec::len), Some(1), "{waiting}");
    let told = "jobs = { enabled = true, reapply_every_s = 1 }
                providers.softswiss.settings.exponents.TON = 9";
    world.add_node(told).await;
    while micros(&world).await < 11_000_000 {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let spins = freespins("ann", "i-1", "played", 1_000_000_000).with("currency", "TON");
    let (status, json) = spins.send(world.api(1)).await;
    assert_eq!((status, &json["balance"]), (200, &json!(11_000_000_000_i64)), "{json}");
    world.check().await;
}
