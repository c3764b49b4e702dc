//! Many commands in one call: each decided by itself, all committed together.

use seamless_wallet::grpc::proto::batch_result::Result as Item;
use seamless_wallet::grpc::proto::{BatchExecuteRequest, Outcome, Reason};
use tonic::Code;

use super::{arcade, tuned};
use crate::support::grpc::{Executed, assert_refused, command, debit, keyed};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_command_of_a_batch_has_a_result_of_its_own() {
    let (world, mut client) = arcade().await;
    world.bank.open("bob", "1.00").await;
    let commands = vec![
        command("ann", vec![debit("a", 100)]),
        command("bob", vec![debit("b", 500)]),
        command("nobody", vec![debit("c", 100)]),
        command("ann", vec![debit("", -1)]),
        command("bob", vec![debit("d", 100)]),
    ];
    let request = BatchExecuteRequest { commands };
    let results = client.batch_execute(keyed(request.clone())).await.expect("results");
    let results: Vec<Item> =
        results.into_inner().results.into_iter().filter_map(|result| result.result).collect();
    let [Item::Response(a), Item::Response(b), Item::Error(c), Item::Error(bad), Item::Response(d)] =
        results.as_slice()
    else {
        panic!("{results:?}");
    };
    assert_eq!((a.first().outcome(), a.cents()), (Outcome::Applied, 9900));
    assert_eq!(b.refused(), Reason::InsufficientFunds);
    assert_eq!((c.code, c.reason.as_str()), (i32::from(Code::NotFound), "PLAYER_UNKNOWN"));
    assert_eq!((bad.code, bad.retry), (i32::from(Code::InvalidArgument), false));
    let fields: Vec<&str> = bad.violations.iter().map(|v| v.field.as_str()).collect();
    assert_eq!(fields, ["movements[0].tx_id", "movements[0].debit.amount_micros"]);
    assert_eq!((d.first().outcome(), d.cents()), (Outcome::Applied, 0));

    let again = client.batch_execute(keyed(request)).await.expect("results").into_inner();
    let Some(Item::Response(again)) = &again.results[0].result else { panic!("{again:?}") };
    assert_eq!(again.first().outcome(), Outcome::Replayed);
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_is_committed_in_fewer_commits_than_it_has_commands() {
    let (world, mut client) = arcade().await;
    for player in 0..50 {
        world.bank.open(&format!("p{player}"), "10.00").await;
    }
    let commands =
        (0..50).map(|n| command(&format!("p{n}"), vec![debit(&format!("b{n}"), 100)])).collect();
    let results = client.batch_execute(keyed(BatchExecuteRequest { commands })).await;
    for result in results.expect("results").into_inner().results {
        let Some(Item::Response(response)) = result.result else { panic!("{result:?}") };
        assert_eq!((response.first().outcome(), response.cents()), (Outcome::Applied, 900));
    }
    let node = &world.nodes[0];
    assert!(node.metric("wallet_batch_size_sum", &[]).await >= 50.0);
    assert!(node.metric("wallet_batch_size_count", &[]).await <= 25.0);
    let counted = [("operation", "batch_execute"), ("outcome", "applied")];
    assert_eq!(node.metric("wallet_calls_total", &counted).await, 50.0);
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_has_a_limit_and_counts_as_many_calls_as_it_has_commands() {
    let toml = "grpc.batch_max = 3\nproviders.arcade.in_flight_max = 2";
    let (world, mut client) = tuned(toml).await;
    let mut batch = async |count: usize| {
        let commands = (0..count).map(|n| command("ann", vec![debit(&format!("b{n}"), 100)]));
        client.batch_execute(keyed(BatchExecuteRequest { commands: commands.collect() })).await
    };
    for count in [0, 4] {
        let replied = batch(count).await;
        assert_refused(replied, Code::InvalidArgument, "BAD_REQUEST");
    }
    let replied = batch(3).await;
    assert_refused(replied, Code::ResourceExhausted, "BUSY");
    // And the places are given back.
    for _ in 0..3 {
        batch(2).await.expect("results");
    }
    assert_eq!(world.balance("ann").await, 9800);
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_that_is_late_keeps_no_result_from_the_others_of_its_batch() {
    let (world, mut client) = tuned("providers.arcade.deadline_ms = 1500").await;
    world.bank.open("bob", "1.00").await;
    let mut lock = world.database.pool.begin().await.expect("a transaction");
    let sql = "SELECT 1 FROM wallet WHERE player_id = 'ann' FOR UPDATE";
    sqlx::query(sql).execute(&mut *lock).await.expect("a lock");
    let commands =
        vec![command("ann", vec![debit("a", 100)]), command("bob", vec![debit("b", 100)])];
    let results = client.batch_execute(keyed(BatchExecuteRequest { commands })).await;
    let results = results.expect("results").into_inner().results;
    let [Some(Item::Error(ann)), Some(Item::Response(bob))] =
        [&results[0].result, &results[1].result]
    else {
        panic!("{results:?}");
    };
    assert!(ann.retry, "{ann:?}");
    assert_eq!((bob.first().outcome(), bob.cents()), (Outcome::Applied, 0));
    lock.rollback().await.expect("the end of the lock");
}
