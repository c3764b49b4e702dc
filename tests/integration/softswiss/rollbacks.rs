//! Rollbacks, in every order.

use serde_json::json;

use super::{ann, done, rows, send};
use crate::support::softswiss::{bet, play, rollback, rolled_back, win};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rollback_undoes_a_bet_or_a_win_once_under_whatever_id_it_comes() {
    let world = ann().await;
    done(&world, play("ann", "r", &[bet("b1", 1_000), bet("b2", 500), win("w1", 700)])).await;
    let undo = |id: &str, original: &str| rollback("ann", "r", &[rolled_back(id, original)]);
    let (balance, first) = done(&world, undo("x1", "b1")).await;
    assert_eq!(balance, 10_200);
    assert_eq!(done(&world, undo("x1", "b1")).await, (10_200, first.clone()), "the same again");
    world.redis.flush();
    assert_eq!(done(&world, undo("x1", "b1")).await, (10_200, first), "from the ledger");
    assert_eq!(done(&world, undo("x2", "b1")).await.0, 10_200, "under another id");
    assert_eq!(done(&world, undo("x3", "w1")).await.0, 9_500, "a win is taken back");
    assert_eq!(done(&world, undo("x4", "w1")).await.0, 9_500);
    assert_eq!(done(&world, play("ann", "r", &[win("w1", 700)])).await.0, 9_500, "it is over");
    let (status, json) = send(&world, undo("x5", "x1")).await;
    assert_eq!((status, &json["code"]), (400, &json!(400)), "a rollback is not undone");
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_of_rollbacks_is_carried_out_as_a_whole() {
    let world = ann().await;
    world.bank.open("bob", "5.00").await;
    done(&world, play("bob", "r", &[bet("bobs", 100)])).await;
    done(&world, play("ann", "r", &[bet("b1", 1_000), win("w1", 400)])).await;
    let bad = [rolled_back("x1", "b1"), rolled_back("x2", "bobs")];
    assert_eq!(send(&world, rollback("ann", "r", &bad)).await.0, 400);
    assert_eq!(rows(&world, &["x1"]).await, ["nothing"]);
    let good = [rolled_back("x1", "b1"), rolled_back("x3", "w1"), rolled_back("x4", "unseen")];
    let (balance, ids) = done(&world, rollback("ann", "r", &good)).await;
    assert_eq!((balance, ids[2].as_str()), (10_000, ""));
    assert_eq!(done(&world, rollback("ann", "r", &good)).await, (10_000, ids));
    assert_eq!(world.balance("bob").await, 400);
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_rollback_of_a_win_that_is_gone_takes_what_is_there_and_records_the_shortfall() {
    let world = ann().await;
    done(&world, play("ann", "r", &[win("w1", 2_000)])).await;
    done(&world, play("ann", "r", &[bet("b1", 11_500)])).await;
    let undo = rollback("ann", "r", &[rolled_back("x1", "w1")]);
    for _ in 0..2 {
        assert_eq!(done(&world, undo.clone()).await.0, 0);
    }
    assert_eq!(rows(&world, &["x1"]).await, ["applied shortfall -500"]);
    let sql = "SELECT shortfall_micros / 10000 FROM trx_log WHERE tx_id = 'x1'";
    let short: i64 = sqlx::query_scalar(sql).fetch_one(&world.database.pool).await.expect("a row");
    assert_eq!(short, 1_500);
    let labels = [("provider", "softswiss"), ("reason", "shortfall")];
    assert!((world.nodes[0].metric("wallet_flagged_total", &labels).await - 1.0).abs() < 0.1);
    // What comes in later is the player's.
    assert_eq!(done(&world, play("ann", "r", &[win("w2", 300)])).await.0, 300);
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_rolled_back_before_it_came_is_a_success_that_moves_nothing() {
    let world = ann().await;
    let originals = [rolled_back("x1", "late-bet"), rolled_back("x2", "late-win")];
    for _ in 0..2 {
        let (balance, ids) = done(&world, rollback("ann", "r", &originals)).await;
        assert_eq!((balance, ids), (10_000, vec![String::new(), String::new()]));
        world.redis.flush();
    }
    assert_eq!(
        rows(&world, &["late-bet", "late-win"]).await,
        ["tombstone target_unknown 0", "tombstone target_unknown 0"]
    );
    let late = play("ann", "r", &[bet("late-bet", 100), win("late-win", 900), bet("b1", 1_000)]);
    let (balance, ids) = done(&world, late.clone()).await;
    assert_eq!(balance, 9_000, "the rest of the list is carried out");
    assert!(ids.iter().all(|id| id.len() == 32), "{ids:?}");
    assert_eq!(done(&world, late).await, (9_000, ids));
    assert_eq!(done(&world, rollback("ann", "r", &[rolled_back("x3", "late-bet")])).await.0, 9_000);
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rollback_of_a_bet_that_was_refused_gives_nothing() {
    let world = ann().await;
    let list = play("ann", "r", &[bet("b1", 10_001)]);
    assert_eq!(send(&world, list.clone()).await.0, 412);
    assert_eq!(done(&world, rollback("ann", "r", &[rolled_back("x1", "b1")])).await.0, 10_000);
    assert_eq!(send(&world, list).await.0, 412, "what was refused stays refused");
    assert_eq!(send(&world, play("ann", "r", &[bet("b1", 1)])).await.0, 412, "for any amount");
    world.check().await;
}
