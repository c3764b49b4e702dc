//! Whoever has proven nothing takes no place that an honest call needs, keeps no connection by
//! being slow, and is written down like everybody else.

use std::time::Duration;

use axum::http::StatusCode;
use futures_util::future::join_all;

use crate::support::http::{Endpoint, Wire};
use crate::support::node::Node;
use crate::support::patience::eventually;
use crate::support::world::World;
use crate::support::{operator, pragmatic};

const FORM: &str = "application/x-www-form-urlencoded";

/// The head of a call whose body of so many bytes does not come.
fn head(length: usize) -> String {
    format!(
        "POST /pragmatic/bet.html HTTP/1.1\r\nhost: wallet\r\ncontent-type: {FORM}\r\n\
         content-length: {length}\r\n\r\n"
    )
}

async fn send_all(node: &Endpoint, count: usize, bytes: &str) -> Vec<Wire> {
    let wires = join_all((0..count).map(|_| Wire::to(node))).await;
    join_all(wires.into_iter().map(|mut wire| async move {
        assert!(wire.send(bytes).await);
        wire
    }))
    .await
}

/// Closed at once, without a word.
async fn is_closed(mut wire: Wire) -> bool {
    let rest = tokio::time::timeout(Duration::from_secs(3), wire.rest()).await;
    rest.is_ok_and(|rest| rest.is_empty())
}

