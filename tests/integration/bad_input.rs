//! Calls that are malformed, unsigned, absurd or endless: each gets the right code in its
//! provider's shape, never a 500, and leaves no trace in the ledger.

use std::time::Duration;

use axum::http::{Method, StatusCode};
use serde_json::json;

use crate::support::http::{Endpoint, Reply, Wire};
use crate::support::pragmatic::{self, Answer, Call};
use crate::support::world::World;
use crate::support::{operator, softswiss};

const FORM: &str = "application/x-www-form-urlencoded";
const SUCCESS: i64 = 0;
const HASH: i64 = 5;
const PARAMETERS: i64 = 7;

/// Refused with that code, and nothing is written.
async fn refused(world: &World, what: &str, reply: Reply, error: i64) {
    assert_eq!(reply.status, StatusCode::OK, "{what}: {}", reply.text());
    assert_eq!(Answer::of(&reply).error, error, "{what}: {}", reply.text());
    assert_eq!(world.database.ledger_rows().await, 1, "{what} left a trace");
}

/// One player, and the one row of the deposit.
async fn world() -> World {
    let world = World::with_nodes(1).await;
    world.bank.open("ann", "100.00").await;
    world
}

fn bet() -> Call {
    pragmatic::bet("ann", "b-1", "r-1", "1.00")
}

