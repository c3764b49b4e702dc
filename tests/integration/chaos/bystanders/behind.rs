//! One wallet is behind its own ledger: a row of it was put back by hand, say.

use super::super::stage::eventually;
use super::flood::{Call, Flood, Force, Heard, Tally};
use super::measure::Measured;
use super::stand::{START, Stand};
use crate::support::pragmatic;

/// Bets that the wallet does not know of.
const AHEAD: usize = 3;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wallet_behind_its_ledger_is_told_to_try_again_and_holds_nobody_up() {
    let mut stand = Stand::set().await;
    stand.world.bank.open("damaged", START).await;
    for number in 0..2 * AHEAD {
        let bet = pragmatic::bet("damaged", &format!("before-{number}"), "r-0", "1.00");
        assert_eq!(bet.send(stand.node()).await.error, 0);
    }
    let mut measured = Measured::of("a wallet behind its ledger", stand.how);
    stand.warm_up().await;
    let (mut tally, mut number) = (Tally::default(), 0);
    for _ in 0..measured.turns() {
        measured.control(&mut stand.crowd).await;
        move_version(&stand, "version - 3").await;
        // New bets, and refunds of those that the wallet does not know of.
        let flood = Flood::start(Force::of(8), number, stand.node(), |_, number| {
            let bet = format!("during-{number}");
            Call::Pragmatic(match number % 2 {
                0 => pragmatic::bet("damaged", &bet, "r-1", "1.00"),
                _ => pragmatic::refund("damaged", &format!("before-{}", AHEAD + number % AHEAD)),
            })
        });
        let heard = measured.beside(&mut stand.crowd, flood).await;
        number += heard.all();
        tally.add(heard);
        move_version(&stand, "version + 3").await;
    }
    tally.is_heard_in_time();
    eprintln!("whose wallet is behind heard {tally:?}");
    measured.demand("nothing is built on a broken chain", tally.of(Heard::Done) == 0);
    measured.others_get_on();
    measured.others_keep(0.9);
    measured.end().must_hold();
    let after = pragmatic::bet("damaged", "after", "r-2", "1.00");
    eventually("once it is whole, it is played on", async || {
        after.send(stand.node()).await.error == 0
    })
    .await;
    stand.check().await;
}

async fn move_version(stand: &Stand, to: &str) {
    let sql = format!("UPDATE wallet SET version = {to} WHERE player_id = 'damaged'");
    let done = sqlx::query(sqlx::AssertSqlSafe(sql)).execute(&stand.world.database.pool).await;
    assert_eq!(done.expect("an update").rows_affected(), 1);
}
