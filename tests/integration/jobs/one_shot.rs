//! The jobs from the command line, and `wallet worker`.

use std::process::Output;

use serde_json::Value;

use crate::support::node::{Node, Setup};
use crate::support::patience::eventually;
use crate::support::world::World;

async fn wallet(world: &World, arguments: &[&str]) -> Output {
    world.setup("").run(arguments).await
}

fn report(output: &Output) -> Value {
    assert!(output.status.success(), "{}", text(&output.stderr));
    said(output)
}

fn said(output: &Output) -> Value {
    let said = text(&output.stdout);
    serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_job_can_be_run_by_hand_and_says_what_it_did_in_json() {
    let world = World::with_nodes(1).await;
    world.bank.open("ann", "100.00").await;
    world.bank.session("old", "ann", "pragmatic", -90_000).await;
    world.redis.command(&[b"SET", b"wallet:balance:{ann}", b"99|1|EUR|active"]);
    let output = wallet(&world, &["reconcile", "--full", "--json"]).await;
    assert_eq!(output.status.code(), Some(1), "something was found");
    let complained = text(&output.stderr);
    assert!(complained.contains("found a drift") && !complained.contains('\x1b'), "{complained}");
    let found = said(&output);
    assert!(complained.contains(found["run_id"].as_str().expect("an id")), "{complained}");
    assert_eq!(found["scope"], "full");
    assert_eq!((&found["wallets"], &found["whole_chains"]), (&1.into(), &1.into()), "{found}");
    assert_eq!(found["findings"], 1);
    let finding = &found["first_findings"][0];
    assert_eq!(finding["kind"], "cache_ahead");
    assert_eq!((&finding["player_id"], &finding["repaired"]), (&"ann".into(), &true.into()));
    assert_eq!(finding["drift_micros"], 99_999_999);

    let clean = report(&wallet(&world, &["reconcile", "--json"]).await);
    assert_eq!((&clean["scope"], &clean["findings"]), (&"window".into(), &0.into()));
    assert_eq!(clean["first_findings"], serde_json::json!([]));
    let tried = report(&wallet(&world, &["reapply", "--json"]).await);
    assert_eq!((&tried["tried"], &tried["dead"]), (&0.into(), &0.into()), "{tried}");
    let cleaned = report(&wallet(&world, &["cleanup", "--json"]).await);
    assert_eq!(
        (&cleaned["sessions"], &cleaned["claims"]["without_expiry"]),
        (&1.into(), &0.into())
    );

    let output = wallet(&world, &["reconcile"]).await;
    assert!(output.status.success());
    assert!(text(&output.stdout).contains("wallets: 1\n"), "{}", text(&output.stdout));
    assert_eq!(world.number("SELECT count(*) FROM reconciliation_run").await, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_run_by_hand_found_shows_on_the_node_that_leads_afterwards() {
    let world = World::tuned(1, "[jobs]\nenabled = true\nlease_ttl_ms = 300").await;
    world.bank.open("ann", "100.00").await;
    let node = &world.nodes[0];
    let ok = [("job_name", "reconcile"), ("result", "ok")];
    eventually("the node's own run ends", async || {
        node.metric("wallet_job_runs_total", &ok).await > 0.5
    })
    .await;
    world.redis.command(&[b"SET", b"wallet:balance:{ann}", b"99|1|EUR|active"]);
    let found = wallet(&world, &["reconcile", "--json"]).await;
    assert_eq!(said(&found)["findings"], 1);
    eventually("the node tells of it", async || {
        node.metric("wallet_drift_open", &[]).await > 0.5
            && node.metric("wallet_drift_micros", &[]).await > 99_999_998.0
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_by_hand_says_who_is_at_work_on_the_same_and_does_nothing() {
    let world = World::with_nodes(0).await;
    world
        .meddle(
            "INSERT INTO job_lease (name, holder, fencing, expires_at, running_since)
             VALUES ('reconcile', 'node-a/17', 4, now() + interval '1 hour', now())",
        )
        .await;
    let output = wallet(&world, &["reconcile", "--json"]).await;
    assert!(!output.status.success());
    assert!(text(&output.stderr).contains("node-a/17"), "{}", text(&output.stderr));
    assert_eq!(world.number("SELECT count(*) FROM reconciliation_run").await, 0);
    world.meddle("UPDATE job_lease SET running_since = NULL").await;
    report(&wallet(&world, &["reconcile", "--json"]).await);
    assert_eq!(world.number("SELECT fencing FROM job_lease").await, 5, "hands have changed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_runs_the_jobs_and_serves_nothing_but_the_ops_port() {
    let world = World::with_nodes(0).await;
    let setup = Setup::on(&world.database).with_redis(&world.redis);
    let worker = Node::worker(&setup).await;
    let ok = [("job_name", "cleanup"), ("result", "ok")];
    eventually("a job runs", async || worker.metric("wallet_job_runs_total", &ok).await > 0.5)
        .await;
    assert_eq!(worker.ops.get("/readyz").await.status, 200);
    assert_eq!(worker.ops.get("/operator/v1/parked").await.status, 404);
    assert!(worker.stop().await.success());
    assert_eq!(world.number("SELECT count(*) FROM job_lease WHERE expires_at > now()").await, 0);
}
