//! Thousands of connections on which nothing is said, and clients that never finish a header.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::Intensity;
use super::stage::{NODE, Stage};
use crate::support::http::Endpoint;
use crate::support::node::Node;
use crate::support::pragmatic;
use crate::support::traffic::IN_TIME;
use crate::support::world::World;

/// What one idle connection may cost a node, in KiB. It costs about 7 in a debug build.
const KIB_EACH: u64 = 32;
/// Connections that are opened at the same time.
const AT_ONCE: usize = 200;

/// How many files this process may have open.
fn files_max() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").expect("the limits");
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    let soft = line.and_then(|line| line.split_whitespace().next()).expect("a limit");
    soft.parse().unwrap_or(usize::MAX)
}

async fn connect(to: &Endpoint, count: usize) -> Vec<TcpStream> {
    let mut open = Vec::with_capacity(count);
    while open.len() < count {
        let more = AT_ONCE.min(count - open.len());
        let streams = join_all((0..more).map(|_| TcpStream::connect(to.address))).await;
        open.extend(streams.into_iter().map(|stream| stream.expect("a connection")));
    }
    open
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thousands_of_idle_connections() {
    let how = Intensity::of_this_run();
    let wanted = how.pick(1_000, 10_000);
    // The other tests of this process need some, too.
    let count = wanted.min(files_max().saturating_sub(800));
    if count < wanted {
        eprintln!("only {count} of {wanted} idle connections: `ulimit -n` is {}", files_max());
    }
    let many = format!("http.connections_per_address_max = 20000\n{NODE}");
    let stage = Stage::set(World::tuned(2, &many).await, how).await;
    stage.rounds(20).await;
    let node = &stage.world.nodes[0];
    let before = node.memory_kib();
    let mut idle = connect(&node.api, count).await;
    stage.rounds(40).await;
    let each = node.memory_kib().saturating_sub(before) / u64::try_from(count.max(1)).expect("few");
    assert!(each < KIB_EACH, "{each} KiB for each idle connection");
    // They are served when they say something at last.
    let body = pragmatic::balance("waiting").body();
    for stream in idle.iter_mut().step_by(97) {
        let head = "POST /pragmatic/balance.html HTTP/1.1\r\nhost: wallet\r\nconnection: close\r\n\
                    content-type: application/x-www-form-urlencoded\r\n";
        let call = format!("{head}content-length: {}\r\n\r\n{body}", body.len());
        stream.write_all(call.as_bytes()).await.expect("an open connection");
        let mut reply = String::new();
        stream.read_to_string(&mut reply).await.expect("a reply");
        assert!(reply.contains("\"error\":0"), "{reply}");
    }
    drop(idle);
    stage.rounds(20).await;
    let ended = stage.end().await;
    assert_eq!((ended.tally.unanswered, ended.tally.put_off), (0, 0), "nobody has to ask twice");
    assert!(ended.tally.slowest < IN_TIME, "{:?}", ended.tally.slowest);
    let done = format!("{count} connections to one node on which nothing is sent");
    let result = format!("no caller notices; {each} KiB of the node's memory for each");
    ended.report("idle connections", &done, &result);
}

/// Sends a header, a byte at a time, until it is cut off.
async fn dawdle(node: Endpoint) {
    let mut stream = TcpStream::connect(node.address).await.expect("a connection");
    let head = "POST /pragmatic/bet.html HTTP/1.1\r\nx-endless: ".bytes();
    for byte in head.chain(std::iter::repeat(b'a')) {
        if stream.write_all(&[byte]).await.is_err() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_send_their_headers_a_byte_at_a_time() {
    let how = Intensity::of_this_run();
    let mut world = World::tuned(0, "").await;
    for _ in 0..2 {
        // Longer than the providers keep a connection that they do not use.
        let setup = world.setup(NODE).with("http.header_timeout_ms = 2500");
        world.nodes.push(Node::start(&setup).await);
    }
    let stage = Stage::set(world, how).await;
    let count = how.pick(100, 1_000);
    let times = how.pick(1, 4);
    for _ in 0..times {
        let slow = join_all((0..count).map(|turn| dawdle(stage.world.api(turn).clone())));
        let cut_off = tokio::time::timeout(Duration::from_secs(30), slow).await;
        assert!(cut_off.is_ok(), "somebody may dawdle for ever");
    }
    stage.rounds(20).await;
    let ended = stage.end().await;
    assert_eq!((ended.tally.unanswered, ended.tally.put_off), (0, 0), "nobody has to ask twice");
    assert!(ended.tally.slowest < IN_TIME, "{:?}", ended.tally.slowest);
    let done = format!("{times} times {count} clients that send their headers a byte at a time");
    ended.report(
        "slow headers",
        &done,
        "all cut off after the time for headers; no caller notices",
    );
}
