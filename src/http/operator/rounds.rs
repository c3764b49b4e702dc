//! A round's whole story.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::docs::{self, refusals};
use super::error;
use super::extract::QueryParams;
use super::players;
use super::reconciliation::bad_values;
use super::transaction::Transaction;
use super::transactions::bad_query;
use super::wire::{Faults, moment, money};
use crate::app::App;
use crate::core::{Currency, Kind, Micros, PlayerId, ProviderId, Reason, RoundId, RowOutcome};
use crate::http::problem::Problem;
use crate::store::ledger::currency::RowWithCurrency;
use crate::store::ledger::mismatches::{self, Mismatch};
use crate::store::ledger::rounds::{self, Event};

/// The most that is told of one round.
const MAX_EVENTS: usize = 5000;

/// Which round.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RoundQuery {
    /// Whose. Where nobody knows, `/transactions?round_id=…` finds it.
    #[param(example = "p-42")]
    player_id: String,
    /// Which.
    #[param(example = "5103188801")]
    round_id: String,
    /// At which provider, where two have a round of this name.
    #[param(example = "pragmatic")]
    provider: Option<String>,
}

/// A round from its first call to its last.
#[derive(Serialize, ToSchema)]
pub struct Round {
    player_id: String,
    round_id: String,
    currency: String,
    /// Debits that took effect, without those that were reversed since, as a positive number.
    staked: String,
    /// Credits that took effect, without those that were reversed since.
    won: String,
    /// What all of it did to the balance.
    net: String,
    /// Movements that still wait.
    waiting: usize,
    /// True where something is in it that a person should look at.
    flagged: bool,
    /// In the order of their arrival.
    events: Vec<RoundEvent>,
    /// Calls that came under a key which says something else: nothing moved. As far as they were
    /// kept: `reports_kept_d` days, and not those of a flood.
    mismatches: Vec<RoundMismatch>,
    /// False where the round has more events than can be told.
    complete: bool,
}

/// Something that was said about a round, and what became of it.
#[derive(Serialize, ToSchema)]
pub struct RoundEvent {
    transaction: Transaction,
    /// The `tx_id` of the movement that undid it.
    reversed_by: Option<String>,
    /// While it is parked: attempts so far, beside the provider's own.
    attempts: Option<i32>,
    /// While it is parked: when it is tried again.
    #[schema(format = DateTime)]
    next_attempt_at: Option<String>,
    /// While it is parked: why it was given up.
    dead_reason: Option<String>,
}

/// A call under a key that says something else.
#[derive(Serialize, ToSchema)]
pub struct RoundMismatch {
    provider: String,
    tx_id: String,
    /// The movement that has the key.
    transaction_id: String,
    #[schema(schema_with = docs::kind)]
    kind: &'static str,
    #[schema(schema_with = docs::category)]
    category: &'static str,
    /// What was asked for this time.
    requested: String,
    /// The round that was named this time.
    round_id: Option<String>,
    game_id: Option<String>,
    #[schema(format = DateTime)]
    at: String,
}

impl From<Mismatch> for RoundMismatch {
    fn from(mismatch: Mismatch) -> Self {
        Self {
            provider: mismatch.key.provider.to_string(),
            tx_id: mismatch.key.tx_id.to_string(),
            transaction_id: mismatch.transaction_id.to_string(),
            kind: mismatch.kind.as_str(),
            category: mismatch.category.as_str(),
            requested: money(mismatch.requested),
            round_id: mismatch.round.map(|round| round.to_string()),
            game_id: mismatch.game.map(|game| game.to_string()),
            at: moment(mismatch.at),
        }
    }
}

refusals!(Refusals: docs::of_all() =>
    bad_values("round_id", "empty"),
    error::refused(Reason::PlayerUnknown),
    error::unknown_round(),
    error::search_too_wide());

