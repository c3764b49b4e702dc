//! What is kept with parked movements, and whose turn it is when very many wait.

use axum::http::Method;
use serde_json::json;

use seamless_wallet::core::PlayerStatus::{Active, Closed};
use seamless_wallet::store::jobs::lease::Takeover;
use seamless_wallet::store::jobs::parked::{Backoff, Turn, take_due};

use super::{AFTER_THE_GRACE, Crew, QUICK};
use crate::support::operator::{call, get};
use crate::support::pragmatic;
use crate::support::world::World;

async fn with_ann(toml: &str) -> (World, Crew) {
    let world = World::tuned(1, toml).await;
    let crew = Crew::of(&world, "").await;
    world.bank.open("ann", "100.00").await;
    (world, crew)
}

impl World {
    /// A win of 2.50 that is parked.
    async fn park(&self, player: &str, reference: &str) {
        let result = pragmatic::result(player, reference, reference, "2.50").at("quick");
        assert_ne!(result.send(self.api(0)).await.error, 0);
    }

    async fn operator(&self, method: Method, path: &str, body: serde_json::Value) {
        let reply = call(self.api(0), method, path, Some(&body)).await;
        assert!(reply.status.is_success(), "{path}: {}", reply.text());
    }
}

// ---- Its own terms ----

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_win_waits_as_long_as_its_own_terms_say_whatever_its_provider_is_configured_to_by_now() {
    let slow = QUICK.replace("grace_ms = 50", "grace_ms = 3600000");
    let (world, crew) = with_ann(&slow).await;
    world.park("ann", "w").await;
    tokio::time::sleep(AFTER_THE_GRACE).await;
    let report = crew.reapply().await;
    assert_eq!((report.tried, report.parked), (0, 1));
    let minutes = "SELECT (extract(epoch FROM next_attempt_at - now()) / 60)::bigint
                   FROM parked_movement";
    assert!((58..=60).contains(&world.number(minutes).await));
    world.hurry().await;
    assert_eq!(crew.reapply().await.decided, 0, "nor is it paid when somebody tries it sooner");
    assert_eq!(world.balance("ann").await, 10_000);
    world.meddle("UPDATE trx_log SET parked_at = parked_at - interval '1 hour'").await;
    world.hurry().await;
    assert_eq!(crew.reapply().await.decided, 1);
    assert_eq!(world.balance("ann").await, 10_250);
    let kept = "SELECT count(*) FROM trx_log WHERE parked_command IS NOT NULL";
    assert_eq!(world.number(kept).await, 0, "what is decided needs no terms");
}

