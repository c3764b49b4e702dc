//! A batch turned into columns, the shape that `unnest` takes.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::change::{Basis, Change};
use crate::core::{
    Conditions, Currency, GameId, PlayerStatus, Reason, RoundId, Row, TxId, WalletState,
};

/// Rows of the ledger, in the order of their keys: it is the order in which the keys are taken,
/// however the calls came in.
#[derive(Default)]
pub(super) struct Rows<'a> {
    pub(super) whos: Vec<i32>,
    pub(super) providers: Vec<&'a str>,
    pub(super) tx_ids: Vec<&'a str>,
    /// True for one that is there, parked, and is decided now.
    pub(super) promotes: Vec<bool>,
    pub(super) players: Vec<&'a str>,
    pub(super) transaction_ids: Vec<Uuid>,
    pub(super) kinds: Vec<&'a str>,
    pub(super) categories: Vec<&'a str>,
    pub(super) outcomes: Vec<&'a str>,
    pub(super) reasons: Vec<Option<&'a str>>,
    pub(super) requested: Vec<i64>,
    pub(super) amounts: Vec<i64>,
    pub(super) shortfalls: Vec<i64>,
    /// How far the balance after the row is behind the balance after all of the player's rows.
    pub(super) balances_back: Vec<Option<i64>>,
    /// As many versions as the row is behind the last of the player's rows.
    pub(super) versions_back: Vec<Option<i64>>,
    pub(super) reverses: Vec<Option<&'a str>>,
    pub(super) settles: Vec<Option<&'a str>>,
    pub(super) rounds: Vec<Option<&'a str>>,
    pub(super) games: Vec<Option<&'a str>>,
    pub(super) fingerprints: Vec<i64>,
    pub(super) details: Vec<Option<&'a str>>,
    pub(super) occurred: Vec<Option<DateTime<Utc>>>,
    pub(super) created: Vec<DateTime<Utc>>,
    pub(super) parked_commands: Vec<Option<&'a str>>,
}

impl<'a> Rows<'a> {
    pub(super) fn of(changes: &[Change<'a>]) -> Self {
        let mut rows: Vec<(i32, &'a WalletState, bool, &'a Row)> = Vec::new();
        for (who, change) in (0..).zip(changes) {
            // Rows without a wallet wait for nobody's.
            let who = if matches!(change.basis, Basis::NoWallet) { -1 - who } else { who };
            let first = rows.len();
            for decision in change.decisions {
                rows.extend(decision.inserts.iter().map(|row| (who, change.end(), false, row)));
                for row in &decision.promotions {
                    // What was parked by this very batch is written as it is in the end.
                    let own = rows.iter_mut().skip(first).find(|(.., own)| own.key == row.key);
                    match own {
                        Some((.., own)) => *own = row,
                        None => rows.push((who, change.end(), true, row)),
                    }
                }
            }
        }
        rows.sort_by(|(.., a), (.., b)| a.key.cmp(&b.key));
        let mut columns = Self::default();
        for (who, end, promotes, row) in rows {
            columns.push(who, end, promotes, row);
        }
        columns
    }

    fn push(&mut self, who: i32, end: &WalletState, promotes: bool, row: &'a Row) {
        self.whos.push(who);
        self.providers.push(row.key.provider.as_str());
        self.tx_ids.push(row.key.tx_id.as_str());
        self.promotes.push(promotes);
        self.players.push(row.player.as_str());
        self.transaction_ids.push(row.transaction_id.uuid());
        self.kinds.push(row.kind.as_str());
        self.categories.push(row.category.as_str());
        self.outcomes.push(row.outcome.as_str());
        self.reasons.push(row.reason.map(Reason::as_str));
        self.requested.push(row.requested.get());
        self.amounts.push(row.amount.get());
        self.shortfalls.push(row.shortfall.get());
        let balance_back = |after| end.balance.get().saturating_sub(after);
        self.balances_back.push(row.link.map(|link| balance_back(link.balance_after)));
        self.versions_back.push(row.link.map(|link| end.version.saturating_sub(link.version)));
        self.reverses.push(row.reverses.as_ref().map(TxId::as_str));
        self.settles.push(row.settles.as_ref().map(TxId::as_str));
        self.rounds.push(row.round.as_ref().map(RoundId::as_str));
        self.games.push(row.game.as_ref().map(GameId::as_str));
        self.fingerprints.push(row.fingerprint);
        self.details.push(row.detail.as_deref());
        self.occurred.push(row.occurred_at);
        self.created.push(row.created_at);
        self.parked_commands.push(row.parked_command.as_deref());
    }
}

/// The keys that were taken for new.
#[derive(Default)]
pub(super) struct Keys<'a> {
    pub(super) whos: Vec<i32>,
    pub(super) providers: Vec<&'a str>,
    pub(super) tx_ids: Vec<&'a str>,
}

