//! SOFTSWISS as it calls: lists of bets and wins that are carried out as a whole, rollbacks in
//! every order, and every code that this wallet can answer.

use axum::http::Method;
use futures_util::future::join_all;
use seamless_wallet::core::{Amount, PlayerStatus};
use seamless_wallet::store::directory::players;
use serde_json::{Value, json};

use crate::support::bank::player_id;
use crate::support::postgres_server::PostgresServer;
use crate::support::process::Folder;
use crate::support::softswiss::{
    Call, GAME, bet, freespins, play, rollback, rolled_back, sign, win,
};
use crate::support::world::World;

/// Brands that settle differently what brands may settle differently.
const BRANDS: &str = r#"
    [providers.softswiss-strict]
    protocol = "softswiss"
    secrets = ["env:SOFTSWISS_TOKEN"]
    settings = { require_bet = true, max_bet = "5.00" }
    [providers.softswiss-private]
    protocol = "softswiss"
    secrets = ["env:SOFTSWISS_TOKEN"]
    allow = ["203.0.113.0/24"]
"#;

/// A node, and Ann with 100.00.
async fn ann() -> World {
    let world = World::tuned(1, BRANDS).await;
    world.bank.open("ann", "100.00").await;
    world
}

async fn send(world: &World, call: Call) -> (u16, Value) {
    call.send(world.api(0)).await
}

/// A success: the balance and each action's transaction id, after a look at the shape.
async fn done(world: &World, call: Call) -> (i64, Vec<String>) {
    let asked: Vec<Value> = call.json["actions"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|a| a["action_id"].clone())
        .collect();
    let (status, json) = send(world, call).await;
    assert_eq!(status, 200, "{json}");
    let transactions = json["transactions"].as_array().cloned().unwrap_or_default();
    let told: Vec<Value> = transactions.iter().map(|t| t["action_id"].clone()).collect();
    assert_eq!(told, asked, "one transaction for each action, in order");
    let ids = transactions.iter().map(|t| t["tx_id"].as_str().expect("an id").to_owned());
    (json["balance"].as_i64().expect("a balance"), ids.collect())
}

/// What came of each row of a provider, in the order of the keys.
async fn rows(world: &World, keys: &[&str]) -> Vec<String> {
    let mut rows = Vec::new();
    for key in keys {
        rows.push(match world.row("softswiss", key).await {
            Some((outcome, reason, cents)) => format!("{outcome} {reason} {cents}"),
            None => "nothing".to_owned(),
        });
    }
    rows
}

// ---- Lists ----

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

// ---- Rollbacks ----

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

// ---- Rounds and bonus spins ----

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

