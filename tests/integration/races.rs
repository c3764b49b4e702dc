//! The same things at the same time, over nodes that share one PostgreSQL and one Redis.

use futures_util::future::join_all;

use crate::support::pragmatic;
use crate::support::world::World;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_bet_fifty_times_at_once_over_two_nodes_is_one_debit_with_one_id() {
    let world = World::with_nodes(2).await;
    world.bank.open("ann", "100.00").await;
    let bet = pragmatic::bet("ann", "b-1", "r-1", "10.00");
    let answers = join_all((0..50).map(|turn| bet.send(world.api(turn)))).await;
    let first = answers[0].id();
    for answer in &answers {
        assert_eq!(answer.id(), first);
        assert_eq!(answer.cash, Some(9_000), "a reply shows a balance from before its own bet");
    }
    assert_eq!(world.balance("ann").await, 9_000);
    assert_eq!(world.applied("b-1").await, 1);
    world.check().await;
}
