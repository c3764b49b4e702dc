//! A database that fails over may lose what it had committed, which Redis still has.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use seamless_wallet::cache::{Ahead, Cache, CacheConfig, CachedBalance};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::{OneByOne as _, PATIENT, balance, cache, eventually, player};
use crate::support::redis_server::RedisServer;

#[tokio::test]
async fn what_redis_has_ahead_of_the_database_is_told_and_put_right_at_once() {
    let redis = RedisServer::start();
    let cache = cache(redis.url()).await;
    let p = player("p");
    assert_eq!(cache.publish("p", balance(57, 570)).await, None);
    // The database failed over and is at 55; the next commit makes it 56.
    let ahead = cache.publish("p", balance(56, 1)).await.expect("57 is there");
    assert_eq!((&ahead.found, &ahead.player), (&Some(balance(57, 570)), &p));
    assert_eq!(cache.balance(&p).await, None, "nobody is shown it before the database was asked");
    cache.put_right(&ahead, &balance(56, 1)).await;
    assert_eq!(cache.balance(&p).await, Some(balance(56, 1)));
    // The same by a look at the balance.
    cache.publish("p", balance(90, 900)).await;
    let ahead = cache.fill(&p, &balance(56, 1)).await.expect("90 is there");
    cache.put_right(&ahead, &balance(56, 1)).await;
    assert_eq!(cache.balance(&p).await, Some(balance(56, 1)));
}

#[tokio::test]
async fn what_another_node_has_published_is_ahead_and_right_and_stays() {
    let redis = RedisServer::start();
    let (here, there) = (cache(redis.url()).await, cache(redis.url()).await);
    there.publish("p", balance(6, 60)).await;
    let ahead = here.publish("p", balance(5, 50)).await.expect("6 is there");
    // The database, read after that was seen, has it too.
    here.put_right(&ahead, &balance(6, 60)).await;
    assert_eq!(here.balance(&player("p")).await, Some(balance(6, 60)));
    // And what comes between the look and the correction is not undone.
    there.publish("p", balance(7, 70)).await;
    here.put_right(&ahead, &balance(5, 50)).await;
    assert_eq!(here.balance(&player("p")).await, Some(balance(7, 70)));
}

#[tokio::test]
async fn no_cached_balance_is_used_after_the_database_was_lost_until_all_of_them_have_ended() {
    let redis = RedisServer::start();
    let config = CacheConfig {
        url: Some(redis.url()),
        command_timeout: PATIENT,
        balance_ttl: Duration::from_secs(2),
        ..CacheConfig::default()
    };
    let cache = Cache::connect(config).await.unwrap();
    cache.publish("p", balance(57, 570)).await;
    cache.distrust();
    assert_eq!(cache.balance(&player("p")).await, None);
    cache.publish("q", balance(1, 1)).await;
    eventually("balances are used again", async || {
        cache.publish("q", balance(1, 1)).await;
        cache.balance(&player("q")).await == Some(balance(1, 1))
    })
    .await;
    assert_eq!(cache.balance(&player("p")).await, None, "it has ended its life");
}

#[tokio::test]
async fn a_lost_bet_that_is_sent_again_is_not_undone() {
    let redis = RedisServer::start();
    let (here, there) = (cache(redis.url()).await, cache(redis.url()).await);
    let p = player("p");
    there.publish("p", balance(7, 90)).await;
    // The database loses it, and a balance call finds that out.
    let ahead = here.fill(&p, &balance(6, 100)).await.expect("7 is there");
    sleep(Duration::from_millis(2)).await; // no provider is as quick as that
    // Meanwhile the provider sends the bet again: the same balance at the same version.
    assert_eq!(there.publish("p", balance(7, 90)).await, None);
    here.put_right(&ahead, &balance(6, 100)).await;
    assert_eq!(there.balance(&p).await, Some(balance(7, 90)));
}

#[tokio::test]
async fn a_correction_that_comes_late_does_not_undo_a_newer_one() {
    let redis = RedisServer::start();
    let (here, there) = (cache(redis.url()).await, cache(redis.url()).await);
    let p = player("p");
    here.publish("p", balance(57, 570)).await;
    let slow = here.fill(&p, &balance(55, 550)).await.expect("57 is there");
    let quick = there.publish("p", balance(56, 560)).await.expect("57 is there");
    // From here on somebody was told 56.
    here.put_right(&slow, &balance(55, 550)).await;
    assert_eq!(redis.get("wallet:balance:{p}").as_deref(), Some("57|570000000|EUR|active"));
    there.put_right(&quick, &balance(56, 560)).await;
    assert_eq!(there.balance(&p).await, Some(balance(56, 560)));
    here.put_right(&slow, &balance(55, 550)).await;
    assert_eq!(there.balance(&p).await, Some(balance(56, 560)));
}

