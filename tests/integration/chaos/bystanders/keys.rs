//! A provider sends ids of transactions that are another player's.

use super::flood::{Call, Flood, Force, Tally};
use super::measure::Measured;
use super::stand::{START_CENTS, Stand, open};
use crate::support::pragmatic;

/// Bets of the player whose keys are taken.
const KEYS: usize = 200;
/// Players in whose name they are sent once more.
const OTHERS: usize = 50;

/// Others keep that share while so many calls a second name keys of another player's.
async fn keys_of_another_player(fault: &'static str, force: Force, share: f64) {
    let mut stand = Stand::set().await;
    let keys = stand.how.pick(20, KEYS);
    stand.world.bank.open("owner", super::stand::START).await;
    for key in 0..keys {
        let bet = pragmatic::bet("owner", &format!("taken-{key}"), "r-0", "1.00");
        assert_eq!(bet.send(stand.node()).await.error, 0);
    }
    let others = open(&stand.world, "other", OTHERS, super::stand::START).await;
    let mut measured = Measured::of(fault, stand.how);
    stand.warm_up().await;
    let (mut tally, mut number) = (Tally::default(), 0);
    for _ in 0..measured.turns() {
        measured.control(&mut stand.crowd).await;
        // Each pair of a key and a player is new, as a provider's fault makes them.
        let flood = Flood::start(force, number, stand.node(), move |_, number| {
            let (player, key) = (number / keys % OTHERS, number % keys);
            let (key, player) = (format!("taken-{key}"), format!("other-{player}"));
            Call::Pragmatic(pragmatic::bet(&player, &key, "r-1", "1.00"))
        });
        tally.add(measured.beside(&mut stand.crowd, flood).await);
        number = tally.all();
    }
    tally.is_heard_in_time();
    measured.others_keep(share);
    let verdict = measured.end();
    for player in others {
        assert_eq!(stand.world.balance(&player).await, START_CENTS, "a key is one player's");
    }
    let paid = i64::try_from(keys).expect("few") * 100;
    assert_eq!(stand.world.balance("owner").await, START_CENTS - paid);
    stand.check().await;
    verdict.must_hold();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_few_calls_with_another_players_keys_cost_others_nothing() {
    let fault = "4 calls a second with another player's key";
    keys_of_another_player(fault, Force::paced(4, 4.0), 0.9).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_calls_with_another_players_keys_leave_others_their_half() {
    let fault = "1,000 calls a second with another player's key";
    keys_of_another_player(fault, Force::paced(64, 1_000.0), 0.5).await;
}
