//! Chains of rows against the wallets that they end in.
//!
//! A pass marks how far it has found a player's chain to be right, and the next one goes on
//! from the mark: it looks only at the rows since. Where these do not lead from the mark to the
//! wallet, or there is no mark, the whole chain is followed, in one snapshot; what that says is
//! what is found.

use std::collections::HashMap;

use uuid::Uuid;

use super::{Finding, Kind, Pass, Scope};
use crate::core::{Micros, PlayerId};
use crate::jobs::JobError;
use crate::jobs::pace::Pace;
use crate::store::jobs::audit::{self, Chain, Mark, Marked};
use crate::store::jobs::reconciliation;

/// Rows that one statement follows, at most; a player with more is followed alone.
const ROWS_TOGETHER: i64 = 20_000;
/// Players whom one statement follows, at most.
const PLAYERS_TOGETHER: usize = 100;

/// How chains are followed in this pass.
#[derive(Clone, Copy)]
pub(super) struct Ledger {
    pub(super) scope: Scope,
    /// Rows that were written since the last pass have a greater transaction id.
    pub(super) since: Option<Uuid>,
}

impl Ledger {
    pub(super) async fn check(
        self,
        pass: &mut Pass<'_>,
        chunk: &[Marked],
        pace: &mut Pace,
    ) -> Result<(), JobError> {
        let mut whole: Vec<(&PlayerId, Mark)> = Vec::new();
        let mut moved: Vec<(&PlayerId, Mark)> = Vec::new();
        let mut rows = HashMap::new();
        for Marked { wallet, mark } in chunk {
            rows.insert(&wallet.player, wallet.version);
            let now = Mark::of(wallet);
            match (self.scope, mark) {
                (Scope::Window, Some(mark)) if *mark == now => {}
                (Scope::Window, None) if now == Mark::START => {}
                (Scope::Window, Some(mark)) if mark.version < now.version => {
                    moved.push((&wallet.player, *mark));
                }
                // A player since the last pass, as a rule.
                (Scope::Window, None) if self.since.is_some() => {
                    moved.push((&wallet.player, Mark::START));
                }
                _ => whole.push((&wallet.player, Mark::START)),
            }
        }
        let length = |player: &PlayerId, mark: Mark| {
            rows.get(player).map_or(0, |version| version.saturating_sub(mark.version))
        };
        for group in grouped(&moved, &length) {
            let chains = audit::chains(pass.app.wallet.pool(), group, self.since).await?;
            pass.totals.chains += count(chains.len());
            let (right, wrong): (Vec<_>, Vec<_>) = chains.iter().partition(|c| is_right(c));
            mark(pass, &right).await?;
            let found = chunk.iter().map(|marked| &marked.wallet.player);
            let again = found.filter(|player| wrong.iter().any(|chain| chain.player == **player));
            whole.extend(again.map(|player| (player, Mark::START)));
            pace.rest().await;
        }
        for group in grouped(&whole, &length) {
            let chains = audit::chains(pass.app.wallet.pool(), group, None).await?;
            pass.totals.whole_chains += count(chains.len());
            if self.scope == Scope::Full {
                pass.totals.chains += count(chains.len());
            }
            let (right, wrong): (Vec<_>, Vec<_>) = chains.iter().partition(|c| is_right(c));
            mark(pass, &right).await?;
            for chain in wrong {
                for finding in findings(chain) {
                    pass.found(finding).await?;
                }
            }
            pace.rest().await;
        }
        Ok(())
    }
}

/// Rows of players without a wallet, between two players.
pub(super) async fn find_orphans(
    pass: &mut Pass<'_>,
    after: Option<&PlayerId>,
    upto: Option<&PlayerId>,
) -> Result<(), JobError> {
    for (player, rows, moved) in audit::orphans(pass.app.wallet.pool(), after, upto).await? {
        let finding = Finding {
            kind: Kind::LedgerOrphan,
            player,
            expected: Some(Mark { version: rows, balance: moved }),
            found_balance: Some(Micros::ZERO),
            found_version: None,
            repaired: false,
            detail: Some(format!("{rows} rows and no wallet")),
        };
        pass.found(finding).await?;
    }
    Ok(())
}

/// In pieces that one statement can follow in a moment.
fn grouped<'g, 'p>(
    players: &'g [(&'p PlayerId, Mark)],
    length: &impl Fn(&PlayerId, Mark) -> i64,
) -> Vec<&'g [(&'p PlayerId, Mark)]> {
    let mut groups = Vec::new();
    let mut rest = players;
    while !rest.is_empty() {
        let mut rows = 0_i64;
        let fitting = rest.iter().take(PLAYERS_TOGETHER).take_while(|(player, mark)| {
            rows = rows.saturating_add(length(player, *mark));
            rows <= ROWS_TOGETHER
        });
        let (group, others) = rest.split_at(fitting.count().clamp(1, rest.len()));
        groups.push(group);
        rest = others;
    }
    groups
}

fn is_right(chain: &Chain) -> bool {
    chain.broken == 0
        && chain.from.version.checked_add(chain.rows) == Some(chain.wallet.version)
        && chain.from.balance.checked_add(chain.moved) == Some(chain.wallet.balance)
}

/// What is wrong with a whole chain.
fn findings(chain: &Chain) -> Vec<Finding> {
    let expected = Mark { version: chain.rows, balance: chain.moved };
    let finding = |kind, detail| Finding {
        kind,
        player: chain.player.clone(),
        expected: Some(expected),
        found_balance: Some(chain.wallet.balance),
        found_version: Some(chain.wallet.version),
        repaired: false,
        detail: Some(detail),
    };
    let mut findings = Vec::new();
    if chain.wallet.balance != chain.moved {
        let detail = "the balance is not the sum of what was applied".to_owned();
        findings.push(finding(Kind::LedgerBalance, detail));
    }
    if chain.wallet.version != chain.rows {
        let detail = "the version is not the number of decided rows".to_owned();
        findings.push(finding(Kind::LedgerVersion, detail));
    }
    if chain.broken > 0 {
        let at = chain.broken_at.unwrap_or_default();
        let detail = format!("{} rows do not follow, the first at version {at}", chain.broken);
        findings.push(finding(Kind::LedgerChain, detail));
    }
    findings
}

async fn mark(pass: &Pass<'_>, right: &[&Chain]) -> Result<(), JobError> {
    let marks: Vec<(PlayerId, Mark)> =
        right.iter().map(|chain| (chain.player.clone(), chain.wallet)).collect();
    Ok(reconciliation::mark(pass.app.wallet.pool(), pass.fence, &marks).await?)
}

fn count(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}
