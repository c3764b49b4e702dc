//! Deadlines, overload, a caller that goes away, and the end of a node.

use std::time::Duration;

use axum::http;
use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message as _;
use seamless_wallet::grpc::proto::{ExecuteRequest, Outcome, StreamTransactionsRequest};
use sqlx::{Connection, PgConnection};
use tokio::net::TcpStream;
use tonic::Code;
use tonic_types::StatusExt;

use super::{arcade, tuned};
use crate::support::grpc::{
    Executed, KEY, assert_refused, client, command, debit, execute, keyed, within,
};
use crate::support::world::World;

/// A transaction that nobody gets past at Ann's wallet.
async fn hold_up(world: &World) -> PgConnection {
    let mut connection = PgConnection::connect(&world.database.url()).await.expect("a connection");
    for sql in ["BEGIN", "SELECT 1 FROM wallet WHERE player_id = 'ann' FOR UPDATE"] {
        sqlx::query(sql).execute(&mut connection).await.expect("a lock");
    }
    connection
}

/// The status of a call whose caller does not look at the clock, as the generated client does.
async fn grpc_status(world: &World, bet: &ExecuteRequest, timeout: &str) -> String {
    let address = world.nodes[0].grpc.expect("gRPC");
    let stream = TokioIo::new(TcpStream::connect(address).await.expect("a connection"));
    let (mut sender, connection) =
        http2::handshake(TokioExecutor::new(), stream).await.expect("HTTP/2");
    tokio::spawn(connection);
    let mut message = vec![0];
    message.extend(u32::try_from(bet.encoded_len()).expect("short").to_be_bytes());
    bet.encode(&mut message).expect("a vector grows");
    let request = http::Request::post(format!("http://{address}/wallet.v1.WalletService/Execute"))
        .header("content-type", "application/grpc")
        .header("authorization", format!("Bearer {KEY}"))
        .header("grpc-timeout", timeout)
        .body(Full::<Bytes>::from(message))
        .expect("a request");
    let response = sender.send_request(request).await.expect("a reply");
    let status = response.headers().get("grpc-status").expect("a status");
    status.to_str().expect("text").to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_ends_with_the_callers_own_deadline_and_its_repeat_finds_what_came_of_it() {
    let (world, mut client) = arcade().await;
    let lock = hold_up(&world).await;
    let bet = command("ann", vec![debit("b", 100)]);
    assert_eq!(grpc_status(&world, &bet, "150m").await, "4");
    let ended = [("operation", "execute"), ("outcome", "timeout")];
    assert_eq!(world.nodes[0].metric("wallet_calls_total", &ended).await, 1.0);
    lock.close().await.expect("the end of the lock");
    let done = execute(&mut client, bet).await;
    assert_eq!(done.cents(), 9900);
    assert!(matches!(done.first().outcome(), Outcome::Applied | Outcome::Replayed));
    world.check().await;

    let odd = command("ann", vec![debit("b2", 100)]);
    assert_eq!(grpc_status(&world, &odd, "soon").await, "3");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_call_takes_longer_than_its_client_may_however_long_the_caller_would_wait() {
    let (world, mut client) = tuned("providers.arcade.deadline_ms = 200").await;
    let lock = hold_up(&world).await;
    let bet = command("ann", vec![debit("b", 100)]);
    let replied = client.execute(within(bet, Duration::from_secs(60))).await;
    let status = assert_refused(replied, Code::DeadlineExceeded, "TIMEOUT");
    let retry = status.get_error_details().retry_info().expect("a time").retry_delay;
    assert_eq!(retry, Some(Duration::from_secs(1)));
    drop(lock);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_call_too_many_is_told_when_to_come_again_and_a_caller_that_leaves_gives_its_place_back()
 {
    let (world, mut client) = tuned("providers.arcade.in_flight_max = 1").await;
    let lock = hold_up(&world).await;
    let mut first = client.clone();
    let slow =
        tokio::spawn(
            async move { first.execute(keyed(command("ann", vec![debit("b", 100)]))).await },
        );
    let node = &world.nodes[0];
    while node.metric("wallet_in_flight_calls", &[("provider", "arcade")]).await < 1.0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let replied = client.execute(keyed(command("ann", vec![debit("b2", 100)]))).await;
    let status = assert_refused(replied, Code::ResourceExhausted, "BUSY");
    assert!(status.get_error_details().retry_info().is_some(), "{status:?}");
    slow.abort();
    while node.metric("wallet_in_flight_calls", &[("provider", "arcade")]).await > 0.0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    lock.close().await.expect("the end of the lock");
    let done = execute(&mut client, command("ann", vec![debit("b2", 100)])).await;
    assert_eq!(done.first().outcome(), Outcome::Applied);
    // The one that nobody waited for was executed to its end all the same.
    let again = execute(&mut client, command("ann", vec![debit("b", 100)])).await;
    assert_eq!((again.first().outcome(), again.cents()), (Outcome::Replayed, 9800));
    let left = [("operation", "execute"), ("outcome", "abandoned")];
    assert_eq!(node.metric("wallet_calls_total", &left).await, 1.0);
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_ends_finishes_the_calls_in_progress() {
    let (world, mut caller) = arcade().await;
    let lock = hold_up(&world).await;
    let mut first = caller.clone();
    let slow =
        tokio::spawn(
            async move { first.execute(keyed(command("ann", vec![debit("b", 100)]))).await },
        );
    let node = &world.nodes[0];
    while node.metric("wallet_in_flight_calls", &[("provider", "arcade")]).await < 1.0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let (ended, done) = tokio::join!(node.stop(), async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        lock.close().await.expect("the end of the lock");
        slow.await.expect("a task").expect("a reply").into_inner()
    });
    assert!(ended.success());
    assert_eq!((done.first().outcome(), done.cents()), (Outcome::Applied, 9900));
    let gone = caller.execute(keyed(command("ann", vec![debit("b2", 100)]))).await;
    assert_eq!(gone.expect_err("nobody is there").code(), Code::Unavailable);
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_nobody_reads_waits_for_its_reader_and_ends_when_its_time_is_over() {
    let (world, mut caller) = tuned("grpc.stream_ms = 1000").await;
    for chunk in 0..60 {
        let long = (0..60).map(|n| {
            let mut bet = debit(&format!("b{chunk}-{n}"), 1);
            bet.detail = "x".repeat(500);
            bet
        });
        execute(&mut caller, command("ann", long.collect())).await;
    }
    let request = StreamTransactionsRequest { player_id: "ann".into(), after_version: 0 };
    let mut unread = client(&world.nodes[0]).await;
    let replied = unread.stream_transactions(keyed(request)).await.expect("a stream");
    // Two million bytes do not fit between the two.
    let busy = [("provider", "arcade")];
    let node = &world.nodes[0];
    assert_eq!(node.metric("wallet_in_flight_calls", &busy).await, 1.0);
    while node.metric("wallet_in_flight_calls", &busy).await > 0.0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let mut stream = replied.into_inner();
    let mut last = 1;
    let end = loop {
        match stream.message().await {
            Ok(Some(transaction)) => {
                assert_eq!(transaction.version, last + 1, "nothing is left out");
                last = transaction.version;
            }
            Ok(None) => panic!("it says that {last} was the last"),
            Err(status) => break status,
        }
    };
    assert_eq!(end.code(), Code::DeadlineExceeded, "{end}");
    assert!((2..3601).contains(&last), "{last} were on their way");
    let ended = [("operation", "stream_transactions"), ("outcome", "timeout")];
    assert_eq!(node.metric("wallet_calls_total", &ended).await, 1.0);
}
