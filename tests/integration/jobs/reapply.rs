//! Parked movements are decided in the end, once, and never by taking money.

use seamless_wallet::core::PlayerStatus::{Active, Closed};
use seamless_wallet::jobs::reapply::Report;

use super::{AFTER_THE_GRACE, Crew, QUICK};
use crate::support::patience::PATIENCE;
use crate::support::pragmatic;
use crate::support::softswiss::{bet, play, rollback, rolled_back, win};
use crate::support::world::World;

async fn ann() -> (World, Crew) {
    let world = World::tuned(1, QUICK).await;
    let crew = Crew::of(&world, "jobs.reapply_attempts = 3").await;
    world.bank.open("ann", "100.00").await;
    (world, crew)
}

fn counts(report: &Report) -> (u64, u64, u64, u64) {
    (report.tried, report.decided, report.waiting, report.given_up)
}

fn row(outcome: &str, reason: &str, cents: i64) -> Option<(String, String, i64)> {
    Some((outcome.to_owned(), reason.to_owned(), cents))
}

// ---- A result before its bet ----

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_result_whose_bet_never_comes_is_paid_after_the_grace_period_though_nobody_repeats_it() {
    let (world, crew) = ann().await;
    let result = pragmatic::result("ann", "w", "r", "2.50").at("quick");
    assert_eq!(result.send(world.api(0)).await.error, 100);
    tokio::time::sleep(AFTER_THE_GRACE).await;
    let report = crew.reapply().await;
    assert_eq!(counts(&report), (1, 1, 0, 0));
    assert_eq!(world.row("quick", "w").await, row("applied", "unmatched", 250));
    assert_eq!(world.balance("ann").await, 10_250);
    let again = result.send(world.api(0)).await;
    assert_eq!((again.error, again.cash), (0, Some(10_250)), "the provider hears of it");
    assert_eq!(counts(&crew.reapply().await), (0, 0, 0, 0));
    assert_eq!(world.number("SELECT count(*) FROM parked_movement").await, 0);
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn within_the_grace_period_nothing_is_tried_and_the_bet_makes_it_an_ordinary_win() {
    let (world, crew) = ann().await;
    let result = pragmatic::result("ann", "w", "r", "2.50");
    assert_eq!(result.send(world.api(0)).await.error, 100);
    let report = crew.reapply().await;
    assert_eq!((counts(&report), report.parked), ((0, 0, 0, 0), 1));
    assert_eq!(pragmatic::bet("ann", "b", "r", "1.00").send(world.api(0)).await.error, 0);
    world.hurry().await;
    assert_eq!(counts(&crew.reapply().await), (1, 1, 0, 0));
    assert_eq!(world.row("pragmatic", "w").await, row("applied", "", 250));
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_win_and_the_prize_beside_it_are_paid_together() {
    let (world, crew) = ann().await;
    let result = pragmatic::result("ann", "w", "r", "2.50")
        .with("promoWinAmount", "5.00")
        .with("promoWinReference", "prize")
        .with("promoCampaignID", "7")
        .with("promoCampaignType", "T")
        .at("quick");
    assert_eq!(result.send(world.api(0)).await.error, 100);
    assert_eq!(world.number("SELECT count(*) FROM trx_log WHERE outcome = 'parked'").await, 2);
    tokio::time::sleep(AFTER_THE_GRACE).await;
    assert_eq!(counts(&crew.reapply().await), (2, 2, 0, 0));
    assert_eq!(world.balance("ann").await, 10_750);
    let moments = "SELECT count(DISTINCT wallet_version) FROM trx_log WHERE provider = 'quick'";
    assert_eq!(world.number(moments).await, 2);
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_result_that_is_called_back_while_it_waits_is_never_paid() {
    let (world, crew) = ann().await;
    world.bank.set_status("ann", Closed).await;
    let paid = play("ann", "r", &[win("w", 700)]);
    let undone = rollback("ann", "r", &[rolled_back("x", "w")]);
    for call in [&paid, &undone] {
        let (status, body) = call.send(world.api(0)).await;
        assert_ne!(status, 200, "{body}");
    }
    assert_eq!(world.number("SELECT count(*) FROM trx_log WHERE outcome = 'parked'").await, 2);
    world.bank.set_status("ann", Active).await;
    crew.reapply().await;
    world.hurry().await;
    crew.reapply().await;
    assert_eq!(world.balance("ann").await, 10_000);
    assert_eq!(world.number("SELECT count(*) FROM trx_log WHERE outcome = 'parked'").await, 0);
    assert_eq!(world.row("softswiss", "w").await, row("tombstone", "target_parked", 0));
    world.check().await;
}

// ---- A closed wallet ----

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refund_of_a_part_waits_for_the_wallet_and_gives_back_that_part() {
    let (world, crew) = ann().await;
    assert_eq!(pragmatic::bet("ann", "b", "r", "10.00").send(world.api(0)).await.error, 0);
    world.bank.set_status("ann", Closed).await;
    let refund = pragmatic::refund("ann", "b").with("amount", "4.00");
    assert_ne!(refund.send(world.api(0)).await.error, 0);
    crew.reapply().await;
    world.hurry().await;
    assert_eq!(counts(&crew.reapply().await), (1, 0, 1, 0), "it is closed still");
    world.bank.set_status("ann", Active).await;
    world.hurry().await;
    assert_eq!(counts(&crew.reapply().await), (1, 1, 0, 0));
    assert_eq!(world.balance("ann").await, 9_400);
    assert_eq!(refund.send(world.api(0)).await.error, 0);
    assert_eq!(world.balance("ann").await, 9_400);
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_job_takes_back_a_win_that_was_paid_but_the_providers_own_call_does() {
    let (world, crew) = ann().await;
    let round = play("ann", "r", &[bet("b", 100), win("w", 700)]);
    assert_eq!(round.send(world.api(0)).await.0, 200);
    world.bank.set_status("ann", Closed).await;
    let undone = rollback("ann", "r", &[rolled_back("x", "w")]);
    assert_ne!(undone.send(world.api(0)).await.0, 200);
    world.bank.set_status("ann", Active).await;
    crew.reapply().await;
    world.hurry().await;
    let report = crew.reapply().await;
    assert_eq!((counts(&report), report.dead), ((1, 0, 0, 1), 1));
    assert_eq!(world.balance("ann").await, 10_600, "the job has taken nothing");
    let why = "SELECT count(*) FROM parked_movement WHERE dead_reason = 'takes_money'";
    assert_eq!(world.number(why).await, 1);
    assert_eq!(undone.send(world.api(0)).await.0, 200);
    assert_eq!(world.balance("ann").await, 9_900);
    assert_eq!(crew.reapply().await.dead, 0, "what was decided is not dead");
    world.check().await;
}

// ---- The end of patience ----

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_movement_is_dead_after_its_last_attempt_and_still_decided_when_the_provider_repeats_it()
{
    let (world, crew) = ann().await;
    assert_eq!(pragmatic::bet("ann", "b", "r", "1.00").send(world.api(0)).await.error, 0);
    world.bank.set_status("ann", Closed).await;
    let result = pragmatic::result("ann", "w", "r", "2.50");
    assert_ne!(result.send(world.api(0)).await.error, 0);
    crew.reapply().await;
    let mut pauses = Vec::new();
    for attempt in 1..=3 {
        world.hurry().await;
        let report = crew.reapply().await;
        let given_up = u64::from(attempt == 3);
        assert_eq!(counts(&report), (1, 0, 1, given_up), "attempt {attempt}");
        let pause = "SELECT round(extract(epoch FROM next_attempt_at - now()))::bigint
                     FROM parked_movement";
        pauses.push(world.number(pause).await);
    }
    assert!(pauses.is_sorted_by(|earlier, later| earlier < later), "{pauses:?}");
    world.hurry().await;
    let report = crew.reapply().await;
    assert_eq!((counts(&report), report.dead, report.parked), ((0, 0, 0, 0), 1, 0));
    let why = "SELECT count(*) FROM parked_movement WHERE dead_reason = 'wallet_closed'";
    assert_eq!(world.number(why).await, 1);
    world.bank.set_status("ann", Active).await;
    assert_eq!(result.send(world.api(0)).await.error, 0);
    assert_eq!(world.balance("ann").await, 10_150);
    assert_eq!(crew.reapply().await.dead, 0);
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_put_together_again_waits_and_a_provider_that_is_gone_is_decided_by_its_own_terms()
 {
    let (world, crew) = ann().await;
    for (reference, brand) in [("w1", "quick"), ("w2", "quick")] {
        let result = pragmatic::result("ann", reference, reference, "2.50").at(brand);
        assert_eq!(result.send(world.api(0)).await.error, 100);
    }
    world.meddle("UPDATE trx_log SET provider = 'gone' WHERE tx_id = 'w1'").await;
    world.meddle("UPDATE trx_log SET requested_micros = 99000000 WHERE tx_id = 'w2'").await;
    tokio::time::sleep(AFTER_THE_GRACE).await;
    let report = crew.reapply().await;
    assert_eq!(counts(&report), (2, 1, 0, 1));
    let sql = "SELECT count(*) FROM parked_movement
               WHERE tx_id = 'w2' AND dead_at IS NOT NULL AND dead_reason = 'key_reused'";
    assert_eq!(world.number(sql).await, 1);
    // The one that was tampered with pays nothing.
    assert_eq!(world.balance("ann").await, 10_250);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_this_version_cannot_read_keeps_nobody_waiting() {
    let (world, crew) = ann().await;
    for reference in ["w1", "w2", "w3", "w4"] {
        let result = pragmatic::result("ann", reference, reference, "2.50").at("quick");
        assert_eq!(result.send(world.api(0)).await.error, 100);
    }
    world.meddle("UPDATE trx_log SET reason = 'something_of_tomorrow' WHERE tx_id = 'w1'").await;
    world.meddle("UPDATE trx_log SET parked_command = '{}' WHERE tx_id = 'w2'").await;
    world.meddle("UPDATE trx_log SET parked_command = NULL WHERE tx_id = 'w3'").await;
    tokio::time::sleep(AFTER_THE_GRACE).await;
    crew.reapply().await;
    world.hurry().await;
    let report = crew.reapply().await;
    // The first two wait for a version that can; the third for its provider's own call.
    assert_eq!((counts(&report), report.dead), ((2, 0, 2, 0), 1));
    assert_eq!(world.row("quick", "w4").await, row("applied", "unmatched", 250));
    assert_eq!(world.balance("ann").await, 10_250);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_player_with_very_many_parked_movements_keeps_nobody_waiting() {
    let (world, crew) = ann().await;
    world.bank.open("bob", "1.00").await;
    world.bank.set_status("bob", Closed).await;
    let result = pragmatic::result("bob", "first", "r", "1.00").at("quick");
    assert_eq!(result.send(world.api(0)).await.error, 100);
    // As if the closed wallet had got two thousand more, long before.
    world
        .meddle(
            "INSERT INTO trx_log (provider, tx_id, player_id, transaction_id, kind, category,
                 outcome, reason, requested_micros, amount_micros, fingerprint, created_at,
                 parked_at, parked_command)
             SELECT provider, 'many-' || i, player_id, gen_random_uuid(), kind, category, outcome,
                    reason, requested_micros, 0, fingerprint, created_at - interval '1 hour',
                    parked_at - interval '1 hour', parked_command
             FROM trx_log, generate_series(1, 2000) i WHERE tx_id = 'first'",
        )
        .await;
    for number in 0..5 {
        let player = format!("p-{number}");
        world.bank.open(&player, "1.00").await;
        let result = pragmatic::result(&player, &format!("w-{number}"), "r", "2.50").at("quick");
        assert_eq!(result.send(world.api(0)).await.error, 100);
    }
    tokio::time::sleep(AFTER_THE_GRACE).await;
    crew.reapply().await;
    for number in 0..5 {
        assert_eq!(world.balance(&format!("p-{number}")).await, 350);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_win_for_a_wallet_that_is_not_there_is_paid_when_it_is() {
    let (world, crew) = ann().await;
    let win = pragmatic::result("nobody", "w", "r", "2.50").at("quick");
    for _ in 0..2 {
        assert_eq!(win.send(world.api(0)).await.error, 2, "there is no such player");
    }
    let bet = pragmatic::bet("nobody", "b", "r2", "1.00").at("quick");
    assert_eq!(bet.send(world.api(0)).await.error, 2);
    assert_eq!(world.number("SELECT count(*) FROM trx_log WHERE player_id = 'nobody'").await, 1);
    tokio::time::sleep(AFTER_THE_GRACE).await;
    crew.reapply().await;
    world.bank.open("nobody", "0").await;
    world.hurry().await;
    crew.reapply().await;
    assert_eq!(world.balance("nobody").await, 250);
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_given_up_for_want_of_a_wallet_is_tried_again_when_it_opens() {
    let (world, crew) = ann().await;
    world.bank.set_status("ann", Closed).await;
    let win = pragmatic::result("ann", "w", "r", "2.50").at("quick");
    assert_eq!(win.send(world.api(0)).await.error, 100);
    tokio::time::sleep(AFTER_THE_GRACE).await;
    for _ in 0..4 {
        world.hurry().await;
        crew.reapply().await;
    }
    assert_eq!(crew.reapply().await.dead, 1);
    world.bank.set_status("ann", Active).await;
    assert_eq!(counts(&crew.reapply().await), (1, 1, 0, 0));
    assert_eq!(world.balance("ann").await, 10_250);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_job_takes_money_that_a_correction_asks_for() {
    let (world, crew) = ann().await;
    let takes = pragmatic::adjustment("ann", "a", "unknown", "-5.00").at("quick");
    assert_eq!(takes.send(world.api(0)).await.error, 100);
    tokio::time::sleep(AFTER_THE_GRACE).await;
    assert_eq!(counts(&crew.reapply().await), (0, 0, 0, 0));
    assert_eq!(world.balance("ann").await, 10_000);
    let booked = takes.send(world.api(0)).await;
    assert_eq!((booked.error, booked.cash), (0, Some(9_500)), "its own call books it");
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_does_it_by_itself() {
    let jobs = format!("{QUICK}\n[jobs]\nenabled = true\nreapply_every_s = 1");
    let world = World::tuned(1, &jobs).await;
    world.bank.open("ann", "100.00").await;
    let result = pragmatic::result("ann", "w", "r", "2.50").at("quick");
    assert_eq!(result.send(world.api(0)).await.error, 100);
    let started = std::time::Instant::now();
    while world.balance("ann").await != 10_250 {
        assert!(started.elapsed() < PATIENCE, "it is not paid");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let applied = [("result", "applied")];
    while world.nodes[0].metric("wallet_reapplied_total", &applied).await < 1.0 {
        assert!(started.elapsed() < PATIENCE, "it is not counted");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    world.check().await;
}
