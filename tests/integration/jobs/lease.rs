//! One node at a time, and none whose time is over.

use std::time::{Duration, Instant};

use seamless_wallet::core::{Key, Micros, ProviderId, TxId};
use seamless_wallet::http::ops::is_ready;
use seamless_wallet::jobs::{self, Job, JobError, Progress, reconcile::Scope};
use seamless_wallet::store::jobs::lease::{FencedError, Takeover};
use seamless_wallet::store::jobs::retry_schedule::{self, Scan};
use seamless_wallet::store::jobs::{audit::Mark, expiry, lease, parked, reconciliation};
use uuid::Uuid;

use super::Crew;
use crate::support::bank::player_id;
use crate::support::patience::PATIENCE;
use crate::support::world::World;

const SHORT: &str = "jobs.lease_ttl_ms = 300";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_has_one_holder_and_changes_hands_when_it_runs_out_or_is_given_back() {
    let world = World::with_nodes(0).await;
    let crew = Crew::of(&world, SHORT).await;
    let (mut ann, mut bob) = (crew.lease(Job::Reapply, "ann"), crew.lease(Job::Reapply, "bob"));
    assert!(ann.hold(Takeover::IfExpired).await);
    let first = ann.fence().expect("held").fencing;
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_millis(150)).await;
        assert!(ann.hold(Takeover::IfExpired).await, "it is renewed in time");
        assert!(!bob.hold(Takeover::IfExpired).await);
    }
    assert_eq!(ann.fence().expect("held").fencing, first, "the hands have not changed");
    let other = &mut crew.lease(Job::Cleanup, "bob");
    assert!(other.hold(Takeover::IfExpired).await, "each job has a lease of its own");

    tokio::time::sleep(Duration::from_millis(400)).await;
    assert!(bob.hold(Takeover::IfExpired).await, "it has run out");
    assert_eq!(bob.fence().expect("held").fencing, first + 1);
    assert!(!ann.hold(Takeover::IfExpired).await);
    bob.release().await;
    assert!(ann.hold(Takeover::IfExpired).await, "nobody waits for a lease that was given back");
    assert_eq!(ann.fence().expect("held").fencing, first + 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_leader_stands_back_for_a_run_by_hand_and_a_busy_one_does_not() {
    let world = World::with_nodes(0).await;
    let crew = Crew::of(&world, "").await;
    let (mut node, mut hand) = (crew.lease(Job::Cleanup, "node"), crew.lease(Job::Cleanup, "hand"));
    assert!(node.hold(Takeover::IfExpired).await);
    let busy = node.while_running(async {
        assert!(!hand.hold(Takeover::IfIdle).await, "the leader is at work");
        let other = hand.current_holder().await?.expect("a holder");
        assert_eq!(other.holder, "node");
        assert!(other.running_since.is_some());
        Ok(())
    });
    busy.await.expect("its own lease");
    assert!(hand.hold(Takeover::IfIdle).await);
    let lost = node.while_running(async { Ok(()) }).await;
    assert!(matches!(lost, Err(JobError::Fenced)), "{lost:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_renewal_that_waits_for_the_jobs_own_transaction_does_not_hold_the_job_up() {
    let world = World::with_nodes(0).await;
    let crew = Crew::of(&world, SHORT).await;
    let mut lease = crew.lease(Job::Reconcile, "node");
    assert!(lease.hold(Takeover::IfExpired).await);
    let blocked = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
                   AND wait_event_type = 'Lock' AND query LIKE '%UPDATE job_lease%'";
    let step = lease.while_running(async {
        let mut transaction = crew.app.wallet.pool().begin().await.expect("a transaction");
        let sql = "SELECT fencing FROM job_lease WHERE name = 'reconcile' FOR SHARE";
        sqlx::query(sql).execute(&mut *transaction).await.expect("as every write of a job");
        let started = Instant::now();
        // Seen by the step itself: it goes on while its renewal waits.
        while world.number(blocked).await == 0 {
            assert!(started.elapsed() < PATIENCE, "no renewal waits");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        transaction.commit().await.expect("committed");
        Ok(())
    });
    step.await.expect("the step comes to its end");
    let running = "SELECT count(*) FROM job_lease WHERE running_since IS NOT NULL";
    assert_eq!(world.number(running).await, 0, "and the renewal before it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn neither_a_lease_nor_what_a_node_says_of_itself_waits_for_a_connection() {
    let world = World::with_nodes(0).await;
    let crew = Crew::of(&world, "").await;
    let mut all = Vec::new();
    let pool = crew.app.wallet.pool();
    while let Some(connection) = pool.try_acquire() {
        all.push(connection);
    }
    while pool.size() < pool.options().get_max_connections() || all.is_empty() {
        all.push(pool.acquire().await.expect("a connection"));
    }
    assert!(pool.try_acquire().is_none(), "look-ups would have to wait");
    assert!(is_ready(&crew.app, false).await);
    let mut lease = crew.lease(Job::Reconcile, "node");
    assert!(lease.hold(Takeover::IfExpired).await);
    assert!(lease.hold(Takeover::IfExpired).await);
    lease.release().await;
    drop(all);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_write_of_a_leader_goes_through_whose_lease_was_taken() {
    let world = World::with_nodes(0).await;
    let crew = Crew::of(&world, SHORT).await;
    world.bank.open("ann", "10.00").await;
    world.bank.session("old", "ann", "pragmatic", -1_000_000).await;
    let pool = crew.app.wallet.pool();
    let mut paused = crew.lease(Job::Reconcile, "paused");
    assert!(paused.hold(Takeover::IfExpired).await);
    let fence = paused.fence().expect("held").clone();
    let run = Uuid::now_v7();
    reconciliation::begin(pool, &fence, run, "full").await.expect("still the leader");

    tokio::time::sleep(Duration::from_millis(400)).await;
    let mut next = crew.lease(Job::Reconcile, "next");
    assert!(next.hold(Takeover::IfExpired).await);

    let backoff = parked::Backoff {
        first: Duration::from_secs(1),
        longest: Duration::from_secs(1),
        attempts: 1,
    };
    let ann = player_id("ann");
    let place = parked::Place {
        player: ann.clone(),
        key: Key {
            provider: ProviderId::parse("p").expect("a slug"),
            tx_id: TxId::parse("t").expect("an id"),
        },
    };
    let drift = reconciliation::Drift {
        drift_id: Uuid::now_v7(),
        run_id: run,
        player: ann.clone(),
        kind: "cache_stale".to_owned(),
        expected: None,
        found_balance: None,
        found_version: None,
        drift: Micros::ZERO,
        repaired: false,
        detail: None,
        found_at: chrono::Utc::now(),
    };
    let totals = reconciliation::Totals::default();
    let kept = Duration::ZERO;
    let fenced = |what: &str, result: Result<(), FencedError>| {
        assert!(matches!(result, Err(FencedError::Fenced)), "{what}: {result:?}");
    };
    fenced("begin", reconciliation::begin(pool, &fence, Uuid::now_v7(), "full").await);
    fenced("end", reconciliation::end(pool, &fence, run, &totals, None).await);
    fenced("record", reconciliation::record(pool, &fence, &[drift]).await);
    fenced("mark", reconciliation::mark(pool, &fence, &[(ann, Mark::START)]).await);
    let mut scan = Scan::default();
    let entered = retry_schedule::add_parked(pool, &fence, &mut scan, &[], backoff).await;
    fenced("enter", entered.map(drop));
    let revived = retry_schedule::revive_dead(pool, &fence, &mut scan, backoff).await;
    fenced("revive", revived.map(drop));
    fenced("leave", retry_schedule::remove_decided(pool, &fence, &mut scan).await);
    let turn = parked::Turn { after: String::new(), each: 1, limit: 1 };
    fenced("take_due", parked::take_due(pool, &fence, &turn, backoff).await.map(drop));
    let waits = parked::reschedule(pool, &fence, &place, "x", backoff).await;
    fenced("keep_waiting", waits.map(drop));
    fenced("give_up", parked::give_up(pool, &fence, &place, "x").await);
    fenced("sessions", expiry::sessions(pool, &fence, kept, 10).await.map(drop));
    fenced("reports", expiry::reconciliations(pool, &fence, kept, 10).await.map(drop));
    fenced("finish", lease::finish(pool, &fence).await);
    assert!(!lease::renew(pool, &fence, Duration::from_secs(9), true).await.expect("an answer"));

    for (what, sql) in [
        ("drifts", "SELECT count(*) FROM reconciliation_drift"),
        ("marks", "SELECT count(*) FROM reconciliation_mark"),
        ("ended runs", "SELECT count(*) FROM reconciliation_run WHERE state <> 'running'"),
        ("further runs", "SELECT count(*) - 1 FROM reconciliation_run"),
        ("sessions that went", "SELECT 1 - count(*) FROM session"),
    ] {
        assert_eq!(world.number(sql).await, 0, "{what}");
    }
    let nobody = Progress::none();
    let late =
        jobs::run_once(&crew.app.jobs, Job::Reconcile, &mut paused, Scope::Full, &nobody).await;
    assert!(matches!(late, Err(JobError::Fenced)), "{late:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_whose_lease_is_taken_meanwhile_is_given_up() {
    let world = World::with_nodes(0).await;
    let crew = Crew::of(&world, SHORT).await;
    let mut lease = crew.lease(Job::Cleanup, "ann");
    assert!(lease.hold(Takeover::IfExpired).await);
    let endless = lease.while_running(async {
        world.meddle("UPDATE job_lease SET holder = 'bob', fencing = fencing + 1").await;
        std::future::pending::<()>().await;
        Ok(())
    });
    let result = tokio::time::timeout(Duration::from_secs(10), endless).await;
    assert!(matches!(result, Ok(Err(JobError::Fenced))), "{result:?}");
    assert!(lease.fence().is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_node_leads_while_the_leader_is_stopped_and_the_leader_knows_when_it_wakes_up() {
    let world = World::tuned(2, "[jobs]\nenabled = true\nlease_ttl_ms = 600").await;
    let leaders = async || {
        let mut leaders = Vec::new();
        for node in &world.nodes {
            leaders
                .push(node.metric("wallet_job_leader", &[("job_name", "reconcile")]).await > 0.5);
        }
        leaders
    };
    let started = Instant::now();
    let first = loop {
        match leaders().await.as_slice() {
            [true, false] => break 0,
            [false, true] => break 1,
            _ => tokio::time::sleep(Duration::from_millis(20)).await,
        }
        assert!(started.elapsed() < PATIENCE, "nobody leads");
    };
    let (leader, other) = (&world.nodes[first], &world.nodes[1 - first]);
    leader.freeze();
    let started = Instant::now();
    while other.metric("wallet_job_leader", &[]).await < 2.5 {
        assert!(started.elapsed() < PATIENCE, "the other takes all three leases");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    leader.thaw();
    let started = Instant::now();
    while leader.metric("wallet_job_leader", &[]).await > 0.5 {
        assert!(started.elapsed() < PATIENCE, "two nodes think that they lead");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_asked_to_end_gives_its_leases_back() {
    let world = World::tuned(1, "[jobs]\nenabled = true\nlease_ttl_ms = 600000").await;
    let started = Instant::now();
    while world.nodes[0].metric("wallet_job_leader", &[]).await < 2.5 {
        assert!(started.elapsed() < PATIENCE, "it does not lead");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(world.number("SELECT count(*) FROM job_lease WHERE expires_at > now()").await, 3);
    assert!(world.nodes[0].stop().await.success());
    assert_eq!(world.number("SELECT count(*) FROM job_lease WHERE expires_at > now()").await, 0);
}
