//! What somebody meets who sets a wallet up for the first time: configurations, keys, tokens, and
//! the mistakes that everybody makes once.

use std::io::Write as _;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use axum::http::Method;

use crate::support::node::program;
use crate::support::pragmatic;
use crate::support::process::Folder;
use crate::support::world::World;

fn deploy(file: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy").join(file)
}

/// The demo's configuration has everything that it needs.
fn demo(command: &mut Command) -> &mut Command {
    command.envs([
        ("DATABASE_URL", "postgres://wallet:S3CRET@127.0.0.1:1/wallet"),
        ("DEMO_PRAGMATIC_SECRET", "demo-pragmatic-secret"),
        ("DEMO_SOFTSWISS_TOKEN", "demo-softswiss-token"),
        ("DEMO_SPRIBE_SECRET", "demo-spribe-secret"),
        ("DEMO_EVOLUTION_TOKEN", "demo-evolution-token"),
        ("DEMO_ARCADE_KEY", "demo-arcade-key"),
    ])
}

fn said(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr))
}

#[test]
fn a_configuration_is_checked_without_anything_to_connect_to_and_shown_without_its_secrets() {
    let output = demo(program().args(["config", "check"]).arg(deploy("dev.toml"))).output();
    let output = output.expect("the program");
    let (shown, complained) = said(&output);
    assert!(output.status.success(), "{complained}");
    for risk in ["http.docs_demo", "operator.keys (demo)"] {
        assert!(complained.contains(risk), "{risk} is not in {complained}");
    }
    let table: toml::Table = shown.parse().expect("TOML");
    assert_eq!(table["database"]["lanes"].as_integer(), Some(1), "a default");
    assert_eq!(table["http"]["drain_ms"].as_integer(), Some(0), "of the file");
    let url = table["database"]["url"].as_str();
    assert_eq!(url, Some("postgres://wallet:(hidden)@127.0.0.1:1/wallet"), "of the environment");
    for secret in [
        "S3CRET",
        "demo-pragmatic-secret",
        "demo-softswiss-token",
        "demo-spribe-secret",
        "demo-operator-key",
    ] {
        assert!(!shown.contains(secret) && !complained.contains(secret), "{secret} is shown");
    }
}

#[test]
fn all_that_is_wrong_with_a_configuration_is_said_at_once() {
    let folder = Folder::new("wallet-first");
    let file = folder.path().join("wallet.toml");
    let text = "[http]\nlisen = \"x\"\n[database]\nlanes = 0\n\
        [providers.one]\nprotocol = \"pragmatick\"\nsecrets = [\"env:MISSING\"]\n";
    std::fs::write(&file, text).expect("a file");
    let output = program().args(["config", "check"]).arg(&file).output().expect("the program");
    let (shown, complained) = said(&output);
    assert_eq!((output.status.code(), shown.as_str()), (Some(1), ""));
    for part in ["lisen", "database.lanes", "database.url", "MISSING", "there are pragmatic"] {
        assert!(complained.contains(part), "{part} is not in {complained}");
    }
}

#[test]
fn a_port_that_is_taken_is_named_with_what_to_do_about_it() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("its address").port().to_string();
    // One that takes no notice would serve on.
    let mut command = Command::new("timeout");
    command.arg("60").arg(env!("CARGO_BIN_EXE_wallet")).env("PORT", &port);
    command.arg("serve").arg("--config").arg(deploy("dev.toml"));
    let (_, complained) = said(&demo(&mut command).output().expect("the program"));
    assert!(complained.contains(&port) && complained.contains("PORT"), "{complained}");
}

#[test]
fn a_database_that_is_not_there_is_said_to_be_so_and_its_password_is_not() {
    let mut command = program();
    command.arg("migrate").arg("--config").arg(deploy("dev.toml"));
    let output = demo(&mut command).output().expect("the program");
    let (_, complained) = said(&output);
    assert!(!output.status.success());
    assert!(complained.contains("is it running"), "{complained}");
    assert!(!complained.contains("S3CRET"), "{complained}");
}

#[test]
fn the_hash_of_a_key_needs_no_other_program() {
    let mut command = program();
    let child = command.args(["key", "hash"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut child = child.expect("the program");
    child.stdin.take().expect("its input").write_all(b"demo-operator-key\n").expect("room");
    let (hash, _) = said(&child.wait_with_output().expect("its end"));
    let known = std::fs::read_to_string(deploy("dev.toml")).expect("dev.toml");
    assert!(known.contains(&format!("sha256 = \"{}\"", hash.trim())), "{hash}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_launch_token_by_hand_opens_a_game() {
    let world = World::with_nodes(1).await;
    world.bank.open("ann", "10.00").await;
    let issue = |player: &'static str, provider: &'static str| {
        let setup = world.setup("");
        async move { setup.run(&["token", "--player", player, "--provider", provider]).await }
    };
    let (token, complained) = said(&issue("ann", "pragmatic").await);
    let reply = pragmatic::authenticate(token.trim()).send(world.api(0)).await;
    assert_eq!(reply.error, 0, "{complained}");
    let (token, complained) = said(&issue("Ann", "pragmatic").await);
    assert!(token.is_empty() && complained.contains("no player `Ann`"), "{complained}");
    let (token, complained) = said(&issue("ann", "pragmatick").await);
    assert!(token.is_empty() && complained.contains("there are"), "{complained}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_says_what_to_do_about_a_call_that_is_not_believed_and_nothing_of_one_that_went_well()
 {
    let world = World::with_nodes(1).await;
    world.bank.open("ann", "10.00").await;
    let (node, api) = (&world.nodes[0], world.api(0));
    pragmatic::balance("ann").send(api).await;
    pragmatic::balance("nobody").send(api).await;
    let body = b"providerId=PragmaticPlay&userId=ann&hash=00".to_vec();
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let path = "/pragmatic/balance.html";
    api.send(Method::POST, path, &form, body).await.expect("a reply");
    api.get("/pragmatick/balance.html").await;
    node.settled_log().await;
    let advice = |outcome: &str| {
        let line = node.log_lines().into_iter().find(|line| line["outcome"] == outcome);
        line.unwrap_or_else(|| panic!("no line says {outcome}"))["advice"].clone()
    };
    for outcome in ["bad_signature", "player_unknown", "unknown_provider"] {
        assert!(advice(outcome).is_string(), "{outcome}");
    }
    assert!(advice("ok").is_null());
}
