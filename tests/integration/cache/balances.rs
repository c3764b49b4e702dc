//! An older balance never overwrites a newer one.

use super::{OneByOne as _, balance, cache, player};
use crate::support::redis_server::RedisServer;

#[tokio::test]
async fn an_older_balance_never_overwrites_a_newer_one() {
    let redis = RedisServer::start();
    let (here, there) = (cache(redis.url()).await, cache(redis.url()).await);
    let p = player("p");
    assert_eq!(here.balance(&p).await, None);
    here.publish("p", balance(10, 100)).await;
    here.publish("p", balance(9, 90)).await;
    here.fill(&p, &balance(8, 80)).await;
    assert_eq!(there.balance(&p).await, Some(balance(10, 100)));
    here.fill(&p, &balance(11, 110)).await;
    assert_eq!(there.balance(&p).await, Some(balance(11, 110)));
    assert_eq!(here.balance(&p).await, Some(balance(11, 110)));
}

#[tokio::test]
async fn an_equal_version_refreshes_the_balance() {
    let redis = RedisServer::start();
    let cache = cache(redis.url()).await;
    cache.fill(&player("p"), &balance(5, 50)).await;
    redis.command(&[b"PEXPIRE", b"wallet:balance:{p}", b"900"]);
    cache.fill(&player("p"), &balance(5, 50)).await;
    let ttl = redis.command(&[b"PTTL", b"wallet:balance:{p}"]);
    assert!(ttl.starts_with(":29") || ttl.starts_with(":30000"), "{ttl}");
}

#[tokio::test]
async fn a_forgotten_balance_is_gone() {
    let redis = RedisServer::start();
    let cache = cache(redis.url()).await;
    cache.fill(&player("p"), &balance(99, 1)).await;
    cache.forget_balance(&player("p")).await;
    assert_eq!(cache.balance(&player("p")).await, None);
    cache.fill(&player("p"), &balance(5, 50)).await;
    assert_eq!(cache.balance(&player("p")).await, Some(balance(5, 50)));
}

#[tokio::test]
async fn of_a_players_balances_in_one_batch_the_newest_is_published() {
    let redis = RedisServer::start();
    let cache = cache(redis.url()).await;
    let batch = [(7, 70), (9, 90), (8, 80)].map(|(at, units)| (player("p"), balance(at, units)));
    assert_eq!(cache.publish_all(batch.to_vec()).await, []);
    assert_eq!(cache.balance(&player("p")).await, Some(balance(9, 90)));
}