async fn post(node: &Endpoint, path: &str, body: impl Into<Vec<u8>>) -> Reply {
    node.post(path, FORM, body.into()).await.unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_counts_only_with_the_right_hash() {
    let world = world().await;
    let node = world.api(0);
    let right = bet().hash();
    let wrong = [
        ("a wrong one", right.replace(|c: char| c.is_ascii_digit(), "f")),
        ("an empty one", String::new()),
        ("half of it", right[..16].to_owned()),
        ("too much", format!("{right}00")),
        ("no hex", "z".repeat(32)),
        ("a very long one", "a".repeat(10_000)),
    ];
    for (what, hash) in wrong {
        let reply = bet().with("hash", &hash).attempt(node).await.expect("a reply");
        refused(&world, what, reply, HASH).await;
    }
    let body = bet().body();
    let (without, _) = body.split_once("&hash=").expect("a hash");
    refused(&world, "none", post(node, bet().path(), without).await, HASH).await;
    let both = format!("{body}&hash={right}");
    let reply = post(node, bet().path(), both).await;
    assert_ne!(Answer::of(&reply).error, SUCCESS, "two hashes");
    // A parameter that is not covered.
    let more = post(node, bet().path(), format!("{body}&extra=1")).await;
    refused(&world, "an uncovered parameter", more, HASH).await;

    let upper = bet().with("hash", &right.to_uppercase());
    assert_eq!(upper.send(node).await.error, SUCCESS, "hex of either case");
    assert_eq!(bet().with("newField", "x1").send(node).await.error, SUCCESS, "a new parameter");
    assert_eq!(world.balance("ann").await, 9_900);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_missing_or_makes_no_sense_is_a_bad_parameter() {
    let world = world().await;
    let long = "x".repeat(1_000);
    let amounts = [
        "",
        "-1.00",
        "NaN",
        "inf",
        "1e400",
        "1e-3",
        "1.001",
        "1,00",
        "0x10",
        "one",
        "1 000",
        "99999999999999999999999999999999",
        "1000000000000.01",
        "٣",
        ".",
        "--1",
        "1e99999999999",
        "1_000",
        "+5",
        "5.",
        ".5",
        "1.e1",
        "5 ",
        "５",
    ];
    let mut cases: Vec<(String, Call)> = Vec::new();
    for name in ["userId", "gameId", "roundId", "amount", "reference", "timestamp", "providerId"] {
        cases.push((format!("no {name}"), bet().without(name)));
        cases.push((format!("an empty {name}"), bet().with(name, "")));
        cases.push((format!("{name} with a NUL"), bet().with(name, "1\0")));
        cases.push((format!("{name} with a line break"), bet().with(name, "1\n")));
    }
    for name in ["userId", "gameId", "roundId", "reference"] {
        cases.push((format!("{name} of 1,000 characters"), bet().with(name, &long)));
    }
    for amount in amounts {
        cases.push((format!("an amount of {amount:?}"), bet().with("amount", amount)));
    }
    for time in ["soon", "1.5", "-7000000000000000", "9223372036854775807", "99999999999999999"] {
        cases.push((format!("a timestamp of {time}"), bet().with("timestamp", time)));
    }
    cases.push(("another providerId".to_owned(), bet().with("providerId", "pragmaticplay")));
    cases.push(("a detail with a NUL".to_owned(), bet().with("bonusCode", "a\0b")));
    cases.push(("no reference to refund".to_owned(), pragmatic::refund("ann", "")));
    cases.push(("no token".to_owned(), pragmatic::authenticate("")));
    for (what, call) in cases {
        let reply = call.attempt(world.api(0)).await.expect("a reply");
        refused(&world, &what, reply, PARAMETERS).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_a_form_is_refused_in_shape() {
    let world = world().await;
    let node = world.api(0);
    let (body, path) = (bet().body(), bet().path().to_owned());
    let bodies: Vec<(&str, Vec<u8>)> = vec![
        ("nothing", Vec::new()),
        ("nothing but separators", b"&&&===&".to_vec()),
        ("zeros", vec![0; 1_000]),
        ("no UTF-8", [body.as_bytes(), b"&x=\xff\xfe"].concat()),
        ("encoded bytes that are no UTF-8", format!("{body}&x=%ff%fe").into()),
        ("broken percent-encoding", format!("{body}&x=%zz").into()),
        ("percent-encoding cut off", format!("{body}&x=%a").into()),
        ("JSON", json!({ "userId": "ann" }).to_string().into()),
        ("many parameters", format!("{body}{}", "&a=b".repeat(20_000)).into()),
    ];
    for (what, body) in bodies {
        let reply = post(node, &path, body).await;
        let error = Answer::of(&reply).error;
        assert!([HASH, PARAMETERS].contains(&error), "{what}: {}", reply.text());
        refused(&world, what, reply, error).await;
    }
    for name in ["amount", "reference", "userId", "token"] {
        // Signed as the sorted text of all, so that only the doubling is wrong.
        let value = bet().with(name, "2");
        let doubled = format!("{}&{name}=2", value.body());
        let reply = post(node, &path, doubled).await;
        assert_ne!(Answer::of(&reply).error, SUCCESS, "{name} twice");
        let error = Answer::of(&reply).error;
        refused(&world, "a doubled parameter", reply, error).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn paths_and_methods_that_are_not_the_protocols_are_refused_in_its_shape() {
    let world = world().await;
    let node = world.api(0);
    let form = bet().body();
    for path in [
        "/pragmatic",
        "/pragmatic/",
        "/pragmatic/bet",
        "/pragmatic/BET.html",
        "/pragmatic/bet.html/more",
        "/pragmatic/../softswiss/play",
        "/pragmatic/%62et.html",
        "/pragmatic/nickname.html",
    ] {
        let reply = post(node, path, form.clone()).await;
        refused(&world, path, reply, PARAMETERS).await;
    }
    for method in [Method::GET, Method::PUT, Method::DELETE, Method::PATCH, Method::OPTIONS] {
        let headers = [("content-type", FORM)];
        let path = "/pragmatic/bet.html";
        let reply = node.send(method.clone(), path, &headers, form.clone()).await;
        refused(&world, method.as_str(), reply.expect("a reply"), PARAMETERS).await;
    }
    let reply = node.post("/softswiss/", "application/json", "{}").await.expect("a reply");
    assert_eq!(reply.status, StatusCode::NOT_FOUND);
    assert_eq!(reply.json()["code"], 404, "{}", reply.text());
    let reply = post(node, "/nobody/bet.html", form).await;
    assert_eq!(reply.status, StatusCode::NOT_FOUND);
    assert_eq!(reply.header("content-type"), "application/problem+json");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_huge_body_is_refused_and_not_read_whole() {
    const HUGE: usize = 10 * 1024 * 1024;
    let world = world().await;
    let mut wire = Wire::to(world.api(0)).await;
    let head = format!(
        "POST /pragmatic/bet.html HTTP/1.1\r\nhost: wallet\r\ncontent-type: {FORM}\r\n\
         content-length: {HUGE}\r\n\r\n"
    );
    assert!(wire.send(head).await);
    // A little more than the limit: the answer comes although nearly everything is missing.
    wire.send("x".repeat(300 * 1024)).await;
    let reply = wire.until("\"error\"").await;
    assert!(reply.starts_with("HTTP/1.1 200"), "{reply}");
    assert!(reply.contains("\"error\":7"), "{reply}");

    // Without a length that would give it away.
    let mut wire = Wire::to(world.api(0)).await;
    let head = format!(
        "POST /pragmatic/bet.html HTTP/1.1\r\nhost: wallet\r\ncontent-type: {FORM}\r\n\
         transfer-encoding: chunked\r\n\r\n"
    );
    assert!(wire.send(head).await);
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
    for _ in 0..5 {
        wire.send(&chunk).await;
    }
    let reply = wire.until("\"error\"").await;
    assert!(reply.contains("\"error\":7"), "{reply}");
    assert_eq!(bet().send(world.api(0)).await.error, SUCCESS, "the node serves on");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_refused_before_all_was_sent_still_gets_the_answer_and_keeps_the_connection() {
    const LONG: usize = 700 * 1024;
    let tuning = "providers.pragmatic.allow = [\"192.0.2.0/24\"]";
    let (open, closed) = (world().await, World::tuned(1, tuning).await);
    let cases =
        [(&open, "bet.html", "7"), (&open, "nothing.html", "7"), (&closed, "bet.html", "5")];
    for (world, path, code) in cases {
        let mut wire = Wire::to(world.api(0)).await;
        let head = format!(
            "POST /pragmatic/{path} HTTP/1.1\r\nhost: wallet\r\ncontent-type: {FORM}\r\n\
             content-length: {LONG}\r\n\r\n"
        );
        // Twice over one connection, and each time the refusal is certain long before the end.
        for _ in 0..2 {
            assert!(wire.send(&head).await, "{path}");
            for _ in 0..7 {
                assert!(wire.send("x".repeat(LONG / 7)).await, "{path}: reset");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            let reply = wire.until("\"error\"").await;
            assert!(reply.contains(&format!("\"error\":{code}")), "{path}: {reply}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_sends_its_headers_too_slowly_is_cut_off() {
    let world = World::tuned(1, "http.header_timeout_ms = 300").await;
    let mut slow = Wire::to(world.api(0)).await;
    assert!(slow.send("POST /pragmatic/bet.html HTTP/1.1\r\nhost: wal").await);
    let said = slow.rest().await;
    assert!(said.is_empty() || said.starts_with("HTTP/1.1 408"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_sends_its_body_too_slowly_is_told_so_within_the_deadline() {
    let world = World::tuned(1, "providers.pragmatic.deadline_ms = 400").await;
    world.bank.open("ann", "100.00").await;
    let mut slow = Wire::to(world.api(0)).await;
    let body = bet().body();
    let head = format!(
        "POST /pragmatic/bet.html HTTP/1.1\r\nhost: wallet\r\ncontent-type: {FORM}\r\n\
         content-length: {}\r\n\r\n",
        body.len()
    );
    assert!(slow.send(head).await);
    assert!(slow.send(&body[..body.len() / 2]).await);
    let reply = slow.until("\"error\"").await;
    assert!(reply.contains("\"error\":100"), "{reply}");
    assert_eq!(world.database.ledger_rows().await, 1, "half a bet was executed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_hangs_up_finds_its_bet_done_when_it_comes_again() {
    let world = world().await;
    let body = bet().body();
    let mut gone = Wire::to(world.api(0)).await;
    let call = format!(
        "POST /pragmatic/bet.html HTTP/1.1\r\nhost: wallet\r\ncontent-type: {FORM}\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    assert!(gone.send(call).await);
    drop(gone);
    let mut answers = Vec::new();
    for _ in 0..2 {
        tokio::time::sleep(Duration::from_millis(50)).await;
        answers.push(bet().send(world.api(0)).await);
    }
    assert_eq!(answers[0].id(), answers[1].id());
    assert_eq!(world.applied("b-1").await, 1);
    assert_eq!(world.balance("ann").await, 9_900);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn softswiss_calls_that_make_no_sense_are_refused_in_its_shape() {
    let world = world().await;
    let node = world.api(0);
    let long = "x".repeat(1_000);
    let good = softswiss::play("ann", "r-1", &[softswiss::bet("a-1", 100)]);
    let mut cases = vec![
        softswiss::play("ann", "r-1", &[softswiss::bet("a-1", -1)]),
        softswiss::play("ann", "r-1", &[softswiss::bet("a-1", i64::MAX)]),
        softswiss::play("ann", "r-1", &[softswiss::bet(&long, 1)]),
        softswiss::play(&long, "r-1", &[softswiss::bet("a-1", 1)]),
        softswiss::play("ann", &long, &[softswiss::bet("a-1", 1)]),
        softswiss::play("ann", "r-1", &[softswiss::bet("a\0", 1)]),
        softswiss::play("ann", "r-1", &vec![softswiss::bet("a-1", 1); 2]),
        softswiss::play(
            "ann",
            "r-1",
            &[json!({ "action": "bet", "action_id": "a", "amount": 0.5 })],
        ),
        softswiss::play(
            "ann",
            "r-1",
            &[json!({ "action": "steal", "action_id": "a", "amount": 1 })],
        ),
    ];
    let mut other = good.clone();
    other.json["currency"] = json!("euro");
    cases.push(other);
    for call in cases {
        let (status, json) = call.send(node).await;
        assert_eq!((status, &json["code"]), (400, &json!(400)), "{call:?}: {json}");
    }
    for (body, signature, status) in [
        ("{}", softswiss::sign(b"{ }"), 403),
        ("{", softswiss::sign(b"{"), 400),
        ("[[[[[[", softswiss::sign(b"[[[[[["), 400),
        ("\u{0}", softswiss::sign(b"\0"), 400),
        ("{}", String::new(), 403),
    ] {
        let headers = [("content-type", "application/json"), ("x-request-sign", &*signature)];
        let reply = node.send(Method::POST, "/softswiss/play", &headers, body).await;
        let reply = reply.expect("a reply");
        assert_eq!(reply.status.as_u16(), status, "{body}: {}", reply.text());
        assert_eq!(reply.json()["code"], status);
    }
    assert_eq!(world.database.ledger_rows().await, 1);
    assert_eq!(good.send(node).await.0, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_and_no_token_is_logged() {
    let world = world().await;
    world.bank.session("a-launch-token", "ann", "pragmatic", 60).await;
    let node = world.api(0);
    assert_eq!(pragmatic::authenticate("a-launch-token").send(node).await.error, SUCCESS);
    assert_eq!(bet().with("token", "a-launch-token").send(node).await.error, SUCCESS);
    assert_eq!(bet().with("token", "a-stolen-token").send(node).await.error, SUCCESS);
    let broken = bet().with("token", "a-launch-token").with("hash", "0").attempt(node).await;
    assert_eq!(Answer::of(&broken.expect("a reply")).error, HASH);
    let log = world.nodes[0].settled_log().await;
    let metrics = world.nodes[0].ops.get("/metrics").await.text();
    for secret in
        ["a-launch-token", "a-stolen-token", pragmatic::SECRET, softswiss::TOKEN, &bet().hash()]
    {
        assert!(!log.contains(secret), "{secret} is in the log");
        assert!(!metrics.contains(secret), "{secret} is in the metrics");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slash_too_many_says_nothing_wherever_it_is() {
    let world = world().await;
    let node = world.api(0);
    let body = bet().body();
    for path in ["/pragmatic/bet.html", "//pragmatic/bet.html", "/pragmatic//bet.html/"] {
        let reply = post(node, path, body.clone()).await;
        assert_eq!(Answer::of(&reply).error, SUCCESS, "{path}: {}", reply.text());
    }
    assert_eq!(world.balance("ann").await, 9_900);
    for path in ["/players/ann", "/players/ann/", "//players//ann//"] {
        let reply = operator::get(node, path).await;
        assert_eq!(reply.status, StatusCode::OK, "{path}: {}", reply.text());
    }
    for path in ["/livez", "/livez/", "//livez"] {
        assert_eq!(world.nodes[0].ops.get(path).await.status, StatusCode::OK, "{path}");
    }
    for path in ["/", "//", "///"] {
        assert_eq!(node.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_means_another_place_in_a_path_is_nobodys_id() {
    let world = world().await;
    for id in [".", ".."] {
        let opened = json!({"player_id": id, "currency": "EUR"});
        let reply = operator::call(world.api(0), Method::POST, "/players", Some(&opened)).await;
        assert_eq!(reply.status, StatusCode::UNPROCESSABLE_ENTITY, "{id}: {}", reply.text());
        assert_eq!(pragmatic::balance(id).send(world.api(0)).await.error, PARAMETERS, "{id}");
        let bet = bet().with("gameId", id).send(world.api(0)).await;
        assert_eq!(bet.error, PARAMETERS, "{id}: {}", bet.json);
    }
}
