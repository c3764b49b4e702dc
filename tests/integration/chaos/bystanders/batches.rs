//! Work that takes a database longer than one batch may last.

use serde_json::Value;

use super::super::Intensity;
use super::flood::{Call, Flood, Force, Heard, Tally};
use super::measure::{Measured, count};
use super::stand::{START, Stand, open};
use crate::support::softswiss;

/// The most that one call may say.
const ACTIONS: usize = 100;
/// Whoever sends so much at once waits for it, on however slow a machine.
const PATIENT: &str = "providers.softswiss.deadline_ms = 10000";
/// A database on which a batch full of such calls takes longer than a batch may.
const SLOW: &str = "database.batch_timeout_ms = 400";

/// One call that bets and wins in turns.
fn long_call(player: &str, number: usize) -> softswiss::Call {
    let round = format!("long-{number}");
    let actions: Vec<Value> = (0..ACTIONS)
        .map(|place| {
            let id = format!("{round}-{place}");
            if place % 2 == 0 { softswiss::bet(&id, 100) } else { softswiss::win(&id, 90) }
        })
        .collect();
    softswiss::play(player, &round, &actions)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_that_fill_a_batch_beyond_its_time_are_answered_and_hold_nobody_up() {
    let slow = Intensity::of_this_run().pick("", SLOW);
    let mut stand = Stand::tuned(&format!("{PATIENT}\n{slow}")).await;
    let callers = stand.how.pick(20, 250);
    open(&stand.world, "long", callers, START).await;
    let mut measured = Measured::of("250 callers with 100 bets and wins in each call", stand.how);
    stand.warm_up().await;
    let (mut tally, mut number) = (Tally::default(), 0);
    for _ in 0..measured.turns() {
        measured.control(&mut stand.crowd).await;
        let flood = Flood::start(Force::of(callers), number, stand.node(), |caller, number| {
            Call::Softswiss(long_call(&format!("long-{caller}"), number))
        });
        tally.add(measured.beside(&mut stand.crowd, flood).await);
        number = tally.all();
    }
    assert!(tally.of(Heard::Done) > 0, "none is answered for good: {tally:?}");
    assert_eq!(tally.of(Heard::Done) + tally.of(Heard::TryAgain), tally.all(), "{tally:?}");
    let done = count(tally.of(Heard::Done)) / count(tally.all());
    eprintln!("long calls: {tally:?}");
    measured.rule("95 % of the long calls answered", done >= 0.95);
    measured.others_in_time(0.99);
    let verdict = measured.end();
    stand.check().await;
    verdict.must_hold();
}
