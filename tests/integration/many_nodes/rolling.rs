//! Two nodes behind HAProxy, as docker-compose.yml puts them: one can go, asked or not, and no
//! callback fails. Nothing here sends anything twice: what the proxy answers has to be a success.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

use crate::support::haproxy::Haproxy;
use crate::support::http::Endpoint;
use crate::support::node::Node;
use crate::support::patience::PATIENCE;
use crate::support::ports::free_address;
use crate::support::pragmatic;
use crate::support::world::World;

/// Longer than the proxy takes to notice, by its configuration.
const DRAIN: &str = "http.drain_ms = 2000";

/// One bet after the other for each player, each of which has to be answered with success.
struct Bets {
    placed: Arc<AtomicI64>,
    stopping: Arc<AtomicBool>,
    players: Vec<JoinHandle<i64>>,
}

impl Bets {
    async fn start(world: &World, proxy: &Endpoint, players: usize) -> Self {
        let (placed, stopping) = (Arc::new(AtomicI64::new(0)), Arc::new(AtomicBool::new(false)));
        let mut playing = Vec::new();
        for number in 0..players {
            let player = format!("player-{number}");
            world.bank.open(&player, "100000.00").await;
            let (proxy, placed, stopping) = (proxy.clone(), placed.clone(), stopping.clone());
            playing.push(tokio::spawn(async move {
                let mut own = 0;
                while !stopping.load(Ordering::Relaxed) {
                    let round = format!("{player}-{own}");
                    let bet = pragmatic::bet(&player, &round, &round, "1.00");
                    let answer = bet.send(&proxy).await;
                    assert_eq!(answer.error, 0, "{answer:?}");
                    own += 1;
                    placed.fetch_add(1, Ordering::Relaxed);
                }
                own
            }));
        }
        Self { placed, stopping, players: playing }
    }

    async fn more(&self, bets: i64) {
        let goal = self.placed.load(Ordering::Relaxed) + bets;
        let started = Instant::now();
        while self.placed.load(Ordering::Relaxed) < goal {
            assert!(!self.players.iter().any(JoinHandle::is_finished), "a callback failed");
            assert!(started.elapsed() < PATIENCE, "the bets stand still");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn stop(self, world: &World) {
        self.stopping.store(true, Ordering::Relaxed);
        for (number, player) in self.players.into_iter().enumerate() {
            let placed = player.await.expect("every callback is a success");
            assert_eq!(world.balance(&format!("player-{number}")).await, 10_000_000 - 100 * placed);
        }
        world.check().await;
    }
}

/// Two nodes that can be started again where they were.
async fn two_nodes() -> World {
    let mut world = World::with_nodes(0).await;
    for _ in 0..2 {
        world.add_node(&listening(free_address(), free_address())).await;
    }
    world
}

fn listening(api: std::net::SocketAddr, ops: std::net::SocketAddr) -> String {
    format!("{DRAIN}\nhttp.listen = \"{api}\"\nops.listen = \"{ops}\"")
}

/// Starts a node again that has ended, and waits until the proxy sends it calls.
async fn start_again(world: &mut World, number: usize) {
    let setup = listening(world.nodes[number].api.address, world.nodes[number].ops.address);
    world.nodes[number] = Node::start(&world.setup(&setup)).await;
    let started = Instant::now();
    while world.nodes[number].metric("wallet_calls_total", &[]).await < 10.0 {
        assert!(started.elapsed() < PATIENCE, "the proxy leaves the node alone");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_restarted_one_after_the_other_fail_no_callback() {
    let mut world = two_nodes().await;
    let Some(proxy) = Haproxy::before(&world.nodes).await else { return };
    let bets = Bets::start(&world, &proxy.api, 4).await;
    for number in 0..world.nodes.len() {
        bets.more(50).await;
        let status = world.nodes[number].stop().await;
        assert!(status.success(), "{status}");
        assert!(!world.nodes[number].log().contains("still in progress"));
        start_again(&mut world, number).await;
    }
    bets.more(50).await;
    bets.stop(&world).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_killed_behind_the_proxy_fails_no_callback() {
    let mut world = two_nodes().await;
    let Some(proxy) = Haproxy::before(&world.nodes).await else { return };
    let bets = Bets::start(&world, &proxy.api, 4).await;
    for number in 0..world.nodes.len() {
        bets.more(50).await;
        world.nodes[number].kill9();
        bets.more(50).await;
        start_again(&mut world, number).await;
    }
    bets.stop(&world).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_asked_to_end_says_so_and_serves_until_its_time_is_over() {
    let world = World::tuned(1, DRAIN).await;
    world.bank.open("ann", "10.00").await;
    let node = &world.nodes[0];
    let (status, ()) = tokio::join!(node.stop(), async {
        while !node.log().contains("\"leaving") {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let ready = node.ops.get("/readyz").await;
        assert_eq!(ready.status.as_u16(), 503);
        assert_eq!(ready.json()["leaving"], true);
        let bet = pragmatic::bet("ann", "b-1", "r-1", "1.00");
        let reply = bet.attempt(&node.api).await.expect("a reply");
        assert_eq!(pragmatic::Answer::of(&reply).cash, Some(900));
        assert_eq!(reply.header("connection"), "close");
        assert!(!node.log().contains("\"stopping"), "the time was over before it was tried");
    });
    assert!(status.success(), "{status}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_ready_node_the_proxy_lets_those_that_live_say_try_again() {
    let mut server = crate::support::postgres_server::PostgresServer::start().await;
    let quick = "database.timeout_ms = 500\nproviders.pragmatic.deadline_ms = 700";
    let world = World::on(&server, 2, quick).await;
    let Some(proxy) = Haproxy::before(&world.nodes).await else { return };
    world.bank.open("ann", "10.00").await;
    server.kill9();
    let bet = pragmatic::bet("ann", "b-1", "r-1", "1.00");
    let started = Instant::now();
    // Longer than it takes until no node counts as ready.
    while started.elapsed() < Duration::from_secs(6) {
        assert_eq!(bet.send(&proxy.api).await.error, 100);
    }
    server.start_again().await;
    let started = Instant::now();
    while bet.send(&proxy.api).await.error != 0 {
        assert!(started.elapsed() < PATIENCE, "it is never placed");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(world.balance("ann").await, 900);
}
