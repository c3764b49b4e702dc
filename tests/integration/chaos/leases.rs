//! The node that runs a job is stopped in the middle of it and wakes up when another has the job.

use seamless_wallet::jobs::Job;

use super::Intensity;
use super::stage::{NODE, Stage, eventually};
use crate::support::node::Node;
use crate::support::world::World;

/// Reconciles for so long that it can be stopped in between: wallet by wallet, with long rests.
const SLOW_JOBS: &str = "
    [jobs]
    lease_ttl_ms = 1000
    reconcile_every_s = 1
    reconcile_chunk = 1
    busy_percent = 2
";

/// Who holds the lease, as the lease itself says: a node's own metric may be a moment behind.
async fn leads(world: &World, node: &Node) -> bool {
    let sql = "SELECT holder FROM job_lease WHERE name = 'reconcile' AND expires_at > now()";
    let holder = sqlx::query_scalar::<_, String>(sql).fetch_optional(&world.database.pool);
    holder.await.expect("leases").is_some_and(|holder| is_of(&holder, node))
}

/// A holder's name has the process in it.
fn is_of(holder: &str, node: &Node) -> bool {
    holder.contains(&format!("/{}/", node.id()))
}

async fn runs_that_lost_their_lease(node: &Node) -> f64 {
    let labels = [("job_name", Job::Reconcile.as_str()), ("result", "skipped")];
    node.metric("wallet_job_runs_total", &labels).await
}

/// Which node is in the middle of which run, if one is.
async fn in_progress(world: &World) -> Option<(usize, String)> {
    let sql = "SELECT r.holder, r.run_id::text FROM reconciliation_run r
               JOIN job_lease l USING (holder, fencing)
               WHERE l.name = 'reconcile' AND l.running_since IS NOT NULL AND r.state = 'running'";
    let found = sqlx::query_as::<_, (String, String)>(sql).fetch_optional(&world.database.pool);
    let (holder, run) = found.await.expect("runs")?;
    Some((world.nodes.iter().position(|node| is_of(&holder, node))?, run))
}

/// Stops the leader in the middle of a run, and says which node that was and which run.
async fn stop_the_leader(world: &World) -> (usize, String) {
    let mut stopped = None;
    eventually("a node is in the middle of a run", async || {
        let Some((leader, run)) = in_progress(world).await else { return false };
        world.nodes[leader].freeze();
        stopped = Some((leader, run));
        // It may have come to its end at that very moment.
        let still = in_progress(world).await == stopped;
        if !still {
            world.nodes[leader].thaw();
        }
        still
    })
    .await;
    stopped.expect("found")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_stopped_until_another_has_taken_over_writes_nothing_when_it_wakes_up() {
    let how = Intensity::of_this_run();
    let mut world = World::tuned(0, "").await;
    for _ in 0..2 {
        world.nodes.push(Node::start(&world.setup(NODE).with(SLOW_JOBS)).await);
    }
    for number in 0..60 {
        world.bank.open(&format!("idle-{number}"), "1.00").await;
    }
    let stage = Stage::set(world, how).await;
    let nodes = &stage.world.nodes;
    let times = how.pick(1, 5);
    for _ in 0..times {
        let mut before = Vec::new();
        for node in nodes {
            before.push(runs_that_lost_their_lease(node).await);
        }
        let (place, run) = stop_the_leader(&stage.world).await;
        let (leader, other) = (&nodes[place], &nodes[1 - place]);
        eventually("another takes over", async || leads(&stage.world, other).await).await;
        leader.thaw();
        eventually("the leader's run is given up", async || {
            runs_that_lost_their_lease(leader).await > before[place]
        })
        .await;
        let sql = "SELECT state FROM reconciliation_run WHERE run_id::text = $1";
        let state = sqlx::query_scalar(sql).bind(run).fetch_one(&stage.world.database.pool);
        let state: String = state.await.expect("the run");
        assert_ne!(state, "done", "what was not finished is not called so");
        stage.just(20).await;
    }
    let ended = stage.end().await;
    let done = format!("{times} times SIGSTOP in the middle of its run, SIGCONT after the change");
    let result = "the other node takes the job over; the run that woke up writes nothing more";
    ended.report("holder of a job's lease stopped", &done, result);
}
