//! Movements that wait for the job, behind one that it cannot read and behind very many of one
//! player's.

use std::time::{Duration, Instant};

use seamless_wallet::core::PlayerStatus;
use sqlx::AssertSqlSafe;
use tokio::time::sleep;

use super::super::stage::eventually;
use super::measure::Measured;
use super::stand::{Stand, open};
use crate::support::patience::PATIENCE;
use crate::support::pragmatic;

/// Wins that can be paid.
const WINS: usize = 50;
/// From the last win's first attempt until the job has paid all.
const SECONDS: Duration = Duration::from_secs(15);

/// Sends a win of each player's whose bet never comes: they are due after the grace period.
async fn wins_that_wait(stand: &Stand, players: &[String]) {
    for player in players {
        let id = format!("{player}-win");
        let win = pragmatic::result(player, &id, &id, "2.50").at("patient");
        eventually("it is known", async || {
            win.send(stand.node()).await;
            stand.world.row("patient", &id).await.is_some()
        })
        .await;
    }
}

async fn change(stand: &Stand, sql: &str) -> u64 {
    let done = sqlx::query(AssertSqlSafe(sql.to_owned())).execute(&stand.world.database.pool);
    done.await.unwrap_or_else(|error| panic!("{sql}: {error}")).rows_affected()
}

/// Waits until the winners' wins are decided; says how long that took, if it came to that.
async fn are_decided(stand: &Stand) -> Option<Duration> {
    let begun = Instant::now();
    while parked(stand, "winner-%").await > 0 {
        if begun.elapsed() > PATIENCE {
            return None;
        }
        sleep(Duration::from_millis(20)).await;
    }
    Some(begun.elapsed())
}

async fn parked(stand: &Stand, whose: &str) -> i64 {
    let sql = "SELECT count(*) FROM trx_log WHERE outcome = 'parked' AND player_id LIKE $1";
    let parked = sqlx::query_scalar(sql).bind(whose).fetch_one(&stand.world.database.pool);
    parked.await.expect("a count")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_parked_movement_that_cannot_be_read_holds_no_other_up() {
    let mut stand = Stand::set().await;
    let winners = open(&stand.world, "winner", WINS, "1.00").await;
    let strange = open(&stand.world, "strange", 1, "1.00").await;
    let mut measured = Measured::of("a parked row that this build cannot read", stand.how);
    stand.warm_up().await;
    measured.controls(&mut stand.crowd).await;
    wins_that_wait(&stand, &strange).await;
    let damage = "UPDATE trx_log SET reason = 'something_of_tomorrow'
                  WHERE player_id = 'strange-0' AND outcome = 'parked'";
    assert_eq!(change(&stand, damage).await, 1);
    wins_that_wait(&stand, &winners).await;
    measured.besides(&mut stand.crowd).await;
    let decided = are_decided(&stand).await;
    measured.demand("every other parked win is decided", decided.is_some());
    measured.others_keep(0.8);
    measured.end().must_hold();
    assert_eq!(parked(&stand, "strange-%").await, 1, "nobody pays what they cannot read");
    // A build that can read it pays it.
    let repair = "UPDATE trx_log SET reason = 'debit_unknown'
                  WHERE player_id = 'strange-0' AND outcome = 'parked'";
    assert_eq!(change(&stand, repair).await, 1);
    let win =
        pragmatic::result("strange-0", "strange-0-win", "strange-0-win", "2.50").at("patient");
    eventually("it is paid in the end", async || win.send(stand.node()).await.error == 0).await;
    for player in winners.iter().chain(&strange) {
        assert_eq!(stand.world.balance(player).await, 350, "{player}");
    }
    stand.check().await;
}

/// One player's wins that cannot be paid because the wallet is closed, as many as there are rows
/// to be. They are copies of one that a node has parked itself.
async fn wins_of_a_closed_wallet(stand: &Stand, rows: usize) {
    stand.world.bank.open("closed", "1.00").await;
    stand.world.bank.set_status("closed", PlayerStatus::Closed).await;
    let win = pragmatic::result("closed", "closed-win", "closed-round", "2.50");
    assert_eq!(win.send(stand.node()).await.error, 100, "it has to wait");
    // Each arrived at a moment of its own, before the first.
    let copies = format!(
        "INSERT INTO trx_log
         SELECT c.* FROM trx_log t, generate_series(1, {}) n,
             LATERAL jsonb_populate_record(t, jsonb_build_object(
                 'tx_id', 'closed-win-' || n, 'transaction_id', gen_random_uuid(),
                 'created_at', t.created_at - n * interval '1 millisecond')) c
         WHERE t.tx_id = 'closed-win'",
        rows - 1
    );
    assert_eq!(usize::try_from(change(stand, &copies).await).expect("few"), rows - 1);
    change(stand, "ANALYZE trx_log").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn very_many_parked_movements_of_one_player_hold_no_others_up() {
    let mut stand = Stand::set().await;
    let rows = stand.how.pick(20_000, 200_000);
    let winners = open(&stand.world, "winner", WINS, "1.00").await;
    let fault = "200,000 parked wins of one closed wallet before 50 of others";
    let mut measured = Measured::of(fault, stand.how);
    stand.warm_up().await;
    measured.controls(&mut stand.crowd).await;
    wins_of_a_closed_wallet(&stand, rows).await;
    wins_that_wait(&stand, &winners).await;
    measured.besides(&mut stand.crowd).await;
    let decided = are_decided(&stand).await;
    eprintln!("the others' wins were decided after {decided:?}");
    measured.demand("the others' wins are paid", decided.is_some());
    measured.rule("within 15 s", decided.is_some_and(|took| took < SECONDS));
    measured.others_keep(0.5);
    measured.end().must_hold();
    for player in &winners {
        assert_eq!(stand.world.balance(player).await, 350, "{player}");
    }
    let left = i64::try_from(rows).expect("few");
    assert_eq!(parked(&stand, "closed").await, left, "a closed wallet is paid nothing");
    stand.check().await;
}
