//! The cache against a real Redis: what it remembers, what it refuses to believe, and what is
//! left when Redis is killed, frozen, flushed or full of nonsense.

use std::future::pending;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use seamless_wallet::cache::{
    Cache, CacheConfig, CacheState, CachedBalance, Claim, Claimed, Finished, Publication,
};
use seamless_wallet::core::{
    Currency, Entry, Key, Micros, Outcome, PlayerId, PlayerStatus, ProviderId, Reason, Receipt,
    RowOutcome, TxId,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Notify;
use tokio::time::sleep;
use uuid::Uuid;

use crate::support::log;
use crate::support::redis_server::RedisServer;

/// A machine that is busy with other tests must not look like a slow Redis.
const PATIENT: Duration = Duration::from_millis(500);

async fn cache(url: String) -> Cache {
    let config = CacheConfig { url: Some(url), command_timeout: PATIENT, ..CacheConfig::default() };
    Cache::connect(config).await.unwrap()
}

/// Short waits, for a Redis that fails.
async fn hasty_cache(url: String) -> Cache {
    let config = CacheConfig {
        url: Some(url),
        breaker_pause: Duration::from_millis(200),
        ..CacheConfig::default()
    };
    Cache::connect(config).await.unwrap()
}

/// One call at a time.
trait OneByOne {
    async fn claim(&self, key: &Key, player: &PlayerId, fingerprint: i64) -> Claimed;
    async fn publish(&self, publication: Publication);
}

impl OneByOne for Cache {
    async fn claim(&self, key: &Key, player: &PlayerId, fingerprint: i64) -> Claimed {
        let claims = [Claim { key: key.clone(), player, fingerprint }];
        self.claim_all(&claims, Duration::ZERO).await.pop().expect("an answer for each")
    }

    async fn publish(&self, publication: Publication) {
        self.publish_all(vec![publication]).await;
    }
}

fn player(id: &str) -> PlayerId {
    PlayerId::parse(id).unwrap()
}

fn key(tx_id: &str) -> Key {
    Key { provider: ProviderId::parse("acme").unwrap(), tx_id: TxId::parse(tx_id).unwrap() }
}

fn balance(version: i64, units: i64) -> CachedBalance {
    CachedBalance {
        currency: Currency::parse("EUR").unwrap(),
        balance: Micros::new(units * 1_000_000),
        version,
        status: PlayerStatus::Active,
    }
}

fn entry() -> Entry {
    Entry {
        transaction_id: Uuid::from_u128(77),
        outcome: RowOutcome::Applied,
        reason: None,
        amount_micros: -5_000_000,
        shortfall_micros: 0,
        balance_after_micros: Some(95_000_000),
        created_at: DateTime::<Utc>::from_timestamp_micros(1_700_000_000_000_001).unwrap(),
        reversed: false,
    }
}

fn receipt(at: &CachedBalance, outcome: Outcome) -> Receipt {
    Receipt {
        currency: at.currency.clone(),
        balance: at.balance,
        version: at.version,
        status: at.status,
        outcomes: vec![outcome],
    }
}

/// What the store says after it has committed a bet.
fn bet(id: &str, tx_id: &str, at: &CachedBalance) -> Publication {
    ended(id, tx_id, at, Outcome::Applied(entry()))
}

fn ended(id: &str, tx_id: &str, at: &CachedBalance, outcome: Outcome) -> Publication {
    let finished = Finished { key: key(tx_id), fingerprint: 1, receipt: receipt(at, outcome) };
    Publication { player: player(id), balance: at.clone(), finished: Some(finished) }
}

fn other(id: &str, at: &CachedBalance) -> Publication {
    Publication { player: player(id), balance: at.clone(), finished: None }
}

async fn eventually(what: &str, mut check: impl AsyncFnMut() -> bool) {
    let started = Instant::now();
    while !check().await {
        assert!(started.elapsed() < Duration::from_secs(15), "not within 15 s: {what}");
        sleep(Duration::from_millis(20)).await;
    }
}

// ---- Claims ----

#[tokio::test]
async fn a_second_claim_is_seen_and_another_movement_is_new() {
    let redis = RedisServer::start();
    let cache = cache(redis.url()).await;
    assert_eq!(cache.state(), CacheState::Up);
    let p = player("p");
    assert_eq!(cache.claim(&key("t"), &p, 1).await, Claimed::New);
    assert_eq!(cache.claim(&key("t"), &p, 1).await, Claimed::Seen);
    assert_eq!(cache.claim(&key("u"), &p, 1).await, Claimed::New);
    let ttl = redis.command(&[b"PTTL", b"idemp:{p}:acme:t"]);
    assert!(ttl.starts_with(":59") || ttl.starts_with(":60"), "{ttl}");
}

#[tokio::test]
async fn an_own_claim_that_arrives_twice_is_new() {
    let redis = RedisServer::start();
    let stutter = redis.socket().with_file_name("stutter.sock");
    tokio::spawn(say_everything_twice(UnixListener::bind(&stutter).unwrap(), redis.socket()));
    let cache = cache(format!("redis+unix://{}", stutter.display())).await;
    assert_eq!(cache.claim(&key("t"), &player("p"), 1).await, Claimed::New);
    assert_eq!(cache.claim(&key("t"), &player("p"), 1).await, Claimed::Seen);
}

/// Sends each script call to Redis twice and passes on the second answer only, like a client
/// that has lost the first one.
async fn say_everything_twice(listener: UnixListener, redis: PathBuf) {
    loop {
        let (client, _) = listener.accept().await.unwrap();
        tokio::spawn(stutter(client, redis.clone()));
    }
}

async fn stutter(mut client: UnixStream, redis: PathBuf) {
    let mut redis = UnixStream::connect(redis).await.unwrap();
    let (mut asked, mut answered) = (vec![0; 65_536], vec![0; 65_536]);
    loop {
        let n = client.read(&mut asked).await.unwrap();
        if n == 0 {
            return;
        }
        if asked[..n].windows(4).any(|word| word == b"EVAL") {
            redis.write_all(&asked[..n]).await.unwrap();
            assert!(redis.read(&mut answered).await.unwrap() > 0);
        }
        redis.write_all(&asked[..n]).await.unwrap();
        let m = redis.read(&mut answered).await.unwrap();
        client.write_all(&answered[..m]).await.unwrap();
    }
}

#[tokio::test]
async fn a_finished_command_is_answered_while_nothing_else_was_decided() {
    let redis = RedisServer::start();
    let cache = cache(redis.url()).await;
    let (p, at) = (player("p"), balance(3, 95));
    assert_eq!(cache.claim(&key("t"), &p, 1).await, Claimed::New);
    cache.publish(bet("p", "t", &at)).await;
    let again = receipt(&at, Outcome::Replayed(entry()));
    assert_eq!(cache.claim(&key("t"), &p, 1).await, Claimed::Finished(again.clone()));
    assert_eq!(cache.claim(&key("t"), &p, 1).await, Claimed::Finished(again));
    assert_eq!(cache.claim(&key("t"), &p, 2).await, Claimed::Seen, "other content");
}

#[tokio::test]
async fn a_finished_command_is_not_answered_after_something_else_was_decided() {
    let redis = RedisServer::start();
    let cache = cache(redis.url()).await;
    cache.publish(bet("p", "t", &balance(3, 95))).await;
    cache.publish(other("p", &balance(4, 100))).await;
    assert_eq!(cache.claim(&key("t"), &player("p"), 1).await, Claimed::Seen);
    // Nor where an old balance came back, nor without any balance.
    cache.forget_balance(&player("p")).await;
    assert_eq!(cache.claim(&key("t"), &player("p"), 1).await, Claimed::Seen);
    // A repeat that the database answered makes it cheap again.
    let replayed = Outcome::Replayed(entry());
    cache.publish(ended("p", "t", &balance(4, 100), replayed)).await;
    let again = receipt(&balance(4, 100), replayed);
    assert_eq!(cache.claim(&key("t"), &player("p"), 1).await, Claimed::Finished(again));
}

#[tokio::test]
async fn a_refusal_is_answered_again_as_a_repeated_one() {
    let redis = RedisServer::start();
    let cache = cache(redis.url()).await;
    let refused = |replayed| Outcome::Refused {
        reason: Reason::InsufficientFunds,
        entry: Some(entry()),
        replayed,
    };
    cache.publish(ended("p", "t", &balance(3, 1), refused(false))).await;
    let again = receipt(&balance(3, 1), refused(true));
    assert_eq!(cache.claim(&key("t"), &player("p"), 1).await, Claimed::Finished(again));
}

#[tokio::test]
async fn what_is_not_final_gives_its_claim_up() {
    let redis = RedisServer::start();
    let cache = cache(redis.url()).await;
    let passing = Outcome::Refused { reason: Reason::DebitUnknown, entry: None, replayed: false };
    for (tx_id, outcome) in [("parked", Outcome::Parked(entry())), ("passing", passing)] {
        assert_eq!(cache.claim(&key(tx_id), &player("p"), 1).await, Claimed::New);
        cache.publish(ended("p", tx_id, &balance(3, 1), outcome)).await;
        assert_eq!(redis.get(&format!("idemp:{{p}}:acme:{tx_id}")), None);
        assert_eq!(cache.balance(&player("p")).await, Some(balance(3, 1)));
        assert_eq!(cache.claim(&key(tx_id), &player("p"), 1).await, Claimed::New);
    }
}

// ---- Balances ----

#[tokio::test]
async fn an_older_balance_never_overwrites_a_newer_one() {
    let redis = RedisServer::start();
    let cache = cache(redis.url()).await;
    let p = player("p");
    assert_eq!(cache.balance(&p).await, None);
    cache.publish(other("p", &balance(10, 100))).await;
    cache.publish(other("p", &balance(9, 90))).await;
    cache.fill(&p, &balance(8, 80)).await;
    assert_eq!(cache.balance(&p).await, Some(balance(10, 100)));
    cache.fill(&p, &balance(11, 110)).await;
    assert_eq!(cache.balance(&p).await, Some(balance(11, 110)));
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

// ---- A Redis that lies ----

#[tokio::test]
async fn a_flushed_redis_knows_nothing_and_is_used_on() {
    let redis = RedisServer::start();
    let cache = cache(redis.url()).await;
    cache.publish(bet("p", "t", &balance(3, 95))).await;
    redis.command(&[b"FLUSHALL"]);
    redis.command(&[b"SCRIPT", b"FLUSH"]);
    assert_eq!(cache.balance(&player("p")).await, None);
    assert_eq!(cache.claim(&key("t"), &player("p"), 1).await, Claimed::New);
    cache.publish(bet("p", "t", &balance(3, 95))).await;
    assert_eq!(cache.balance(&player("p")).await, Some(balance(3, 95)));
    assert!(matches!(cache.claim(&key("t"), &player("p"), 1).await, Claimed::Finished(_)));
    assert_eq!(cache.state(), CacheState::Up);
}

#[tokio::test]
async fn what_cannot_be_read_is_seen_or_none_and_is_replaced() {
    let redis = RedisServer::start();
    let cache = cache(redis.url()).await;
    let p = player("p");
    let (claim, there) = (b"idemp:{p}:acme:t", b"wallet:balance:{p}");
    let nonsense: [&[u8]; 10] = [
        b"",
        b"\xff\xfe",
        b"d:",
        b"d:1:3:[]",
        b"d:1:3:[{\"r\":{}}]",
        b"d:1:9223372036854775808:[]",
        b"99|1",
        b"999999|abc|EUR|active",
        b"5|1|eur|active",
        b"{\"version\":7}",
    ];
    for value in nonsense {
        redis.command(&[b"SET", claim, value]);
        redis.command(&[b"SET", there, value]);
        assert_eq!(cache.claim(&key("t"), &p, 1).await, Claimed::Seen, "{value:?}");
        assert_eq!(cache.balance(&p).await, None, "{value:?}");
    }
    cache.publish(bet("p", "t", &balance(3, 95))).await;
    assert_eq!(cache.balance(&p).await, Some(balance(3, 95)));
    for wrong in [&[b"RPUSH".as_slice(), b"", b"x"][..], &[b"HSET", b"", b"f", b"x"]] {
        for name in [claim.as_slice(), there] {
            let mut words = wrong.to_vec();
            words[1] = name;
            redis.command(&[b"DEL", name]);
            redis.command(&words);
        }
        // Often enough to open the breaker, if it were taken for an outage.
        for _ in 0..10 {
            assert_eq!(cache.claim(&key("t"), &p, 1).await, Claimed::Seen);
            assert_eq!(cache.balance(&p).await, None);
        }
    }
    assert_eq!(cache.state(), CacheState::Up);
    cache.publish(bet("p", "t", &balance(3, 95))).await;
    assert!(matches!(cache.claim(&key("t"), &p, 1).await, Claimed::Finished(_)));
}

#[tokio::test]
async fn a_redis_that_refuses_writes_is_skipped_and_nothing_of_it_is_believed() {
    let redis = RedisServer::start();
    let cache = hasty_cache(redis.url()).await;
    let p = player("p");
    cache.publish(bet("p", "t", &balance(3, 95))).await;
    redis.command(&[b"CONFIG", b"SET", b"maxmemory", b"1"]);
    cache.publish(other("p", &balance(4, 90))).await;
    // Redis still answers reads, with the old balance.
    assert_eq!(cache.balance(&p).await, None);
    assert_ne!(
        cache.claim(&key("t"), &p, 1).await,
        Claimed::Finished(receipt(&balance(3, 95), Outcome::Replayed(entry())))
    );
    for n in 0..5 {
        cache.claim(&key(&format!("u{n}")), &p, 1).await;
    }
    assert_eq!(cache.state(), CacheState::Broken);
    redis.command(&[b"CONFIG", b"SET", b"maxmemory", b"0"]);
    eventually("it is used again, and told", async || {
        cache.balance(&p).await == Some(balance(4, 90))
    })
    .await;
}

// ---- A Redis that is gone ----

/// Every call comes back in time and knows nothing; then none takes any time.
async fn assert_broken(cache: &Cache) {
    // Five, or more where an answer from before was read late.
    let mut calls = 0;
    while calls < 5 || (calls < 15 && cache.state() == CacheState::Up) {
        let started = Instant::now();
        let claimed = cache.claim(&key(&format!("x{calls}")), &player("p"), 1).await;
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
    assert_eq!(cache.claim(&key("t"), &player("p"), 1).await, Claimed::New);
    redis.kill();
    assert_broken(&cache).await;
    redis.restart();
    eventually("it is used again", async || cache.state() == CacheState::Up).await;
    assert_eq!(cache.claim(&key("t"), &player("p"), 1).await, Claimed::New);
    assert_eq!(cache.claim(&key("t"), &player("p"), 1).await, Claimed::Seen);
}

#[tokio::test]
async fn a_frozen_redis_costs_no_call_more_than_its_time_out_and_is_used_again_when_it_thaws() {
    let redis = RedisServer::start();
    let cache = hasty_cache(redis.url()).await;
    cache.publish(bet("p", "t", &balance(3, 95))).await;
    for pause in [0, 3_000] {
        redis.freeze();
        assert_broken(&cache).await;
        sleep(Duration::from_millis(pause)).await;
        redis.thaw();
        eventually("it is used again", async || cache.state() == CacheState::Up).await;
        let claimed = cache.claim(&key("t"), &player("p"), 1).await;
        assert!(matches!(claimed, Claimed::Finished(_)), "{claimed:?}");
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
    assert_eq!(cache.claim(&key("t"), &player("p"), 1).await, Claimed::Unavailable);
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
    assert_eq!(cache.claim(&key("t"), &player("p"), 1).await, Claimed::New);
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
    assert_eq!(cache.claim(&key("t"), &player("p"), 1).await, Claimed::New);
    cut.notify_waiters();
    assert_broken(&cache).await;
    eventually("Redis is used again", async || cache.state() == CacheState::Up).await;
    assert_eq!(cache.claim(&key("t"), &player("p"), 1).await, Claimed::Seen);
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
    cache.publish(bet("p", "t", &balance(3, 95))).await;
    redis.command(&[b"CONFIG", b"SET", b"maxmemory", b"1"]);
    cache.publish(other("p", &balance(4, 100))).await;
    redis.command(&[b"CONFIG", b"SET", b"maxmemory", b"0"]);
    // Redis holds version 3, as if nothing had happened.
    assert_eq!(cache.state(), CacheState::Up);
    assert_eq!(cache.balance(&p).await, None);
    assert_eq!(cache.claim(&key("t"), &p, 1).await, Claimed::Seen);
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
    here.publish(bet("p", "t", &balance(3, 95))).await;
    redis.freeze();
    assert_broken(&here).await;
    here.publish(other("p", &balance(4, 100))).await;
    redis.thaw();
    eventually("this node uses Redis again", async || here.state() == CacheState::Up).await;
    assert_ne!(here.balance(&p).await, Some(balance(3, 95)));
    let claimed = here.claim(&key("t"), &p, 1).await;
    assert_eq!(claimed, Claimed::Seen, "it may have been reversed since");
    eventually("every node sees the new balance", async || {
        elsewhere.balance(&p).await == Some(balance(4, 100))
    })
    .await;
    eventually("this one, too", async || here.balance(&p).await == Some(balance(4, 100))).await;
}

#[tokio::test]
async fn without_redis_everything_is_unknown() {
    let cache = Cache::connect(CacheConfig::default()).await.unwrap();
    assert_eq!(cache.state(), CacheState::Disabled);
    assert_eq!(cache.claim(&key("t"), &player("p"), 1).await, Claimed::Unavailable);
    cache.publish(bet("p", "t", &balance(3, 95))).await;
    cache.fill(&player("p"), &balance(3, 95)).await;
    assert_eq!(cache.balance(&player("p")).await, None);
}

// ---- Any player, one node or a cluster ----

const PLAYERS: [&str; 9] = ["}", "{", "{}", "a}b{c", "}{", "100%", "a:b", "Zoë 😀", "玩家"];

async fn assert_every_player_is_served(cache: &Cache) {
    for (n, id) in PLAYERS.iter().enumerate() {
        let at = balance(i64::try_from(n).unwrap() + 1, 7);
        assert_eq!(cache.claim(&key("t}{"), &player(id), 1).await, Claimed::New, "{id}");
        cache.publish(bet(id, "t}{", &at)).await;
        let again = receipt(&at, Outcome::Replayed(entry()));
        assert_eq!(cache.claim(&key("t}{"), &player(id), 1).await, Claimed::Finished(again));
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
