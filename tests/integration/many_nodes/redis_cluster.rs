//! A Redis Cluster in the place of one Redis, by its address alone.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::patience::PATIENCE;
use crate::support::pragmatic;
use crate::support::redis_cluster::RedisCluster;
use crate::support::traffic::{IN_TIME, Traffic};
use crate::support::world::World;

/// Enough that every node of the cluster has some of them.
const PLAYERS: usize = 12;

fn on(cluster: &RedisCluster) -> String {
    format!("cache.url = \"{}\"", cluster.url())
}

/// Trips of claims that the cluster has answered, over all nodes.
async fn claimed_in(world: &World) -> f64 {
    let mut sum = 0.0;
    for node in &world.nodes {
        let labels = [("command", "claim"), ("result", "ok")];
        sum += node.metric("wallet_cache_commands_total", &labels).await;
    }
    sum
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_serves_bets_repeats_balances_and_jobs() {
    let cluster = RedisCluster::start().await;
    let world = World::tuned(2, &on(&cluster)).await;
    let traffic = Traffic::start(&world, PLAYERS).await;
    traffic.rounds(150).await;
    let tally = traffic.stop(&world).await;
    assert_eq!((tally.unanswered, tally.repeats), (0, 0), "nothing has to be sent again");
    for number in 0..cluster.nodes.len() {
        assert!(cluster.keys(number) > 0, "node {number} of the cluster holds nothing");
    }
    assert!(claimed_in(&world).await > 0.0, "nothing was claimed in it");
    for (number, node) in world.nodes.iter().enumerate() {
        // On a busy machine it may have been skipped for a moment.
        let started = std::time::Instant::now();
        while node.ops.get("/readyz").await.json()["redis"] != "up" {
            assert!(started.elapsed() < PATIENCE, "Redis is not used");
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        let errors = node.metric("wallet_cache_commands_total", &[("result", "error")]).await;
        assert!(errors < 0.5, "node {number}: {errors} commands were refused");
        let told = pragmatic::balance("player-0").send(&node.api).await.cash;
        assert_eq!(told, Some(world.balance("player-0").await));
    }

    // The jobs look at every part of it.
    let by_hand = world.setup(&on(&cluster));
    let report = async |arguments: &[&str], status: i32| -> Value {
        let output = by_hand.run(arguments).await;
        let complained = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(status), "{complained}");
        serde_json::from_slice(&output.stdout).expect("JSON")
    };
    let clean = report(&["reconcile", "--full", "--json"], 0).await;
    assert_eq!(clean["findings"], 0, "{clean}");
    assert_eq!(clean["cached"], PLAYERS, "{clean}");
    let lie: [&[u8]; 3] = [b"SET", b"wallet:balance:{player-3}", b"999999|1|EUR|active"];
    assert!(cluster.nodes.iter().any(|node| node.command(&lie).starts_with("+OK")));
    let found = report(&["reconcile", "--json"], 1).await;
    assert_eq!(found["first_findings"][0]["kind"], "cache_ahead", "{found}");
    assert_eq!(found["first_findings"][0]["repaired"], true, "{found}");
    // Where Redis does not answer to the end, a pass says nothing of claims; the next one does.
    let mut cleaned = Value::Null;
    for _ in 0..5 {
        cleaned = report(&["cleanup", "--json"], 0).await;
        if cleaned["claims"].is_object() {
            break;
        }
    }
    let claims = cleaned["claims"]["claims"].as_u64().expect("a number");
    let keys: u64 = (0..cluster.nodes.len()).map(|number| cluster.keys(number)).sum();
    assert!(claims > 100 && claims < keys, "{claims} claims of {keys} keys were looked at");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_of_the_cluster_are_lost_and_replaced_by_a_replica_or_started_again() {
    let mut cluster = RedisCluster::start().await;
    cluster.add_replica_of(0).await;
    let world = World::tuned(2, &on(&cluster)).await;
    let traffic = Traffic::start(&world, PLAYERS).await;
    traffic.rounds(60).await;
    cluster.nodes[0].kill();
    traffic.rounds(60).await;
    cluster.nodes[3].wait_until_it_leads_and_is_used().await;
    traffic.rounds(60).await;
    cluster.nodes[1].kill();
    traffic.rounds(60).await;
    cluster.nodes[1].restart();
    let started = Instant::now();
    while cluster.keys(1) == 0 {
        assert!(started.elapsed() < PATIENCE, "it is not used again");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    traffic.rounds(60).await;
    let tally = traffic.stop(&world).await;
    assert_eq!(tally.unanswered, 0);
    assert!(tally.slowest < IN_TIME, "{tally:?}");
}
