//! Wins that had to wait for their bets all come again at the same moment.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::super::stage::eventually;
use super::flood::{Call, Heard};
use super::measure::{Measured, count};
use super::stand::{Stand, open};
use crate::support::pragmatic;
use crate::support::traffic::IN_TIME;

/// Longer than `patient` lets them wait.
const GRACE: Duration = Duration::from_millis(1_600);
/// The wins are the provider's to repeat: no job pays them before it does.
const TOML: &str = "jobs.enabled = false";

/// Calls on their way.
type Sent = Vec<JoinHandle<(Heard, Duration)>>;

/// Sends all at once.
fn send(stand: &Stand, wins: &[pragmatic::Call]) -> Sent {
    let sent = wins.iter().map(|win| {
        let (win, node) = (Call::Pragmatic(win.clone()), stand.node().clone());
        tokio::spawn(async move { win.send(&node).await })
    });
    sent.collect()
}

/// What each has heard, and after how long.
async fn heard(sent: Sent) -> Vec<(Heard, Duration)> {
    join_all(sent).await.into_iter().map(|heard| heard.expect("an answer")).collect()
}

/// Sends wins whose bets never come, and waits until the next attempt pays them.
async fn wait_with(stand: &Stand, wins: &[pragmatic::Call]) {
    for some in wins.chunks(50) {
        for (heard, _) in heard(send(stand, some)).await {
            assert_eq!(heard, Heard::TryAgain, "it has to wait");
        }
    }
    sleep(GRACE).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wins_that_waited_are_all_paid_in_time_when_they_come_again_at_once() {
    let mut stand = Stand::tuned(TOML).await;
    let players = open(&stand.world, "winner", stand.how.pick(60, 800), "1.00").await;
    let mut measured = Measured::of("800 wins that waited come again at once", stand.how);
    stand.warm_up().await;
    let (mut in_time, mut all) = (0, 0);
    for turn in 0..measured.turns() {
        let wins = players.iter().map(|player| {
            let win = format!("{player}-{turn}");
            pragmatic::result(player, &win, &win, "2.50").at("patient")
        });
        let wins: Vec<_> = wins.collect();
        wait_with(&stand, &wins).await;
        measured.control(&mut stand.crowd).await;
        let sent = send(&stand, &wins);
        measured.beside_for(&mut stand.crowd, measured.slice()).await;
        for (heard, took) in heard(sent).await {
            assert!(took < IN_TIME, "{took:?}");
            all += 1;
            in_time += usize::from(heard == Heard::Done);
        }
        eventually("every win is paid", async || {
            heard(send(&stand, &wins)).await.iter().all(|(heard, _)| *heard == Heard::Done)
        })
        .await;
    }
    measured.rule("99 % of the wins paid in time", count(in_time) >= 0.99 * count(all));
    measured.others_in_time(0.99);
    let each = 100 + 250 * i64::try_from(measured.turns()).expect("few");
    let verdict = measured.end();
    stand.check().await;
    for player in &players {
        assert_eq!(stand.world.balance(player).await, each, "{player}");
    }
    verdict.must_hold();
}
