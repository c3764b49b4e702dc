//! A round with very many bets and wins in it.

use super::flood::{Call, Flood, Force, Heard, Tally};
use super::measure::Measured;
use super::stand::{START, Stand};
use crate::support::pragmatic;

/// Fills a round with bets and wins of one euro each, in turns: the wallet has in the end what it
/// had before, and its chain has no gap.
async fn fill_round(stand: &Stand, rows: i64) {
    let sql = "
        WITH filled AS (
            INSERT INTO trx_log (provider, tx_id, player_id, transaction_id, kind, category,
                outcome, requested_micros, amount_micros, balance_after_micros, wallet_version,
                round_id, game_id, fingerprint, created_at)
            SELECT 'pragmatic', 'deep-' || n, w.player_id, gen_random_uuid(),
                   CASE WHEN n % 2 = 1 THEN 'debit' ELSE 'credit' END,
                   CASE WHEN n % 2 = 1 THEN 'bet' ELSE 'win' END,
                   'applied', moved, moved,
                   w.balance_micros - (n % 2) * 1000000, w.version + n, 'deep', $2, 0, now()
            FROM wallet w, generate_series(1, $1) n,
                 LATERAL (SELECT 1000000 - 2000000 * (n % 2) AS moved) m
            WHERE w.player_id = 'deep'
            RETURNING 1
        )
        UPDATE wallet SET version = version + (SELECT count(*) FROM filled)
        WHERE player_id = 'deep'";
    let filled = sqlx::query(sql).bind(rows).bind(pragmatic::GAME);
    filled.execute(&stand.world.database.pool).await.expect("a round");
    let analyse = sqlx::query("ANALYZE trx_log").execute(&stand.world.database.pool).await;
    analyse.expect("statistics");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_round_of_very_many_rows_costs_nobody_else_anything() {
    let mut stand = Stand::set().await;
    let rows = stand.how.pick(6_000, 300_000);
    stand.world.bank.open("deep", START).await;
    fill_round(&stand, rows).await;
    let mut measured = Measured::of("results and refunds into a round of 300,000 rows", stand.how);
    stand.warm_up().await;
    let (mut tally, mut number) = (Tally::default(), 0);
    for _ in 0..measured.turns() {
        measured.control(&mut stand.crowd).await;
        let flood = Flood::start(Force::of(8), number, stand.node(), |_, number| {
            Call::Pragmatic(match number % 2 {
                0 => pragmatic::result("deep", &format!("late-{number}"), "deep", "1.00"),
                // The bets have the odd numbers.
                _ => pragmatic::refund("deep", &format!("deep-{number}")),
            })
        });
        let heard = measured.beside(&mut stand.crowd, flood).await;
        number += heard.all();
        tally.add(heard);
    }
    tally.is_heard_in_time();
    assert!(tally.of(Heard::Done) > 0, "{tally:?}");
    assert_eq!(tally.of(Heard::Done) + tally.of(Heard::TryAgain), tally.all(), "{tally:?}");
    measured.others_keep(0.9);
    let verdict = measured.end();
    stand.check().await;
    verdict.must_hold();
}
