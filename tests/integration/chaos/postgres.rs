//! PostgreSQL is restarted, killed and frozen, and has no connection left.

use std::time::Duration;

use sqlx::{ConnectOptions as _, PgConnection};

use super::Intensity;
use super::stage::{Ended, Stage, eventually};
use crate::support::postgres_server::PostgresServer;
use crate::support::traffic::IN_TIME;

/// Whatever happens to PostgreSQL, the nodes answer, and in time.
fn answered_in_time(ended: &Ended) {
    assert_eq!(ended.tally.unanswered, 0);
    assert!(ended.tally.slowest < IN_TIME, "{:?}", ended.tally.slowest);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_restarted_under_traffic() {
    let how = Intensity::of_this_run();
    let mut server = PostgresServer::start().await;
    let stage = Stage::on(&server, how).await;
    let times = how.pick(2, 10);
    for _ in 0..times {
        stage.just(30).await;
        server.restart().await;
    }
    stage.rounds(30).await;
    let ended = stage.end().await;
    answered_in_time(&ended);
    let done = format!("{times} fast restarts: statements in progress are broken off");
    ended.report("PostgreSQL restarted", &done, "answered in time, goes on by itself");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_killed_under_traffic() {
    let how = Intensity::of_this_run();
    let mut server = PostgresServer::start().await;
    let stage = Stage::on(&server, how).await;
    let times = how.pick(3, 15);
    for _ in 0..times {
        stage.just(30).await;
        server.crash().await;
    }
    stage.rounds(30).await;
    let ended = stage.end().await;
    answered_in_time(&ended);
    let done = format!("{times} times SIGKILL of all its processes, then recovery");
    ended.report("PostgreSQL killed", &done, "answered in time, goes on by itself");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_frozen_for_longer_than_any_call_may_take() {
    let how = Intensity::of_this_run();
    let server = PostgresServer::start().await;
    let stage = Stage::on(&server, how).await;
    let times = how.pick(1, 4);
    for _ in 0..times {
        stage.just(30).await;
        server.freeze();
        tokio::time::sleep(Duration::from_millis(4_000)).await;
        server.thaw();
    }
    stage.rounds(30).await;
    let ended = stage.end().await;
    answered_in_time(&ended);
    assert!(ended.tally.put_off > 0, "the freeze was not noticed");
    let done = format!("{times} times SIGSTOP of all its processes for 4 s");
    ended.report("PostgreSQL frozen", &done, "told to try again within the deadline");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_without_a_connection_to_spare() {
    let how = Intensity::of_this_run();
    let server = PostgresServer::start().await;
    let stage = Stage::on(&server, how).await;
    let times = how.pick(1, 5);
    for _ in 0..times {
        stage.just(30).await;
        let taken = take_every_connection(&server).await;
        tokio::time::sleep(Duration::from_millis(how.pick(2_000, 4_000))).await;
        drop(taken);
    }
    stage.rounds(30).await;
    let ended = stage.end().await;
    answered_in_time(&ended);
    assert!(ended.tally.put_off > 0, "nobody missed a connection");
    let seconds = how.pick(2, 4);
    let done = format!("{times} times all connections taken by others for {seconds} s");
    ended.report("PostgreSQL out of connections", &done, "told to try again, goes on by itself");
}

/// Ends the nodes' connections and takes every place, those for superusers included.
async fn take_every_connection(server: &PostgresServer) -> Vec<PgConnection> {
    let mut boss = server.options().connect().await.expect("a connection");
    let mut taken = Vec::new();
    eventually("every connection is taken", async || {
        let ended = sqlx::query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE application_name LIKE 'seamless-wallet%'",
        );
        let left = ended.execute(&mut boss).await.expect("ended").rows_affected();
        while let Ok(connection) = server.options().connect().await {
            taken.push(connection);
        }
        left == 0
    })
    .await;
    taken.push(boss);
    taken
}
