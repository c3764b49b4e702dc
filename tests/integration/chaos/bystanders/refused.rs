//! Calls that are all refused: of sessions that are over, of players who may not play, and of
//! those who have nothing left.

use seamless_wallet::core::PlayerStatus;

use super::flood::{Call, Flood, Force, Heard, Tally};
use super::measure::Measured;
use super::stand::{START, Stand, open};
use crate::support::pragmatic;

/// Players of each kind.
const EACH: usize = 20;

/// The bet of that number, and why it is refused.
fn refused(number: usize) -> pragmatic::Call {
    let (player, reference) = (number / 3 % EACH, format!("refused-{number}"));
    let bet =
        |kind: &str| pragmatic::bet(&format!("{kind}-{player}"), &reference, &reference, "1.00");
    match number % 3 {
        0 => bet("late").with("token", &format!("over-{player}")),
        1 => bet("frozen"),
        _ => bet("broke"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_burst_of_calls_that_are_refused_holds_nobody_up() {
    let mut stand = Stand::set().await;
    for player in open(&stand.world, "frozen", EACH, START).await {
        stand.world.bank.set_status(&player, PlayerStatus::Frozen).await;
    }
    open(&stand.world, "broke", EACH, "0.00").await;
    for (number, player) in open(&stand.world, "late", EACH, START).await.iter().enumerate() {
        stand.world.bank.session(&format!("over-{number}"), player, "pragmatic", -60).await;
    }
    let fault = "1,000 calls a second of expired sessions, frozen players, empty wallets";
    let mut measured = Measured::of(fault, stand.how);
    stand.warm_up().await;
    let (mut tally, mut number) = (Tally::default(), 0);
    for _ in 0..measured.turns() {
        measured.control(&mut stand.crowd).await;
        let force = Force::paced(stand.how.pick(16, 64), 1_000.0);
        let flood =
            Flood::start(force, number, stand.node(), |_, number| Call::Pragmatic(refused(number)));
        let heard = measured.beside(&mut stand.crowd, flood).await;
        number += heard.all();
        tally.add(heard);
    }
    tally.is_heard_in_time();
    assert_eq!(tally.of(Heard::Done), 0, "{tally:?}");
    for code in [1, 4, 6] {
        assert!(tally.of(Heard::Refused(code)) > 0, "nobody hears {code}: {tally:?}");
    }
    measured.others_keep(0.8);
    let verdict = measured.end();
    stand.check().await;
    verdict.must_hold();
}
