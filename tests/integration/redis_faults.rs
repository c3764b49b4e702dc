//! Redis comes late, lies, or is not told: nobody gets money by it. Faults under traffic: `chaos`.

use std::time::{Duration, Instant};

use crate::support::patience::PATIENCE;
use crate::support::pragmatic;
use crate::support::traffic::Traffic;
use crate::support::world::World;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_start_without_redis_serve_and_use_it_when_it_comes() {
    let mut world = World::with_nodes(0).await;
    world.redis.kill();
    world.add_node("cache.breaker_pause_ms = 100").await;
    let traffic = Traffic::start(&world, 2).await;
    traffic.rounds(20).await;
    world.redis.restart();
    let started = Instant::now();
    while world.nodes[0].ops.get("/readyz").await.json()["redis"] != "up" {
        assert!(started.elapsed() < PATIENCE, "Redis is not used");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    traffic.rounds(20).await;
    traffic.stop(&world).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lying_redis_gives_nobody_money() {
    let world = World::with_nodes(1).await;
    world.bank.open("ann", "10.00").await;
    assert_eq!(pragmatic::balance("ann").send(world.api(0)).await.cash, Some(1_000));
    // A million, of a version far ahead.
    let lie: &[u8] = b"999999|1000000000000|EUR|active";
    world.redis.command(&[b"SET", b"wallet:balance:{ann}", lie]);
    let told = pragmatic::balance("ann").send(world.api(0)).await.cash;
    assert_eq!(told, Some(100_000_000), "the lie is in the place that is looked at");
    let bet = pragmatic::bet("ann", "b-1", "r-1", "10.01");
    assert_eq!(bet.send(world.api(0)).await.error, 1);
    let bet = pragmatic::bet("ann", "b-2", "r-1", "10.00");
    assert_eq!(bet.send(world.api(0)).await.cash, Some(0));
    assert_eq!(world.balance("ann").await, 0);
    shows_soon(&world, "ann", 0).await;
    world.check().await;
}

/// Every node shows this balance before long.
async fn shows_soon(world: &World, player: &str, cents: i64) {
    let started = Instant::now();
    for node in &world.nodes {
        while pragmatic::balance(player).send(&node.api).await.cash != Some(cents) {
            assert!(started.elapsed() < PATIENCE, "it is not put right");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_puts_right_what_redis_has_ahead_of_the_database() {
    let world = World::with_nodes(2).await;
    world.bank.open("ann", "10.00").await;
    let lie: &[u8] = b"999999|1000000000000|EUR|active";
    world.redis.command(&[b"SET", b"wallet:balance:{ann}", lie]);
    let bet = pragmatic::bet("ann", "b-1", "r-1", "1.00");
    assert_eq!(bet.send(world.api(0)).await.cash, Some(900));
    shows_soon(&world, "ann", 900).await;
    let refuted = world.nodes[0].metric("wallet_cache_refuted_total", &[]).await;
    assert!((refuted - 1.0).abs() < 0.1, "{refuted}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_balance_call_puts_right_what_redis_has_ahead_of_the_database() {
    let world = World::with_nodes(2).await;
    world.bank.open("ann", "10.00").await;
    world.bank.open("bob", "10.00").await;
    let bet = pragmatic::bet("bob", "b-0", "r-1", "1.00");
    assert_eq!(bet.send(world.api(0)).await.cash, Some(900));
    assert_eq!(pragmatic::balance("ann").send(world.api(0)).await.cash, Some(1_000));
    // The node loses its database, as in a failover, and finds out with the next command.
    let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
               WHERE application_name = 'seamless-wallet-lane' AND datname = current_database()";
    sqlx::query(cut).execute(&world.database.pool).await.expect("cut");
    let bet = pragmatic::bet("bob", "b-1", "r-1", "1.00");
    assert_eq!(bet.send(world.api(0)).await.cash, Some(800));
    let lie: &[u8] = b"999999|1000000000000|EUR|active";
    world.redis.command(&[b"SET", b"wallet:balance:{ann}", lie]);
    let shown = pragmatic::balance("ann").send(world.api(0)).await.cash;
    assert_eq!(shown, Some(1_000), "the node does not read it");
    assert_ne!(
        world.redis.get("wallet:balance:{ann}").map(String::into_bytes).as_deref(),
        Some(lie)
    );
    assert_eq!(pragmatic::balance("ann").send(world.api(1)).await.cash, Some(1_000));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bet_refunded_by_a_node_that_cannot_tell_redis_does_not_look_like_one_that_stands() {
    let mut world = World::with_nodes(1).await;
    world.add_node("cache.url = \"redis+unix:///nowhere/redis.sock\"").await;
    world.bank.open("ann", "10.00").await;
    let bet = pragmatic::bet("ann", "b-1", "r-1", "1.00");
    assert_eq!(bet.send(world.api(0)).await.error, 0);
    assert_eq!(pragmatic::refund("ann", "b-1").send(world.api(1)).await.error, 0);
    let again = bet.send(world.api(0)).await;
    assert_eq!((again.error, again.cash), (120, Some(1_000)), "{again:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn repeats_are_counted_with_redis_and_without() {
    let mut world = World::with_nodes(1).await;
    world.bank.open("ann", "10.00").await;
    pragmatic::bet("ann", "b-1", "r-1", "1.00").send(world.api(0)).await.id();
    let result = pragmatic::result("ann", "w-1", "r-1", "1.00");
    let id = result.send(world.api(0)).await.id().to_owned();
    assert_eq!(result.send(world.api(0)).await.id(), id);
    world.redis.kill();
    assert_eq!(result.send(world.api(0)).await.id(), id);
    assert_eq!(result.send(world.api(0)).await.id(), id);
    let labels = [("provider", "pragmatic")];
    let counted = world.nodes[0].metric("wallet_duplicates_total", &labels).await;
    assert!((counted - 3.0).abs() < 0.1, "{counted}");
    assert_eq!(world.balance("ann").await, 1_000);
}