// ---- What cannot be read ----

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_cannot_be_read_costs_the_others_nothing() {
    let (world, crew) = with_ann(QUICK).await;
    for reference in ["w1", "w2", "w3"] {
        world.park("ann", reference).await;
    }
    world.meddle(r"UPDATE trx_log SET tx_id = E'w\x01' WHERE tx_id = 'w1'").await;
    // As if w2 were called back by what cannot be read either.
    world
        .meddle(
            r"INSERT INTO trx_log (provider, tx_id, player_id, transaction_id, kind, category,
                 outcome, reason, requested_micros, amount_micros, reverses, fingerprint,
                 created_at, parked_at)
             SELECT provider, E'x\x01', player_id, gen_random_uuid(), 'reverse', category, outcome,
                    'wallet_closed', 0, 0, 'w2', 0, created_at, parked_at
             FROM trx_log WHERE tx_id = 'w2'",
        )
        .await;
    tokio::time::sleep(AFTER_THE_GRACE).await;
    let report = crew.reapply().await;
    assert_eq!((report.tried, report.decided, report.waiting), (3, 1, 2));
    assert_eq!(world.balance("ann").await, 10_250, "the third is paid, the second not");
    let pauses = "SELECT count(*) FROM parked_movement
                  WHERE last_reason = 'unreadable' AND attempts = 1 AND next_attempt_at > now()";
    assert_eq!(world.number(pauses).await, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_list_shows_the_others_and_names_what_it_cannot_show() {
    let (world, _crew) = with_ann(QUICK).await;
    for reference in ["w1", "w2", "w3"] {
        world.park("ann", reference).await;
    }
    world.meddle("UPDATE trx_log SET reason = 'something_of_tomorrow' WHERE tx_id = 'w2'").await;
    let page = get(world.api(0), "/parked?limit=2").await.json();
    assert_eq!(page["items"].as_array().map(Vec::len), Some(1));
    assert_eq!(page["items"][0]["transaction"]["tx_id"], "w3");
    assert_eq!(page["unreadable"].as_array().map(Vec::len), Some(1));
    assert_eq!(page["next_cursor"], page["unreadable"][0]);
    let cursor = page["next_cursor"].as_str().expect("a cursor");
    let page = get(world.api(0), &format!("/parked?limit=2&cursor={cursor}")).await.json();
    assert_eq!(page["items"][0]["transaction"]["tx_id"], "w1");
    assert_eq!((&page["unreadable"], &page["next_cursor"]), (&json!([]), &json!(null)));
}

// ---- Fairness ----

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_turn_takes_a_few_of_each_player_and_the_next_goes_on_behind_the_last() {
    let (world, crew) = with_ann(QUICK).await;
    world
        .meddle(
            "INSERT INTO parked_movement (provider, tx_id, player_id, next_attempt_at)
             SELECT 'quick', p || '-' || i, p, now() - interval '1 minute' + i * interval '1 s'
             FROM unnest('{bob,cat,dan}'::text[]) p, generate_series(1, 9) i",
        )
        .await;
    let mut lease = crew.lease(seamless_wallet::jobs::Job::Reapply, "the test");
    assert!(lease.hold(Takeover::IfIdle).await, "the lease is free");
    let fence = lease.fence().expect("a fence").clone();
    let second = std::time::Duration::from_secs(1);
    let backoff = Backoff { first: second * 60, longest: second * 600, attempts: 3 };
    let mut turn = Turn { after: String::new(), each: 2, limit: 4 };
    let mut taken = Vec::new();
    while let due = take_due(&world.database.pool, &fence, &turn, backoff).await.expect("a turn")
        && let Some(last) = due.last
    {
        taken.push(due.places.iter().map(|place| place.key.tx_id.to_string()).collect::<Vec<_>>());
        turn.after = last;
    }
    assert_eq!(taken, [vec!["bob-1", "cat-1", "bob-2", "cat-2"], vec!["dan-1", "dan-2"]]);
    lease.release().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_player_who_is_busy_costs_nobody_a_turn_and_no_movement_an_attempt() {
    let (world, crew) = with_ann(QUICK).await;
    for player in ["aaa", "zoe"] {
        world.bank.open(player, "1.00").await;
    }
    for number in 0..6 {
        world.park("aaa", &format!("a{number}")).await;
    }
    world.park("ann", "w").await;
    world.park("zoe", "z").await;
    tokio::time::sleep(AFTER_THE_GRACE).await;
    let mut held = world.database.pool.begin().await.expect("a transaction");
    sqlx::query("SELECT FROM wallet WHERE player_id = 'aaa' FOR UPDATE")
        .execute(&mut *held)
        .await
        .expect("a lock");
    let report = crew.reapply().await;
    assert_eq!((report.decided, report.given_up), (2, 0));
    assert!(report.unanswered >= 1, "{report:?}");
    assert_eq!((world.balance("ann").await, world.balance("zoe").await), (10_250, 350));
    assert_eq!(world.number("SELECT sum(attempts)::bigint FROM parked_movement").await, 0);
    held.rollback().await.expect("an end");
    world.hurry().await;
    assert_eq!(crew.reapply().await.decided, 6);
    assert_eq!(world.balance("aaa").await, 1_600);
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_than_one_statement_takes_is_entered_and_leaves_again() {
    let (world, crew) = with_ann(QUICK).await;
    world.park("ann", "w").await;
    world.bank.open("bob", "1.00").await;
    world.bank.set_status("bob", Closed).await;
    world
        .meddle(
            "INSERT INTO trx_log (provider, tx_id, player_id, transaction_id, kind, category,
                 outcome, reason, requested_micros, amount_micros, fingerprint, created_at,
                 parked_at, parked_command)
             SELECT provider, 'many-' || i, 'bob', gen_random_uuid(), kind, category, outcome,
                    reason, requested_micros, 0, fingerprint, created_at - i * interval '1 ms',
                    parked_at + interval '1 hour', parked_command
             FROM trx_log, generate_series(1, 7000) i WHERE tx_id = 'w'",
        )
        .await;
    tokio::time::sleep(AFTER_THE_GRACE).await;
    let report = crew.reapply().await;
    assert_eq!((report.decided, report.parked), (1, 7_000), "the newest are entered at once");
    for _ in 0..3 {
        crew.reapply().await;
    }
    assert_eq!(world.number("SELECT count(*) FROM parked_movement").await, 7_000);
    world.meddle("DELETE FROM trx_log WHERE player_id = 'bob' AND outcome = 'parked'").await;
    for _ in 0..4 {
        crew.reapply().await;
    }
    assert_eq!(world.number("SELECT count(*) FROM parked_movement").await, 0);
}

// ---- A wallet that opens ----

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_for_a_wallet_is_due_as_soon_as_an_operator_opens_it() {
    let (world, crew) = with_ann(QUICK).await;
    world.bank.set_status("ann", Closed).await;
    world.park("ann", "w").await;
    world.park("nobody", "n").await;
    tokio::time::sleep(AFTER_THE_GRACE).await;
    crew.reapply().await;
    world.hurry().await;
    assert_eq!(crew.reapply().await.waiting, 2);
    world.operator(Method::PATCH, "/players/ann", json!({"status": "frozen"})).await;
    let nobody = json!({"player_id": "nobody", "currency": "EUR"});
    world.operator(Method::POST, "/players", nobody).await;
    let due =
        "SELECT count(*) FROM parked_movement WHERE next_attempt_at <= now() AND attempts = 0";
    assert_eq!(world.number(due).await, 2);
    assert_eq!(crew.reapply().await.decided, 2);
    assert_eq!((world.balance("ann").await, world.balance("nobody").await), (10_250, 250));
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_person_gave_up_stays_so_when_the_wallet_opens_whatever_the_reason_says() {
    let (world, crew) = with_ann(QUICK).await;
    world.bank.set_status("ann", Closed).await;
    for reference in ["w1", "w2"] {
        world.park("ann", reference).await;
    }
    crew.reapply().await;
    world.hurry().await;
    assert_eq!(crew.reapply().await.waiting, 2);
    let id = get(world.api(0), "/parked?limit=1").await.json()["items"][0]["transaction"]
        ["transaction_id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let because = json!({"reason": "wallet_closed"});
    world.operator(Method::POST, &format!("/parked/{id}/leave-to-provider"), because).await;
    world.operator(Method::PATCH, "/players/ann", json!({"status": "active"})).await;
    let report = crew.reapply().await;
    assert_eq!((report.decided, report.dead), (1, 1));
    assert_eq!(world.balance("ann").await, 10_250);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_job_finds_what_waits_for_a_wallet_that_is_open_by_now() {
    let (world, crew) = with_ann(QUICK).await;
    world.bank.set_status("ann", Closed).await;
    world.park("ann", "w").await;
    crew.reapply().await;
    world.hurry().await;
    assert_eq!(crew.reapply().await.waiting, 1);
    let later = "UPDATE parked_movement SET next_attempt_at = now() + interval '15 minutes'";
    world.meddle(later).await;
    assert_eq!(crew.reapply().await.tried, 0, "it is closed still");
    world.bank.set_status("ann", Active).await;
    assert_eq!(crew.reapply().await.decided, 1);
    assert_eq!(world.balance("ann").await, 10_250);
    world.check().await;
}
