//! PostgreSQL's disk is full.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use sqlx::ConnectOptions as _;

use super::Intensity;
use super::stage::{Stage, eventually};
use crate::support::postgres_server::PostgresServer;
use crate::support::process::Folder;
use crate::support::traffic::IN_TIME;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_with_a_full_disk() {
    let how = Intensity::of_this_run();
    let mut server = PostgresServer::start_with(|folder| {
        let text = |path: &Path| path.display().to_string();
        vec![
            ("LD_PRELOAD".to_owned(), text(&full_disk())),
            ("FULL_DISK".to_owned(), text(&folder.join("full"))),
        ]
    })
    .await;
    let flag = server.folder().join("full");
    let stage = Stage::on(&server, how).await;
    let times = how.pick(1, 5);
    for number in 0..times {
        stage.just(30).await;
        let before = server.log().matches("No space left").count();
        std::fs::write(&flag, "").expect("a file");
        if number % 2 == 1 {
            // The log of transactions needs a new file: PostgreSQL gives up altogether.
            let mut boss = server.options().connect().await.expect("a connection");
            let _ = sqlx::query("SELECT pg_switch_wal()").execute(&mut boss).await;
        }
        eventually("PostgreSQL finds its disk full", async || {
            server.log().matches("No space left").count() > before
        })
        .await;
        tokio::time::sleep(Duration::from_millis(how.pick(2_000, 4_000))).await;
        std::fs::remove_file(&flag).expect("it is there");
        if !server.is_there() {
            server.start_again().await;
        }
    }
    stage.rounds(30).await;
    let ended = stage.end().await;
    assert_eq!(ended.tally.unanswered, 0);
    assert!(ended.tally.slowest < IN_TIME, "{:?}", ended.tally.slowest);
    assert!(ended.tally.put_off > 0, "nobody noticed");
    let done = format!(
        "{times} times no file of PostgreSQL's can grow (ENOSPC from a library loaded into it) for \
         {} s{}",
        how.pick(2, 4),
        how.pick("", ", every second time nor can its write-ahead log")
    );
    ended.report("PostgreSQL's disk full", &done, "told to try again; goes on when there is room");
}

/// The library of `support/full_disk.c`, compiled once. Who runs these tests has a C compiler:
/// Rust links with it.
fn full_disk() -> PathBuf {
    static MADE: OnceLock<(Folder, PathBuf)> = OnceLock::new();
    let (_, library) = MADE.get_or_init(|| {
        let folder = Folder::new("wallet-full-disk");
        let library = folder.path().join("full_disk.so");
        let source = Path::new(env!("CARGO_MANIFEST_DIR"));
        let source = source.join("tests/integration/support/full_disk.c");
        let mut cc = Command::new("cc");
        cc.args(["-O1", "-shared", "-fPIC", "-o"]).arg(&library).arg(source).arg("-ldl");
        let output = cc.output().expect("cc");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        (folder, library)
    });
    library.clone()
}
