//! Evolution as it calls: bets that are settled or cancelled once, in every order, and every word
//! that this wallet can answer.

mod bets;
mod codes;
mod faults;
mod payouts;
mod races;
mod sids;

use crate::support::evolution::Call;
use crate::support::world::World;

/// As in the demo, and brands that settle differently what brands may settle differently.
const BRANDS: &str = r#"
    [providers.evolution]
    protocol = "evolution"
    secrets = ["env:EVOLUTION_TOKEN"]
    allow = ["127.0.0.0/8"]
    [providers.evolution-other]
    protocol = "evolution"
    secrets = ["env:EVOLUTION_TOKEN"]
    [providers.evolution-other.settings]
    addresses_are_checked_in_front = true
    settlement = "game_wise"
    wrong_user = "invalid_sid"
    balance_decimals = 2
    check_replaces_sid = true
    sid_on_request = true
    max_bet = "5.00"
    [providers.evolution-private]
    protocol = "evolution"
    secrets = ["env:EVOLUTION_TOKEN"]
    allow = ["203.0.113.0/24"]
"#;

/// So many nodes, and Ann with 100.00 and a sid at either brand.
async fn ann(nodes: usize) -> World {
    let world = World::tuned(nodes, BRANDS).await;
    world.bank.open("ann", "100.00").await;
    world.bank.session("s", "ann", "evolution", 3600).await;
    world.bank.session("so", "ann", "evolution-other", 3600).await;
    world
}

/// Sends it and looks at the word and at the balance that is told.
async fn told(world: &World, call: &Call, status: &str, balance: &str) {
    let came = call.send(world.api(0)).await;
    assert_eq!(
        (came.status.as_str(), came.balance.as_deref()),
        (status, Some(balance)),
        "{call:?}"
    );
}
