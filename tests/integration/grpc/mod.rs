//! gRPC: the rules of money through it, what it refuses, its standard services, TLS, and a client
//! that is not ours.

mod batches;
mod limits;
mod money;
mod python;
mod refusals;
mod standard;
mod streams;
mod tls;

use crate::support::grpc::{self, CONFIG, Client};
use crate::support::node::merge;
use crate::support::world::World;

/// A world whose nodes serve gRPC, a client of the first one, and Ann with EUR 100.00.
async fn arcade() -> (World, Client) {
    tuned("").await
}

async fn tuned(toml: &str) -> (World, Client) {
    let world = World::tuned(1, &with(toml)).await;
    world.bank.open("ann", "100.00").await;
    let client = grpc::client(&world.nodes[0]).await;
    (world, client)
}

fn with(toml: &str) -> String {
    let mut table: toml::Table = CONFIG.parse().expect("TOML");
    merge(&mut table, toml);
    toml::to_string(&table).expect("TOML")
}
