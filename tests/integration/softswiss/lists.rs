//! Lists of bets and wins are carried out as a whole, in their order, once.

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{ann, done, rows, send};
use crate::support::softswiss::{bet, play, win};
use crate::support::world::World;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_is_carried_out_in_order_and_a_repeat_has_the_first_ids_and_the_balance_of_now() {
    let world = ann().await;
    let list = play("ann", "r", &[bet("b1", 1_000), win("w1", 400), bet("b2", 500)]);
    let (status, first) = send(&world, list.clone()).await;
    assert_eq!((status, &first["balance"], &first["game_id"]), (200, &json!(8_900), &json!("r")));
    assert_eq!(done(&world, play("ann", "q", &[win("w2", 100)])).await.0, 9_000);
    for redis in ["with", "without"] {
        let (status, again) = send(&world, list.clone()).await;
        assert_eq!((status, &again["balance"]), (200, &json!(9_000)), "{redis} Redis");
        // Ids and times.
        assert_eq!(again["transactions"], first["transactions"], "{redis} Redis");
        world.redis.flush();
    }
    assert_eq!(world.balance("ann").await, 9_000);
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_partly_repeated_list_only_the_rest_is_carried_out() {
    let world = ann().await;
    let (_, first) = done(&world, play("ann", "r", &[bet("b1", 1_000)])).await;
    let longer = play("ann", "r", &[bet("b1", 1_000), bet("b2", 500), win("w1", 300)]);
    let (balance, ids) = done(&world, longer.clone()).await;
    assert_eq!((balance, &ids[0]), (8_800, &first[0]));
    assert_eq!(done(&world, longer).await, (8_800, ids));
    // The old stake does not count against the balance a second time.
    let exactly = play("ann", "r", &[bet("b1", 1_000), bet("b3", 8_800)]);
    assert_eq!(done(&world, exactly).await.0, 0);
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_bet_that_fails_leaves_nothing_of_its_list_behind() {
    let world = ann().await;
    let list = play("ann", "r", &[win("w1", 700), bet("b1", 100), bet("b2", 10_000)]);
    let refusal = json!({ "code": 100, "message": "Not enough funds", "balance": 10_000 });
    for _ in 0..2 {
        assert_eq!(send(&world, list.clone()).await, (412, refusal.clone()));
    }
    assert_eq!(
        rows(&world, &["w1", "b1", "b2"]).await,
        ["nothing", "refused insufficient_funds 0", "refused insufficient_funds 0"]
    );
    assert_eq!(world.balance("ann").await, 10_000);
    // The same of a fault in the middle: nothing was begun before all was read.
    let broken = play("ann", "r", &[bet("b4", 100), bet("b5", -1)]);
    assert_eq!(send(&world, broken).await.0, 400);
    assert_eq!(rows(&world, &["b4", "b5"]).await, ["nothing", "nothing"]);
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_bets_of_a_list_must_fit_together_before_its_wins_are_counted() {
    let world = ann().await;
    for (what, actions, status, balance) in [
        ("each fits alone", vec![bet("a1", 6_000), bet("a2", 6_000)], 412, 10_000),
        (
            "a win in between",
            vec![bet("c1", 6_000), win("c2", 9_000), bet("c3", 6_000)],
            412,
            10_000,
        ),
        ("a win before", vec![win("d1", 9_000), bet("d2", 10_001)], 412, 10_000),
        ("all that there is", vec![bet("e1", 4_000), bet("e2", 6_000), win("e3", 50)], 200, 50),
    ] {
        let (came, json) = send(&world, play("ann", "r", &actions)).await;
        assert_eq!((came, &json["balance"]), (status, &json!(balance)), "{what}: {json}");
    }
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_that_runs_many_times_at_once_over_two_nodes_is_carried_out_once() {
    let world = World::with_nodes(2).await;
    world.bank.open("ann", "100.00").await;
    for round in 0..5 {
        let (b, w) = (format!("b{round}"), format!("w{round}"));
        let list = play("ann", "r", &[bet(&b, 1_000), win(&w, 400)]);
        let answers = join_all((0..12).map(|turn| list.send(world.api(turn)))).await;
        let (_, settled) = list.send(world.api(0)).await;
        for (status, json) in &answers {
            assert_eq!((*status, json), (200, &settled));
        }
        assert_eq!(world.balance("ann").await, 10_000 - 600 * (round + 1));
    }
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_known_action_id_with_other_contents_moves_nothing_and_is_answered_like_the_first() {
    let world = ann().await;
    world.bank.open("bob", "5.00").await;
    let (_, first) = done(&world, play("ann", "r", &[bet("b1", 1_000)])).await;
    for (what, call) in [
        ("amount", play("ann", "r", &[bet("b1", 1)])),
        ("round", play("ann", "q", &[bet("b1", 1_000)])),
        ("kind", play("ann", "r", &[win("b1", 1_000)])),
    ] {
        assert_eq!(done(&world, call).await, (9_000, first.clone()), "another {what}");
    }
    // Another player's key says nothing about Bob's bet, and shows nothing of Ann's.
    let (status, json) = send(&world, play("bob", "r", &[bet("b1", 100)])).await;
    assert_eq!((status, &json["transactions"]), (400, &Value::Null), "{json}");
    assert_eq!((world.balance("ann").await, world.balance("bob").await), (9_000, 500));
    let labels = [("provider", "softswiss"), ("mismatch", "yes")];
    assert!(world.nodes[0].metric("wallet_duplicates_total", &labels).await >= 4.0);
    world.check().await;
}
