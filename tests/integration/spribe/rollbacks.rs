//! Rollbacks, in every order.

use serde_json::json;

use super::{ann, ann_on, balances, code, player, rows, send};
use crate::support::spribe::{deposit, info, rollback, session, withdraw};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rollback_gives_the_stake_back_once_under_whatever_id_it_comes() {
    let world = ann_on(2).await;
    let call = withdraw("ann", "b1", 5_000);
    assert_eq!(code(&world, call.clone()).await, 200);
    // Whatever amount it names.
    let undo = rollback("ann", "x1", "b1").with("amount", 99_000);
    let first = undo.text(world.api(0)).await;
    assert!(first.contains("\"old_balance\":95000,\"new_balance\":100000"), "{first}");
    assert_eq!(code(&world, withdraw("ann", "b2", 1_000)).await, 200);
    for turn in 0..4 {
        let again = undo.text(world.api(turn)).await;
        let expected = first.replacen(
            "\"code\":200,\"message\":\"ok\"",
            "\"code\":409,\"message\":\"Duplicate transaction\"",
            1,
        );
        assert_eq!(again, expected, "to the byte");
        world.redis.flush();
    }
    let second = send(&world, rollback("ann", "x2", "b1")).await;
    assert_eq!((&second["code"], &second["data"]["provider_tx_id"]), (&json!(409), &json!("x2")));
    assert!(first.contains(second["data"]["operator_tx_id"].as_str().expect("an id")));
    assert_eq!(send(&world, rollback("ann", "x2", "b1")).await, second);
    assert_eq!(balances(&world, call).await, (409, 100_000, 95_000), "the stake as it was");
    assert_eq!(world.balance("ann").await, 9_900);
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rollback_before_its_stake_is_408_and_the_late_stake_moves_nothing() {
    let world = ann_on(2).await;
    let undo = rollback("ann", "x1", "late");
    for turn in 0..3 {
        let told = undo.send(world.api(turn)).await;
        assert_eq!(told, json!({ "code": 408, "message": "Transaction not found" }));
        world.redis.flush();
    }
    assert_eq!(rows(&world, &["late"]).await, ["tombstone target_unknown 0"]);
    for turn in 0..2 {
        let told = withdraw("ann", "late", 5_000).send(world.api(turn)).await;
        let message = "Transaction is already rolled back";
        assert_eq!(told, json!({ "code": 405, "message": message }));
    }
    assert_eq!(code(&world, undo).await, 408, "and again after it");
    assert_eq!(balances(&world, rollback("ann", "x2", "late")).await, (409, 100_000, 100_000));
    assert_eq!(code(&world, deposit("ann", "w1", "late", 9_000)).await, 408);
    assert_eq!(world.balance("ann").await, 10_000);
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rollback_beside_its_stake_leaves_the_stake_where_it_was() {
    let world = ann_on(2).await;
    for n in 0..20 {
        let stake = withdraw("ann", &format!("b{n}"), 1_000);
        let undo = rollback("ann", &format!("x{n}"), &format!("b{n}"));
        let (came, undone) = tokio::join!(stake.send(world.api(n)), undo.send(world.api(n + 1)));
        let codes = (came["code"].as_u64(), undone["code"].as_u64());
        let either = [(Some(200), Some(200)), (Some(405), Some(408))];
        assert!(either.contains(&codes), "{came} {undone}");
    }
    assert_eq!(world.balance("ann").await, 10_000);
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rollback_after_the_win_is_refused_or_accepted_and_moves_nothing_either_way() {
    let world = ann().await;
    assert_eq!(code(&world, withdraw("ann", "b1", 1_000)).await, 200);
    assert_eq!(code(&world, deposit("ann", "w1", "b1", 3_000)).await, 200);
    for _ in 0..2 {
        assert_eq!(code(&world, rollback("ann", "x1", "b1")).await, 405);
    }
    assert_eq!(rows(&world, &["x1"]).await, ["refused already_settled 0"]);

    let slug = "spribe-lenient";
    world.bank.session(&session("lenient"), "ann", slug, 3600).await;
    let stake = withdraw("ann", "b1", 1_000).with("session_token", session("lenient")).at(slug);
    assert_eq!(code(&world, stake).await, 200);
    assert_eq!(code(&world, deposit("ann", "w1", "b1", 3_000).at(slug)).await, 200);
    for _ in 0..2 {
        let told = send(&world, rollback("ann", "x1", "b1").at(slug)).await;
        assert_eq!(told, json!({ "code": 200, "message": "ok" }));
    }
    assert_eq!(world.balance("ann").await, 10_400);
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rollback_and_a_win_of_one_stake_at_once_leave_one_of_them() {
    let world = ann_on(2).await;
    for n in 0..20 {
        let stake = format!("b{n}");
        assert_eq!(code(&world, withdraw("ann", &stake, 1_000)).await, 200);
        let win = deposit("ann", &format!("w{n}"), &stake, 1_000);
        let undo = rollback("ann", &format!("x{n}"), &stake);
        let (won, undone) = tokio::join!(win.send(world.api(n)), undo.send(world.api(n + 1)));
        let codes = (won["code"].as_u64(), undone["code"].as_u64());
        let either = [(Some(200), Some(405)), (Some(408), Some(200))];
        assert!(either.contains(&codes), "{won} {undone}");
    }
    assert_eq!(world.balance("ann").await, 10_000);
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_win_after_the_rollback_of_its_stake_is_408_for_good() {
    let world = ann().await;
    assert_eq!(code(&world, withdraw("ann", "b1", 1_000)).await, 200);
    assert_eq!(code(&world, rollback("ann", "x1", "b1")).await, 200);
    for _ in 0..2 {
        assert_eq!(code(&world, deposit("ann", "w1", "b1", 3_000)).await, 408);
    }
    assert_eq!(rows(&world, &["w1"]).await, ["refused debit_reversed 0"]);
    assert_eq!(world.balance("ann").await, 10_000);
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_win_is_taken_back_as_far_as_the_balance_goes_and_its_stake_is_open_again() {
    let world = ann().await;
    assert_eq!(code(&world, withdraw("ann", "b1", 1_000)).await, 200);
    assert_eq!(code(&world, deposit("ann", "w1", "b1", 3_000)).await, 200);
    assert_eq!(balances(&world, rollback("ann", "x1", "w1")).await, (200, 102_000, 99_000));
    assert_eq!(balances(&world, rollback("ann", "x2", "b1")).await, (200, 99_000, 100_000));
    assert_eq!(code(&world, withdraw("ann", "b2", 1_000)).await, 200);
    assert_eq!(code(&world, deposit("ann", "w2", "b2", 5_000)).await, 200);
    assert_eq!(code(&world, withdraw("ann", "b3", 103_000)).await, 200);
    for code in [200, 409] {
        assert_eq!(balances(&world, rollback("ann", "x3", "w2")).await, (code, 1_000, 0));
    }
    assert_eq!(rows(&world, &["x3"]).await, ["applied shortfall -100"]);
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_stake_of_the_players_is_not_undone() {
    let world = ann().await;
    player(&world, "bob", "50.00").await;
    assert_eq!(code(&world, withdraw("bob", "bobs", 1_000)).await, 200);
    assert_eq!(code(&world, rollback("ann", "x1", "bobs")).await, 405);
    assert_eq!(code(&world, rollback("bob", "x1", "bobs")).await, 200, "the id is still free");
    assert_eq!(code(&world, rollback("bob", "x2", "x1")).await, 405, "a rollback");
    assert_eq!(code(&world, withdraw("ann", "b1", 100_001)).await, 402);
    for _ in 0..2 {
        assert_eq!(code(&world, rollback("ann", "x3", "b1")).await, 408, "a refused stake");
    }
    assert_eq!(send(&world, info("ann")).await["data"]["balance"], 100_000);
    assert_eq!(world.balance("bob").await, 5_000);
    world.check().await;
}
