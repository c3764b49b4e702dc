//! Redis as it is sold: every connection to it is encrypted.

use std::time::{Duration, Instant};

use crate::support::certificates::Certificates;
use crate::support::node::Node;
use crate::support::patience::PATIENCE;
use crate::support::ports::free_address;
use crate::support::pragmatic;
use crate::support::redis_cluster::RedisCluster;
use crate::support::redis_sentinel::RedisSentinel;
use crate::support::redis_server::RedisServer;
use crate::support::traffic::Traffic;
use crate::support::world::World;

/// Waits until calls are claimed there.
async fn is_used(node: &Node) {
    let started = Instant::now();
    let mut number = 0;
    let labels = [("command", "claim"), ("result", "ok")];
    while node.metric("wallet_cache_commands_total", &labels).await < 0.5 {
        assert!(started.elapsed() < PATIENCE, "Redis is not used: {}", node.log());
        let bet = pragmatic::bet("ann", &format!("b-{number}"), "r", "0.01");
        assert_eq!(bet.send(&node.api).await.error, 0);
        number += 1;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// An address that speaks TLS alone, and lines that name it.
fn encrypted(certificates: &Certificates, auth: &str, host: &str) -> (RedisServer, String) {
    let port = free_address().port().to_string();
    let mut options = certificates.redis_options(auth);
    options.extend(["--bind", "127.0.0.1", "--port", "0", "--tls-port", &port].map(str::to_owned));
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    (RedisServer::start_with(&options), format!("cache.url = 'rediss://{host}:{port}'"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_is_used_by_whom_its_certificate_is_trusted_and_by_nobody_else() {
    let Some(certificates) = Certificates::make() else { return };
    let world = World::with_nodes(0).await;
    world.bank.open("ann", "100.00").await;
    for host in ["127.0.0.1", "localhost"] {
        let (_redis, url) = encrypted(&certificates, "no", host);
        let setup = world.setup(&url).with(&certificates.trusted());
        is_used(&Node::start(&setup).await).await;
    }
    // Whoever has another authority does without: bets go on.
    let (redis, url) = encrypted(&certificates, "no", "127.0.0.1");
    let stranger = Node::start(&world.setup(&url)).await;
    let bet = pragmatic::bet("ann", "stranger", "r", "0.01");
    assert_eq!(bet.send(&stranger.api).await.error, 0);
    assert_eq!(stranger.ops.get("/readyz").await.json()["redis"], "down: degraded");
    assert!(redis.command(&[b"DBSIZE"]).starts_with(":0"), "nothing was written there");
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_asks_for_a_certificate_is_shown_one() {
    let Some(certificates) = Certificates::make() else { return };
    let world = World::with_nodes(0).await;
    world.bank.open("ann", "100.00").await;
    let (_redis, url) = encrypted(&certificates, "yes", "127.0.0.1");
    let without = Node::start(&world.setup(&url).with(&certificates.trusted())).await;
    let bet = pragmatic::bet("ann", "without", "r", "0.01");
    assert_eq!(bet.send(&without.api).await.error, 0);
    assert_eq!(without.ops.get("/readyz").await.json()["redis"], "down: degraded");
    let with = world.setup(&url).with(&certificates.trusted_and_shown());
    is_used(&Node::start(&with).await).await;
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_that_encrypts_is_used_in_all_its_parts() {
    let Some(certificates) = Certificates::make() else { return };
    let cluster = RedisCluster::encrypted(&certificates).await;
    for url in [cluster.url(), cluster.url().replacen("127.0.0.1", "localhost", 1)] {
        for node in &cluster.nodes {
            node.flush();
        }
        let toml = format!("cache.url = '{url}'\n{}", certificates.trusted_and_shown());
        let world = World::tuned(1, &toml).await;
        world.bank.open("ann", "100.00").await;
        is_used(&world.nodes[0]).await;
        let traffic = Traffic::start(&world, 12).await;
        traffic.rounds(100).await;
        traffic.stop(&world).await;
        for number in 0..cluster.nodes.len() {
            assert!(cluster.keys(number) > 0, "{url}: node {number} of the cluster holds nothing");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_is_found_by_sentinels_that_encrypt() {
    let Some(certificates) = Certificates::make() else { return };
    let mut redis = RedisSentinel::encrypted(&certificates).await;
    let toml = format!("cache.url = '{}'\n{}", redis.url(), certificates.trusted_and_shown());
    let world = World::tuned(1, &toml).await;
    world.bank.open("ann", "100.00").await;
    is_used(&world.nodes[0]).await;
    let traffic = Traffic::start(&world, 4).await;
    traffic.rounds(20).await;
    redis.primary.kill();
    redis.replica.wait_until_it_leads_and_is_used().await;
    traffic.rounds(20).await;
    assert_eq!(traffic.stop(&world).await.unanswered, 0);
}
