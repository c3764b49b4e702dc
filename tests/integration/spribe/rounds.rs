//! Stakes and their wins.

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{ann, ann_on, balances, code, player, rows, send};
use crate::support::spribe::{deposit, free_bet, info, rollback, withdraw};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stake_and_its_win_count_once_and_a_repeat_is_409_with_the_first_answers_data() {
    let world = ann_on(2).await;
    let calls = [withdraw("ann", "b1", 5_320), deposit("ann", "w1", "b1", 7_000)];
    let mut first = Vec::new();
    for call in &calls {
        first.push(call.text(world.api(0)).await);
    }
    let stake: Value = serde_json::from_str(&first[0]).expect("JSON");
    let id = stake["data"]["operator_tx_id"].clone();
    assert_eq!(
        first[0],
        format!(
            "{{\"code\":200,\"message\":\"ok\",\"data\":{{\"user_id\":\"ann\",\
             \"operator_tx_id\":{id},\"provider\":\"spribe_crash\",\"provider_tx_id\":\"b1\",\
             \"old_balance\":100000,\"new_balance\":94680,\"currency\":\"EUR\"}}}}"
        )
    );
    // The balance has changed since, and each node and Redis may know or not.
    assert_eq!(code(&world, withdraw("ann", "b2", 10_000)).await, 200);
    for turn in 0..4 {
        for (call, first) in calls.iter().zip(&first) {
            let again = call.text(world.api(turn)).await;
            let expected = first.replacen(
                "\"code\":200,\"message\":\"ok\"",
                "\"code\":409,\"message\":\"Duplicate transaction\"",
                1,
            );
            assert_eq!(again, expected, "to the byte");
        }
        if turn == 1 {
            world.redis.flush();
        }
    }
    assert_eq!(send(&world, info("ann")).await["data"]["balance"], 91_680);
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_stake_twenty_times_at_once_on_two_nodes_is_taken_once() {
    let world = ann_on(2).await;
    let stake = withdraw("ann", "b1", 1_000);
    let answers = join_all((0..20).map(|n| stake.send(world.api(n)))).await;
    let of = |code: u64| answers.iter().filter(|answer| answer["code"] == code).count();
    assert_eq!((of(200), of(409)), (1, 19), "{answers:?}");
    assert!(answers.iter().all(|answer| answer["data"] == answers[0]["data"]), "{answers:?}");
    let win = deposit("ann", "w1", "b1", 3_000);
    let answers = join_all((0..20).map(|n| win.send(world.api(n)))).await;
    let paid = answers.iter().filter(|answer| answer["code"] == 200).count();
    assert_eq!((paid, world.balance("ann").await), (1, 10_200), "{answers:?}");
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stake_is_won_once_even_by_two_wins_at_once_on_two_nodes() {
    let world = ann_on(2).await;
    for round in 0..10 {
        let stake = format!("b{round}");
        assert_eq!(code(&world, withdraw("ann", &stake, 1_000)).await, 200);
        let wins = [0, 1].map(|n| deposit("ann", &format!("w{round}-{n}"), &stake, 1_000));
        let answers = join_all((0..2).map(|n| wins[n].send(world.api(n)))).await;
        let mut codes: Vec<_> = answers.iter().map(|answer| answer["code"].as_u64()).collect();
        codes.sort_unstable();
        assert_eq!(codes, [Some(200), Some(405)], "{answers:?}");
    }
    assert_eq!(world.balance("ann").await, 10_000);
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_stakes_at_once_with_money_for_one_one_is_taken() {
    let world = ann_on(2).await;
    let stakes = ["b1", "b2"].map(|id| withdraw("ann", id, 60_000));
    let answers = join_all((0..2).map(|n| stakes[n].send(world.api(n)))).await;
    let mut codes: Vec<_> = answers.iter().map(|answer| answer["code"].as_u64()).collect();
    codes.sort_unstable();
    assert_eq!(codes, [Some(200), Some(402)], "{answers:?}");
    assert_eq!(world.balance("ann").await, 4_000);
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_refused_for_money_stays_refused_under_its_id() {
    let world = ann().await;
    let stake = withdraw("ann", "b1", 100_001);
    assert_eq!(
        send(&world, stake.clone()).await,
        json!({
            "code": 402, "message": "Insufficient funds",
        })
    );
    world.bank.open("ann", "50.00").await;
    assert_eq!(code(&world, stake).await, 402);
    assert_eq!(code(&world, withdraw("ann", "b1", 1)).await, 402, "for any amount");
    assert_eq!(code(&world, withdraw("ann", "b2", 100_001)).await, 200, "another one is taken");
    assert_eq!(code(&world, deposit("ann", "w1", "b1", 5)).await, 408, "nothing was staked");
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_id_that_comes_with_other_contents_moves_nothing_and_is_refused_for_good() {
    let world = ann().await;
    player(&world, "bob", "50.00").await;
    assert_eq!(code(&world, withdraw("ann", "b1", 1_000)).await, 200);
    assert_eq!(code(&world, deposit("ann", "w1", "b1", 2_000)).await, 200);
    for other in [
        withdraw("ann", "b1", 1_001),
        withdraw("ann", "b1", 1_000).with("game", "mines"),
        withdraw("ann", "b1", 1_000).with("action_id", "rnd-78"),
        withdraw("bob", "b1", 1_000),
        withdraw("ann", "w1", 2_000),
        deposit("ann", "w1", "b1", 2_001),
        deposit("bob", "w1", "b1", 2_000),
        free_bet("ann", "w1", "freebet", 2_000),
        free_bet("ann", "b1", "freebet", 1_000),
        rollback("ann", "b1", "w1"),
        rollback("ann", "w1", "b1"),
    ] {
        let answer = send(&world, other.clone()).await;
        let code = answer["code"].as_u64();
        assert_eq!(code, Some(405), "{other:?}: {answer}");
    }
    assert_eq!((world.balance("ann").await, world.balance("bob").await), (10_100, 5_000));
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_win_before_its_stake_is_408_and_paid_when_it_comes_again() {
    let world = ann().await;
    let win = deposit("ann", "w1", "b1", 3_000);
    for _ in 0..2 {
        assert_eq!(code(&world, win.clone()).await, 408);
    }
    assert_eq!(rows(&world, &["w1"]).await, ["nothing"]);
    // Another stake of the round is not the one.
    assert_eq!(code(&world, withdraw("ann", "b2", 1_000)).await, 200);
    assert_eq!(code(&world, win.clone()).await, 408);
    assert_eq!(code(&world, withdraw("ann", "b1", 1_000)).await, 200);
    assert_eq!(balances(&world, win.clone()).await, (200, 98_000, 101_000));
    assert_eq!(balances(&world, win).await, (409, 98_000, 101_000));
    let nameless = deposit("ann", "w2", "b2", 1_000).with("withdraw_provider_tx_id", json!(null));
    assert_eq!(code(&world, nameless).await, 408, "a win that names no stake");
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_win_of_a_stake_is_refused_and_an_other_players_stake_is_none() {
    let world = ann().await;
    player(&world, "bob", "50.00").await;
    assert_eq!(code(&world, withdraw("ann", "b1", 1_000)).await, 200);
    assert_eq!(code(&world, deposit("bob", "w0", "b1", 9_000)).await, 408);
    assert_eq!(code(&world, deposit("ann", "w1", "b1", 2_000)).await, 200);
    for _ in 0..2 {
        assert_eq!(code(&world, deposit("ann", "w2", "b1", 2_000)).await, 405);
    }
    assert_eq!((world.balance("ann").await, world.balance("bob").await), (10_100, 5_000));
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_free_bet_costs_nothing_and_its_win_needs_no_stake() {
    let world = ann().await;
    let free = withdraw("ann", "f1", 0).with("action", "freebet");
    assert_eq!(balances(&world, free.clone()).await, (200, 100_000, 100_000));
    assert_eq!(balances(&world, free).await, (409, 100_000, 100_000));
    let mut balance = 100_000;
    for action in
        ["freebet", "rainfreebet", "promofreebet", "challengefreebet", "challengeprizemoney"]
    {
        let win = free_bet("ann", action, action, 1_500);
        assert_eq!(balances(&world, win.clone()).await, (200, balance, balance + 1_500));
        assert_eq!(balances(&world, win).await, (409, balance, balance + 1_500));
        balance += 1_500;
        let sql = "SELECT detail FROM trx_log WHERE tx_id = $1";
        let detail: String = sqlx::query_scalar(sql)
            .bind(action)
            .fetch_one(&world.database.pool)
            .await
            .expect("a row");
        assert!(detail.contains(&format!("\"action\":\"{action}\"")), "{detail}");
    }
    assert_eq!(code(&world, free_bet("ann", "x", "bonus", 1_500)).await, 408);
    assert_eq!(code(&world, deposit("ann", "w0", "f1", 0)).await, 200, "a win of nothing");
    assert_eq!(world.balance("ann").await, 10_750);
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn money_is_counted_in_thousandths_to_the_last_one() {
    let world = ann().await;
    assert_eq!(balances(&world, withdraw("ann", "b1", 1)).await, (200, 100_000, 99_999));
    assert_eq!(balances(&world, deposit("ann", "w1", "b1", 2)).await, (200, 99_999, 100_001));
    // A ten-thousandth is not shown, so that what is shown can be bet.
    world.bank.open("ann", "0.0009").await;
    assert_eq!(send(&world, info("ann")).await["data"]["balance"], 100_001);
    assert_eq!(balances(&world, withdraw("ann", "b2", 100_001)).await, (200, 100_001, 0));
    assert_eq!(code(&world, withdraw("ann", "b3", 1)).await, 402);
    let most = deposit("ann", "w2", "b2", 9_999_999_999_999);
    assert_eq!(balances(&world, most).await, (200, 0, 9_999_999_999_999), "thirteen digits");
    world.check().await;
}
