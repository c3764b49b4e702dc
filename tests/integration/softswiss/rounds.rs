//! What a round may hold, and bonus spins.

use serde_json::{Value, json};

use super::{ann, done, send};
use crate::support::softswiss::{bet, freespins, play, rollback, rolled_back, win};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_round_may_hold_beside_one_bet_and_one_win() {
    let world = ann().await;
    for (what, call, balance) in [
        ("a win without a bet", play("ann", "r1", &[win("w1", 100)]), 10_100),
        (
            "a bet of nothing and a win of nothing",
            play("ann", "r2", &[bet("b2", 0), win("w2", 0)]),
            10_100,
        ),
        ("a bet", play("ann", "r3", &[bet("b3", 100)]), 10_000),
        ("its rollback", rollback("ann", "r3", &[rolled_back("x3", "b3")]), 10_100),
        ("a win after that", play("ann", "r3", &[win("w3", 50)]), 10_150),
        ("the last bet", play("ann", "r4", &[bet("b4", 100)]).with("finished", true), 10_050),
        ("a bet in a finished round", play("ann", "r4", &[bet("b5", 100)]), 9_950),
        ("the end of a round", play("ann", "r4", &[]).with("finished", true), 9_950),
        ("the end once more", play("ann", "r4", &[]).with("finished", true), 9_950),
        ("the balance", play("ann", "r4", &[]), 9_950),
        ("the balance of no round", play("ann", "r4", &[]).with("game_id", Value::Null), 9_950),
        ("a jackpot inside a win", play("ann", "r5", &[jackpot("w6", 900)]), 10_850),
        (
            "fields that nobody knows",
            play("ann", "r6", &[bet("b6", 0)]).with("session_id", "s"),
            10_850,
        ),
    ] {
        assert_eq!(done(&world, call).await.0, balance, "{what}");
    }
    world.check().await;
}

fn jackpot(id: &str, units: i64) -> Value {
    let mut action = win(id, units);
    action["jackpot_win"] = json!(800);
    action
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_issue_of_bonus_spins_is_paid_once_when_it_is_over() {
    let world = ann().await;
    for (what, call, balance) in [
        ("spins are left", freespins("ann", "i1", "active", 500), 10_000),
        ("the issue is over", freespins("ann", "i1", "played", 1_250), 11_250),
        ("the same again", freespins("ann", "i1", "played", 1_250), 11_250),
        ("over in another way", freespins("ann", "i1", "expired", 2_000), 11_250),
        ("another issue, without a win", freespins("ann", "i2", "canceled", 0), 11_250),
        ("a state that nobody knows", freespins("ann", "i3", "something new", 50), 11_250),
        ("and its end", freespins("ann", "i3", "played", 50), 11_300),
    ] {
        assert_eq!(send(&world, call).await, (200, json!({ "balance": balance })), "{what}");
    }
    // An action with the name of a key of ours is an action like any other.
    assert_eq!(done(&world, play("ann", "r", &[win("~freespins:i1", 100)])).await.0, 11_400);
    world.check().await;
}
