//! A PostgreSQL that is copied to a standby, commit by commit. The primary is lost, the standby
//! takes over, and the nodes, which were told of both, find it by themselves.

use crate::support::database::Database;
use crate::support::node::Node;
use crate::support::postgres_server::PostgresServer;
use crate::support::pragmatic;
use crate::support::traffic::{IN_TIME, Traffic};
use crate::support::world::World;

const QUICK: &str = "
    providers.pragmatic.deadline_ms = 1500
    database.batch_timeout_ms = 700
    database.timeout_ms = 1500
";

async fn world_with_a_standby(nodes: usize) -> (PostgresServer, PostgresServer, World) {
    let primary = PostgresServer::start().await;
    let database = Database::on(&primary).await;
    let standby = primary.standby().await;
    let world = World::around(database.copied_to(&standby), nodes, QUICK).await;
    (primary, standby, world)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_primary_that_is_killed_under_traffic_takes_nothing_acknowledged_with_it() {
    a_primary_lost_under_traffic(PostgresServer::kill9).await;
}

/// Its host is cut off: connections stay open, new ones are taken, and nothing answers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_primary_that_is_silent_is_left_for_the_standby() {
    a_primary_lost_under_traffic(PostgresServer::freeze).await;
}

async fn a_primary_lost_under_traffic(lose: fn(&PostgresServer)) {
    let (primary, standby, mut world) = world_with_a_standby(2).await;
    let traffic = Traffic::start(&world, 4).await;
    traffic.rounds(40).await;
    lose(&primary);
    let bet = pragmatic::bet("player-0", "while-there-is-none", "r-1", "0.00");
    assert_eq!(bet.send(world.api(0)).await.error, 100, "nobody can commit now");
    standby.promote().await;
    world.database.look_at_the_standby();
    // The nodes that were there before.
    traffic.rounds(80).await;
    for node in &world.nodes {
        node.wait_until_ready().await;
    }
    let tally = traffic.stop(&world).await;
    assert_eq!(tally.unanswered, 0);
    assert!(tally.repeats > 0, "the loss was not noticed");
    assert!(tally.slowest < IN_TIME, "{tally:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_told_of_the_standby_first_uses_the_primary() {
    let (_primary, _standby, world) = world_with_a_standby(0).await;
    world.bank.open("ann", "10.00").await;
    let url = world.database.url();
    let (head, rest) = url.split_once('@').expect("a user");
    let (hosts, path) = rest.split_once('/').expect("a name");
    let (first, second) = hosts.split_once(',').expect("two hosts");
    let setup = world.setup("").with(&format!("database.url = \"{head}@{second},{first}/{path}\""));
    let node = Node::start(&setup).await;
    // Through a lane, and through the pool.
    let bet = pragmatic::bet("ann", "b-1", "r-1", "1.00");
    assert_eq!(bet.send(&node.api).await.cash, Some(900));
    world.redis.flush();
    assert_eq!(pragmatic::balance("ann").send(&node.api).await.cash, Some(900));
}
