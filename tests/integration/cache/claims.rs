//! A claim tells a repeat from a new command, and is no more than a hint.

use std::path::PathBuf;

use seamless_wallet::cache::{CacheState, Claim, Claimed};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};

use super::{OneByOne as _, cache, key, player};
use crate::support::redis_server::RedisServer;

#[tokio::test]
async fn a_second_claim_is_seen_and_another_movement_is_new() {
    let redis = RedisServer::start();
    let cache = cache(redis.url()).await;
    assert_eq!(cache.state(), CacheState::Up);
    let p = player("p");
    assert_eq!(cache.claim(&key("t"), &p).await, Claimed::New);
    assert_eq!(cache.claim(&key("t"), &p).await, Claimed::Seen);
    assert_eq!(cache.claim(&key("u"), &p).await, Claimed::New);
    let ttl = redis.command(&[b"PTTL", b"idemp:{p}:acme:t"]);
    assert!(ttl.starts_with(":59") || ttl.starts_with(":60"), "{ttl}");
}

#[tokio::test]
async fn an_own_claim_that_arrives_twice_is_new() {
    let redis = RedisServer::start();
    let stutter = redis.socket().with_file_name("stutter.sock");
    tokio::spawn(say_everything_twice(UnixListener::bind(&stutter).unwrap(), redis.socket()));
    let cache = cache(format!("redis+unix://{}", stutter.display())).await;
    assert_eq!(cache.claim(&key("t"), &player("p")).await, Claimed::New);
    assert_eq!(cache.claim(&key("t"), &player("p")).await, Claimed::Seen);
}

/// Sends each claim to Redis twice and passes on the second answer only, like a client that has
/// lost the first one.
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
        if asked[..n].windows(6).any(|word| word == b"idemp:") {
            redis.write_all(&asked[..n]).await.unwrap();
            assert!(redis.read(&mut answered).await.unwrap() > 0);
        }
        redis.write_all(&asked[..n]).await.unwrap();
        let m = redis.read(&mut answered).await.unwrap();
        client.write_all(&answered[..m]).await.unwrap();
    }
}

#[tokio::test]
async fn many_claims_in_one_trip_are_told_apart() {
    let redis = RedisServer::start();
    let cache = cache(redis.url()).await;
    let p = player("p");
    assert_eq!(cache.claim(&key("t2"), &p).await, Claimed::New);
    redis.command(&[b"RPUSH", b"idemp:{p}:acme:t4", b"x"]);
    let claim = |id: &str| Claim { key: key(id), player: &p };
    let claims = ["t1", "t2", "t3", "t4", "t1"].map(claim);
    use Claimed::{New, Seen};
    assert_eq!(cache.claim_all(&claims).await, [New, Seen, New, Seen, Seen]);
}
