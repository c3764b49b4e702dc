//! A Redis that was emptied, or holds what nobody here has written.

use seamless_wallet::cache::{CacheState, Claimed};

use super::{OneByOne as _, balance, cache, eventually, hasty_cache, key, player};
use crate::support::redis_server::RedisServer;

#[tokio::test]
async fn a_flushed_redis_knows_nothing_and_is_used_on() {
    let redis = RedisServer::start();
    let cache = cache(redis.url()).await;
    cache.publish("p", balance(3, 95)).await;
    redis.command(&[b"FLUSHALL"]);
    redis.command(&[b"SCRIPT", b"FLUSH"]);
    assert_eq!(cache.balance(&player("p")).await, None);
    assert_eq!(cache.claim(&key("t"), &player("p")).await, Claimed::New);
    cache.publish("p", balance(3, 95)).await;
    assert_eq!(cache.balance(&player("p")).await, Some(balance(3, 95)));
    assert_eq!(cache.claim(&key("t"), &player("p")).await, Claimed::Seen);
    assert_eq!(cache.state(), CacheState::Up);
}

#[tokio::test]
async fn what_cannot_be_read_is_seen_or_none_and_is_replaced() {
    let redis = RedisServer::start();
    let cache = cache(redis.url()).await;
    let p = player("p");
    let (claim, there) = (b"idemp:{p}:acme:t", b"wallet:balance:{p}");
    let nonsense: [&[u8]; 8] = [
        b"",
        b"\xff\xfe",
        b"99|1",
        b"999999|abc|EUR|active",
        b"5|1|eur|active",
        b"5|1|EUR|asleep",
        b"99999999999999999999|1|EUR|active",
        b"{\"version\":7}",
    ];
    for value in nonsense {
        redis.command(&[b"SET", claim, value]);
        redis.command(&[b"SET", there, value]);
        assert_eq!(cache.claim(&key("t"), &p).await, Claimed::Seen, "{value:?}");
        assert_eq!(cache.balance(&p).await, None, "{value:?}");
        // Some of it looks like a newer version.
        if let Some(ahead) = cache.publish("p", balance(3, 95)).await {
            cache.put_right(&ahead, &balance(3, 95)).await;
        }
        assert_eq!(cache.balance(&p).await, Some(balance(3, 95)), "{value:?}");
    }
    for wrong in [&[b"RPUSH".as_slice(), b"", b"x"][..], &[b"HSET", b"", b"f", b"x"]] {
        for name in [claim.as_slice(), there] {
            let mut words = wrong.to_vec();
            words[1] = name;
            redis.command(&[b"DEL", name]);
            redis.command(&words);
        }
        // Often enough to open the breaker, if it were taken for an outage.
        for _ in 0..10 {
            assert_eq!(cache.claim(&key("t"), &p).await, Claimed::Seen);
            assert_eq!(cache.balance(&p).await, None);
        }
    }
    assert_eq!(cache.state(), CacheState::Up);
    assert_eq!(cache.publish("p", balance(3, 95)).await, None);
    assert_eq!(cache.balance(&p).await, Some(balance(3, 95)));
}

#[tokio::test]
async fn a_redis_that_refuses_writes_is_skipped_and_nothing_of_it_is_believed() {
    let redis = RedisServer::start();
    let cache = hasty_cache(redis.url()).await;
    let p = player("p");
    cache.publish("p", balance(3, 95)).await;
    redis.command(&[b"CONFIG", b"SET", b"maxmemory", b"1"]);
    cache.publish("p", balance(4, 90)).await;
    // Redis still answers reads, with the old balance.
    assert_eq!(cache.balance(&p).await, None);
    for n in 0..5 {
        cache.claim(&key(&format!("u{n}")), &p).await;
    }
    assert_eq!(cache.state(), CacheState::Broken);
    redis.command(&[b"CONFIG", b"SET", b"maxmemory", b"0"]);
    eventually("it is used again, and told", async || {
        cache.balance(&p).await == Some(balance(4, 90))
    })
    .await;
}
