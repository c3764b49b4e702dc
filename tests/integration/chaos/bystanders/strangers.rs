//! Who has proven nothing, who reads too slowly, and who does not read at all.

use std::time::Duration;

use futures_util::future::join_all;
use seamless_wallet::grpc::proto::StreamTransactionsRequest;
use sqlx::AssertSqlSafe;
use tokio::time::sleep;
use tonic::Streaming;

use super::super::Intensity;
use super::measure::Measured;
use super::stand::{NODE, START, Stand, bystanders, world};
use crate::support::grpc::{self, keyed};
use crate::support::http::Wire;
use crate::support::node::{Node, merge};

const HEAD: &str = "POST /pragmatic/bet.html HTTP/1.1\r\nhost: wallet\r\n\
                    content-type: application/x-www-form-urlencoded\r\n";
/// What one connection with an unfinished head may cost, in KiB.
const KIB_EACH: u64 = 28;

/// Connections on which that much is said and no more.
async fn say(stand: &Stand, count: usize, bytes: &str) -> Vec<Wire> {
    let said = (0..count).map(|_| async {
        let mut wire = Wire::to(stand.node()).await;
        assert!(wire.send(bytes).await, "closed");
        wire
    });
    join_all(said).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heads_without_bodies_take_nobodys_place() {
    let how = Intensity::of_this_run();
    let places = how.pick("http.in_flight_max = 64", "");
    let mut stand = Stand::tuned(places).await;
    let count = how.pick(100, 2_100);
    let mut measured = Measured::of("2,100 headers without a body", how);
    stand.warm_up().await;
    for _ in 0..measured.turns() {
        measured.control(&mut stand.crowd).await;
        let body_to_come = format!("{HEAD}content-length: 200\r\n\r\n");
        let wires = say(&stand, count, &body_to_come).await;
        measured.beside_for(&mut stand.crowd, measured.slice()).await;
        drop(wires);
    }
    measured.others_in_time(1.0);
    measured.others_keep(0.9);
    let verdict = measured.end();
    stand.check().await;
    verdict.must_hold();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unfinished_heads_cost_little_and_hold_nobody_up() {
    let mut stand = Stand::tuned("http.header_timeout_ms = 60000").await;
    let mut measured = Measured::of("400 connections with unfinished headers", stand.how);
    stand.warm_up().await;
    let unfinished = format!("{HEAD}x-long: {}", "x".repeat(15_000));
    let mut each = 0;
    for _ in 0..measured.turns() {
        measured.control(&mut stand.crowd).await;
        let before = stand.world.nodes[0].memory_kib();
        let wires = say(&stand, 400, &unfinished).await;
        sleep(Duration::from_secs(1)).await;
        each = each.max(stand.world.nodes[0].memory_kib().saturating_sub(before) / 400);
        measured.beside_for(&mut stand.crowd, measured.slice()).await;
        drop(wires);
    }
    measured.demand(&format!("{each} KiB for each, of {KIB_EACH}"), each <= KIB_EACH);
    measured.others_in_time(1.0);
    measured.others_keep(0.9);
    let verdict = measured.end();
    stand.check().await;
    verdict.must_hold();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_nobody_reads_holds_nobody_up() {
    let how = Intensity::of_this_run();
    let (mut world, server) = world(0, "").await;
    // So that there is soon more of it than is kept.
    let setup = world.setup(NODE).with("log.filter = 'trace'");
    world.nodes.push(Node::piped(&setup).await);
    let crowd = bystanders(&world, how.pick(8, 32)).await;
    let mut stand = Stand::of(world, server, crowd);
    let mut measured = Measured::of("a reader of the log that has fallen asleep", how);
    stand.warm_up().await;
    measured.controls(&mut stand.crowd).await;
    stand.world.nodes[0].leave_log_unread();
    let mut unheard = 0.0;
    while unheard == 0.0 {
        stand.crowd.play(Duration::from_millis(500)).await;
        unheard = stand.world.nodes[0].metric("wallet_log_lines_dropped_total", &[]).await;
    }
    measured.besides(&mut stand.crowd).await;
    stand.world.nodes[0].read_log_on();
    measured.others_in_time(1.0);
    measured.others_keep(0.9);
    let verdict = measured.end();
    stand.check().await;
    verdict.must_hold();
}

/// A long ledger of one player's.
async fn fill(stand: &Stand, rows: usize) {
    let sql = format!(
        "INSERT INTO trx_log (provider, tx_id, player_id, transaction_id, kind, category, outcome,
             requested_micros, amount_micros, balance_after_micros, wallet_version, fingerprint,
             detail, created_at)
         SELECT 'arcade', 'long-' || n, 'long', gen_random_uuid(), 'credit', 'win', 'applied', 0, 0,
                w.balance_micros, w.version + n, 0, repeat('x', 500), now()
         FROM wallet w, generate_series(1, {rows}) n WHERE w.player_id = 'long';
         UPDATE wallet SET version = version + {rows} WHERE player_id = 'long';
         ANALYZE trx_log"
    );
    let pool = &stand.world.database.pool;
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(pool).await.expect("a long ledger");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_that_are_read_slowly_hold_nobody_up() {
    let mut table: toml::Table = grpc::CONFIG.parse().expect("TOML");
    merge(&mut table, "grpc.stream_ms = 120000");
    let mut stand = Stand::tuned(&toml::to_string(&table).expect("TOML")).await;
    stand.world.bank.open("long", START).await;
    fill(&stand, stand.how.pick(5_000, 50_000)).await;
    let mut measured = Measured::of("64 slow gRPC streams of a long ledger", stand.how);
    stand.warm_up().await;
    measured.controls(&mut stand.crowd).await;
    let mut streams: Vec<Streaming<_>> = Vec::new();
    for _ in 0..64 {
        let request = StreamTransactionsRequest { player_id: "long".into(), after_version: 0 };
        let mut client = grpc::client(&stand.world.nodes[0]).await;
        let stream = client.stream_transactions(keyed(request)).await.expect("a stream");
        streams.push(stream.into_inner());
    }
    // A row of each now and then.
    let reading = tokio::spawn(async move {
        loop {
            for stream in &mut streams {
                let row = stream.message().await.expect("a row");
                assert!(row.is_some(), "it is long");
                sleep(Duration::from_millis(5)).await;
            }
        }
    });
    measured.besides(&mut stand.crowd).await;
    let ready = stand.world.nodes[0].ops.get("/readyz").await.status;
    measured.demand("ready", ready.is_success());
    assert!(!reading.is_finished(), "the streams go on");
    reading.abort();
    measured.others_in_time(1.0);
    measured.others_keep(0.9);
    let verdict = measured.end();
    stand.check().await;
    verdict.must_hold();
}
