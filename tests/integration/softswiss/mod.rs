//! SOFTSWISS as it calls: lists of bets and wins that are carried out as a whole, rollbacks in
//! every order, and every code that this wallet can answer.

mod codes;
mod faults;
mod lists;
mod rollbacks;
mod rounds;
mod signatures;

use serde_json::Value;

use crate::support::softswiss::Call;
use crate::support::world::World;

/// Brands that settle differently what brands may settle differently.
const BRANDS: &str = r#"
    [providers.softswiss-strict]
    protocol = "softswiss"
    secrets = ["env:SOFTSWISS_TOKEN"]
    settings = { require_bet = true, max_bet = "5.00" }
    [providers.softswiss-private]
    protocol = "softswiss"
    secrets = ["env:SOFTSWISS_TOKEN"]
    allow = ["203.0.113.0/24"]
"#;

/// A node, and Ann with 100.00.
async fn ann() -> World {
    let world = World::tuned(1, BRANDS).await;
    world.bank.open("ann", "100.00").await;
    world
}

async fn send(world: &World, call: Call) -> (u16, Value) {
    call.send(world.api(0)).await
}

/// A success: the balance and each action's transaction id, after a look at the shape.
async fn done(world: &World, call: Call) -> (i64, Vec<String>) {
    let asked: Vec<Value> = call.json["actions"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|a| a["action_id"].clone())
        .collect();
    let (status, json) = send(world, call).await;
    assert_eq!(status, 200, "{json}");
    let transactions = json["transactions"].as_array().cloned().unwrap_or_default();
    let told: Vec<Value> = transactions.iter().map(|t| t["action_id"].clone()).collect();
    assert_eq!(told, asked, "one transaction for each action, in order");
    let ids = transactions.iter().map(|t| t["tx_id"].as_str().expect("an id").to_owned());
    (json["balance"].as_i64().expect("a balance"), ids.collect())
}

/// What came of each row of a provider, in the order of the keys.
async fn rows(world: &World, keys: &[&str]) -> Vec<String> {
    let mut rows = Vec::new();
    for key in keys {
        rows.push(match world.row("softswiss", key).await {
            Some((outcome, reason, cents)) => format!("{outcome} {reason} {cents}"),
            None => "nothing".to_owned(),
        });
    }
    rows
}
