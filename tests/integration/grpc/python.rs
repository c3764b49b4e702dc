//! A client that is not ours: Python's `grpcio`, which learns the service from reflection.

use std::process::Command;

use super::arcade;
use crate::support::grpc::{CLIENT, KEY};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_is_not_ours_plays_a_round() {
    // Set by deploy/local/test.sh, where it could be installed.
    let Some(python) = std::env::var_os("WALLET_TEST_PYTHON") else {
        eprintln!("SKIPPED: there is no Python with grpcio here (see deploy/local/test.sh)");
        return;
    };
    let (world, _) = arcade().await;
    world.bank.session("token", "ann", CLIENT, 60).await;
    let address = world.nodes[0].grpc.expect("gRPC").to_string();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/integration/grpc/client.py");
    let mut command = Command::new(python);
    command.arg(script).args([&address, KEY]);
    let run = tokio::task::spawn_blocking(move || command.output()).await;
    let output = run.expect("it ends").expect("Python");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert_eq!(world.balance("ann").await, 10_150);
    world.check().await;
}