impl<'a> Keys<'a> {
    pub(super) fn of(changes: &[Change<'a>]) -> Self {
        let mut columns = Self::default();
        for (who, conditions) in conditions_of(changes) {
            for tx_id in &conditions.keys {
                columns.whos.push(who);
                columns.providers.push(conditions.provider.as_str());
                columns.tx_ids.push(tx_id.as_str());
            }
        }
        columns
    }
}

/// What was taken for granted beside the wallets and the keys: at most one for each command.
#[derive(Default)]
pub(super) struct Circumstances<'a> {
    pub(super) whos: Vec<i32>,
    pub(super) players: Vec<&'a str>,
    pub(super) providers: Vec<&'a str>,
    pub(super) tokens: Vec<Option<&'a [u8]>>,
    pub(super) games: Vec<Option<&'a str>>,
    pub(super) rounds: Vec<Option<&'a str>>,
}

impl<'a> Circumstances<'a> {
    pub(super) fn of(changes: &[Change<'a>]) -> Self {
        let mut columns = Self::default();
        let some = conditions_of(changes).filter(|(_, of)| !of.are_of_the_ledger());
        for (who, conditions) in some {
            let change = usize::try_from(who).ok().and_then(|at| changes.get(at));
            let Some(change) = change else { continue };
            columns.whos.push(who);
            columns.players.push(change.start.player.as_str());
            columns.providers.push(conditions.provider.as_str());
            let token = conditions.token.as_ref().map(|token| token.as_bytes().as_slice());
            columns.tokens.push(token);
            columns.games.push(conditions.game.as_ref().map(GameId::as_str));
            columns.rounds.push(conditions.round.as_ref().map(RoundId::as_str));
        }
        columns
    }
}

/// What was taken for granted of the debits that credits name.
#[derive(Default)]
pub(super) struct NamedDebits<'a> {
    pub(super) whos: Vec<i32>,
    pub(super) players: Vec<&'a str>,
    pub(super) providers: Vec<&'a str>,
    pub(super) tx_ids: Vec<&'a str>,
    pub(super) stand: Vec<bool>,
    pub(super) unpaid: Vec<bool>,
}

impl<'a> NamedDebits<'a> {
    pub(super) fn of(changes: &[Change<'a>]) -> Self {
        let mut columns = Self::default();
        for (who, conditions) in conditions_of(changes) {
            let change = usize::try_from(who).ok().and_then(|at| changes.get(at));
            let Some(change) = change else { continue };
            for debit in &conditions.debits {
                columns.whos.push(who);
                columns.players.push(change.start.player.as_str());
                columns.providers.push(conditions.provider.as_str());
                columns.tx_ids.push(debit.tx_id.as_str());
                columns.stand.push(debit.stands);
                columns.unpaid.push(debit.unpaid);
            }
        }
        columns
    }
}

fn conditions_of<'a>(changes: &[Change<'a>]) -> impl Iterator<Item = (i32, &'a Conditions)> {
    (0..).zip(changes).flat_map(|(who, change)| {
        let conditions: &'a [Conditions] = match change.basis {
            Basis::Usual(assumed) | Basis::Wallet(assumed) => &assumed.conditions,
            Basis::Facts | Basis::NoWallet => &[],
        };
        conditions.iter().map(move |of| (who, of))
    })
}

/// The wallets, and what must hold of each.
#[derive(Default)]
pub(super) struct Wallets<'a> {
    pub(super) whos: Vec<i32>,
    pub(super) players: Vec<&'a str>,
    pub(super) deltas: Vec<i64>,
    pub(super) steps: Vec<i64>,
    pub(super) statuses: Vec<Option<&'a str>>,
    /// The one version that it must have; without one the bounds hold.
    pub(super) versions: Vec<Option<i64>>,
    pub(super) lowest: Vec<i64>,
    pub(super) highest: Vec<i64>,
    pub(super) stakes: Vec<i64>,
    pub(super) currencies: Vec<Option<&'a str>>,
    /// True where the version must be the snapshot's, whichever that is.
    pub(super) judged: Vec<bool>,
}

impl<'a> Wallets<'a> {
    pub(super) fn of(changes: &[Change<'a>]) -> Self {
        let mut columns = Self::default();
        for (who, change) in (0..).zip(changes) {
            let (start, end) = (change.start, change.end());
            let delta = end.balance.get().saturating_sub(start.balance.get());
            let bounds = match change.basis {
                Basis::NoWallet => continue,
                Basis::Wallet(_) | Basis::Facts => {
                    columns.versions.push(Some(start.version));
                    (delta.min(0), 0, 0, None, true)
                }
                Basis::Usual(assumed) => {
                    columns.versions.push(None);
                    let bounds = &assumed.bounds;
                    let judged = assumed.conditions.iter().any(Conditions::are_judged);
                    let currency = bounds.currency.as_ref().map(Currency::as_str);
                    let (lowest, highest) = (bounds.lowest.get(), bounds.highest.get());
                    (lowest, highest, bounds.largest_stake.get(), currency, judged)
                }
            };
            columns.whos.push(who);
            columns.players.push(start.player.as_str());
            columns.deltas.push(delta);
            columns.steps.push(end.version.saturating_sub(start.version));
            let status = (end.status != start.status).then_some(end.status);
            columns.statuses.push(status.map(PlayerStatus::as_str));
            let (lowest, highest, stake, currency, judged) = bounds;
            columns.lowest.push(lowest);
            columns.highest.push(highest);
            columns.stakes.push(stake);
            columns.currencies.push(currency);
            columns.judged.push(judged);
        }
        columns
    }
}
