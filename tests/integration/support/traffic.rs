//! Providers that play rounds while something breaks, and whether everybody has in the end what
//! they were told.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;
use uuid::Uuid;

use super::patience::PATIENCE;
use super::provider::{Provider, Shared, Tally};
use super::world::World;

/// A deadline of a node's, with room for a machine that is busy with other tests.
pub const IN_TIME: Duration = Duration::from_secs(6);
/// What each player starts with, in euro: enough for every round.
const START: &str = "100000.00";

/// Traffic in progress.
pub struct Traffic {
    shared: Arc<Shared>,
    players: Vec<(String, JoinHandle<Tally>)>,
}

impl Traffic {
    /// Opens so many players and lets them play over all nodes of the world.
    pub async fn start(world: &World, players: usize) -> Self {
        let shared = Arc::new(Shared::calling(world.apis()));
        let mut playing = Vec::new();
        for number in 0..players {
            let name = format!("player-{number}");
            world.bank.open(&name, START).await;
            let provider = Provider::of(&name, number, &shared);
            playing.push((name, tokio::spawn(provider.play())));
        }
        Self { shared, players: playing }
    }

    /// Waits until so many rounds more were played, over all players.
    pub async fn rounds(&self, more: u64) {
        let goal = self.shared.rounds.load(Ordering::Relaxed) + more;
        let started = Instant::now();
        while self.shared.rounds.load(Ordering::Relaxed) < goal {
            assert!(started.elapsed() < PATIENCE, "the traffic stands still");
            assert!(self.players.iter().all(|(_, task)| !task.is_finished()), "a player gave up");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// From now on the providers call the world's present nodes.
    pub fn call_nodes_of(&self, world: &World) {
        self.shared.call(world.apis());
    }

    /// Lets every round in progress end, and checks each player's balance in the database, each
    /// acknowledged movement, and the whole ledger. Gives back the sums.
    pub async fn stop(self, world: &World) -> Tally {
        self.shared.stopping.store(true, Ordering::Relaxed);
        let mut all = Tally { longest_gap: self.shared.pulse.longest(), ..Tally::default() };
        for (player, task) in self.players {
            let tally = task.await.expect("a provider that ends well");
            let expected = 10_000_000 + tally.change;
            assert_eq!(world.balance(&player).await, expected, "{player}: {tally:?}");
            all.add(tally);
        }
        world.check().await;
        assert_eq!(missing(world, &all.acknowledged).await, Vec::<Uuid>::new());
        all
    }
}

/// The acknowledged movements that are not in the ledger as decided ones.
async fn missing(world: &World, acknowledged: &[String]) -> Vec<Uuid> {
    let ids: Vec<Uuid> = acknowledged.iter().map(|id| id.parse().expect("an id")).collect();
    let sql = "SELECT DISTINCT id FROM unnest($1::uuid[]) AS told(id)
               WHERE NOT EXISTS (SELECT FROM trx_log t
                                 WHERE t.transaction_id = told.id AND t.outcome <> 'parked')";
    let missing = sqlx::query_scalar(sql).bind(ids).fetch_all(&world.database.pool).await;
    missing.expect("a ledger")
}
