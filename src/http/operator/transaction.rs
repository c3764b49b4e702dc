//! A row of the ledger as people read it: as JSON, and as the cells of a sheet.

use std::borrow::Cow;

use serde::Serialize;
use utoipa::ToSchema;

use super::cell::safe;
use super::docs;
use super::wire::{moment, money};
use crate::core::Micros;
use crate::store::ledger::currency::RowWithCurrency;

/// One row of the ledger. Money is in major units, with two to six decimals.
#[derive(Serialize, ToSchema)]
pub struct Transaction {
    transaction_id: String,
    /// Who said it.
    provider: String,
    /// The idempotency key, unique per provider.
    tx_id: String,
    player_id: String,
    /// The wallet's, and so that of every amount here.
    currency: Option<String>,
    #[schema(schema_with = docs::kind)]
    kind: &'static str,
    #[schema(schema_with = docs::category)]
    category: &'static str,
    #[schema(schema_with = docs::outcome)]
    outcome: &'static str,
    /// Why it was refused, parked or left without effect; or what a person should look at.
    reason: Option<&'static str>,
    /// What moved, signed by its effect on the balance.
    amount: String,
    /// What was asked for, signed likewise.
    requested: String,
    /// What a reversal of a win could not take.
    shortfall: String,
    /// `null` while parked.
    balance_after: Option<String>,
    /// The wallet's version after it; `null` while parked.
    version: Option<i64>,
    round_id: Option<String>,
    game_id: Option<String>,
    /// The `tx_id` that a reversal undoes.
    reverses: Option<String>,
    /// What else was said.
    detail: Option<String>,
    /// The provider's clock.
    #[schema(format = DateTime)]
    occurred_at: Option<String>,
    /// Our clock.
    #[schema(format = DateTime)]
    created_at: String,
}

impl From<RowWithCurrency> for Transaction {
    fn from(RowWithCurrency { row, currency }: RowWithCurrency) -> Self {
        Self {
            transaction_id: row.transaction_id.to_string(),
            provider: row.key.provider.to_string(),
            tx_id: row.key.tx_id.to_string(),
            player_id: row.player.to_string(),
            currency: currency.map(|currency| currency.to_string()),
            kind: row.kind.as_str(),
            category: row.category.as_str(),
            outcome: row.outcome.as_str(),
            reason: row.reason.map(|reason| reason.as_str()),
            amount: money(row.amount),
            requested: money(row.requested),
            shortfall: money(row.shortfall),
            balance_after: row.link.map(|link| money(Micros::new(link.balance_after))),
            version: row.link.map(|link| link.version),
            round_id: row.round.map(|round| round.to_string()),
            game_id: row.game.map(|game| game.to_string()),
            reverses: row.reverses.map(|target| target.to_string()),
            detail: row.detail.map(String::from),
            occurred_at: row.occurred_at.map(moment),
            created_at: moment(row.created_at),
        }
    }
}

impl Transaction {
    /// The columns of an export.
    pub const COLUMNS: [&'static str; 20] = [
        "transaction_id",
        "created_at",
        "occurred_at",
        "provider",
        "tx_id",
        "player_id",
        "kind",
        "category",
        "outcome",
        "reason",
        "amount",
        "requested",
        "shortfall",
        "balance_after",
        "currency",
        "version",
        "round_id",
        "game_id",
        "reverses",
        "detail",
    ];

    /// The cells of an export, safe to be opened as a sheet.
    pub fn cells(&self) -> [Cow<'_, str>; 20] {
        let plain = |text: &'static str| Cow::Borrowed(text);
        let own = |text: &'_ Option<String>| Cow::Owned(text.clone().unwrap_or_default());
        let theirs = |text: &Option<String>| {
            Cow::Owned(safe(text.as_deref().unwrap_or_default()).into_owned())
        };
        [
            Cow::Borrowed(&self.transaction_id),
            Cow::Borrowed(&self.created_at),
            own(&self.occurred_at),
            safe(&self.provider),
            safe(&self.tx_id),
            safe(&self.player_id),
            plain(self.kind),
            plain(self.category),
            plain(self.outcome),
            plain(self.reason.unwrap_or_default()),
            Cow::Borrowed(&self.amount),
            Cow::Borrowed(&self.requested),
            Cow::Borrowed(&self.shortfall),
            own(&self.balance_after),
            own(&self.currency),
            Cow::Owned(self.version.map(|version| version.to_string()).unwrap_or_default()),
            theirs(&self.round_id),
            theirs(&self.game_id),
            theirs(&self.reverses),
            theirs(&self.detail),
        ]
    }
}
