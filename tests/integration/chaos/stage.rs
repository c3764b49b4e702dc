//! What every fault is played on: nodes under traffic, and wins that wait to be paid.

use std::time::{Duration, Instant};

use super::{Intensity, report};
pub use crate::support::patience::eventually;
use crate::support::postgres_server::PostgresServer;
use crate::support::provider::Tally;
use crate::support::traffic::Traffic;
use crate::support::{pragmatic, world::World};

/// How the nodes run: their jobs, too, and with times that fit a short play. The brand
/// `patient` sends the wins that wait.
pub const NODE: &str = "
    cache.balance_ttl_s = 2
    database.batch_timeout_ms = 700
    database.timeout_ms = 1500
    providers.pragmatic.deadline_ms = 1500
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
/// Who waits.
const WAITING: &str = "waiting";
/// For so many wins of EUR 2.50 each.
const WINS: i64 = 5;

/// Nodes under traffic.
pub struct Stage {
    /// To be broken.
    pub world: World,
    traffic: Traffic,
    how: Intensity,
    players: usize,
    begun: Instant,
}

/// A play that ended well.
pub struct Ended {
    /// What the callers have seen.
    pub tally: Tally,
    /// Still there: should the play turn out to have ended badly, the nodes show their logs.
    _world: World,
    how: Intensity,
    took: Duration,
}

impl Stage {
    /// Two ordinary nodes on a database of their own.
    pub async fn ordinary(how: Intensity) -> Self {
        Self::set(World::tuned(2, NODE).await, how).await
    }

    /// Two ordinary nodes on a server that is going to be broken.
    pub async fn on(server: &PostgresServer, how: Intensity) -> Self {
        Self::set(World::on(server, 2, NODE).await, how).await
    }

    /// Nodes that were put together otherwise, from [`NODE`]. Traffic begins.
    pub async fn set(world: World, how: Intensity) -> Self {
        world.bank.open(WAITING, "1.00").await;
        for number in 0..WINS {
            let (win, round) = (format!("late-{number}"), format!("unknown-{number}"));
            let result = pragmatic::result(WAITING, &win, &round, "2.50").at("patient");
            assert_eq!(result.send(world.api(0)).await.error, 100, "it has to wait");
        }
        let players = how.pick(4, 12);
        let traffic = Traffic::start(&world, players).await;
        Self { world, traffic, how, players, begun: Instant::now() }
    }

    /// Lets the traffic go on: so many rounds in a short play, ten times as many in a long one.
    pub async fn rounds(&self, short: u64) {
        self.traffic.rounds(self.how.pick(short, short * 10)).await;
    }

    /// Lets the traffic go on for just so many rounds.
    pub async fn just(&self, rounds: u64) {
        self.traffic.rounds(rounds).await;
    }

    /// From now on the providers call the world's present nodes.
    pub fn call_present_nodes(&self) {
        self.traffic.call_nodes_of(&self.world);
    }

    /// The end: everything that can be asked of the tables and of the nodes.
    pub async fn end(self) -> Ended {
        let Self { world, traffic, how, players, begun } = self;
        let tally = traffic.stop(&world).await;
        let mut names: Vec<String> =
            (0..players).map(|number| format!("player-{number}")).collect();
        names.push(WAITING.to_owned());
        let parked = "SELECT count(*) FROM trx_log WHERE outcome = 'parked'";
        eventually("every win that had to wait is paid", async || {
            let parked = sqlx::query_scalar(parked).fetch_one(&world.database.pool).await;
            parked.is_ok_and(|parked: i64| parked == 0)
        })
        .await;
        assert_eq!(world.balance(WAITING).await, 100 + WINS * 250);
        world.check().await;
        for node in world.nodes.iter().filter(|node| node.is_there()) {
            for player in &names {
                let right = Some(world.balance(player).await);
                eventually("every node tells the right balance", async || {
                    pragmatic::balance(player).send(&node.api).await.cash == right
                })
                .await;
            }
        }
        Ended { tally, _world: world, how, took: begun.elapsed() }
    }
}

impl Ended {
    /// Says what was broken, how, and what came of it.
    pub fn report(&self, fault: &str, done: &str, result: &str) {
        report::add((self.how, self.took), [fault, done, result], &self.tally);
    }
}
