//! Somebody writes wrong balances into Redis by hand.

use super::Intensity;
use super::stage::{NODE, Stage, eventually};
use crate::support::node::Node;
use crate::support::pragmatic;
use crate::support::world::World;

const WATCHFUL: &str = "
    [jobs]
    reconcile_every_s = 1
    reconcile_grace_ms = 50
    busy_percent = 100
";
/// A million euro, of a version far ahead.
const LIE: &[u8] = b"999999999|1000000000000|EUR|active";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_poisoned_cache_is_found_counted_and_put_right() {
    let how = Intensity::of_this_run();
    let mut world = World::tuned(0, "").await;
    for _ in 0..2 {
        world.nodes.push(Node::start(&world.setup(NODE).with(WATCHFUL)).await);
    }
    let stage = Stage::set(world, how).await;
    let world = &stage.world;
    world.bank.open("ann", "10.00").await;
    world.bank.open("bob", "10.00").await;
    let found = async || {
        let mut found = 0.0;
        for node in &world.nodes {
            let labels = [("kind", "cache_ahead")];
            found += node.metric("wallet_reconcile_findings_total", &labels).await;
        }
        found
    };
    let times = how.pick(2, 15);
    for time in 0..times {
        stage.just(10).await;
        let before = found().await;
        // Of one who plays: the next commit finds it. Of those who do not: the job does.
        let player = format!("wallet:balance:{{player-{}}}", time % 4);
        for key in ["wallet:balance:{ann}", "wallet:balance:{bob}", &player] {
            world.redis.command(&[b"SET", key.as_bytes(), LIE]);
        }
        let beyond = pragmatic::bet("ann", &format!("b-{time}"), "r-1", "10.01");
        assert_eq!(beyond.send(world.api(0)).await.error, 1, "nobody is paid by a lie");
        eventually("what is wrong is found and counted", async || found().await >= before + 1.0)
            .await;
        for node in &world.nodes {
            for idle in ["ann", "bob"] {
                eventually("it is put right", async || {
                    pragmatic::balance(idle).send(&node.api).await.cash == Some(1_000)
                })
                .await;
            }
        }
    }
    let sql = "SELECT count(*) FROM reconciliation_drift
               WHERE kind = 'cache_ahead' AND repaired AND found_version = 999999999";
    let stored: i64 =
        sqlx::query_scalar(sql).fetch_one(&world.database.pool).await.expect("a count");
    assert!(stored >= times, "{stored} of {times} are stored as repaired");
    let ended = stage.end().await;
    assert_eq!((ended.tally.unanswered, ended.tally.put_off), (0, 0), "nobody has to ask twice");
    let done =
        format!("{times} times a million and a version far ahead written over three balances");
    let result = "no bet believes it; put right by the next commit, or found, counted and put right by the job";
    ended.report("poisoned cache", &done, result);
}
