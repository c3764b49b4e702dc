//! A round is judged by as few of its rows as tell: whoever has a long one holds nobody up, and is
//! judged as one with a short one is.

use chrono::TimeDelta;
use seamless_wallet::core::policy::CreditWithoutDebit;
use seamless_wallet::core::{Action, Attempt, Category, Policy, Reversible, RoundFacts};
use seamless_wallet::store::money::facts::Facts;
use seamless_wallet::store::money::read;
use sqlx::AssertSqlSafe;

use super::{attempt, euro, tx};
use crate::support::bank::Bank;
use crate::support::database::Database;

/// The round `r` of Ann's: a bet that was taken back, two that stand, a win.
async fn round() -> Database {
    let database = Database::fresh().await;
    Bank::at(&database).open("ann", "10").await;
    let row = |key: &str, kind: &str, reverses: &str, version: usize| {
        format!(
            "INSERT INTO trx_log (provider, tx_id, player_id, transaction_id, kind, category,
                 outcome, requested_micros, amount_micros, balance_after_micros, wallet_version,
                 reverses, round_id, fingerprint, created_at)
             VALUES ('acme', '{key}', 'ann', gen_random_uuid(), '{kind}', 'bet', 'applied', 0, 0,
                     10000000, {version}, {reverses}, 'r', 7, now());"
        )
    };
    let rows = row("b1", "debit", "NULL", 2)
        + &row("b2", "debit", "NULL", 3)
        + &row("b3", "debit", "NULL", 4)
        + &row("w1", "credit", "NULL", 5)
        + &row("u1", "reverse", "'b1'", 6)
        + "UPDATE wallet SET version = 6 WHERE player_id = 'ann';";
    sqlx::raw_sql(AssertSqlSafe(rows)).execute(&database.pool).await.expect("rows");
    database
}

fn result() -> Attempt {
    let parks = Policy {
        credit_without_debit: CreditWithoutDebit::Park { grace: TimeDelta::hours(1) },
        ..Policy::PERMISSIVE
    };
    attempt("w2", Action::credit(euro(1)), Category::Win, &parks)
}

fn refund(target: &str) -> Attempt {
    let action = Action::Reverse { target: tx(target), of: Reversible::Debit, at_most: None };
    attempt(&format!("u-{target}"), action, Category::Bet, &Policy::PERMISSIVE)
}

async fn facts(database: &Database, attempts: &[&Attempt], window: Option<i64>) -> Facts {
    let mut connection = database.pool.acquire().await.expect("a connection");
    read::facts(&mut connection, attempts, window).await.expect("facts")
}

fn seen(facts: &Facts) -> RoundFacts {
    let command = result().command;
    let round = command.round.expect("a round");
    facts.history.round(&command.player, &command.provider, &round)
}

#[tokio::test]
async fn one_stake_that_stands_tells_enough_of_a_round() {
    let database = round().await;
    let result = result();
    for window in [Some(2), Some(3), Some(1_000), None] {
        let facts = facts(&database, &[&result], window).await;
        assert!(facts.undetermined.is_empty(), "{window:?}");
        let round = seen(&facts);
        assert_eq!((round.debits, round.cancelled), (1, 0), "{window:?}");
    }
    // The bet that was taken back tells nothing of the others.
    let facts = facts(&database, &[&result], Some(1)).await;
    assert!(facts.undetermined.contains(&result.command.player));
}

#[tokio::test]
async fn what_is_taken_back_beside_leaves_a_stake_that_stands_where_there_is_one() {
    let database = round().await;
    let (result, refund) = (result(), refund("b2"));
    let both = facts(&database, &[&refund, &result], None).await;
    assert_eq!(seen(&both), RoundFacts { debits: 2, cancelled: 0, credits: 1 });
    // One stake that stands is not enough: it may be the one that is taken back.
    let part = facts(&database, &[&refund, &result], Some(2)).await;
    assert!(part.undetermined.contains(&result.command.player));
}

#[tokio::test]
async fn stakes_that_were_all_taken_back_are_known_to_have_been_there() {
    let database = round().await;
    let others = "DELETE FROM trx_log WHERE tx_id IN ('b2', 'b3', 'w1')";
    sqlx::query(others).execute(&database.pool).await.expect("gone");
    let facts = facts(&database, &[&result()], Some(1_000)).await;
    assert_eq!(seen(&facts), RoundFacts { debits: 1, cancelled: 1, credits: 0 });
}
