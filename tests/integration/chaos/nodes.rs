//! Nodes are killed at any moment.

use super::Intensity;
use super::stage::{NODE, Stage};
use crate::support::node::Node;
use crate::support::world::World;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_killed_under_traffic() {
    let how = Intensity::of_this_run();
    let mut stage = Stage::set(World::tuned(3, NODE).await, how).await;
    let kills = how.pick(2, 20);
    for kill in 0..kills {
        stage.just(60).await;
        let victim = kill % 3;
        stage.world.nodes[victim].kill9();
        stage.just(60).await;
        // One that starts on what the dead have left.
        stage.world.nodes[victim] = Node::start(&stage.world.setup(NODE)).await;
        stage.call_present_nodes();
    }
    stage.rounds(20).await;
    let ended = stage.end().await;
    assert!(ended.tally.unanswered > 0, "the kill was not noticed");
    let done = format!("{kills} times SIGKILL of one of three nodes, then started again");
    ended.report("node killed at any moment", &done, "the other nodes go on");
}
