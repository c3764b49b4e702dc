//! Every kind of drift is planted by hand, found, stored, counted, and put right where that is
//! a machine's business.

use std::time::{Duration, Instant};

use seamless_wallet::jobs::reconcile::{Kind, Report, Scope};
use seamless_wallet::jobs::{self, Job, JobError, Progress};
use seamless_wallet::store::jobs::audit::PIECE;
use seamless_wallet::store::jobs::lease::Takeover;

use super::Crew;
use crate::support::patience::PATIENCE;
use crate::support::traffic::Traffic;
use crate::support::world::World;
use crate::support::{pragmatic, softswiss};

/// A world in which Ann and Bob have played, and a first pass has found nothing.
async fn played() -> (World, Crew) {
    let world = World::with_nodes(1).await;
    let crew = Crew::of(&world, "").await;
    for player in ["ann", "bob"] {
        world.bank.open(player, "100.00").await;
        for number in 0..3 {
            let (bet, round) = (format!("{player}-b{number}"), format!("{player}-r{number}"));
            let bet = pragmatic::bet(player, &bet, &round, "1.00");
            assert_eq!(bet.send(world.api(0)).await.error, 0);
        }
    }
    let report = crew.reconcile(Scope::Window).await;
    assert_eq!(kinds(&report), [], "{report:?}");
    assert_eq!((report.totals.wallets, report.totals.whole_chains), (2, 2));
    assert!(report.cache_checked);
    (world, crew)
}

fn kinds(report: &Report) -> Vec<Kind> {
    report.findings.iter().map(|finding| finding.kind).collect()
}

fn balance_key(player: &str) -> String {
    format!("wallet:balance:{{{player}}}")
}

impl World {
    fn plant(&self, player: &str, value: &str) {
        self.redis.command(&[b"SET", balance_key(player).as_bytes(), value.as_bytes()]);
    }

    async fn stored_drifts(&self) -> Vec<(String, String, bool)> {
        let sql = "SELECT player_id, kind, repaired FROM reconciliation_drift ORDER BY drift_id";
        sqlx::query_as(sql).fetch_all(&self.database.pool).await.expect("drifts")
    }
}

