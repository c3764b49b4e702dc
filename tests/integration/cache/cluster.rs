//! Any player, on one node or a cluster.

use seamless_wallet::cache::{Cache, CacheState, Claim, Claimed};

use super::{OneByOne as _, balance, cache, eventually, key, player};
use crate::support::redis_cluster::RedisCluster;
use crate::support::redis_server::RedisServer;

const PLAYERS: [&str; 9] = ["}", "{", "{}", "a}b{c", "}{", "100%", "a:b", "Zoë 😀", "玩家"];

async fn assert_every_player_is_served(cache: &Cache) {
    for (n, id) in PLAYERS.iter().enumerate() {
        let at = balance(i64::try_from(n).unwrap() + 1, 7);
        assert_eq!(cache.claim(&key("t}{"), &player(id)).await, Claimed::New, "{id}");
        cache.publish(id, at.clone()).await;
        assert_eq!(cache.claim(&key("t}{"), &player(id)).await, Claimed::Seen, "{id}");
        assert_eq!(cache.balance(&player(id)).await, Some(at), "{id}");
    }
}

#[tokio::test]
async fn a_player_id_may_hold_braces_colons_and_any_script() {
    let redis = RedisServer::start();
    assert_every_player_is_served(&cache(redis.url()).await).await;
}

#[tokio::test]
async fn in_a_cluster_both_keys_of_every_player_share_a_slot() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let bus = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let redis = RedisServer::start_with(&[
        "--port",
        &port.to_string(),
        "--bind",
        "127.0.0.1",
        "--cluster-enabled",
        "yes",
        "--cluster-announce-ip",
        "127.0.0.1",
        "--cluster-port",
        &bus.to_string(),
    ]);
    redis.command(&[b"CLUSTER", b"ADDSLOTSRANGE", b"0", b"16383"]);
    eventually("the cluster is up", async || {
        redis.command(&[b"CLUSTER", b"INFO"]).contains("cluster_state:ok")
    })
    .await;
    let cache = cache(format!("redis-cluster://127.0.0.1:{port}")).await;
    assert_eq!(cache.state(), CacheState::Up);
    assert_every_player_is_served(&cache).await;
}

#[tokio::test]
async fn claims_and_balances_of_players_on_all_nodes_of_a_cluster_go_together() {
    let cluster = RedisCluster::start().await;
    let cache = cache(cluster.url()).await;
    eventually("it is used", async || cache.state() == CacheState::Up).await;
    let players: Vec<_> = (0..60).map(|n| player(&format!("p-{n}"))).collect();
    let claims: Vec<_> = players.iter().map(|player| Claim { key: key("t"), player }).collect();
    assert_eq!(cache.claim_all(&claims[..30]).await, [Claimed::New; 30]);
    let again = cache.claim_all(&claims).await;
    assert_eq!(again[..30], [Claimed::Seen; 30]);
    assert_eq!(again[30..], [Claimed::New; 30]);
    let all = |at: i64| players.iter().map(|p| (p.clone(), balance(at, at))).collect::<Vec<_>>();
    assert_eq!(cache.publish_all(all(5)).await, []);
    for number in 0..cluster.nodes.len() {
        assert!(cluster.keys(number) > 0, "node {number} holds nothing");
    }
    // The database has lost a commit of each.
    let ahead = cache.publish_all(all(4)).await;
    assert_eq!(ahead.len(), players.len());
    for ahead in &ahead {
        cache.put_right(ahead, &balance(4, 4)).await;
    }
    for player in &players {
        assert_eq!(cache.balance(player).await, Some(balance(4, 4)));
    }
    assert_eq!(cache.state(), CacheState::Up);
}