#[tokio::test]
async fn another_commit_of_the_lost_ones_version_takes_its_place() {
    let redis = RedisServer::start();
    let cache = cache(redis.url()).await;
    let p = player("p");
    cache.publish("p", balance(7, 90)).await;
    let ahead = cache.fill(&p, &balance(6, 100)).await.expect("7 is there");
    // Committed since, and not published.
    cache.put_right(&ahead, &balance(7, 80)).await;
    assert_eq!(cache.balance(&p).await, Some(balance(7, 80)));
}

#[tokio::test]
async fn what_was_owed_to_redis_before_the_database_was_lost_is_never_published() {
    let redis = RedisServer::start();
    let config = |breaker_pause| CacheConfig {
        url: Some(redis.url()),
        command_timeout: PATIENT,
        breaker_pause,
        ..CacheConfig::default()
    };
    let here = Cache::connect(config(Duration::from_millis(400))).await.unwrap();
    let there = Cache::connect(config(Duration::from_secs(600))).await.unwrap();
    redis.command(&[b"CONFIG", b"SET", b"maxmemory", b"1"]);
    here.publish("p", balance(57, 570)).await;
    here.distrust();
    redis.command(&[b"CONFIG", b"SET", b"maxmemory", b"0"]);
    there.publish("p", balance(55, 550)).await;
    eventually("what it held is removed instead", async || {
        redis.get("wallet:balance:{p}").is_none()
    })
    .await;
    there.publish("p", balance(56, 560)).await;
    sleep(Duration::from_millis(1_000)).await;
    assert_eq!(there.balance(&player("p")).await, Some(balance(56, 560)));
}

// ---- Any race ----

/// A database of one player that can lose commits. Version and balance go together, so a commit
/// that is made again after it was lost is the same to the last digit.
#[derive(Default)]
struct Database(Mutex<State>);

#[derive(Clone, Copy, Default)]
struct State {
    committed: i64,
    /// The newest that a caller was told of, and that the database still has.
    told: i64,
    failovers: u32,
}

impl Database {
    fn now(&self) -> State {
        *self.0.lock().unwrap()
    }

    fn read(&self) -> CachedBalance {
        let version = self.now().committed;
        balance(version, version)
    }

    fn commit(&self) -> (CachedBalance, u32) {
        let mut state = self.0.lock().unwrap();
        state.committed += 1;
        (balance(state.committed, state.committed), state.failovers)
    }

    fn tell(&self, version: i64, failovers: u32) {
        let mut state = self.0.lock().unwrap();
        if state.failovers == failovers {
            state.told = state.told.max(version);
        }
    }

    fn fail_over(&self) {
        let mut state = self.0.lock().unwrap();
        state.committed -= 3;
        state.told = 0;
        state.failovers += 1;
    }
}

async fn put_right(cache: &Cache, database: &Database, ahead: Option<Ahead>) {
    if let Some(ahead) = ahead {
        let truth = database.read();
        tokio::task::yield_now().await;
        cache.put_right(&ahead, &truth).await;
    }
}

async fn commit(cache: &Cache, database: &Database) {
    let (committed, failovers) = database.commit();
    let version = committed.version;
    let ahead = cache.publish("p", committed).await;
    database.tell(version, failovers);
    put_right(cache, database, ahead).await;
}

async fn look_up(cache: &Cache, database: &Database) {
    let read = database.read();
    tokio::task::yield_now().await;
    let ahead = cache.fill(&player("p"), &read).await;
    put_right(cache, database, ahead).await;
}

/// What stands in Redis is never older than what was told before the look.
fn assert_not_older(redis: &RedisServer, database: &Database) {
    let before = database.now();
    let Some(text) = redis.get("wallet:balance:{p}") else { return };
    let version: i64 = text.split('|').next().unwrap().parse().unwrap();
    if database.now().failovers == before.failovers {
        assert!(version >= before.told, "{text} is there, and {} was told", before.told);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_race_of_commits_look_ups_and_failovers_leaves_less_than_was_told() {
    let redis = RedisServer::start();
    let database = Arc::new(Database::default());
    let end = Instant::now() + Duration::from_secs(3);
    let mut tasks = JoinSet::new();
    for node in 0..6 {
        let (cache, database) = (cache(redis.url()).await, Arc::clone(&database));
        tasks.spawn(async move {
            while Instant::now() < end {
                if node % 2 == 0 {
                    commit(&cache, &database).await;
                } else {
                    look_up(&cache, &database).await;
                }
            }
        });
    }
    let mut looks = 0;
    while Instant::now() < end {
        assert_not_older(&redis, &database);
        looks += 1;
        if looks % 40 == 0 {
            // No database fails over within a millisecond.
            sleep(Duration::from_millis(2)).await;
            database.fail_over();
        }
        tokio::task::yield_now().await;
    }
    while let Some(ended) = tasks.join_next().await {
        ended.unwrap();
    }
    let state = database.now();
    assert!(state.committed > 100 && state.failovers > 10, "hardly anything happened");
    // Whatever is left there, the next look at the balance puts right.
    let cache = cache(redis.url()).await;
    look_up(&cache, &database).await;
    assert_eq!(cache.balance(&player("p")).await, Some(database.read()));
}
