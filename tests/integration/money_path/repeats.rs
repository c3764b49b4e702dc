//! What a repeat is told of reversals, by the lane that has read for it and by the reader of repeats.

use seamless_wallet::core::{
    Action, Attempt, Category, Outcome, Policy, Reversible, Standing, decide,
};
use seamless_wallet::store::money::repeats;

use super::{attempt, decide_on_facts, euro, tx};
use crate::support::bank::Bank;
use crate::support::database::Database;

fn undo(tx_id: &str, target: &str) -> Attempt {
    let action = Action::Reverse { target: tx(target), of: Reversible::Any, at_most: None };
    attempt(tx_id, action, Category::Bet, &Policy::PERMISSIVE)
}

fn bet(tx_id: &str) -> Attempt {
    attempt(tx_id, Action::Debit(euro(1)), Category::Bet, &Policy::PERMISSIVE)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_late_refund_is_told_the_first_one_by_whoever_looks_it_up() {
    let database = Database::fresh().await;
    let bank = Bank::at(&database);
    bank.open("ann", "10").await;
    let mut connection = database.pool.acquire().await.expect("a connection");
    bank.execute(bet("b1").command).await.expect("done");
    // Of what came and of what never did, or comes after it.
    for target in ["b1", "never"] {
        let first = bank.execute(undo(&format!("x1-{target}"), target).command).await;
        let first = first.expect("done").outcomes[0].entry().expect("an entry").id();
        let late = undo(&format!("x2-{target}"), target);
        let told = |outcome: &Outcome| outcome.entry().expect("an entry").first_reversal;
        let written = bank.execute(late.command.clone()).await.expect("done");
        assert_eq!(told(&written.outcomes[0]), Some(first), "{target}");
        bank.execute(bet(target).command).await.expect("done");

        let on_facts = decide_on_facts(&mut connection, &late).await.decision;
        let found = repeats::find(&mut connection, &[&late]).await.expect("repeats");
        let wallet = &found.wallets[&late.command.player];
        let looked_up = decide(wallet, &Standing::default(), &found.history, &late);
        for decision in [&on_facts, &looked_up] {
            assert!(matches!(decision.outcomes[0], Outcome::Replayed(_)), "{decision:?}");
            assert_eq!(told(&decision.outcomes[0]), Some(first), "{target}");
        }
        assert_eq!(on_facts.outcomes, looked_up.outcomes);
    }
    let again = bet("b1");
    let found = repeats::find(&mut connection, &[&again]).await.expect("repeats");
    let wallet = &found.wallets[&again.command.player];
    let decision = decide(wallet, &Standing::default(), &found.history, &again);
    let sql = "SELECT transaction_id FROM trx_log WHERE tx_id = 'x1-b1'";
    let refund: uuid::Uuid =
        sqlx::query_scalar(sql).fetch_one(&mut *connection).await.expect("an id");
    let reversed_by = decision.outcomes[0].entry().and_then(|entry| entry.reversed_by);
    assert_eq!(reversed_by.map(|by| by.uuid()), Some(refund));
}
