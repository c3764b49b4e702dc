//! The way to PostgreSQL or Redis is slow, is cut, or loses what comes back.

use std::time::Duration;

use super::Intensity;
use super::stage::{NODE, Stage, eventually};
use crate::support::node::Node;
use crate::support::postgres_server::PostgresServer;
use crate::support::proxy::Proxy;
use crate::support::traffic::IN_TIME;
use crate::support::world::World;

/// Two nodes that reach PostgreSQL through that wire.
async fn behind(wire: &Proxy, server: &PostgresServer, how: Intensity) -> Stage {
    let mut world = World::on(server, 0, "").await;
    let name = world.database.name().to_owned();
    let url = format!("database.url = 'postgres://postgres@{}/{name}'", wire.address);
    for _ in 0..2 {
        world.nodes.push(Node::start(&world.setup(NODE).with(&url)).await);
    }
    Stage::set(world, how).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_way_to_postgres_that_is_cut_now_and_then() {
    let how = Intensity::of_this_run();
    let server = PostgresServer::start().await;
    let wire = Proxy::to(&server.socket()).await;
    let stage = behind(&wire, &server, how).await;
    let times = how.pick(3, 9);
    for number in 0..times {
        stage.just(10).await;
        wire.delay(Duration::from_millis([5, 20, 60][number % 3]));
        // A new connection, in slow motion.
        wire.cut();
        stage.just(how.pick(5, 20)).await;
        if number % 4 == 1 {
            wire.refuse();
            tokio::time::sleep(Duration::from_millis(how.pick(500, 2_500))).await;
        }
        wire.heal();
    }
    stage.rounds(20).await;
    let ended = stage.end().await;
    assert_eq!(ended.tally.unanswered, 0);
    assert!(ended.tally.slowest < IN_TIME, "{:?}", ended.tally.slowest);
    let done = format!(
        "{times} times cut and then 5 to 60 ms later in each direction, now and then gone for a while"
    );
    ended.report("slow and broken way to PostgreSQL", &done, "slower, and told to try again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commits_whose_answers_are_lost() {
    let how = Intensity::of_this_run();
    let server = PostgresServer::start().await;
    let wire = Proxy::to(&server.socket()).await;
    let stage = behind(&wire, &server, how).await;
    let times = how.pick(5, 60);
    for number in 0..times {
        stage.just(5).await;
        let before = wire.lost();
        wire.lose_replies();
        eventually("something is lost", async || wire.lost() > before).await;
        // Now before the time-out, now after it.
        tokio::time::sleep(Duration::from_millis([10, 100, 900][number % 3])).await;
        wire.heal();
    }
    stage.rounds(20).await;
    let ended = stage.end().await;
    assert_eq!(ended.tally.unanswered, 0);
    let done = format!("{times} times PostgreSQL does what it is asked and its replies are lost");
    ended.report(
        "commits whose answers are lost",
        &done,
        "the node finds its own rows by their keys",
    );
}

/// Two nodes that reach Redis through a wire.
async fn with_a_wire_to_redis(how: Intensity) -> (Stage, Proxy) {
    let mut world = World::tuned(0, "").await;
    let wire = Proxy::to(&world.redis.socket()).await;
    let cache = format!(
        "[cache]\nurl = 'redis://{}'\nbreaker_pause_ms = 100\nbreaker_failures = 3",
        wire.address
    );
    for _ in 0..2 {
        world.nodes.push(Node::start(&world.setup(NODE).with(&cache)).await);
    }
    (Stage::set(world, how).await, wire)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replies_of_redis_lost_after_it_has_done_what_it_was_asked() {
    let how = Intensity::of_this_run();
    let (stage, wire) = with_a_wire_to_redis(how).await;
    let times = how.pick(4, 40);
    for _ in 0..times {
        stage.just(20).await;
        let before = wire.lost();
        wire.lose_replies();
        eventually("something is lost", async || wire.lost() > before).await;
        stage.just(10).await;
        wire.heal();
    }
    stage.rounds(20).await;
    let ended = stage.end().await;
    assert_eq!((ended.tally.unanswered, ended.tally.repeats), (0, 0), "nobody has to ask twice");
    let done = format!("{times} times Redis executes everything and its replies are lost");
    ended.report(
        "replies of Redis lost",
        &done,
        "a node's own claim is no repeat; no caller notices",
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_answers_after_its_time_is_over() {
    let how = Intensity::of_this_run();
    let (stage, wire) = with_a_wire_to_redis(how).await;
    let times = how.pick(2, 20);
    for number in 0..times {
        stage.just(20).await;
        wire.delay(Duration::from_millis([24, 27, 40][number % 3]));
        stage.just(40).await;
        wire.heal();
    }
    stage.rounds(20).await;
    let ended = stage.end().await;
    assert_eq!(ended.tally.unanswered, 0);
    let done = format!("{times} times 24 to 40 ms later in each direction, about its time-out");
    ended.report("slow Redis", &done, "no call waits for it longer than its time-out");
}
