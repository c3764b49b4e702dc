//! The one statement that moves money, and the way to it: what it proves, what it leaves out, whom
//! it waits for, and how it is planned.

mod answers;
mod late;
mod lost_database;
mod plan;
mod proof;
mod races;
mod repeats;
mod rounds;
mod settlements;

use chrono::{DateTime, Utc};
use seamless_wallet::core::{
    Action, Amount, Assumed, Attempt, Category, Command, Decision, Movement, PlayerId, Policy,
    RoundId, TransactionId, TxId, assume, decide,
};
use seamless_wallet::store::money::change::{Basis, Change};
use seamless_wallet::store::money::written::Written;
use seamless_wallet::store::money::{WriteError, read, write};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::support::model::provider;

/// More rows of a round than any test here has.
const WINDOW: Option<i64> = Some(1_000);

/// An attempt of `ann`'s in the round `r`.
fn attempt(tx_id: &str, action: Action, category: Category, policy: &Policy) -> Attempt {
    let command = Command {
        provider: provider(),
        player: PlayerId::parse("ann").expect("an id"),
        currency: None,
        token: None,
        game: None,
        round: Some(RoundId::parse("r").expect("an id")),
        movements: vec![Movement { tx_id: tx(tx_id), action, category, detail: None }],
        policy: policy.clone(),
        occurred_at: None,
    };
    arrival(command)
}

fn arrival(command: Command) -> Attempt {
    let now: DateTime<Utc> = Utc::now();
    Attempt::new(command, now, || TransactionId::new(Uuid::now_v7()))
}

fn tx(id: &str) -> TxId {
    TxId::parse(id).expect("an id")
}

fn euro(units: i64) -> Amount {
    Amount::from_minor(units, 0).expect("an amount")
}

/// What is written when the usual is taken for granted; `None` where it cannot be.
async fn write_assumed(
    connection: &mut PgConnection,
    attempt: &Attempt,
) -> Result<Option<Written>, WriteError> {
    let Some(assumed) = assume(&[attempt]) else { return Ok(None) };
    let Assumed { start, decisions, .. } = &assumed;
    let change = Change { start, decisions, basis: Basis::Usual(&assumed) };
    Ok(write::batch(connection, &[change]).await?.pop())
}

/// What it is by all that is known.
async fn decide_on_facts(connection: &mut PgConnection, attempt: &Attempt) -> Judged {
    let facts = read::facts(connection, &[attempt], WINDOW).await.expect("facts");
    let start = facts.wallets.get(&attempt.command.player).expect("a wallet").clone();
    let decision = decide(&start, &facts.standings[0], &facts.history, attempt);
    Judged { start, decision }
}

/// A decision on facts, and the wallet that it was made on.
struct Judged {
    start: seamless_wallet::core::WalletState,
    decision: Decision,
}

impl Judged {
    async fn write(&self, connection: &mut PgConnection) -> Result<Option<Written>, WriteError> {
        let decisions = std::slice::from_ref(&self.decision);
        let change = Change { start: &self.start, decisions, basis: Basis::Facts };
        Ok(write::batch(connection, &[change]).await?.pop())
    }
}
