//! A Redis that is replaced by its replica, which a sentinel tells the nodes of.

use crate::support::redis_sentinel::RedisSentinel;
use crate::support::traffic::{IN_TIME, Traffic};
use crate::support::world::World;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_takes_the_place_of_a_redis_that_is_lost() {
    let mut redis = RedisSentinel::start().await;
    let world = World::tuned(2, &format!("cache.url = \"{}\"", redis.url())).await;
    let traffic = Traffic::start(&world, 4).await;
    traffic.rounds(40).await;
    redis.primary.kill();
    redis.replica.wait_until_it_leads_and_is_used().await;
    traffic.rounds(40).await;
    let tally = traffic.stop(&world).await;
    assert_eq!(tally.unanswered, 0);
    assert!(tally.slowest < IN_TIME, "{tally:?}");
}
