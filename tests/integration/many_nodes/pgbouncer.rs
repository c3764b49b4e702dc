//! PgBouncer between the nodes and PostgreSQL. The nodes prepare their statements once for each
//! connection, which a pooler has to know about: from 1.21 on one does in transaction mode, too.

use crate::support::database::Database;
use crate::support::pgbouncer::PgBouncer;
use crate::support::postgres_server::PostgresServer;
use crate::support::pragmatic;
use crate::support::traffic::Traffic;
use crate::support::world::World;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn money_moves_through_a_pooler_in_session_mode() {
    through("session", (1, 0), "").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn money_moves_through_a_pooler_in_transaction_mode() {
    through("transaction", (1, 21), "max_prepared_statements = 200").await;
}

async fn through(mode: &str, from: (u32, u32), further: &str) {
    let server = PostgresServer::start().await;
    let database = Database::on(&server).await;
    let Some(pooler) = PgBouncer::before(&server, mode, from, further).await else { return };
    let url = format!("database.url = \"{}\"", pooler.url(&database));
    let world = World::around(database, 2, &url).await;
    let traffic = Traffic::start(&world, 4).await;
    traffic.rounds(100).await;
    let tally = traffic.stop(&world).await;
    assert_eq!((tally.unanswered, tally.repeats), (0, 0), "nothing has to be sent again");
    // Look-ups take the same way.
    world.redis.flush();
    for node in &world.nodes {
        let told = pragmatic::balance("player-0").send(&node.api).await.cash;
        assert_eq!(told, Some(world.balance("player-0").await));
    }
}
