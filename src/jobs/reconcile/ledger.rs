//! Chains of rows against the wallets that they end in.
//!
//! A pass marks how far it has found a player's chain to be right, and the next one goes on
//! from the mark: it looks only at the rows since. Where these do not lead from the mark to the
//! wallet, or there is no mark, the whole chain is followed; what that says is what is found. A
//! chain is followed in pieces, however long it is.

use std::collections::HashMap;

use super::{Finding, Kind, Pass, Scope};
use crate::core::{Micros, PlayerId};
use crate::jobs::JobError;
use crate::jobs::throttle::Throttle;
use crate::store::jobs::audit::{self, Chain, Mark, Marked};
use crate::store::jobs::reconciliation;

/// Rows that one statement follows, as a rule; a player with more is followed alone.
const ROWS_TOGETHER: i64 = audit::PIECE;
/// Players whom one statement follows, at most.
const PLAYERS_TOGETHER: usize = 100;
/// Players without a wallet that one statement finds, at most.
const ORPHANS_TOGETHER: i64 = 1_000;

/// Follows the chains of these wallets, as far as the scope demands.
pub(super) async fn check(
    pass: &mut Pass<'_>,
    scope: Scope,
    chunk: &[Marked],
    throttle: &mut Throttle,
) -> Result<(), JobError> {
    let mut whole: Vec<(&PlayerId, Mark)> = Vec::new();
    let mut moved: Vec<(&PlayerId, Mark)> = Vec::new();
    let mut rows = HashMap::new();
    for Marked { wallet, mark } in chunk {
        rows.insert(&wallet.player, wallet.version);
        let now = Mark::of(wallet);
        match (scope, mark) {
            (Scope::Window, Some(mark)) if *mark == now => {}
            (Scope::Window, None) if now == Mark::START => {}
            (Scope::Window, Some(mark)) if mark.version < now.version => {
                moved.push((&wallet.player, *mark));
            }
            _ => whole.push((&wallet.player, Mark::START)),
        }
    }
    pass.totals.chains += count(moved.len() + whole.len());
    let length = |player: &PlayerId, mark: Mark| {
        rows.get(player).map_or(0, |version| version.saturating_sub(mark.version))
    };
    for group in grouped(&moved, &length) {
        let chains = follow(pass, group, throttle).await?;
        let (right, wrong): (Vec<_>, Vec<_>) = chains.iter().partition(|c| is_right(c));
        mark(pass, &right).await?;
        let found = chunk.iter().map(|marked| &marked.wallet.player);
        let again = found.filter(|player| wrong.iter().any(|chain| chain.player == **player));
        whole.extend(again.map(|player| (player, Mark::START)));
    }
    for group in grouped(&whole, &length) {
        let chains = follow(pass, group, throttle).await?;
        pass.totals.whole_chains += count(chains.len());
        let (right, wrong): (Vec<_>, Vec<_>) = chains.iter().partition(|c| is_right(c));
        mark(pass, &right).await?;
        for chain in wrong {
            for finding in findings(chain) {
                pass.found(finding).await?;
            }
        }
    }
    Ok(())
}

/// Follows chains to their ends, with a rest after each piece.
async fn follow(
    pass: &Pass<'_>,
    group: &[(&PlayerId, Mark)],
    throttle: &mut Throttle,
) -> Result<Vec<Chain>, JobError> {
    let pool = pass.context.wallet.pool();
    let mut ended = Vec::new();
    let mut under_way = audit::chains(pool, group).await?;
    loop {
        throttle.pause().await;
        let (at_its_end, longer): (Vec<_>, Vec<_>) =
            under_way.into_iter().partition(|chain| chain.ended);
        ended.extend(at_its_end);
        if longer.is_empty() {
            return Ok(ended);
        }
        let from: Vec<_> = longer.iter().map(|chain| (&chain.player, chain.last)).collect();
        let mut next: HashMap<PlayerId, Chain> = HashMap::new();
        for piece in audit::chains(pool, &from).await? {
            next.insert(piece.player.clone(), piece);
        }
        // One whose wallet has gone meanwhile is an orphan's.
        let joined = longer.into_iter().filter_map(|chain| {
            let piece = next.remove(&chain.player)?;
            Some(chain.and(piece))
        });
        under_way = joined.collect();
    }
}

/// Decided rows of players without a wallet, between two players.
pub(super) async fn find_orphans(
    pass: &mut Pass<'_>,
    after: Option<&PlayerId>,
    upto: Option<&PlayerId>,
    throttle: &mut Throttle,
) -> Result<(), JobError> {
    let pool = pass.context.wallet.pool();
    let mut after = after.cloned();
    loop {
        let players = audit::without_wallet(pool, after.as_ref(), upto, ORPHANS_TOGETHER).await?;
        let Some(last) = players.last().cloned() else { return Ok(()) };
        for player in players {
            let held = held(pass, &player, throttle).await?;
            // What waits for a wallet has not been decided, and is nobody's fault.
            if held.version > 0 {
                pass.found(orphan(player, held)).await?;
            }
        }
        throttle.pause().await;
        after = Some(last);
    }
}

/// How many decided rows a player has, and what they come to.
async fn held(
    pass: &Pass<'_>,
    player: &PlayerId,
    throttle: &mut Throttle,
) -> Result<Mark, JobError> {
    let mut held = Mark::START;
    let mut behind = Some(i64::MIN);
    while let Some(version) = behind {
        let (piece, last) = audit::rows_behind(pass.context.wallet.pool(), player, version).await?;
        let balance = held.balance.get().saturating_add(piece.balance.get());
        let rows = held.version.saturating_add(piece.version);
        held = Mark { version: rows, balance: Micros::new(balance) };
        behind = last.filter(|_| piece.version == audit::PIECE);
        if behind.is_some() {
            throttle.pause().await;
        }
    }
    Ok(held)
}

fn orphan(player: PlayerId, held: Mark) -> Finding {
    Finding {
        kind: Kind::LedgerOrphan,
        player,
        expected: Some(held),
        found_balance: Some(Micros::ZERO),
        found_version: None,
        repaired: false,
        detail: Some(format!("{} rows and no wallet", held.version)),
    }
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
    Ok(reconciliation::mark(pass.context.wallet.pool(), pass.fence, &marks).await?)
}

fn count(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}
