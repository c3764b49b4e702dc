//! Does the money add up? Asked of the tables themselves, knowing nothing of the code that
//! wrote them.

use std::collections::{BTreeMap, HashSet};

use sqlx::Row as _;
use sqlx::postgres::{PgPool, PgRow};

/// Panics with everything that is wrong with the wallets and their ledger.
pub async fn check_integrity(pool: &PgPool) {
    let wrong = violations(pool).await;
    assert!(wrong.is_empty(), "the ledger does not add up:\n  {}", wrong.join("\n  "));
}

/// What is wrong: for each wallet the balance is the sum of what its rows moved, the version
/// is the number of decided rows, and these form a chain without gaps, each with the balance
/// after it, never negative; no movement was undone twice.
pub async fn violations(pool: &PgPool) -> Vec<String> {
    // One snapshot, so that it may be asked while money moves.
    let mut snapshot = pool.begin().await.expect("a connection");
    sqlx::query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        .execute(&mut *snapshot)
        .await
        .expect("a snapshot");
    let wallets = sqlx::query("SELECT player_id, balance_micros, version FROM wallet")
        .fetch_all(&mut *snapshot)
        .await
        .expect("wallets");
    let rows = sqlx::query(
        "SELECT player_id, provider, tx_id, outcome, amount_micros, balance_after_micros,
                wallet_version, reverses
         FROM trx_log ORDER BY player_id, wallet_version",
    )
    .fetch_all(&mut *snapshot)
    .await
    .expect("rows");

    let mut wrong = Vec::new();
    let mut undone = HashSet::new();
    let mut chains: BTreeMap<String, Chain> = BTreeMap::new();
    for row in &rows {
        let link = Link::of(row);
        if link.outcome == "applied"
            && let Some(target) = &link.reverses
            && !undone.insert((link.provider.clone(), target.clone()))
        {
            wrong.push(format!("{}: {target} was undone twice", link.player));
        }
        chains.entry(link.player.clone()).or_default().append(&link, &mut wrong);
    }
    for wallet in &wallets {
        let player: String = wallet.get("player_id");
        let (balance, version): (i64, i64) = (wallet.get("balance_micros"), wallet.get("version"));
        let chain = chains.remove(&player).unwrap_or_default();
        if balance != chain.balance {
            wrong.push(format!("{player}: has {balance}, its rows moved {}", chain.balance));
        }
        if version != chain.version {
            wrong.push(format!("{player}: version {version}, {} decided rows", chain.version));
        }
    }
    // What is parked may wait for a wallet.
    let strays = chains.iter().filter(|(_, chain)| chain.version > 0);
    wrong.extend(strays.map(|(player, _)| format!("{player}: decided rows without a wallet")));
    wrong
}

#[derive(Default)]
struct Chain {
    balance: i64,
    version: i64,
}

struct Link {
    player: String,
    provider: String,
    tx_id: String,
    outcome: String,
    amount: i64,
    balance_after: Option<i64>,
    version: Option<i64>,
    reverses: Option<String>,
}

impl Link {
    fn of(row: &PgRow) -> Self {
        Self {
            player: row.get("player_id"),
            provider: row.get("provider"),
            tx_id: row.get("tx_id"),
            outcome: row.get("outcome"),
            amount: row.get("amount_micros"),
            balance_after: row.get("balance_after_micros"),
            version: row.get("wallet_version"),
            reverses: row.get("reverses"),
        }
    }
}

impl Chain {
    fn append(&mut self, link: &Link, wrong: &mut Vec<String>) {
        let Link { player, tx_id, amount, .. } = link;
        let mut note = |what: String| wrong.push(format!("{player}, {tx_id}: {what}"));
        if link.outcome != "applied" && *amount != 0 {
            note(format!("is {} and moved {amount}", link.outcome));
        }
        let Some(version) = link.version else {
            if link.outcome != "parked" {
                note(format!("is {} without a version", link.outcome));
            }
            return;
        };
        if link.outcome == "parked" {
            note(format!("is parked and has version {version}"));
        }
        if version != self.version + 1 {
            note(format!("version {version} follows version {}", self.version));
        }
        self.version = version;
        self.balance += amount;
        match link.balance_after {
            None => note("has no balance after it".to_owned()),
            Some(after) if after != self.balance => {
                note(format!("says {after} is left where {} is", self.balance));
            }
            Some(after) if after < 0 => note(format!("leaves {after}")),
            Some(_) => {}
        }
    }
}
