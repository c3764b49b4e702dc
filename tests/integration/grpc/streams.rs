//! A player's transactions as a stream.

use std::time::{Duration, Instant};

use seamless_wallet::grpc::proto::{
    Category, EntryOutcome, Kind, Reason, Reversible, StreamTransactionsRequest, Transaction,
};
use tonic::Code;

use super::{arcade, tuned};
use crate::support::grpc::{
    Client, OTHER_KEY, assert_refused, command, credit, debit, execute, keyed, keyed_with, reverse,
};
use crate::support::patience::PATIENCE;
use crate::support::world::World;

async fn all(client: &mut Client, after_version: i64) -> Vec<Transaction> {
    let request = StreamTransactionsRequest { player_id: "ann".to_owned(), after_version };
    let mut stream =
        client.stream_transactions(keyed(request)).await.expect("a stream").into_inner();
    let mut all = Vec::new();
    while let Some(transaction) = stream.message().await.expect("a transaction") {
        all.push(transaction);
    }
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_tells_everything_in_order_and_goes_on_where_it_broke_off() {
    let (world, mut client) = arcade().await;
    // More than two pages.
    for chunk in 0..20 {
        let movements = (0..60).map(|n| debit(&format!("b{chunk}-{n}"), 1)).collect();
        execute(&mut client, command("ann", movements)).await;
    }
    let whole = all(&mut client, 0).await;
    let versions: Vec<i64> = whole.iter().map(|transaction| transaction.version).collect();
    assert_eq!(versions, (2..=1201).collect::<Vec<i64>>(), "the first is the operator's deposit");
    assert_eq!(whole[0].tx_id, "b0-0");
    assert_eq!(all(&mut client, 1191).await, whole[1190..]);
    assert_eq!(all(&mut client, 1201).await, []);

    // Broken off after a few: nothing is left behind, and what follows is whole.
    let request = StreamTransactionsRequest { player_id: "ann".into(), after_version: 0 };
    let mut stream =
        client.stream_transactions(keyed(request)).await.expect("a stream").into_inner();
    let mut last = 0;
    for _ in 0..7 {
        last = stream.message().await.expect("one").expect("more").version;
    }
    drop(stream);
    assert_eq!(all(&mut client, last).await, whole[7..]);
    world.check().await;
}

/// Adds so many rows to Ann's ledger, as if she had won that often.
async fn fill(world: &World, rows: i64) {
    let sql = "WITH added AS (
                   UPDATE wallet SET balance_micros = balance_micros + 10000 * $1::bigint,
                       version = version + $1 WHERE player_id = 'ann' RETURNING *)
               INSERT INTO trx_log (provider, tx_id, player_id, transaction_id, kind, category,
                   outcome, requested_micros, amount_micros, balance_after_micros, wallet_version,
                   round_id, fingerprint, detail, created_at)
               SELECT 'arcade', 'w-' || i, player_id, gen_random_uuid(), 'credit', 'win',
                   'applied', 10000, 10000, balance_micros - 10000 * ($1 - i),
                   version - $1 + i, 'r-' || i, i, repeat('x', 200), now()
               FROM added, generate_series(1, $1::bigint) i";
    let done = sqlx::query(sql).bind(rows).execute(&world.database.pool).await;
    done.expect("a ledger");
}

/// Waits until the database holds nothing back for a stream that is not read.
async fn until_nothing_is_held(world: &World) {
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
               AND application_name = 'seamless-wallet-back-office' AND state = 'active'";
    let started = Instant::now();
    loop {
        let count: i64 =
            sqlx::query_scalar(sql).fetch_one(&world.database.pool).await.expect("a count");
        if count == 0 {
            return;
        }
        assert!(started.elapsed() < PATIENCE, "{count} statements go on");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_ledger_comes_whole_and_a_caller_who_stops_reading_holds_no_connection() {
    let (world, mut client) = arcade().await;
    let rows = 20_000;
    fill(&world, rows).await;
    let mut other = client.clone();
    let request = StreamTransactionsRequest { player_id: "ann".into(), after_version: 0 };
    let mut slow = client.stream_transactions(keyed(request)).await.expect("a stream").into_inner();
    let mut versions = Vec::new();
    // Beyond what the first page and all buffers hold.
    while versions.len() < 2000 {
        versions.push(slow.message().await.expect("one").expect("more").version);
    }
    // Longer than a caller is waited for with a statement open.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    until_nothing_is_held(&world).await;
    // Another one comes meanwhile, and keeps up.
    let whole = all(&mut other, 0).await;
    assert!(whole.iter().map(|transaction| transaction.version).eq(2..=rows + 1));
    while let Some(transaction) = slow.message().await.expect("a transaction") {
        versions.push(transaction.version);
    }
    assert!(versions.into_iter().eq(2..=rows + 1), "nothing is left out and nothing comes twice");
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_says_what_the_ledger_says_and_is_its_own_clients_alone() {
    let (world, mut client) = arcade().await;
    execute(&mut client, command("ann", vec![debit("b", 1000)])).await;
    execute(&mut client, command("ann", vec![credit("w", 300)])).await;
    execute(&mut client, command("ann", vec![reverse("x", "b", Reversible::Debit)])).await;
    let theirs = keyed_with(command("ann", vec![debit("b", 100)]), OTHER_KEY);
    client.execute(theirs).await.expect("a reply");
    execute(&mut client, command("ann", vec![debit("too much", 90_000)])).await;
    let [bet, win, undo, refused] = <[Transaction; 4]>::try_from(all(&mut client, 0).await)
        .unwrap_or_else(|other| panic!("{other:?}"));
    assert_eq!((bet.kind(), bet.category(), bet.version), (Kind::Debit, Category::Bet, 2));
    assert_eq!(
        (win.kind(), win.category(), win.requested_micros),
        (Kind::Credit, Category::Win, 3_000_000)
    );
    assert_eq!((undo.kind(), undo.reason()), (Kind::Reverse, Reason::SettledBefore));
    assert_eq!((undo.reverses.as_str(), undo.round_id.as_str(), undo.version), ("b", "r", 4));
    let entry = undo.entry.expect("an entry");
    assert_eq!(entry.outcome(), EntryOutcome::Applied);
    assert_eq!((entry.amount_micros, entry.balance_after_micros), (10_000_000, Some(103_000_000)));
    assert_eq!((refused.reason(), refused.version), (Reason::InsufficientFunds, 6));
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_of_nobody_is_refused_and_one_that_takes_too_long_ends() {
    let (_world, mut client) = tuned("grpc.stream_ms = 1").await;
    let nobody = StreamTransactionsRequest { player_id: "nobody".into(), after_version: 0 };
    let replied = client.stream_transactions(keyed(nobody)).await;
    // With a single millisecond either comes first.
    let status = replied.expect_err("a refusal");
    assert!(matches!(status.code(), Code::NotFound | Code::DeadlineExceeded), "{status}");
    let (_world, mut client) = arcade().await;
    let nobody = StreamTransactionsRequest { player_id: "nobody".into(), after_version: 0 };
    let replied = client.stream_transactions(keyed(nobody)).await;
    assert_refused(replied, Code::NotFound, "PLAYER_UNKNOWN");
    let before_all = StreamTransactionsRequest { player_id: "ann".into(), after_version: -1 };
    let replied = client.stream_transactions(keyed(before_all)).await;
    assert_refused(replied, Code::InvalidArgument, "BAD_REQUEST");
}
