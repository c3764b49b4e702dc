//! Spribe as it calls: stakes, wins and rollbacks in every order, and every code that this wallet
//! can answer.

mod codes;
mod faults;
mod rollbacks;
mod rounds;
mod sessions;
mod signatures;

use serde_json::Value;

use crate::support::spribe::{Call, PROVIDER, session};
use crate::support::world::World;

/// Brands that settle differently what brands may settle differently.
const BRANDS: &str = r#"
    [providers.spribe-lenient]
    protocol = "spribe"
    secrets = ["env:SPRIBE_SECRET"]
    allow = ["127.0.0.0/8"]
    [providers.spribe-lenient.settings]
    client_id = "demo-spribe-client"
    require_signature = false
    rollback_after_deposit = "accept"
    max_bet = "5.00"
    [providers.spribe-private]
    protocol = "spribe"
    secrets = ["env:SPRIBE_SECRET"]
    allow = ["203.0.113.0/24"]
    settings = { client_id = "demo-spribe-client" }
"#;

/// Nodes, and Ann with 100.00 and a session.
async fn ann_on(nodes: usize) -> World {
    let world = World::tuned(nodes, &format!("{PROVIDER}{BRANDS}")).await;
    player(&world, "ann", "100.00").await;
    world
}

/// A node, and Ann with 100.00 and a session.
async fn ann() -> World {
    ann_on(1).await
}

/// A player with that much and a session.
async fn player(world: &World, name: &str, balance: &str) {
    world.bank.open(name, balance).await;
    world.bank.session(&session(name), name, "spribe", 3600).await;
}

async fn send(world: &World, call: Call) -> Value {
    call.send(world.api(0)).await
}

/// The code of an answer. Only a success and a repeat have data.
async fn code(world: &World, call: Call) -> u64 {
    let json = send(world, call).await;
    let code = json["code"].as_u64().unwrap_or_else(|| panic!("no code: {json}"));
    assert!(json["message"].is_string(), "{json}");
    assert!([200, 409].contains(&code) || json.get("data").is_none(), "{json}");
    code
}

/// The code, and the balances before and after in thousandths.
async fn balances(world: &World, call: Call) -> (u64, i64, i64) {
    let json = send(world, call).await;
    let balance = |name: &str| json["data"][name].as_i64().unwrap_or_else(|| panic!("{json}"));
    let id = json["data"]["operator_tx_id"].as_str().unwrap_or_default();
    assert_eq!(id.len(), 32, "{json}");
    (json["code"].as_u64().unwrap_or_default(), balance("old_balance"), balance("new_balance"))
}

/// What came of each row, in the order of the keys.
async fn rows(world: &World, keys: &[&str]) -> Vec<String> {
    let mut rows = Vec::new();
    for key in keys {
        rows.push(match world.row("spribe", key).await {
            Some((outcome, reason, cents)) => format!("{outcome} {reason} {cents}"),
            None => "nothing".to_owned(),
        });
    }
    rows
}