// ---- Codes ----

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_refusal_has_its_status_and_its_code_and_moves_nothing() {
    let world = ann().await;
    for player in ["frozen", "closed", "limited"] {
        world.bank.open(player, "100.00").await;
    }
    world.bank.set_status("frozen", PlayerStatus::Frozen).await;
    world.bank.set_status("closed", PlayerStatus::Closed).await;
    let limit = Some(Amount::parse("9.99", 2).expect("an amount"));
    players::set_bet_limit(world.bank.wallet.pool(), &player_id("limited"), limit)
        .await
        .expect("a limit");
    world.bank.switch_game("softswiss", "acme:Closed", false).await;

    let stake = |player: &str| play(player, "r", &[bet(&format!("b-{player}"), 1_000)]);
    let actions = |actions: Value| play("ann", "r", &[]).with("actions", actions);
    let rows: Vec<(&str, Call, u16, u16)> = vec![
        ("bets beyond the balance", play("ann", "r", &[bet("b1", 10_001)]), 412, 100),
        ("nobody of that name", stake("nobody"), 412, 101),
        ("a balance of nobody", play("nobody", "r", &[]), 412, 101),
        ("a rollback of nobody", rollback("nobody", "r", &[rolled_back("x1", "b")]), 412, 101),
        ("bonus spins of nobody", freespins("nobody", "of-nobody", "played", 1), 412, 101),
        ("above the player's limit", stake("limited"), 412, 105),
        (
            "above the brand's limit",
            play("ann", "r", &[bet("b2", 501)]).at("softswiss-strict"),
            412,
            106,
        ),
        ("a frozen player's bet", stake("frozen"), 412, 110),
        ("a closed player's bet", stake("closed"), 412, 110),
        ("another currency", play("ann", "r", &[bet("b3", 1)]).with("currency", "USD"), 412, 154),
        ("another currency's balance", play("ann", "r", &[]).with("currency", "USD"), 412, 154),
        (
            "another currency's issue",
            freespins("ann", "i", "played", 1).with("currency", "USD"),
            412,
            154,
        ),
        (
            "a game that is off",
            play("ann", "r", &[bet("b4", 1)]).with("game", "acme:Closed"),
            412,
            405,
        ),
        ("a win without a bet", play("ann", "r", &[win("w1", 1)]).at("softswiss-strict"), 404, 404),
        ("a negative bet", play("ann", "r", &[bet("b5", -1)]), 400, 400),
        ("a negative win", play("ann", "r", &[win("w2", -1)]), 400, 400),
        ("a negative total", freespins("ann", "i", "played", -1), 400, 400),
        ("a bet beyond all bounds", play("ann", "r", &[bet("b6", i64::MAX)]), 400, 400),
        (
            "an amount with decimals",
            actions(json!([{ "action": "bet", "action_id": "b7", "amount": 1.5 }])),
            400,
            400,
        ),
        (
            "an amount as a text",
            actions(json!([{ "action": "bet", "action_id": "b7", "amount": "1" }])),
            400,
            400,
        ),
        ("no amount", actions(json!([{ "action": "bet", "action_id": "b7" }])), 400, 400),
        ("no id", actions(json!([{ "action": "bet", "amount": 1 }])), 400, 400),
        ("an empty id", play("ann", "r", &[bet("", 1)]), 400, 400),
        ("an id twice in a list", play("ann", "r", &[bet("b8", 1), win("b8", 1)]), 400, 400),
        (
            "an unknown action",
            actions(json!([{ "action": "tip", "action_id": "b7", "amount": 1 }])),
            400,
            400,
        ),
        ("a rollback inside play", play("ann", "r", &[rolled_back("x2", "b")]), 400, 400),
        ("a bet inside a rollback", rollback("ann", "r", &[bet("b9", 1)]), 400, 400),
        ("a rollback of nothing", rollback("ann", "r", &[]), 400, 400),
        ("a rollback of itself", rollback("ann", "r", &[rolled_back("x3", "x3")]), 400, 400),
        ("no round", play("ann", "r", &[bet("b10", 1)]).with("game_id", Value::Null), 400, 400),
        (
            "no round that ends",
            play("ann", "r", &[]).with("game_id", Value::Null).with("finished", true),
            400,
            400,
        ),
        ("no player", stake("ann").with("user_id", Value::Null), 400, 400),
        ("no game", stake("ann").with("game", Value::Null), 400, 400),
        ("no currency", stake("ann").with("currency", Value::Null), 400, 400),
        (
            "more than a hundred actions",
            play("ann", "r", &(0..101).map(|n| bet(&format!("m{n}"), 0)).collect::<Vec<_>>()),
            400,
            400,
        ),
        ("a body beyond the limit", stake("ann").with("x", "y".repeat(300_000)), 400, 400),
        ("an address that is not on the list", stake("ann").at("softswiss-private"), 403, 403),
        ("a closed player's win", play("closed", "r", &[win("w3", 1)]), 503, 503),
        (
            "a closed player's rollback",
            rollback("closed", "r", &[rolled_back("x4", "b")]),
            503,
            503,
        ),
    ];
    let mut wrong = Vec::new();
    for (what, call, status, code) in rows {
        let (came, json) = send(&world, call).await;
        let tells = json.get("balance").is_some() == (code == 100);
        let shape = json["message"].is_string() && json.get("transactions").is_none();
        if (came, &json["code"]) != (status, &json!(code)) || !tells || !shape {
            wrong.push(format!("{what}: {status} and {code} are right, came {came} {json}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for player in ["ann", "frozen", "closed", "limited"] {
        assert_eq!(world.balance(player).await, 10_000, "{player}");
    }
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_player_and_a_game_that_is_off_are_paid_and_a_closed_one_once_it_is_open_again() {
    let world = ann().await;
    done(&world, play("ann", "r", &[bet("b1", 1_000), bet("b2", 1_000)])).await;
    world.bank.set_status("ann", PlayerStatus::Frozen).await;
    world.bank.switch_game("softswiss", GAME, false).await;
    assert_eq!(done(&world, play("ann", "r", &[win("w1", 300)])).await.0, 8_300);
    assert_eq!(done(&world, rollback("ann", "r", &[rolled_back("x1", "b1")])).await.0, 9_300);
    assert_eq!(send(&world, freespins("ann", "i", "played", 100)).await.1["balance"], 9_400);

    world.bank.set_status("ann", PlayerStatus::Closed).await;
    let waiting = [
        play("ann", "r", &[win("w2", 300)]),
        rollback("ann", "r", &[rolled_back("x2", "b2")]),
        freespins("ann", "i2", "played", 100),
    ];
    for call in waiting.iter().chain(&waiting) {
        assert_eq!(send(&world, call.clone()).await.0, 503);
    }
    assert_eq!(world.balance("ann").await, 9_400);
    world.bank.set_status("ann", PlayerStatus::Active).await;
    for (call, balance) in waiting.iter().zip([9_700, 10_700, 10_800]) {
        for _ in 0..2 {
            let (status, json) = send(&world, call.clone()).await;
            assert_eq!((status, &json["balance"]), (200, &json!(balance)), "{json}");
        }
    }
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_path_that_is_unknown_and_a_method_that_is_not_post_are_a_404_in_shape() {
    let world = ann().await;
    let body = play("ann", "r", &[bet("b1", 100)]).json.to_string();
    let signature = sign(body.as_bytes());
    let headers = [("content-type", "application/json"), ("x-request-sign", &signature)];
    for (method, path) in [
        (Method::POST, "/softswiss"),
        (Method::POST, "/softswiss/"),
        (Method::POST, "/softswiss/bet"),
        (Method::POST, "/softswiss/Play"),
        (Method::POST, "/softswiss/play/play"),
        (Method::GET, "/softswiss/play"),
        (Method::PUT, "/softswiss/play"),
        (Method::DELETE, "/softswiss/rollback"),
    ] {
        let reply = world.api(0).send(method.clone(), path, &headers, body.clone()).await;
        let reply = reply.unwrap_or_else(|error| panic!("{method} {path}: {error}"));
        let came = (reply.status.as_u16(), reply.json());
        assert_eq!(came, (404, json!({ "code": 404, "message": "Not found" })), "{method} {path}");
    }
    assert_eq!(world.balance("ann").await, 10_000);
}

// ---- Signatures ----

const KEY: &str = "test-softswiss-auth-token-01";
/// What each is about, where it goes, the body, its signature and the status.
const SIGNED: &[(&str, &str, &str, &str, u16)] = &[
    (
        "a question for the balance",
        "play",
        r#"{"user_id":"p-1001","currency":"EUR","game":"acme:DemoSlot"}"#,
        "4428e278f65aa0032b8edc1dc275cf070ecca02e2b9689becee3b0a16f34f833",
        200,
    ),
    (
        "a bet and a win",
        "play",
        r#"{"user_id":"p-1001","currency":"EUR","game":"acme:DemoSlot","game_id":"rnd-77","finished":true,"actions":[{"action":"bet","amount":150,"action_id":"a-0001"},{"action":"win","amount":400,"action_id":"a-0002"}]}"#,
        "04dcb839af8e9063fc0be744ca7bd2dd7f88ab7ca5d02e866db0bfe1f0f304c7",
        200,
    ),
    (
        "a rollback",
        "rollback",
        r#"{"user_id":"p-1001","currency":"EUR","game":"acme:DemoSlot","game_id":"rnd-77","finished":true,"actions":[{"action":"rollback","action_id":"a-0003","original_action_id":"a-0001"}]}"#,
        "fb9cff02188bb4fafe213864cfbcfa849fae8338e96cd8316f95bff5c0e9f6c1",
        200,
    ),
    (
        "spaces, and a letter beyond ASCII",
        "play",
        r#"{ "user_id": "p-1001", "currency": "EUR", "game": "acme:Plättchen" }"#,
        "abe5ed6423cbe1d32bcc054f732dec2ffc099612e9cfe816fbd35ea8d522c9e6",
        200,
    ),
    (
        "the same without the spaces",
        "play",
        r#"{"user_id":"p-1001","currency":"EUR","game":"acme:Plättchen"}"#,
        "abe5ed6423cbe1d32bcc054f732dec2ffc099612e9cfe816fbd35ea8d522c9e6",
        403,
    ),
    (
        "another body's signature",
        "play",
        r#"{"user_id":"p-1002","currency":"EUR","game":"acme:DemoSlot"}"#,
        "4428e278f65aa0032b8edc1dc275cf070ecca02e2b9689becee3b0a16f34f833",
        403,
    ),
    (
        "no hex",
        "play",
        r#"{"user_id":"p-1001","currency":"EUR","game":"acme:DemoSlot"}"#,
        "signed",
        403,
    ),
    (
        "an empty signature",
        "play",
        r#"{"user_id":"p-1001","currency":"EUR","game":"acme:DemoSlot"}"#,
        "",
        403,
    ),
    (
        "a signature of nonsense",
        "play",
        "nonsense",
        "4428e278f65aa0032b8edc1dc275cf070ecca02e2b9689becee3b0a16f34f833",
        403,
    ),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_known_signature_holds_over_the_wire_for_the_bytes_as_they_came_and_no_others() {
    let folder = Folder::new("wallet-secrets");
    let secret = folder.path().join("token");
    std::fs::write(&secret, KEY).expect("a file");
    let brand = format!(
        "[providers.vectors]\nprotocol = \"softswiss\"\nsecrets = [\"file:{}\"]\n",
        secret.display()
    );
    let world = World::tuned(1, &brand).await;
    world.bank.open("p-1001", "100.00").await;
    for (what, path, body, signature, status) in SIGNED {
        let headers = [("content-type", "application/json"), ("X-REQUEST-SIGN", *signature)];
        let path = format!("/vectors/{path}");
        let reply = world.api(0).send(Method::POST, &path, &headers, *body).await.expect("a reply");
        assert_eq!(reply.status.as_u16(), *status, "{what}: {}", reply.text());
        if *status == 403 {
            assert_eq!(reply.json(), json!({ "code": 403, "message": "Forbidden" }), "{what}");
        }
    }
    let (_, _, body, signature, _) = SIGNED[0];
    let reply = world.api(0).post("/vectors/play", "application/json", body).await;
    assert_eq!(reply.expect("a reply").status.as_u16(), 403, "no signature");
    let headers = [("x-request-sign", signature)];
    let elsewhere = world.api(0).send(Method::POST, "/softswiss/play", &headers, body).await;
    assert_eq!(elsewhere.expect("a reply").status.as_u16(), 403, "another brand's token");
    assert_eq!(world.balance("p-1001").await, 10_400, "bet, win, and the bet undone");
    world.check().await;
}

// ---- Faults ----

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_its_database_every_call_is_a_5xx_in_shape_and_what_follows_counts_once() {
    let mut server = PostgresServer::start().await;
    let world = World::on(&server, 1, "").await;
    for player in ["ann", "bob", "cid"] {
        world.bank.open(player, "100.00").await;
        done(&world, play(player, "r", &[bet(&format!("b-{player}"), 1_000)])).await;
    }
    world.redis.flush();
    server.kill9();
    let placed = play("ann", "r", &[bet("b1", 500)]);
    let won = play("bob", "r", &[win("w1", 700)]);
    let undone = rollback("cid", "r", &[rolled_back("x1", "b-cid")]);
    let spins = freespins("ann", "i1", "played", 50);
    let asked = play("ann", "r", &[]);
    let calls = [&placed, &won, &undone, &spins, &asked];
    let answers = join_all(calls.map(|call| call.attempt(world.api(0)))).await;
    for (call, reply) in calls.into_iter().zip(answers) {
        let reply = reply.unwrap_or_else(|error| panic!("{call:?}: {error}"));
        let (status, json) = (reply.status.as_u16(), reply.json());
        assert!([500, 503, 504].contains(&status), "{call:?}: {status} {json}");
        assert_eq!((&json["code"], json["message"].is_string()), (&json!(status), true), "{json}");
        assert!(reply.took.as_millis() < 2_900, "{call:?} took {:?}", reply.took);
    }
    server.start_again().await;

    // After a 5xx a bet is rolled back, and everything else is sent again.
    assert_eq!(done(&world, rollback("ann", "r", &[rolled_back("x2", "b1")])).await.0, 9_000);
    assert_eq!(done(&world, placed).await.0, 9_000, "a late copy of the bet");
    for _ in 0..2 {
        assert_eq!(done(&world, won.clone()).await.0, 9_700);
        assert_eq!(done(&world, undone.clone()).await.0, 10_000);
        assert_eq!(send(&world, spins.clone()).await, (200, json!({ "balance": 9_050 })));
    }
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fault_in_the_database_is_a_500_in_shape() {
    let world = ann().await;
    // Nothing that passes, as a table that is missing would be: this bet can never be written.
    let sql = "ALTER TABLE trx_log ADD CONSTRAINT no_bets CHECK (kind <> 'debit')";
    sqlx::query(sql).execute(&world.database.pool).await.unwrap();
    let (status, json) = send(&world, play("ann", "r", &[bet("b1", 100)])).await;
    assert_eq!((status, &json["code"]), (500, &json!(500)), "{json}");
    let sql = "ALTER TABLE trx_log DROP CONSTRAINT no_bets";
    sqlx::query(sql).execute(&world.database.pool).await.unwrap();
    assert_eq!(done(&world, play("ann", "r", &[bet("b1", 100)])).await.0, 9_900);
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_does_not_answer_is_a_504_and_more_calls_than_may_wait_are_a_503() {
    let server = PostgresServer::start().await;
    let few = "providers.softswiss = { in_flight_max = 3, deadline_ms = 1000 }";
    let world = World::on(&server, 1, few).await;
    world.bank.open("ann", "100.00").await;
    done(&world, play("ann", "r", &[bet("b0", 100)])).await;
    server.freeze();
    let calls: Vec<Call> =
        (1..=8).map(|n| play("ann", "r", &[bet(&format!("b{n}"), 100)])).collect();
    let answers = join_all(calls.iter().map(|call| call.send(world.api(0)))).await;
    server.thaw();
    let mut statuses: Vec<u16> = answers.iter().map(|(status, _)| *status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [503, 503, 503, 503, 503, 504, 504, 504]);
    for (status, json) in &answers {
        assert_eq!(json["code"], *status, "{json}");
    }
    // Whatever became of them, a rollback of each leaves the stake where it was.
    for n in 1..=8 {
        let undo = rollback("ann", "r", &[rolled_back(&format!("x{n}"), &format!("b{n}"))]);
        assert_eq!(send(&world, undo).await.0, 200);
    }
    assert_eq!(world.balance("ann").await, 9_900);
    world.check().await;
}
