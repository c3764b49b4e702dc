//! Somebody holds one player's row and does not let go.

use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::{AssertSqlSafe, Postgres};
use tokio::time::sleep;

use super::super::stage::eventually;
use super::flood::{Call, Flood, Force, Heard, Tally};
use super::measure::Measured;
use super::stand::{START, Stand};
use crate::support::pragmatic;

/// Who holds the row.
#[derive(Clone, Copy)]
enum Holder {
    /// A session in the middle of its transaction.
    Session,
    /// A transaction that was prepared and is in doubt: nobody's session has it.
    Doubt,
}

async fn run(connection: &mut PoolConnection<Postgres>, sql: &str) {
    let done = sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut **connection).await;
    done.unwrap_or_else(|error| panic!("{sql}: {error}"));
}

impl Holder {
    async fn take(self, stand: &Stand) -> PoolConnection<Postgres> {
        let mut connection = stand.world.database.pool.acquire().await.expect("a connection");
        run(&mut connection, "BEGIN").await;
        run(&mut connection, "SELECT FROM wallet WHERE player_id = 'locked' FOR UPDATE").await;
        if matches!(self, Self::Doubt) {
            run(&mut connection, "PREPARE TRANSACTION 'doubt'").await;
        }
        connection
    }

    async fn let_go(self, mut connection: PoolConnection<Postgres>) {
        let sql = match self {
            Self::Session => "ROLLBACK",
            Self::Doubt => "ROLLBACK PREPARED 'doubt'",
        };
        run(&mut connection, sql).await;
    }
}

async fn a_row_is_held(fault: &'static str, holder: Holder) {
    let mut stand = Stand::set().await;
    stand.world.bank.open("locked", START).await;
    let mut measured = Measured::of(fault, stand.how);
    let held_for = stand.how.pick(Duration::from_millis(3_500), Duration::from_secs(15));
    stand.warm_up().await;
    let (mut tally, mut number) = (Tally::default(), 0);
    for _ in 0..measured.turns() {
        measured.control(&mut stand.crowd).await;
        let held = holder.take(&stand).await;
        let flood = Flood::start(Force::of(4), number, stand.node(), |_, number| {
            let reference = format!("held-{number}");
            Call::Pragmatic(pragmatic::bet("locked", &reference, &reference, "1.00"))
        });
        // It is let go when its time is over, whoever still waits for that.
        let end = async {
            sleep(held_for).await;
            let heard = flood.stop().await;
            holder.let_go(held).await;
            heard
        };
        let (heard, ()) = tokio::join!(end, measured.beside_for(&mut stand.crowd, held_for));
        number += heard.all();
        tally.add(heard);
    }
    tally.is_heard_in_time();
    measured.demand("told to try again", tally.of(Heard::TryAgain) == tally.all());
    measured.others_get_on();
    measured.others_keep(0.8);
    let verdict = measured.end();
    let after = Call::Pragmatic(pragmatic::bet("locked", "after", "after", "1.00"));
    eventually("whose row is free again plays on", async || {
        after.send(stand.node()).await.0 == Heard::Done
    })
    .await;
    stand.check().await;
    verdict.must_hold();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_holds_a_players_row_holds_up_that_player_alone() {
    a_row_is_held("one player's row locked for 15 s", Holder::Session).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_in_doubt_that_holds_a_players_row_holds_up_that_player_alone() {
    a_row_is_held("one player's row locked by a transaction in doubt", Holder::Doubt).await;
}
