//! A Redis that is gone, or comes late, costs no call more than its time-out.

use std::future::pending;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use seamless_wallet::cache::{Cache, CacheConfig, CacheState, Claimed};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Notify;
use tokio::time::sleep;

use super::{OneByOne as _, PATIENT, balance, cache, eventually, hasty_cache, key, player};
use crate::support::log;
use crate::support::redis_server::RedisServer;

/// Every call comes back in time and knows nothing; then none takes any time.
async fn assert_broken(cache: &Cache) {
    // Five, or more where an answer from before was read late.
    let mut calls = 0;
    while calls < 5 || (calls < 15 && cache.state() == CacheState::Up) {
        let started = Instant::now();
        let claimed = cache.claim(&key(&format!("x{calls}")), &player("p")).await;
        assert_eq!(claimed, Claimed::Unavailable);
        assert!(started.elapsed() < Duration::from_millis(150), "{:?}", started.elapsed());
        calls += 1;
    }
    assert_eq!(cache.state(), CacheState::Broken);
    let started = Instant::now();
    for _ in 0..1_000 {
        assert_eq!(cache.balance(&player("p")).await, None);
        cache.fill(&player("p"), &balance(1, 1)).await;
    }
    assert!(started.elapsed() < Duration::from_millis(900), "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_killed_redis_costs_no_call_more_than_its_time_out_and_is_used_again_after_restart() {
    let mut redis = RedisServer::start();
    let cache = hasty_cache(redis.url()).await;
    assert_eq!(cache.claim(&key("t"), &player("p")).await, Claimed::New);
    redis.kill();
    assert_broken(&cache).await;
    redis.restart();
    eventually("it is used again", async || cache.state() == CacheState::Up).await;
    assert_eq!(cache.claim(&key("t"), &player("p")).await, Claimed::New);
    assert_eq!(cache.claim(&key("t"), &player("p")).await, Claimed::Seen);
}

#[tokio::test]
async fn a_frozen_redis_costs_no_call_more_than_its_time_out_and_is_used_again_when_it_thaws() {
    let redis = RedisServer::start();
    let cache = hasty_cache(redis.url()).await;
    cache.publish("p", balance(3, 95)).await;
    for pause in [0, 3_000] {
        redis.freeze();
        assert_broken(&cache).await;
        sleep(Duration::from_millis(pause)).await;
        redis.thaw();
        eventually("it is used again", async || cache.state() == CacheState::Up).await;
        let claimed = cache.claim(&key("t"), &player("p")).await;
        assert!(claimed != Claimed::Unavailable, "{claimed:?}");
    }
}

#[tokio::test]
async fn a_quiet_node_notices_that_redis_went_and_came_back() {
    let mut redis = RedisServer::start();
    let cache = hasty_cache(redis.url()).await;
    redis.kill();
    eventually("it is missed", async || cache.state() == CacheState::Broken).await;
    redis.restart();
    eventually("it is found", async || cache.state() == CacheState::Up).await;
}

#[tokio::test]
async fn a_redis_that_was_never_there_is_no_error_and_is_used_once_it_comes() {
    let mut redis = RedisServer::start();
    redis.kill();
    let started = Instant::now();
    let cache = hasty_cache(redis.url()).await;
    assert!(started.elapsed() < Duration::from_secs(2));
    assert_eq!(cache.state(), CacheState::Broken);
    assert_eq!(cache.claim(&key("t"), &player("p")).await, Claimed::Unavailable);
    redis.restart();
    eventually("it is used", async || cache.state() == CacheState::Up).await;
}

#[tokio::test]
async fn an_outage_is_logged_when_it_begins_and_when_it_ends_and_no_password_is() {
    log::record();
    let user = ["--user", "wallet", "on", ">hunter2", "~*", "&*", "+@all"];
    let mut redis = RedisServer::start_with(&[&["--port", "0"][..], &user].concat());
    let url = format!("redis+unix://wallet:hunter2@here{}", redis.socket().display());
    let cache = hasty_cache(url).await;
    assert_eq!(cache.claim(&key("t"), &player("p")).await, Claimed::New);
    redis.kill();
    assert_broken(&cache).await;
    redis.restart();
    eventually("it is used again", async || cache.state() == CacheState::Up).await;
    let log = log::recorded();
    assert!(log.contains("fred"), "its client logs, too:\n{log}");
    assert!(!log.contains("hunter2"), "{log}");
    let ours = log.lines().filter(|line| line.contains("seamless_wallet"));
    assert_eq!(ours.count(), 2, "{log}");
}

#[tokio::test]
async fn a_connection_on_which_nothing_comes_back_is_replaced() {
    let redis = RedisServer::start();
    let wire = redis.socket().with_file_name("wire.sock");
    let cut = Arc::new(Notify::new());
    tokio::spawn(relay(UnixListener::bind(&wire).unwrap(), redis.socket(), Arc::clone(&cut)));
    let cache = hasty_cache(format!("redis+unix://{}", wire.display())).await;
    assert_eq!(cache.claim(&key("t"), &player("p")).await, Claimed::New);
    cut.notify_waiters();
    assert_broken(&cache).await;
    eventually("Redis is used again", async || cache.state() == CacheState::Up).await;
    assert_eq!(cache.claim(&key("t"), &player("p")).await, Claimed::Seen);
}

/// Passes everything on. `cut` makes the connections of the moment silent without closing them.
async fn relay(listener: UnixListener, redis: PathBuf, cut: Arc<Notify>) {
    loop {
        let (mut client, _) = listener.accept().await.unwrap();
        let mut redis = UnixStream::connect(&redis).await.unwrap();
        let cut = Arc::clone(&cut);
        tokio::spawn(async move {
            tokio::select! {
                _ = copy_bidirectional(&mut client, &mut redis) => {}
                () = cut.notified() => pending().await,
            }
        });
    }
}

#[tokio::test]
async fn nothing_that_depends_on_an_unpublished_balance_is_answered() {
    let redis = RedisServer::start();
    let config = CacheConfig {
        url: Some(redis.url()),
        command_timeout: PATIENT,
        // The node must not come to mend it within this test.
        breaker_pause: Duration::from_secs(600),
        ..CacheConfig::default()
    };
    let cache = Cache::connect(config).await.unwrap();
    let p = player("p");
    cache.publish("p", balance(3, 95)).await;
    redis.command(&[b"CONFIG", b"SET", b"maxmemory", b"1"]);
    cache.publish("p", balance(4, 100)).await;
    redis.command(&[b"CONFIG", b"SET", b"maxmemory", b"0"]);
    // Redis holds version 3, as if nothing had happened.
    assert_eq!(cache.state(), CacheState::Up);
    assert_eq!(cache.balance(&p).await, None);
    cache.fill(&p, &balance(3, 95)).await;
    assert_eq!(cache.balance(&p).await, None, "an old balance settles nothing");
    cache.fill(&p, &balance(4, 100)).await;
    assert_eq!(cache.balance(&p).await, Some(balance(4, 100)));
}

#[tokio::test]
async fn a_balance_that_could_not_be_published_is_not_served_and_reaches_redis_later() {
    let redis = RedisServer::start();
    let (here, elsewhere) = (hasty_cache(redis.url()).await, cache(redis.url()).await);
    let p = player("p");
    here.publish("p", balance(3, 95)).await;
    redis.freeze();
    assert_broken(&here).await;
    here.publish("p", balance(4, 100)).await;
    redis.thaw();
    eventually("this node uses Redis again", async || here.state() == CacheState::Up).await;
    assert_ne!(here.balance(&p).await, Some(balance(3, 95)));
    eventually("every node sees the new balance", async || {
        elsewhere.balance(&p).await == Some(balance(4, 100))
    })
    .await;
    eventually("this one, too", async || here.balance(&p).await == Some(balance(4, 100))).await;
}

#[tokio::test]
async fn a_balance_whose_confirmation_was_lost_is_used_once_redis_has_confirmed_it() {
    let redis = RedisServer::start();
    let wire = redis.socket().with_file_name("wire.sock");
    let deaf = Arc::new(AtomicBool::new(false));
    let listener = UnixListener::bind(&wire).unwrap();
    tokio::spawn(lose_replies(listener, redis.socket(), Arc::clone(&deaf)));
    let here = hasty_cache(format!("redis+unix://{}", wire.display())).await;
    let p = player("p");
    here.publish("p", balance(3, 95)).await;
    deaf.store(true, Ordering::Relaxed);
    assert_eq!(here.publish("p", balance(4, 90)).await, None);
    assert_eq!(redis.get("wallet:balance:{p}").as_deref(), Some("4|90000000|EUR|active"));
    assert_eq!(here.balance(&p).await, None, "it may as well be an older one");
    deaf.store(false, Ordering::Relaxed);
    eventually("it is used", async || here.balance(&p).await == Some(balance(4, 90))).await;
}

/// Passes everything on; while it is deaf, no reply, and the connection ends instead.
async fn lose_replies(listener: UnixListener, redis: PathBuf, deaf: Arc<AtomicBool>) {
    loop {
        let (mut client, _) = listener.accept().await.unwrap();
        let (redis, deaf) = (redis.clone(), Arc::clone(&deaf));
        tokio::spawn(async move {
            let mut redis = UnixStream::connect(redis).await.unwrap();
            let (mut asked, mut replied) = (vec![0; 65_536], vec![0; 65_536]);
            loop {
                tokio::select! {
                    n = client.read(&mut asked) => match n {
                        Ok(n) if n > 0 => redis.write_all(&asked[..n]).await.unwrap(),
                        _ => return,
                    },
                    n = redis.read(&mut replied) => match n {
                        Ok(n) if n > 0 && !deaf.load(Ordering::Relaxed) => {
                            client.write_all(&replied[..n]).await.unwrap();
                        }
                        _ => return,
                    },
                }
            }
        });
    }
}

#[tokio::test]
async fn without_redis_everything_is_unknown() {
    let cache = Cache::connect(CacheConfig::default()).await.unwrap();
    assert_eq!(cache.state(), CacheState::Disabled);
    assert_eq!(cache.claim(&key("t"), &player("p")).await, Claimed::Unavailable);
    cache.publish("p", balance(3, 95)).await;
    cache.fill(&player("p"), &balance(3, 95)).await;
    assert_eq!(cache.balance(&player("p")).await, None);
}
