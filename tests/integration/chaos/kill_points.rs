//! A node is killed between two steps of a command: claimed and not committed, committed and not
//! published, published and not answered. Builds without debug assertions have no such points.
#![cfg(debug_assertions)]

use super::Intensity;
use super::stage::{NODE, Stage, eventually};
use crate::support::node::{Node, Setup};
use crate::support::pragmatic;
use crate::support::world::World;

/// What a bet leaves behind when its node dies.
struct Left {
    /// True when it is in the ledger.
    committed: bool,
    /// True when Redis knows the balance after it.
    published: bool,
}

fn stopping(setup: Setup, moment: &str, count: u32) -> Setup {
    setup.with_variable("WALLET_FAULT_POINT", &format!("{moment}:{count}"))
}

async fn reached(node: &Node) {
    eventually("the node comes to its fault point", async || {
        node.log().contains("stopped at the fault point")
    })
    .await;
}

/// A bet alone, so that what is left behind can be looked at.
async fn one_bet_is_placed_once(moment: &str, left: Left) {
    let mut world = World::tuned(1, NODE).await;
    world.bank.open("ann", "100.00").await;
    world.nodes.push(Node::start(&stopping(world.setup(NODE), moment, 1)).await);
    let bet = pragmatic::bet("ann", "b-1", "r-1", "1.00");
    let asked = tokio::spawn({
        let (bet, node) = (bet.clone(), world.api(1).clone());
        async move { bet.attempt(&node).await }
    });
    reached(&world.nodes[1]).await;
    assert_eq!(world.applied("b-1").await == 1, left.committed);
    eventually("it is claimed, on the side", async || {
        world.redis.get("idemp:{ann}:pragmatic:b-1").is_some()
    })
    .await;
    let cached = world.redis.get("wallet:balance:{ann}");
    let published = cached.as_ref().is_some_and(|balance| balance.contains("|99000000|"));
    assert_eq!(published, left.published, "{cached:?}");
    world.nodes[1].kill9();
    assert!(asked.await.expect("no panic").is_err(), "nobody was left to answer");

    world.nodes[1] = Node::start(&world.setup(NODE)).await;
    let first = bet.send(world.api(0)).await;
    for number in 0..4 {
        let again = bet.send(world.api(number)).await;
        assert_eq!((again.id(), again.cash), (first.id(), Some(9_900)));
    }
    assert_eq!(world.balance("ann").await, 9_900);
    assert_eq!(world.applied("b-1").await, 1);
    world.check().await;
}

/// One of two nodes under traffic dies there again and again.
async fn nodes_that_die(moment: &str, fault: &str) {
    let how = Intensity::of_this_run();
    let mut stage = Stage::ordinary(how).await;
    let kills = how.pick(1, 8);
    for kill in 0..kills {
        // Now at the first batch, now amid many.
        let setup = stopping(stage.world.setup(NODE), moment, 1 + kill * 37 % 90);
        stage.world.nodes[1] = Node::start(&setup).await;
        stage.call_present_nodes();
        reached(&stage.world.nodes[1]).await;
        stage.world.nodes[1].kill9();
        stage.just(20).await;
    }
    stage.world.nodes[1] = Node::start(&stage.world.setup(NODE)).await;
    stage.call_present_nodes();
    stage.rounds(20).await;
    let ended = stage.end().await;
    assert!(ended.tally.unanswered > 0, "the kill was not noticed");
    let done = format!("{kills} times SIGKILL at just that moment, then started again");
    ended.report(fault, &done, "a call that comes again is answered with its first id");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_killed_between_claim_and_commit() {
    one_bet_is_placed_once("claimed", Left { committed: false, published: false }).await;
    nodes_that_die("claimed", "node killed between claim and commit").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_killed_between_commit_and_publication() {
    one_bet_is_placed_once("committed", Left { committed: true, published: false }).await;
    nodes_that_die("committed", "node killed between commit and publication").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_killed_between_publication_and_reply() {
    one_bet_is_placed_once("published", Left { committed: true, published: true }).await;
    nodes_that_die("published", "node killed between publication and reply").await;
}
