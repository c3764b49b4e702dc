//! A client that is not ours: Python's `grpcio`, which learns the service from reflection, or from
//! the proto.

use std::ffi::OsString;
use std::process::{Command, Output};

use super::arcade;
use crate::support::grpc::{CLIENT, KEY};
use crate::support::process::Folder;

/// Set by deploy/local/test.sh, where it could be installed.
fn python() -> Option<OsString> {
    let python = std::env::var_os("WALLET_TEST_PYTHON");
    if python.is_none() {
        eprintln!("SKIPPED: there is no Python with grpcio here (see deploy/local/test.sh)");
    }
    python
}

async fn run(mut command: Command) -> Output {
    let run = tokio::task::spawn_blocking(move || command.output()).await;
    let output = run.expect("it ends").expect("Python");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    output
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_is_not_ours_plays_a_round() {
    let Some(python) = python() else { return };
    let (world, _) = arcade().await;
    world.bank.session("token", "ann", CLIENT, 60).await;
    let address = world.nodes[0].grpc.expect("gRPC").to_string();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/integration/grpc/client.py");
    let mut command = Command::new(python);
    command.arg(script).args([&address, KEY]);
    run(command).await;
    assert_eq!(world.balance("ann").await, 10_150);
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_client_of_the_readme_works_as_it_stands() {
    let Some(python) = python() else { return };
    let (world, _) = arcade().await;
    world.bank.session("demo-arcade-token", "ann", CLIENT, 60).await;
    let text = include_str!("../../../src/providers/grpc/README.md");
    let script = text.split("```python\n").nth(1).and_then(|rest| rest.split("```").next());
    let address = world.nodes[0].grpc.expect("gRPC").to_string();
    let script = script.expect("a client").replace("127.0.0.1:8081", &address);
    let folder = Folder::new("wallet-python");
    std::fs::write(folder.path().join("client.py"), script.replace("demo-arcade-key", KEY))
        .expect("a script");
    let python = |arguments: &[&str]| {
        let mut command = Command::new(&python);
        command.args(arguments).current_dir(folder.path());
        command
    };
    let source = concat!("-I", env!("CARGO_MANIFEST_DIR"), "/src/grpc");
    let here = ["--python_out=.", "--grpc_python_out=."];
    run(python(&["-m", "grpc_tools.protoc", source, here[0], here[1], "wallet.proto"])).await;
    let output = run(python(&["client.py"])).await;
    let said = String::from_utf8(output.stdout).expect("UTF-8");
    let outcomes: Vec<&str> =
        said.split('\'').filter(|word| word.starts_with("OUTCOME_")).collect();
    assert_eq!(outcomes, ["OUTCOME_APPLIED", "OUTCOME_REPLAYED", "OUTCOME_APPLIED"], "{said}");
    let ledger: Vec<&str> =
        said.lines().skip(3).filter_map(|line| line.split(' ').nth(2)).collect();
    assert_eq!(ledger, ["-1500000", "4200000"], "{said}");
    assert_eq!(world.balance("ann").await, 10_270);
    world.check().await;
}
