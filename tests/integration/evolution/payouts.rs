//! Money beside the bets.

use super::{ann, told};
use crate::support::evolution::payout;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payout_of_any_type_is_paid_once_for_its_id() {
    let world = ann(1).await;
    let mut micros = 100_000_000;
    for (number, kind) in [
        "FreeRoundPlayableSpent",
        "RewardGamePlayableSpent",
        "JackpotWin",
        "RtrMonetaryReward",
        "SmartTournamentMonetaryReward",
        "CashReward",
        "FromGame",
        "InventedYesterday",
    ]
    .into_iter()
    .enumerate()
    {
        let call = payout("s", "ann", &format!("pr-{number}"), kind, "1.000001");
        micros += 1_000_001;
        let balance = format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
        told(&world, &call, "OK", &balance).await;
        told(&world, &call, "OK", &balance).await;
        world.redis.flush();
        let other = payout("s", "ann", &format!("pr-{number}"), kind, "9");
        told(&world, &other, "OK", &balance).await;
    }
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payout_needs_no_bet_and_no_sid_that_is_open_and_shares_no_id_with_a_bet() {
    let world = ann(1).await;
    let call = payout("long-over", "ann", "same", "JackpotWin", "10");
    told(&world, &call, "OK", "110.000000").await;
    let bet = crate::support::evolution::debit("s", "ann", "same", "10");
    told(&world, &bet, "OK", "100.000000").await;
    let nobody = payout("s", "nobody", "pr", "JackpotWin", "10");
    told(&world, &nobody, "INVALID_PARAMETER", "null").await;
    world.check().await;
}
