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

async fn leads(node: &Node) -> bool {
    node.metric("wallet_job_leader", &[("job", Job::Reconcile.as_str())]).await > 0.5
}

async fn runs_that_lost_their_lease(node: &Node) -> f64 {
    let labels = [("job", Job::Reconcile.as_str()), ("result", "skipped")];
    node.metric("wallet_job_runs_total", &labels).await
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
    let times = how.pick(1, 5);
    for _ in 0..times {
        let nodes = &stage.world.nodes;
        let running = async |holder: &str| {
            let sql = "SELECT run_id::text FROM reconciliation_run
                       WHERE state = 'running' AND holder LIKE '%/' || $1 || '/%'";
            let run = sqlx::query_scalar::<_, String>(sql).bind(holder.to_owned());
            run.fetch_optional(&stage.world.database.pool).await.expect("runs")
        };
        let mut stopped = None;
        eventually("a node is in the middle of a run", async || {
            for (place, node) in nodes.iter().enumerate() {
                if let Some(run) = running(&node.id().to_string()).await {
                    stopped = Some((place, run));
                }
            }
            stopped.is_some()
        })
        .await;
        let (leader, run) = stopped.expect("found");
        let (leader, other) = (&nodes[leader], &nodes[1 - leader]);
        let before = runs_that_lost_their_lease(leader).await;
        leader.freeze();
        eventually("another takes over", async || leads(other).await).await;
        leader.thaw();
        eventually("the leader's run is given up", async || {
            runs_that_lost_their_lease(leader).await > before
        })
        .await;
        let sql = "SELECT state FROM reconciliation_run WHERE run_id::text = $1";
        let state: String = sqlx::query_scalar(sql)
            .bind(run)
            .fetch_one(&stage.world.database.pool)
            .await
            .expect("the run");
        assert_ne!(state, "done", "what was not finished is not called so");
        stage.just(20).await;
    }
    let ended = stage.end().await;
    let done = format!("{times} times SIGSTOP in the middle of its run, SIGCONT after the change");
    let result = "the other node takes the job over; the run that woke up writes nothing more";
    ended.report("holder of a job's lease stopped", &done, result);
}