async fn world(toml: &str) -> World {
    let world = World::tuned(1, toml).await;
    world.bank.open("ann", "100.00").await;
    world
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_whose_bodies_do_not_come_take_no_place_of_an_honest_one() {
    let toml = "http.in_flight_max = 4\nproviders.pragmatic.in_flight_max = 4";
    let world = world(toml).await;
    let wires = send_all(world.api(0), 200, &head(100)).await;
    for number in 0..5 {
        let (bet, round) = (format!("b-{number}"), format!("r-{number}"));
        assert_eq!(pragmatic::bet("ann", &bet, &round, "1.00").send(world.api(0)).await.error, 0);
    }
    drop(wires);
    assert_eq!(world.balance("ann").await, 9_500);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn long_bodies_of_strangers_are_bounded_and_short_ones_are_read_whoever_sends_them() {
    let world = world("http.unproven_bytes_max = 1048576").await;
    // An address has an eighth of it: 128 KiB, and two of these.
    let mut wires = send_all(world.api(0), 3, &head(60 * 1024)).await;
    let refused = wires.pop().expect("the last").until("\"error\"").await;
    assert!(refused.contains("\"error\":100"), "{refused}");
    assert_eq!(pragmatic::bet("ann", "b", "r", "1.00").send(world.api(0)).await.error, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_address_has_its_part_of_the_connections_and_a_trusted_proxy_has_what_it_likes() {
    let few = "http.connections_per_address_max = 5";
    let strangers = world(few).await;
    let all = send_all(strangers.api(0), 12, &head(100)).await;
    let refused =
        async || strangers.nodes[0].metric("wallet_connections_refused_total", &[]).await >= 7.0;
    eventually("seven are refused", refused).await;
    let closed: Vec<bool> = join_all(all.into_iter().map(is_closed)).await;
    assert_eq!(closed.iter().filter(|closed| **closed).count(), 7, "{closed:?}");
    // Whoever goes makes room.
    eventually("there is room again", async || {
        let body = pragmatic::balance("ann").body();
        strangers.api(0).post("/pragmatic/balance.html", FORM, body.into_bytes()).await.is_ok()
    })
    .await;

    let trusting = world(&format!("{few}\nhttp.trusted_proxies = ['127.0.0.0/8']")).await;
    let _all = send_all(trusting.api(0), 12, &head(100)).await;
    assert_eq!(pragmatic::bet("ann", "b", "r", "1.00").send(trusting.api(0)).await.error, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_is_kept_between_two_calls_for_longer_than_a_head_may_take() {
    let world = world("http.header_timeout_ms = 300\nhttp.idle_timeout_ms = 60000").await;
    let body = pragmatic::balance("ann").body();
    let call = format!(
        "POST /pragmatic/balance.html HTTP/1.1\r\nhost: wallet\r\ncontent-type: {FORM}\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut wire = Wire::to(world.api(0)).await;
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_millis(800)).await;
        assert!(wire.send(&call).await);
        assert!(wire.until("\"error\"").await.contains("\"error\":0"));
    }
    // The rest of a head has no longer on an old connection than on a new one.
    assert!(wire.send(&call[..40]).await);
    assert_eq!(wire.rest().await, "");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_that_hangs_up_is_written_down_and_counted() {
    let world = world("").await;
    let hung_up = [("operation", "bet"), ("outcome", "abandoned")];
    let broken = [("operation", "bet"), ("outcome", "bad_request")];
    // In the middle of its body: nobody knows whose it is.
    let mut wire = Wire::to(world.api(0)).await;
    assert!(wire.send(head(100)).await);
    tokio::time::sleep(Duration::from_millis(200)).await;
    drop(wire);
    let node = &world.nodes[0];
    eventually("it is counted", async || node.metric("wallet_calls_total", &broken).await >= 1.0)
        .await;
    // While its bet waits for a lock: whose it is is known.
    let mut held = world.database.pool.acquire().await.expect("a connection");
    for sql in ["BEGIN", "SELECT FROM wallet WHERE player_id = 'ann' FOR UPDATE"] {
        sqlx::query(sql).execute(&mut *held).await.expect("a lock");
    }
    let body = pragmatic::bet("ann", "b-gone", "r", "1.00").body();
    let mut wire = Wire::to(world.api(0)).await;
    assert!(wire.send(head(body.len()) + &body).await);
    tokio::time::sleep(Duration::from_millis(200)).await;
    drop(wire);
    eventually("it is counted, too", async || {
        node.metric("wallet_calls_total", &hung_up).await >= 1.0
    })
    .await;
    sqlx::query("ROLLBACK").execute(&mut *held).await.expect("released");
    node.settled_log().await;
    let lines = node.log_lines();
    let of_bet = lines.iter().find(|line| line["tx_id"] == "b-gone").expect("a line");
    assert_eq!((&of_bet["outcome"], &of_bet["player"]), (&"abandoned".into(), &"ann".into()));
    assert!(of_bet["latency_us"].as_u64().expect("its time") > 0);
}

/// The node finds the end of the connection together with the request: nobody has looked at the call yet.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_that_hangs_up_with_its_last_byte_is_written_down_and_counted() {
    const CALLS: u32 = 100;
    let world = world("").await;
    for number in 0..CALLS {
        let body = pragmatic::bet("ann", &format!("b-{number}"), "r", "0.01").body();
        let mut wire = Wire::to(world.api(0)).await;
        assert!(wire.send(head(body.len()) + &body).await);
        drop(wire);
    }
    let node = &world.nodes[0];
    eventually("each is counted", async || {
        let mut counted = 0.0;
        for outcome in ["abandoned", "applied"] {
            let labels = [("operation", "bet"), ("outcome", outcome)];
            counted += node.metric("wallet_calls_total", &labels).await;
        }
        counted >= f64::from(CALLS)
    })
    .await;
    assert_eq!(node.metric("wallet_in_flight_calls", &[("provider", "pragmatic")]).await, 0.0);
    node.settled_log().await;
    let of_bets = node.log_lines().into_iter().filter(|line| line["operation"] == "bet").count();
    assert_eq!(u32::try_from(of_bets), Ok(CALLS));
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_refused_while_still_sending_hears_the_refusal() {
    let world = world("").await;
    let key = operator::KEY;
    let long = "x".repeat(3 << 20);
    let refused = [
        ("/operator/v1/players", "authorization: Bearer nobody\r\n", "401"),
        ("/operator/v1/nothing", &format!("authorization: Bearer {key}\r\n"), "404"),
        ("/nobody/bet.html", "", "404"),
        ("/pragmatic/nothing.html", "", "200"),
        ("/nothing", "", "404"),
    ];
    for (path, header, status) in refused {
        let mut wire = Wire::to(world.api(0)).await;
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: wallet\r\n{header}content-type: application/json\r\n\
             content-length: {}\r\n\r\n",
            long.len()
        );
        assert!(wire.send(head).await, "{path}");
        // More than is taken: it ends, but not before the reply.
        let _ = tokio::time::timeout(Duration::from_secs(30), wire.send(&long)).await;
        let said = wire.rest().await;
        assert!(said.starts_with(&format!("HTTP/1.1 {status}")), "{path}: {said:?}");
        assert!(said.contains("connection: close"), "{path}: {said}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_line_of_an_address_that_may_not_call_names_it() {
    let toml = "http.trusted_proxies = ['127.0.0.0/8']\nproviders.pragmatic.allow = ['10.0.0.0/8']";
    let world = world(toml).await;
    for (forwarded, code) in
        [("10.1.2.3:4711", 0), ("[::ffff:10.1.2.3]:80", 0), ("203.0.113.7:4711", 5), ("unknown", 5)]
    {
        let body = pragmatic::balance("ann").body();
        let mut wire = Wire::to(world.api(0)).await;
        let call = format!(
            "POST /pragmatic/balance.html HTTP/1.1\r\nhost: wallet\r\ncontent-type: {FORM}\r\n\
             x-forwarded-for: {forwarded}\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        assert!(wire.send(call).await);
        let said = wire.until("\"error\"").await;
        assert!(said.contains(&format!("\"error\":{code}")), "{forwarded}: {said}");
    }
    let node = &world.nodes[0];
    node.settled_log().await;
    let lines = node.log_lines();
    let refused = lines.iter().filter(|line| line["outcome"] == "address_not_allowed");
    let from: Vec<&str> = refused.filter_map(|line| line["detail"].as_str()).collect();
    assert_eq!(from, ["from 203.0.113.7", "from an address that cannot be read"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_of_the_log_that_falls_asleep_holds_nobody_up_and_what_it_missed_is_counted() {
    let mut world = World::tuned(0, "").await;
    world.bank.open("ann", "100.00").await;
    world.nodes.push(Node::piped(&world.setup("log.filter = 'trace'")).await);
    let node = &world.nodes[0];
    node.leave_log_unread();
    let dropped = async || node.metric("wallet_log_lines_dropped_total", &[]).await > 0.0;
    let mut bets = 0;
    while !dropped().await {
        for _ in 0..20 {
            let (bet, round) = (format!("b-{bets}"), format!("r-{bets}"));
            assert_eq!(pragmatic::bet("ann", &bet, &round, "0.01").send(&node.api).await.error, 0);
            bets += 1;
        }
        assert!(bets < 9_000, "nothing is dropped: is there no bound?");
    }
    for path in ["/livez", "/readyz"] {
        assert_eq!(node.ops.get(path).await.status, StatusCode::OK, "{path}");
    }
    assert!(!node.log().contains("lines were dropped"));
    node.read_log_on();
    eventually("the log says that it is not whole", async || {
        node.log().contains("lines were dropped")
    })
    .await;
}
