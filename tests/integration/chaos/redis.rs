//! Redis is killed, stopped and emptied, and forgets in a failover what it has acknowledged.

use std::net::TcpListener;

use super::Intensity;
use super::stage::{Ended, NODE, Stage, eventually};
use crate::support::node::Node;
use crate::support::proxy::Proxy;
use crate::support::redis_server::RedisServer;
use crate::support::traffic::IN_TIME;
use crate::support::world::World;

/// Whatever happens to Redis, the nodes answer, and in time.
fn answered_in_time(ended: &Ended) {
    assert_eq!(ended.tally.unanswered, 0);
    assert!(ended.tally.slowest < IN_TIME, "{:?}", ended.tally.slowest);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_killed_and_started_again() {
    let how = Intensity::of_this_run();
    let mut stage = Stage::ordinary(how).await;
    let times = how.pick(1, 8);
    for _ in 0..times {
        stage.just(40).await;
        stage.world.redis.kill();
        stage.just(80).await;
        stage.world.redis.restart();
        stage.just(80).await;
    }
    let ended = stage.end().await;
    answered_in_time(&ended);
    let done = format!("{times} times SIGKILL, later started again, empty");
    ended.report("Redis killed", &done, "goes on without, and uses it when it is back");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_stopped_and_let_go_on() {
    let how = Intensity::of_this_run();
    let stage = Stage::ordinary(how).await;
    let times = how.pick(1, 8);
    for _ in 0..times {
        stage.just(40).await;
        stage.world.redis.freeze();
        stage.just(80).await;
        stage.world.redis.thaw();
        stage.just(80).await;
    }
    let ended = stage.end().await;
    answered_in_time(&ended);
    let done = format!("{times} times SIGSTOP, SIGCONT after 80 rounds");
    ended.report("Redis stopped", &done, "goes on without; what wakes up late misleads nobody");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_emptied_again_and_again() {
    let how = Intensity::of_this_run();
    let stage = Stage::ordinary(how).await;
    let times = how.pick(30, 400);
    for _ in 0..times {
        stage.just(5).await;
        stage.world.redis.flush();
    }
    let ended = stage.end().await;
    answered_in_time(&ended);
    assert_eq!(ended.tally.repeats, 0, "nothing has to be sent again");
    ended.report("Redis emptied", &format!("{times} times FLUSHALL"), "no caller notices");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failover_of_redis_that_forgets_what_it_has_acknowledged() {
    let how = Intensity::of_this_run();
    let (mut primary, mut port) = server(None);
    let wire = Proxy::to(&primary.socket()).await;
    let mut world = World::tuned(0, "").await;
    for _ in 0..2 {
        let setup = world.setup(NODE).with(&format!("cache.url = 'redis://{}'", wire.address));
        world.nodes.push(Node::start(&setup).await);
    }
    let stage = Stage::set(world, how).await;
    let times = how.pick(1, 8);
    for _ in 0..times {
        let (replica, next_port) = server(Some(port));
        eventually("the replica has everything", async || {
            replica.command(&[b"INFO", b"replication"]).contains("master_link_status:up")
        })
        .await;
        stage.just(40).await;
        // From here on it hears of nothing.
        assert!(replica.command(&[b"REPLICAOF", b"NO", b"ONE"]).starts_with("+OK"));
        stage.just(40).await;
        primary.kill();
        wire.lead_to(&replica.socket());
        (primary, port) = (replica, next_port);
        stage.just(80).await;
    }
    let ended = stage.end().await;
    answered_in_time(&ended);
    let done = format!("{times} times a replica cut off from its primary is promoted in its place");
    ended.report(
        "Redis fails over and forgets",
        &done,
        "claims and balances of before harm nobody",
    );
}

/// A Redis that others can copy, or a copy of the one with that port.
fn server(copy_of: Option<u16>) -> (RedisServer, u16) {
    let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = free.local_addr().expect("an address").port();
    drop(free);
    let (own, of) = (port.to_string(), copy_of.unwrap_or_default().to_string());
    let mut options =
        vec!["--bind", "127.0.0.1", "--port", &own, "--repl-diskless-sync-delay", "0"];
    if copy_of.is_some() {
        options.extend(["--replicaof", "127.0.0.1", &of]);
    }
    (RedisServer::start_with(&options), port)
}
