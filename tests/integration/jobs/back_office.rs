//! The jobs as the operator sees them.

use axum::http::Method;
use serde_json::{Value, json};

use seamless_wallet::core::PlayerStatus::{Active, Closed};
use seamless_wallet::jobs::reconcile::Scope;

use super::Crew;
use crate::support::operator::{READER_KEY, call, call_with, get};
use crate::support::pragmatic;
use crate::support::world::World;

async fn list(world: &World, path: &str) -> Vec<Value> {
    let reply = get(world.api(0), path).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()["items"].as_array().expect("a list").clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn runs_and_what_they_found_are_listed_newest_first_in_pages() {
    let world = World::with_nodes(1).await;
    let crew = Crew::of(&world, "").await;
    world.bank.open("ann", "100.00").await;
    crew.reconcile(Scope::Full).await;
    for version in [50, 60, 70] {
        let planted = format!("{version}|1|EUR|active");
        world.redis.command(&[b"SET", b"wallet:balance:{ann}", planted.as_bytes()]);
        crew.reconcile(Scope::Window).await;
    }
    let runs = list(&world, "/reconciliation/runs").await;
    assert_eq!(runs.len(), 4);
    assert_eq!((&runs[0]["scope"], &runs[3]["scope"]), (&json!("window"), &json!("full")));
    for (name, value) in [
        ("state", json!("done")),
        ("wallets", json!(1)),
        ("findings", json!(1)),
        ("error", json!(null)),
    ] {
        assert_eq!(runs[0][name], value, "{name}");
    }
    assert_eq!(list(&world, "/reconciliation/runs?scope=full").await.len(), 1);
    assert_eq!(list(&world, "/reconciliation/runs?with_findings=true").await.len(), 3);
    assert_eq!(list(&world, "/reconciliation/runs?state=failed").await.len(), 0);

    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let path = format!("/reconciliation/drift?limit=2&kind=cache_ahead{cursor}");
        let page = get(world.api(0), &path).await.json();
        seen.extend(page["items"].as_array().expect("a list").clone());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    let versions: Vec<&Value> = seen.iter().map(|drift| &drift["found_version"]).collect();
    assert_eq!(versions, [70, 60, 50]);
    for (name, value) in [
        ("player_id", json!("ann")),
        ("expected_balance", json!("100.00")),
        ("found_balance", json!("0.000001")),
        ("expected_version", json!(1)),
        ("drift", json!("99.999999")),
        ("repaired", json!(true)),
    ] {
        assert_eq!(seen[0][name], value, "{name}");
    }
    let run = seen[0]["run_id"].as_str().expect("an id");
    assert_eq!(list(&world, &format!("/reconciliation/drift?run_id={run}")).await.len(), 1);
    assert_eq!(list(&world, "/reconciliation/drift?player_id=bob").await.len(), 0);
    assert_eq!(list(&world, "/reconciliation/drift?repaired=false").await.len(), 0);
    for bad in [
        "/reconciliation/drift?kind=other",
        "/reconciliation/drift?run_id=x",
        "/reconciliation/runs?scope=half",
        "/reconciliation/runs?limit=0",
        "/parked?cursor=x",
        "/parked?colour=red",
    ] {
        let reply = get(world.api(0), bad).await;
        assert_eq!(reply.status, 400, "{bad}: {}", reply.text());
        assert_eq!(reply.json()["code"], "invalid_query", "{bad}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_is_listed_left_to_its_provider_with_a_reason_and_tried_again() {
    let world = World::with_nodes(1).await;
    let crew = Crew::of(&world, "").await;
    world.bank.open("ann", "100.00").await;
    assert_eq!(pragmatic::bet("ann", "b", "r", "1.00").send(world.api(0)).await.error, 0);
    world.bank.set_status("ann", Closed).await;
    for win in ["w1", "w2"] {
        let result = pragmatic::result("ann", win, "r", "2.50");
        assert_ne!(result.send(world.api(0)).await.error, 0);
    }
    let waiting = list(&world, "/parked").await;
    assert_eq!(waiting.len(), 2);
    assert_eq!(waiting[0]["transaction"]["tx_id"], "w2", "newest first");
    assert_eq!(waiting[0]["transaction"]["requested"], "2.50");
    assert_eq!((&waiting[0]["attempts"], &waiting[0]["dead_at"]), (&json!(0), &json!(null)));
    let id = waiting[0]["transaction"]["transaction_id"].as_str().expect("an id").to_owned();

    let bury = format!("/parked/{id}/leave-to-provider");
    let reply = call(world.api(0), Method::POST, &bury, Some(&json!({"reason": " "}))).await;
    assert_eq!((reply.status.as_u16(), &reply.json()["code"]), (422, &json!("invalid_value")));
    let because = json!({"reason": "the provider puts it right, case 12"});
    let bearer = format!("Bearer {READER_KEY}");
    let headers = [("authorization", bearer.as_str())];
    let reply = call_with(world.api(0), Method::POST, &bury, Some(&because), &headers).await;
    assert_eq!(reply.status, 403, "a key that may look changes nothing");
    let reply = call(world.api(0), Method::POST, &bury, Some(&because)).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reply.json()["reason"], "left_to_provider");
    let left = list(&world, "/parked?dead=true&player_id=ann").await;
    assert_eq!(left.len(), 1);
    assert_eq!(left[0]["dead_reason"], "the provider puts it right, case 12");
    assert_eq!(list(&world, "/parked?dead=false&provider=pragmatic").await.len(), 1);

    // The job leaves it alone from now on.
    crew.reapply().await;
    world.bank.set_status("ann", Active).await;
    world.hurry().await;
    let report = crew.reapply().await;
    assert_eq!((report.decided, report.dead), (1, 1));
    assert_eq!(world.balance("ann").await, 10_150);

    let redrive = format!("/parked/{id}/redrive");
    let reply = call(world.api(0), Method::POST, &redrive, None).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(
        (&reply.json()["status"], &reply.json()["reason"]),
        (&json!("decided"), &json!("applied"))
    );
    assert_eq!(world.balance("ann").await, 10_400);
    let reply = call(world.api(0), Method::POST, &redrive, None).await;
    assert_eq!((reply.status.as_u16(), &reply.json()["code"]), (404, &json!("not_parked")));
    let reply = call(world.api(0), Method::POST, "/parked/x/redrive", None).await;
    assert_eq!((reply.status.as_u16(), &reply.json()["code"]), (400, &json!("invalid_path")));
    assert_eq!(list(&world, "/parked").await.len(), 0);
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn trying_what_still_has_to_wait_says_why() {
    let world = World::with_nodes(1).await;
    world.bank.open("ann", "100.00").await;
    let result = pragmatic::result("ann", "w", "r", "2.50");
    assert_eq!(result.send(world.api(0)).await.error, 100);
    let waiting = list(&world, "/parked").await;
    let id = waiting[0]["transaction"]["transaction_id"].as_str().expect("an id");
    let reply = call(world.api(0), Method::POST, &format!("/parked/{id}/redrive"), None).await;
    assert_eq!(
        (&reply.json()["status"], &reply.json()["reason"]),
        (&json!("waiting"), &json!("debit_unknown"))
    );
    world.check().await;
}

/// Ann's wins that wait for her wallet to open, by their transaction ids.
async fn closed_with(wins: &[&str]) -> (World, Crew, Vec<String>) {
    let world = World::with_nodes(2).await;
    let crew = Crew::of(&world, "").await;
    world.bank.open("ann", "100.00").await;
    assert_eq!(pragmatic::bet("ann", "b", "r", "1.00").send(world.api(0)).await.error, 0);
    world.bank.set_status("ann", Closed).await;
    let mut ids = Vec::new();
    for win in wins {
        assert_ne!(result(win).send(world.api(0)).await.error, 0);
        let path = format!("/transactions?tx_id={win}");
        let rows = list(&world, &path).await;
        ids.push(rows[0]["transaction_id"].as_str().expect("an id").to_owned());
    }
    (world, crew, ids)
}

fn result(win: &str) -> pragmatic::Call {
    pragmatic::result("ann", win, "r", "2.50")
}

async fn elsewhere(world: &World, node: usize, id: &str) -> (u16, Value) {
    let path = format!("/parked/{id}/decided-elsewhere");
    let because = json!({"reason": "paid by hand, case 12", "author": "m.rossi"});
    let reply = call(world.api(node), Method::POST, &path, Some(&because)).await;
    (reply.status.as_u16(), reply.json())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_paid_by_hand_is_never_paid_again() {
    let (world, crew, ids) = closed_with(&["w1", "w2"]).await;
    // Also while the wallet is closed.
    let (status, json) = elsewhere(&world, 0, &ids[0]).await;
    assert_eq!((status, &json["status"]), (200, &json!("decided")), "{json}");
    assert_eq!(json["reason"], "decided_elsewhere");
    let row = world.row("pragmatic", "w1").await.expect("a row");
    assert_eq!(row, ("noted".to_owned(), "decided_elsewhere".to_owned(), 0));
    let rows = list(&world, "/transactions?tx_id=w1").await;
    let said = rows[0]["detail"].as_str().expect("what was said");
    assert!(said.ends_with("decided elsewhere: writer: m.rossi: paid by hand, case 12"), "{said}");
    world.bank.set_status("ann", Active).await;
    crew.reapply().await;
    world.hurry().await;
    assert_eq!(crew.reapply().await.decided, 1, "the other one");
    // The provider is told that it is done, as often as it asks, at every node.
    for node in 0..4 {
        let reply = result("w1").send(world.api(node)).await;
        assert_eq!(reply.error, 0, "{}", reply.json);
        assert_eq!(reply.id(), ids[0]);
    }
    assert_eq!(world.balance("ann").await, 10_150);
    // Whoever has lost the answer asks again; what was paid is not decided elsewhere.
    assert_eq!(elsewhere(&world, 1, &ids[0]).await.0, 200);
    let (status, json) = elsewhere(&world, 1, &ids[1]).await;
    assert_eq!((status, &json["code"]), (404, &json!("not_parked")));
    let audit = list(&world, "/audit?action=decided_elsewhere").await;
    assert_eq!(audit.len(), 2);
    for (name, value) in
        [("author", "m.rossi"), ("reason", "paid by hand, case 12"), ("subject", "w1")]
    {
        assert_eq!(audit[1][name], value, "{name}");
    }
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stake_that_was_given_back_by_hand_is_given_back_by_no_call() {
    let world = World::with_nodes(2).await;
    world.bank.open("ann", "100.00").await;
    let bet = pragmatic::bet("ann", "b", "r", "10.00");
    assert_eq!(bet.send(world.api(0)).await.error, 0);
    world.bank.set_status("ann", Closed).await;
    let refund = pragmatic::refund("ann", "b");
    assert_ne!(refund.send(world.api(0)).await.error, 0);
    let waiting = list(&world, "/parked").await;
    let id = waiting[0]["transaction"]["transaction_id"].as_str().expect("an id").to_owned();
    assert_eq!(elsewhere(&world, 0, &id).await.0, 200);
    world.bank.set_status("ann", Active).await;
    for node in 0..2 {
        assert_eq!(refund.send(world.api(node)).await.error, 0);
    }
    let sql = "SELECT outcome, amount_micros FROM trx_log WHERE reverses = 'b'";
    let undone: (String, i64) =
        sqlx::query_as(sql).fetch_one(&world.database.pool).await.expect("a row");
    assert_eq!(undone, ("applied".to_owned(), 0));
    // Its result comes all the same: no stake stands, and nothing is paid at once.
    assert_ne!(result("w").send(world.api(0)).await.error, 0);
    assert_eq!(world.balance("ann").await, 9_000);
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_win_paid_by_hand_and_paid_by_a_call_in_the_same_moment_one_is_so() {
    let wins: Vec<String> = (0..12).map(|win| format!("w{win}")).collect();
    let names: Vec<&str> = wins.iter().map(String::as_str).collect();
    let (world, _crew, ids) = closed_with(&names).await;
    world.bank.set_status("ann", Active).await;
    let mut paid = 0;
    for (win, id) in wins.iter().zip(&ids) {
        let call = result(win);
        let (by_hand, by_call) = tokio::join!(elsewhere(&world, 0, id), call.send(world.api(1)));
        assert!([0, 100].contains(&by_call.error), "{}", by_call.json);
        let row = world.row("pragmatic", win).await.expect("a row");
        match by_hand.0 {
            200 => assert_eq!((row.0.as_str(), row.2), ("noted", 0)),
            404 => {
                assert_eq!((row.0.as_str(), row.2), ("applied", 250));
                paid += 250;
            }
            status => panic!("{status}: {}", by_hand.1),
        }
    }
    assert_eq!(world.balance("ann").await, 9_900 + paid);
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_this_version_cannot_read_can_be_left_to_its_provider_and_is_said_to_be_so() {
    let (world, _crew, ids) = closed_with(&["w1"]).await;
    let tomorrow = "UPDATE trx_log SET reason = 'something_of_tomorrow' WHERE tx_id = 'w1'";
    world.meddle(tomorrow).await;
    let because = json!({"reason": "case 12"});
    let path = format!("/parked/{}/leave-to-provider", ids[0]);
    let reply = call(world.api(0), Method::POST, &path, Some(&because)).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let redrive = format!("/parked/{}/redrive", ids[0]);
    let reply = call(world.api(0), Method::POST, &redrive, None).await;
    assert_eq!((reply.status.as_u16(), &reply.json()["reason"]), (200, &json!("unreadable")));
    let (status, json) = elsewhere(&world, 0, &ids[0]).await;
    assert_eq!((status, &json["code"]), (409, &json!("unreadable")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_for_a_wallet_that_is_not_there_cannot_be_decided_before_it_is() {
    let world = World::with_nodes(1).await;
    let win = pragmatic::result("nobody", "w1", "r", "2.50");
    assert_ne!(win.send(world.api(0)).await.error, 0);
    let waiting = list(&world, "/parked").await;
    let id = waiting[0]["transaction"]["transaction_id"].as_str().expect("an id").to_owned();
    let (status, json) = elsewhere(&world, 0, &id).await;
    assert_eq!((status, &json["code"]), (404, &json!("player_unknown")), "{json}");
    world.bank.open("nobody", "1.00").await;
    assert_eq!(elsewhere(&world, 0, &id).await.0, 200);
    assert_eq!(win.send(world.api(0)).await.error, 0);
    assert_eq!(world.balance("nobody").await, 100);
    world.check().await;
}
