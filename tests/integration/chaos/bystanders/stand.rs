//! Where bystanders play: a node, a database whose commits take their time, and players who have
//! nothing to do with the fault.

use std::time::Duration;

use futures_util::future::join_all;

use super::super::Intensity;
use super::measure::{Caller, Crowd};
use crate::support::http::Endpoint;
use crate::support::node::Node;
use crate::support::postgres_server::PostgresServer;
use crate::support::pragmatic::{self, Call};
use crate::support::world::World;

/// A commit takes 4 ms, as on a busy disk. The delay is part of a flush, which must be on for it.
const SLOW_COMMITS: [&str; 5] = [
    "fsync=on",
    "commit_delay=4000",
    "commit_siblings=0",
    "shared_buffers=128MB",
    "max_prepared_transactions=5",
];
/// The brand `patient` sends wins that have to wait for their bets.
pub const NODE: &str = "
    [jobs]
    enabled = true
    lease_ttl_ms = 1500
    reapply_every_s = 1
    reapply_backoff_s = 1
    [providers.patient]
    protocol = 'pragmatic'
    secrets = ['env:PRAGMATIC_SECRET']
    settings = { grace_ms = 1500 }
";
/// What a player starts with, in euro: enough for every bet.
pub const START: &str = "100000.00";
/// The same in cents.
pub const START_CENTS: i64 = 10_000_000;

/// A world to measure in.
pub struct Stand {
    /// Dropped before the server that it stands on.
    pub world: World,
    /// Those who have nothing to do with it.
    pub crowd: Crowd<Honest>,
    /// Long or short.
    pub how: Intensity,
    _server: PostgresServer,
}

impl Stand {
    /// One node, and its bystanders.
    pub async fn set() -> Self {
        Self::tuned("").await
    }

    /// One node that is told more.
    pub async fn tuned(toml: &str) -> Self {
        let how = Intensity::of_this_run();
        let (world, server) = world(1, toml).await;
        let crowd = bystanders(&world, how.pick(8, 32)).await;
        Self::of(world, server, crowd)
    }

    /// What has been put together otherwise.
    pub fn of(world: World, server: PostgresServer, crowd: Crowd<Honest>) -> Self {
        Self { world, crowd, how: Intensity::of_this_run(), _server: server }
    }

    /// The only node.
    pub fn node(&self) -> &Endpoint {
        self.world.api(0)
    }

    /// Plays for a moment that is not measured: connections are made, statements prepared.
    pub async fn warm_up(&mut self) {
        self.crowd.play(Duration::from_millis(self.how.pick(100, 1_000))).await;
    }

    /// At the end the money is where it belongs: every chain without gaps, every balance the sum
    /// of what was applied, and every bystander has exactly what was answered.
    pub async fn check(&self) {
        self.world.check().await;
        for caller in &self.crowd.callers {
            let has = self.world.balance(&caller.player).await;
            assert_eq!(has, caller.cents, "{}", caller.player);
        }
    }
}

/// Nodes on a server of their own, on which commits are slow.
pub async fn world(nodes: usize, toml: &str) -> (World, PostgresServer) {
    let server = PostgresServer::tuned(&SLOW_COMMITS).await;
    let mut world = World::on(&server, 0, "").await;
    for _ in 0..nodes {
        let setup = world.setup(NODE).with(toml);
        world.nodes.push(Node::start(&setup).await);
    }
    (world, server)
}

/// Opens that many wallets, `name-0` and so on, many at a time.
pub async fn open(world: &World, name: &str, count: usize, balance: &str) -> Vec<String> {
    let names: Vec<String> = (0..count).map(|number| format!("{name}-{number}")).collect();
    for some in names.chunks(32) {
        join_all(some.iter().map(|player| world.bank.open(player, balance))).await;
    }
    names
}

/// So many honest players at the first node.
pub async fn bystanders(world: &World, count: usize) -> Crowd<Honest> {
    let players = open(world, "bystander", count, START).await;
    let callers = players.into_iter().map(|player| Honest {
        player,
        node: world.api(0).clone(),
        calls: 0,
        cents: START_CENTS,
    });
    Crowd { callers: callers.collect() }
}

/// A player who bets, and wins now and then.
pub struct Honest {
    player: String,
    node: Endpoint,
    calls: u64,
    /// What they must have in the end.
    cents: i64,
}

impl Caller for Honest {
    fn next(&mut self) -> (Call, Endpoint) {
        self.calls += 1;
        let (player, round) = (&self.player, self.calls / 3);
        let (round, reference) = (format!("{player}-{round}"), format!("{player}-{}", self.calls));
        let call = if self.calls % 3 == 2 {
            self.cents += 150;
            pragmatic::result(player, &reference, &round, "1.50")
        } else {
            self.cents -= 100;
            pragmatic::bet(player, &reference, &round, "1.00")
        };
        (call, self.node.clone())
    }
}