// ---- Redis ----

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_wrong_in_redis_is_found_stored_and_put_right() {
    let (world, crew) = played().await;
    for (planted, kind, drift) in [
        ("3|98000000|EUR|active", Kind::CacheStale, 1_000_000),
        ("99|500000000|EUR|active", Kind::CacheAhead, 403_000_000),
        ("4|500000000|EUR|active", Kind::CacheDiffers, 403_000_000),
        ("4|97000000|EUR|frozen", Kind::CacheDiffers, 0),
        ("4|97000000|EUR", Kind::CacheUnreadable, 0),
        ("nonsense", Kind::CacheUnreadable, 0),
    ] {
        world.plant("ann", planted);
        let report = crew.reconcile(Scope::Window).await;
        assert_eq!(kinds(&report), [kind], "{planted}");
        let finding = &report.findings[0];
        assert_eq!(finding.player.as_str(), "ann");
        assert!(finding.repaired, "{planted}");
        assert_eq!(report.totals.drift_micros, drift, "{planted}");
        let now = world.redis.get(&balance_key("ann"));
        assert_eq!(now.as_deref(), Some("4|97000000|EUR|active"), "after {planted}");
        assert_eq!(kinds(&crew.reconcile(Scope::Window).await), [], "after {planted}");
    }
    let stored = world.stored_drifts().await;
    assert_eq!(stored.len(), 6);
    assert!(stored.iter().all(|(player, _, repaired)| player == "ann" && *repaired));
    // What was put right is believed again, also as the place for the next publication.
    let bet = pragmatic::bet("ann", "b-last", "r-last", "1.00");
    assert_eq!(bet.send(world.api(0)).await.cash, Some(9_600));
    assert_eq!(world.redis.get(&balance_key("ann")).as_deref(), Some("5|96000000|EUR|active"));
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_balance_that_is_only_on_its_way_is_no_finding() {
    let world = World::with_nodes(1).await;
    let crew = Crew::of(&world, "jobs.reconcile_grace_ms = 1500").await;
    world.bank.open("ann", "100.00").await;
    world.plant("ann", "0|0|EUR|active");
    let (report, ()) = tokio::join!(crew.reconcile(Scope::Window), async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        // The publication that was late.
        world.plant("ann", "1|100000000|EUR|active");
    });
    assert_eq!(kinds(&report), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pass_whose_lease_was_taken_leaves_redis_as_it_is() {
    let world = World::with_nodes(0).await;
    let crew = Crew::of(&world, "jobs.reconcile_grace_ms = 2000").await;
    world.bank.open("ann", "100.00").await;
    let lie = "99|1|EUR|active";
    world.plant("ann", lie);
    let mut lease = crew.lease(Job::Reconcile, "paused");
    assert!(lease.hold(Takeover::IfExpired).await);
    let fence = lease.fence().expect("held").clone();
    // Without the loop that renews the lease, as one that slept through its loss.
    let progress = Progress::none();
    let pass = jobs::reconcile::run_once(&crew.app.jobs, &fence, Scope::Window, &progress);
    let (given_up, ()) = tokio::join!(pass, async {
        // The ledger was looked at, and Ann is a suspect.
        let started = Instant::now();
        while world.number("SELECT count(*) FROM reconciliation_mark").await == 0 {
            assert!(started.elapsed() < PATIENCE, "nothing is marked");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        world.meddle("UPDATE job_lease SET fencing = fencing + 1, holder = 'next'").await;
    });
    assert!(matches!(given_up, Err(JobError::Fenced)), "{given_up:?}");
    assert_eq!(world.redis.get(&balance_key("ann")).as_deref(), Some(lie));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_redis_the_ledger_is_looked_at_all_the_same() {
    let (mut world, crew) = played().await;
    world.redis.kill();
    world
        .meddle("UPDATE wallet SET balance_micros = balance_micros + 1 WHERE player_id = 'bob'")
        .await;
    let report = crew.reconcile(Scope::Window).await;
    assert!(!report.cache_checked);
    assert_eq!(kinds(&report), [Kind::LedgerBalance]);
}

// ---- The ledger ----

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wallet_that_was_changed_by_hand_is_found_by_the_next_pass_even_if_nobody_plays() {
    let (world, crew) = played().await;
    world.redis.flush();
    world
        .meddle("UPDATE wallet SET balance_micros = balance_micros + 5 WHERE player_id = 'bob'")
        .await;
    let report = crew.reconcile(Scope::Window).await;
    assert_eq!(kinds(&report), [Kind::LedgerBalance]);
    assert_eq!(report.totals.drift_micros, 5);
    assert!(!report.findings[0].repaired, "that is for a person");
    world.meddle("UPDATE wallet SET balance_micros = balance_micros - 5, version = version + 1 WHERE player_id = 'bob'").await;
    let report = crew.reconcile(Scope::Window).await;
    assert_eq!(kinds(&report), [Kind::LedgerVersion]);
    world.meddle("UPDATE wallet SET version = version - 2 WHERE player_id = 'bob'").await;
    let report = crew.reconcile(Scope::Window).await;
    assert_eq!(kinds(&report), [Kind::LedgerVersion], "one that lost commits, too");
    world.meddle("UPDATE wallet SET version = version + 1 WHERE player_id = 'bob'").await;
    assert_eq!(kinds(&crew.reconcile(Scope::Window).await), [], "and it was all");
    let stored = world.stored_drifts().await;
    assert_eq!(stored.len(), 3);
    assert!(stored.iter().all(|(player, _, repaired)| player == "bob" && !repaired));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_that_went_or_do_not_follow_are_found_among_the_new_ones_by_a_window_and_everywhere_by_a_full_pass()
 {
    let (world, crew) = played().await;
    world.redis.flush();
    world.meddle("UPDATE trx_log SET balance_after_micros = 1 WHERE tx_id = 'ann-b0'").await;
    assert_eq!(kinds(&crew.reconcile(Scope::Window).await), [], "an old row is not looked at");
    assert_eq!(kinds(&crew.reconcile(Scope::Full).await), [Kind::LedgerChain]);
    world.meddle("UPDATE trx_log SET balance_after_micros = 99000000 WHERE tx_id = 'ann-b0'").await;
    assert_eq!(kinds(&crew.reconcile(Scope::Full).await), []);

    let bet = pragmatic::bet("ann", "new", "new", "1.00");
    assert_eq!(bet.send(world.api(0)).await.error, 0);
    world.redis.flush();
    world.meddle("UPDATE trx_log SET amount_micros = -2000000 WHERE tx_id = 'new'").await;
    let found = kinds(&crew.reconcile(Scope::Window).await);
    assert_eq!(found, [Kind::LedgerBalance, Kind::LedgerChain]);
    world.meddle("DELETE FROM trx_log WHERE tx_id = 'new'").await;
    let found = kinds(&crew.reconcile(Scope::Window).await);
    assert_eq!(found, [Kind::LedgerBalance, Kind::LedgerVersion]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_without_a_wallet_are_found_by_a_full_pass() {
    let (world, crew) = played().await;
    world.redis.flush();
    for player in ["aaa", "ann", "zoe"] {
        // The first and the last of all players, and one in between whose wallet goes.
        world
            .meddle(&format!(
                "INSERT INTO trx_log (provider, tx_id, player_id, transaction_id, kind, category,
                 outcome, requested_micros, amount_micros, balance_after_micros, wallet_version,
                 fingerprint, created_at)
             VALUES ('x', 'orphan-{player}', '{player}', gen_random_uuid(), 'credit', 'win',
                 'applied', 7, 7, 7, 1000, 0, now())"
            ))
            .await;
    }
    world.meddle("DELETE FROM wallet WHERE player_id = 'ann'").await;
    let report = crew.reconcile(Scope::Full).await;
    assert_eq!(kinds(&report), [Kind::LedgerOrphan; 3]);
    let players: Vec<&str> = report.findings.iter().map(|found| found.player.as_str()).collect();
    assert_eq!(players, ["aaa", "ann", "zoe"]);
}

/// Rows of a player with more than two statements read, each a win of a cent; and the wallet, or
/// none.
async fn many_rows(world: &World, player: &str, rows: i64, wallet: bool) {
    world
        .meddle(&format!(
            "INSERT INTO trx_log (provider, tx_id, player_id, transaction_id, kind, category,
                 outcome, requested_micros, amount_micros, balance_after_micros, wallet_version,
                 fingerprint, created_at)
             SELECT 'x', '{player}-' || n, '{player}', gen_random_uuid(), 'credit', 'win',
                 'applied', 10000, 10000, n * 10000, n, 0, now()
             FROM generate_series(1, {rows}) AS n"
        ))
        .await;
    if wallet {
        let sql = format!(
            "INSERT INTO wallet (player_id, currency, balance_micros, version)
             VALUES ('{player}', 'EUR', {rows} * 10000, {rows})"
        );
        world.meddle(&sql).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn however_many_rows_a_player_has_a_full_pass_ends_and_finds_what_is_wrong() {
    let world = World::with_nodes(0).await;
    let crew = Crew::of(&world, "").await;
    let rows = 2 * PIECE + 1;
    // Ends exactly where a piece does, too.
    for (player, rows) in [("ann", rows), ("bob", 2 * PIECE), ("cat", 3)] {
        many_rows(&world, player, rows, true).await;
    }
    for scope in [Scope::Window, Scope::Full] {
        let report = crew.reconcile(scope).await;
        assert_eq!(kinds(&report), [], "{report:?}");
        assert_eq!((report.totals.chains, report.totals.whole_chains), (3, 3));
    }
    assert_eq!(world.number("SELECT count(*) FROM reconciliation_mark").await, 3);
    // The first row of the second piece follows from the last of the first.
    let first = PIECE + 1;
    world
        .meddle(&format!("UPDATE trx_log SET balance_after_micros = 1 WHERE tx_id = 'ann-{first}'"))
        .await;
    world.meddle(&format!("DELETE FROM trx_log WHERE tx_id = 'bob-{first}'")).await;
    let report = crew.reconcile(Scope::Full).await;
    let found = kinds(&report);
    let wrong = [Kind::LedgerChain, Kind::LedgerBalance, Kind::LedgerVersion, Kind::LedgerChain];
    assert_eq!(found, wrong, "{report:?}");
    let detail = report.findings[0].detail.as_deref().unwrap_or_default();
    assert_eq!(detail, format!("2 rows do not follow, the first at version {first}"));
    let bobs = report.findings[1].expected.expect("a sum");
    assert_eq!((bobs.version, bobs.balance.get()), (2 * PIECE - 1, (2 * PIECE - 1) * 10_000));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_the_rows_of_one_without_a_wallet_are_counted_and_what_waits_for_one_is_none_of_them() {
    let world = World::with_nodes(0).await;
    let crew = Crew::of(&world, "").await;
    let rows = 2 * PIECE;
    many_rows(&world, "lost", rows, false).await;
    world
        .meddle(
            "INSERT INTO trx_log (provider, tx_id, player_id, transaction_id, kind, category,
                 outcome, requested_micros, amount_micros, fingerprint, created_at)
             VALUES ('x', 'waits', 'nobody', gen_random_uuid(), 'credit', 'win', 'parked', 7, 0,
                 0, now())",
        )
        .await;
    let report = crew.reconcile(Scope::Full).await;
    assert_eq!(kinds(&report), [Kind::LedgerOrphan], "{report:?}");
    let found = report.findings[0].expected.expect("a sum");
    assert_eq!((found.version, found.balance.get()), (rows, rows * 10_000));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_for_a_wallet_that_is_not_there_yet_is_no_finding() {
    let (world, crew) = played().await;
    let won = softswiss::play("nobody", "r", &[softswiss::win("w", 100)]);
    assert_eq!(won.send(world.api(0)).await.0, 412);
    assert_eq!(world.row("softswiss", "w").await.map(|row| row.0).as_deref(), Some("parked"));
    let report = crew.reconcile(Scope::Full).await;
    assert_eq!(kinds(&report), [], "{report:?}");
}

// ---- Health ----

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_healthy_wallet_gives_no_findings_while_it_is_played_on() {
    let world = World::with_nodes(2).await;
    let crew = Crew::of(&world, "jobs.reconcile_chunk = 3").await;
    let traffic = Traffic::start(&world, 8).await;
    for pass in 0..6 {
        traffic.rounds(20).await;
        let scope = if pass % 3 == 2 { Scope::Full } else { Scope::Window };
        let report = crew.reconcile(scope).await;
        assert_eq!(kinds(&report), [], "{report:?}");
        assert_eq!(report.totals.wallets, 8);
        assert!(report.totals.chains > 0 || pass == 0, "{report:?}");
    }
    traffic.stop(&world).await;
    let report = crew.reconcile(Scope::Full).await;
    assert_eq!(kinds(&report), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pass_goes_on_from_where_the_last_one_has_come_to() {
    let (world, crew) = played().await;
    let report = crew.reconcile(Scope::Window).await;
    assert_eq!((report.totals.chains, report.totals.whole_chains), (0, 0), "nobody has moved");
    let bet = pragmatic::bet("ann", "one", "one", "1.00");
    assert_eq!(bet.send(world.api(0)).await.error, 0);
    let report = crew.reconcile(Scope::Window).await;
    assert_eq!((report.totals.chains, report.totals.whole_chains), (1, 0), "Ann has");
    let mark = world.number("SELECT version FROM reconciliation_mark WHERE player_id = 'ann'");
    assert_eq!(mark.await, 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_runs_it_by_itself_and_counts_what_it_finds() {
    let jobs = "[jobs]\nenabled = true\nreconcile_every_s = 1\nreconcile_grace_ms = 50";
    let world = World::tuned(1, jobs).await;
    world.bank.open("ann", "100.00").await;
    let node = &world.nodes[0];
    let found = [("kind", "cache_ahead")];
    world.plant("ann", "99|500000000|EUR|active");
    let started = Instant::now();
    while node.metric("wallet_reconcile_findings_total", &found).await < 1.0 {
        assert!(started.elapsed() < PATIENCE, "nothing is found");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(node.metric("wallet_reconcile_findings_total", &found).await, 1.0);
    let ok = [("job_name", "reconcile"), ("result", "ok")];
    while node.metric("wallet_job_runs_total", &ok).await < 2.0 {
        assert!(started.elapsed() < PATIENCE, "it runs once only");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(
        node.metric("wallet_job_duration_seconds_count", &[("job_name", "reconcile")]).await >= 2.0
    );
    let last = [("job_name", "reconcile")];
    assert!(node.metric("wallet_job_last_success_timestamp_seconds", &last).await > 1.7e9);
    let said = node.log_lines().into_iter().find(|line| line["kind"] == "cache_ahead");
    let said = said.expect("a line in the log");
    assert_eq!((&said["level"], &said["player"]), (&"ERROR".into(), &"ann".into()), "{said}");
    assert_eq!(said["drift_micros"], 400_000_000);
}
