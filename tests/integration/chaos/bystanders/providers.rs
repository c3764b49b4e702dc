//! One provider sends as much as it can.

use super::flood::{Call, Flood, Force, Heard, Tally};
use super::measure::Measured;
use super::stand::{START, Stand, open};
use crate::support::pragmatic;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_that_floods_the_nodes_leaves_another_its_fair_share() {
    let mut stand = Stand::set().await;
    let callers = stand.how.pick(64, 300);
    open(&stand.world, "flooding", callers, START).await;
    let mut measured = Measured::of("300 connections of another provider's", stand.how);
    stand.warm_up().await;
    let (mut tally, mut number) = (Tally::default(), 0);
    for _ in 0..measured.turns() {
        measured.control(&mut stand.crowd).await;
        let flood = Flood::start(Force::of(callers), number, stand.node(), |caller, number| {
            let (player, bet) = (format!("flooding-{caller}"), format!("flood-{number}"));
            Call::Pragmatic(pragmatic::bet(&player, &bet, &bet, "0.10").at("patient"))
        });
        let heard = measured.beside(&mut stand.crowd, flood).await;
        number += heard.all();
        tally.add(heard);
    }
    tally.is_heard_in_time();
    assert_eq!(tally.of(Heard::Done) + tally.of(Heard::TryAgain), tally.all(), "{tally:?}");
    measured.others_keep(0.4);
    measured.others_in_time(0.99);
    let verdict = measured.end();
    stand.check().await;
    verdict.must_hold();
}