/// Tell a round of a player from its first call to its last: what was said by whom and when, what
/// became of it, what undid it, what still waits, and what came twice with other contents.
#[utoipa::path(
    get, path = "/operator/v1/rounds", tag = "transactions", params(RoundQuery),
    responses(
        (status = 200, description = "As it is now.", body = Round, example = json!({
            "player_id": "p-42", "round_id": "5103188801", "currency": "EUR",
            "staked": "1.50", "won": "4.20", "net": "2.70", "waiting": 0, "flagged": false,
            "events": [{
                "transaction": {
                    "transaction_id": "019a1c9e7b3a7d2e8f4061b2c3d4e5f6", "provider": "pragmatic",
                    "tx_id": "64f0c2a19b3d5e7f80a1b201", "player_id": "p-42", "currency": "EUR", "kind": "debit",
                    "category": "bet", "outcome": "applied", "reason": null, "amount": "-1.50",
                    "requested": "-1.50", "shortfall": "0.00", "balance_after": "98.50",
                    "version": 2, "round_id": "5103188801", "game_id": "vs20demogame",
                    "reverses": null, "detail": null,
                    "occurred_at": "2026-10-01T09:30:00.000000Z",
                    "created_at": "2026-10-01T09:30:00.123456Z"
                },
                "reversed_by": null, "attempts": null, "next_attempt_at": null,
                "dead_reason": null
            }, {
                "transaction": {
                    "transaction_id": "019a1c9e7f227d2e8f4061b2c3d4e5f7", "provider": "pragmatic",
                    "tx_id": "64f0c2a19b3d5e7f80a1b202", "player_id": "p-42", "currency": "EUR", "kind": "credit",
                    "category": "win", "outcome": "applied", "reason": null, "amount": "4.20",
                    "requested": "4.20", "shortfall": "0.00", "balance_after": "102.70",
                    "version": 3, "round_id": "5103188801", "game_id": "vs20demogame",
                    "reverses": null, "detail": null,
                    "occurred_at": "2026-10-01T09:30:01.000000Z",
                    "created_at": "2026-10-01T09:30:01.123456Z"
                },
                "reversed_by": null, "attempts": null, "next_attempt_at": null,
                "dead_reason": null
            }],
            "mismatches": [], "complete": true
        })),
        Refusals
    )
)]
pub async fn read(
    State(app): State<Arc<App>>,
    QueryParams(query): QueryParams<RoundQuery>,
) -> Result<Json<Round>, Problem> {
    let mut faults = Faults::default();
    let player = faults.check("player_id", PlayerId::parse(&query.player_id));
    let round = faults.check("round_id", RoundId::parse(&query.round_id));
    let provider = query.provider.as_ref().map(ProviderId::parse);
    let provider = faults.check_optional("provider", provider);
    let (Some(player), Some(round), true) = (player, round, faults.is_empty()) else {
        return Err(bad_query(faults.into_errors()));
    };
    let wallet = players::find(&app, &player).await?;
    let (pool, provider) = (&app.back_office.pool, provider.as_ref());
    let most = i64::try_from(MAX_EVENTS).unwrap_or(i64::MAX);
    let mut events =
        rounds::history(pool, &player, &round, provider, most.saturating_add(1)).await?;
    let mismatches = mismatches::of_round(pool, &player, &round, provider, most).await?;
    if events.is_empty() && mismatches.is_empty() {
        return Err(error::unknown_round());
    }
    let complete = events.len() <= MAX_EVENTS;
    events.truncate(MAX_EVENTS);
    let sums = Sums::of(&events);
    Ok(Json(Round {
        player_id: player.to_string(),
        round_id: round.to_string(),
        currency: wallet.currency.to_string(),
        staked: money(sums.staked.negated()),
        won: money(sums.won),
        net: money(sums.net),
        waiting: events.iter().filter(|event| event.row.outcome == RowOutcome::Parked).count(),
        flagged: events.iter().any(|event| event.row.reason.is_some_and(Reason::is_flag)),
        events: round_events(events, &wallet.currency),
        mismatches: mismatches.into_iter().map(RoundMismatch::from).collect(),
        complete,
    }))
}

#[derive(Default)]
struct Sums {
    staked: Micros,
    won: Micros,
    net: Micros,
}

impl Sums {
    fn of(events: &[Event]) -> Self {
        let mut sums = Self::default();
        let plus = |sum: Micros, more: Micros| sum.checked_add(more).unwrap_or(sum);
        for Event { row, .. } in events {
            sums.net = plus(sums.net, row.amount);
            match row.kind {
                Kind::Debit => sums.staked = plus(sums.staked, row.amount),
                Kind::Credit => sums.won = plus(sums.won, row.amount),
                // It takes away from what it undoes: a stake is given back, a win taken.
                Kind::Reverse if row.amount.is_negative() => sums.won = plus(sums.won, row.amount),
                Kind::Reverse => sums.staked = plus(sums.staked, row.amount),
                Kind::Adjust | Kind::Note => {}
            }
        }
        sums
    }
}

fn round_events(events: Vec<Event>, currency: &Currency) -> Vec<RoundEvent> {
    let undone: std::collections::HashMap<_, _> = events
        .iter()
        .filter(|event| event.row.outcome == RowOutcome::Applied)
        .filter_map(|event| {
            let target = event.row.reverses.clone()?;
            Some(((event.row.key.provider.clone(), target), event.row.key.tx_id.to_string()))
        })
        .collect();
    events
        .into_iter()
        .map(|Event { row, retry }| {
            let key = (row.key.provider.clone(), row.key.tx_id.clone());
            RoundEvent {
                reversed_by: undone.get(&key).cloned(),
                transaction: RowWithCurrency { row, currency: Some(currency.clone()) }.into(),
                attempts: retry.as_ref().map(|retry| retry.attempts),
                next_attempt_at: retry.as_ref().and_then(|retry| retry.next_attempt_at).map(moment),
                dead_reason: retry.and_then(|retry| retry.dead_reason),
            }
        })
        .collect()
}
