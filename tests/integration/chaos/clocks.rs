//! The clock of one of two nodes jumps by an hour. What runs by a stopwatch (deadlines, pauses)
//! is not what jumps; the time of day is.

use std::path::{Path, PathBuf};

use super::Intensity;
use super::stage::{NODE, Stage};
use crate::support::node::{Node, Setup};
use crate::support::process::Folder;
use crate::support::traffic::IN_TIME;
use crate::support::world::World;

/// Debian's libfaketime, wherever its packages put it on this machine.
fn library() -> Option<PathBuf> {
    let folders = std::fs::read_dir("/usr/lib").ok()?;
    let paths =
        folders.filter_map(|entry| Some(entry.ok()?.path().join("faketime/libfaketimeMT.so.1")));
    paths.into_iter().find(|path| path.exists())
}

/// A node whose clock is off by what stands in a file.
fn off_by(setup: Setup, library: &Path, file: &Path) -> Setup {
    setup
        .with_variable("LD_PRELOAD", &library.display().to_string())
        .with_variable("FAKETIME_TIMESTAMP_FILE", &file.display().to_string())
        .with_variable("FAKETIME_NO_CACHE", "1")
        .with_variable("FAKETIME_DONT_FAKE_MONOTONIC", "1")
        .with_variable("FAKETIME_DONT_RESET", "1")
}

/// Each row is dated by the node that wrote it: by how many minutes at least, and at most, are
/// they off?
async fn rows_are_off_by(world: &World) -> (i64, i64) {
    let sql = "SELECT min(minutes), max(minutes) FROM (
                   SELECT round(extract(epoch FROM created_at - now()) / 60)::bigint AS minutes
                   FROM trx_log WHERE player_id LIKE 'player-%') AS off";
    sqlx::query_as(sql).fetch_one(&world.database.pool).await.expect("rows")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_jumps_an_hour_ahead_and_an_hour_back() {
    let how = Intensity::of_this_run();
    let Some(library) = library() else {
        eprintln!("SKIPPED, no clock can be set: Debian's package faketime is not installed");
        return;
    };
    let folder = Folder::new("wallet-clock");
    let file = folder.path().join("off");
    let set = |off: &str| std::fs::write(&file, off).expect("a file");
    set("+0s");
    let mut world = World::tuned(1, NODE).await;
    let setup = off_by(world.setup(NODE), &library, &file);
    world.nodes.push(Node::start(&setup).await);
    let stage = Stage::set(world, how).await;
    let times = how.pick(1, 5);
    for _ in 0..times {
        for off in ["+3600s", "-3600s", "+0s"] {
            set(off);
            stage.rounds(30).await;
            let skew = stage.world.nodes[1].metric("wallet_clock_skew_seconds", &[]).await;
            let seconds: f64 = off.trim_end_matches('s').parse().expect("a number");
            assert!((skew - seconds).abs() < 60.0, "{off}, and the metric says {skew}");
        }
    }
    let (least, most) = rows_are_off_by(&stage.world).await;
    assert!(least <= -59 && most >= 58, "the clock did not jump: {least} to {most} minutes");
    let ended = stage.end().await;
    assert_eq!((ended.tally.unanswered, ended.tally.put_off), (0, 0), "nobody has to ask twice");
    assert!(ended.tally.slowest < IN_TIME, "{:?}", ended.tally.slowest);
    let done = format!("{times} times one node's time of day jumps to +1 h, to -1 h and back");
    ended.report(
        "clock jumps by an hour",
        &done,
        "no caller notices; chains go by version, not time",
    );
}
