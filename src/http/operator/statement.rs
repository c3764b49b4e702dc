//! A player's account over a period.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::cell::safe;
use super::docs::{self, refusals};
use super::error;
use super::export::{self, Edges, Format, Shape};
use super::extract::{PathParams, PlayerPath, QueryParams};
use super::players;
use super::reconciliation::bad_values;
use super::statement_cursor::{Cursor, StatementRequest};
use super::transaction::Transaction;
use super::transactions::bad_query;
use super::wire::{Faults, money};
use crate::app::App;
use crate::core::{PlayerId, Reason, WalletState};
use crate::http::problem::Problem;
use crate::store::LookupError;
use crate::store::ledger::currency::RowWithCurrency;
use crate::store::ledger::entries::{self, Entries};
use crate::store::ledger::statement::{self, Mark, Period, Total};

const DEFAULT_LIMIT: u16 = 50;
const MAX_LIMIT: u16 = 500;

/// Which period.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct StatementQuery {
    /// Not before this millisecond of our clock; from the beginning where it is left out.
    #[param(example = "2026-10-01T00:00:00Z")]
    from: Option<String>,
    /// Before this millisecond of our clock; until now where it is left out.
    #[param(example = "2026-11-01T00:00:00Z")]
    to: Option<String>,
    /// Also entries that moved nothing: refusals, notes, zero wins.
    all: Option<bool>,
    /// How many entries at most. Not for an export, which is all.
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<u16>,
    /// The `next_cursor` of the page before. For an export, the `version` of the last entry of one
    /// that broke off.
    cursor: Option<String>,
}

/// A player's account over a period. The opening balance and the amounts of all entries are the
/// closing balance; each entry's `balance_after` is the running one.
///
/// A movement that had to wait stands where it was decided, not where it arrived. Periods that
/// follow one another share no entry and leave none out. All pages are of the period as the first
/// one found it: what arrives meanwhile is in none of them.
#[derive(Serialize, ToSchema)]
pub struct Statement {
    player_id: String,
    currency: String,
    opening: Balance,
    closing: Balance,
    /// What moved in the whole period, by purpose. Counted for the first page; `null` on the others.
    totals: Option<Vec<StatementTotal>>,
    /// Oldest first.
    entries: Vec<Transaction>,
    /// For the next page; `null` on the last.
    next_cursor: Option<String>,
}

/// A balance at one place of the chain of versions.
#[derive(Serialize, ToSchema)]
pub struct Balance {
    balance: String,
    version: i64,
}

impl From<Mark> for Balance {
    fn from(mark: Mark) -> Self {
        Self { balance: money(mark.balance), version: mark.version }
    }
}

/// What moved for one purpose.
#[derive(Serialize, ToSchema)]
pub struct StatementTotal {
    #[schema(schema_with = docs::kind)]
    kind: &'static str,
    #[schema(schema_with = docs::category)]
    category: &'static str,
    /// How many entries.
    count: i64,
    /// How much in all, signed by its effect on the balance.
    amount: String,
}

impl From<Total> for StatementTotal {
    fn from(total: Total) -> Self {
        Self {
            kind: total.kind.as_str(),
            category: total.category.as_str(),
            count: total.count,
            amount: money(total.amount),
        }
    }
}

refusals!(ReadRefusals: docs::of_all() =>
    bad_values("limit", "must be 1 to 500"),
    docs::in_path("player_id", "longer than 100 bytes"),
    error::refused(Reason::PlayerUnknown),
    error::search_too_wide());

/// Read a player's statement, oldest entry first.
///
/// Follow `next_cursor` with the same period. The first page looks through all of the player's
/// rows, for the edges and the totals. Each further one reads its own entries alone, and those that
/// moved nothing between them. Of a player with so many rows that the first takes too long, export
/// the statement.
#[utoipa::path(
    get, path = "/operator/v1/players/{player_id}/statement", tag = "players",
    operation_id = "statement",
    params(("player_id" = String, Path, example = "p-42"), StatementQuery),
    responses(
        (status = 200, description = "A page.", body = Statement, example = json!({
            "player_id": "p-42", "currency": "EUR",
            "opening": {"balance": "100.00", "version": 1},
            "closing": {"balance": "98.50", "version": 2},
            "totals": [{"kind": "debit", "category": "bet", "count": 1, "amount": "-1.50"}],
            "entries": [{
                "transaction_id": "019a1c9e7b3a7d2e8f4061b2c3d4e5f6", "provider": "pragmatic",
                "tx_id": "64f0c2a19b3d5e7f80a1b201", "player_id": "p-42", "currency": "EUR", "kind": "debit",
                "category": "bet", "outcome": "applied", "reason": null, "amount": "-1.50",
                "requested": "-1.50", "shortfall": "0.00", "balance_after": "98.50", "version": 2,
                "round_id": "5103188801", "game_id": "vs20demogame", "reverses": null,
                "detail": null, "occurred_at": "2026-10-01T09:30:00.000000Z",
                "created_at": "2026-10-01T09:30:00.123456Z"
            }],
            "next_cursor": null
        })),
        ReadRefusals
    )
)]
pub async fn read(
    State(app): State<Arc<App>>,
    PlayerPath(player): PlayerPath,
    QueryParams(query): QueryParams<StatementQuery>,
) -> Result<Json<Statement>, Problem> {
    let limit = query.limit.unwrap_or(DEFAULT_LIMIT);
    let mut faults = Faults::default();
    let request = request_of(&mut faults, &player, &query);
    let fits = (1..=MAX_LIMIT).contains(&limit);
    faults.check("limit", if fits { Ok(()) } else { Err("must be 1 to 500") });
    let cursor = query.cursor.as_deref().map(|text| Cursor::parse(text, &request));
    let cursor = faults.check_optional("cursor", cursor);
    faults.none_or(bad_query)?;
    let wallet = players::find(&app, &player).await?;
    let pool = &app.back_office.pool;
    let (period, after, totals) = match cursor {
        Some(cursor) => (cursor.period, cursor.after, None),
        None => {
            let account = statement::account(pool, &player, (request.from, request.to)).await?;
            (account.period, account.period.opening.version, Some(account.totals))
        }
    };
    let which = Entries { after, last: period.closing.version, all: request.all };
    let mut rows = entries::page(pool, &player, which, limit.saturating_add(1)).await?;
    let more = rows.len() > usize::from(limit);
    rows.truncate(limit.into());
    let next = rows
        .last()
        .filter(|_| more)
        .and_then(|row| Some(Cursor { after: row.link?.version, period }));
    Ok(Json(Statement {
        player_id: player.to_string(),
        currency: wallet.currency.to_string(),
        opening: period.opening.into(),
        closing: period.closing.into(),
        totals: totals.map(|totals| totals.into_iter().map(StatementTotal::from).collect()),
        next_cursor: next.map(|cursor| cursor.text(&request)),
        entries: rows
            .into_iter()
            .map(|row| RowWithCurrency { row, currency: Some(wallet.currency.clone()) }.into())
            .collect(),
    }))
}

/// The first and the last line of an export.
#[derive(Serialize)]
struct Edge<'a> {
    /// `opening` or `closing`.
    statement: &'static str,
    player_id: &'a str,
    currency: &'a str,
    balance: String,
    version: i64,
    /// Of the closing one: how many entries stand before it.
    #[serde(skip_serializing_if = "Option::is_none")]
    rows: Option<u64>,
}

/// A whole file.
const CSV_EXAMPLE: &str = "\
    transaction_id,created_at,occurred_at,provider,tx_id,player_id,kind,category,outcome,reason,\
    amount,requested,shortfall,balance_after,currency,version,round_id,game_id,reverses,detail\r\n\
    ,,,,,p-42,opening,,,,,,,100.00,EUR,1,,,,\r\n\
    019a1c9e7b3a7d2e8f4061b2c3d4e5f6,2026-10-01T09:30:00.123456Z,2026-10-01T09:30:00.000000Z,\
    pragmatic,64f0c2a19b3d5e7f80a1b201,p-42,debit,bet,applied,,-1.50,-1.50,0.00,98.50,EUR,2,\
    5103188801,vs20demogame,,\r\n\
    ,,,,,p-42,closing,,,,,,,98.50,EUR,2,,,,rows: 1\r\n";

refusals!(ExportRefusals: docs::of_all() =>
    bad_values("limit", "an export is all of it"),
    docs::in_path("format", "must be csv or ndjson"),
    error::refused(Reason::PlayerUnknown),
    error::export_too_long());

/// Export a player's statement, oldest entry first, as one file of any length.
///
/// The first line after the columns is the opening balance. The last is the closing one, and says
/// how many entries stand between them (in CSV as `detail`: `rows: N`, in NDJSON as `rows`): a file
/// without it broke off. Otherwise as the export of transactions.
#[utoipa::path(
    get, path = "/operator/v1/players/{player_id}/statement/export/{format}", tag = "players",
    operation_id = "export_statement",
    params(
        ("player_id" = String, Path, example = "p-42"),
        ("format" = inline(Format), Path, example = "csv"),
        StatementQuery,
    ),
    responses(
        (status = 200, description = "A file; of NDJSON, each line between the first and the last \
                is a `Transaction`.",
            content(
                (String = "text/csv", example = json!(CSV_EXAMPLE)),
                (Transaction = "application/x-ndjson", example = json!({
            "transaction_id": "019a1c9e7b3a7d2e8f4061b2c3d4e5f6", "provider": "pragmatic",
            "tx_id": "64f0c2a19b3d5e7f80a1b201", "player_id": "p-42", "currency": "EUR", "kind": "debit",
            "category": "bet", "outcome": "applied", "reason": null, "amount": "-1.50",
            "requested": "-1.50", "shortfall": "0.00", "balance_after": "98.50", "version": 2,
            "round_id": "5103188801", "game_id": "vs20demogame", "reverses": null,
            "detail": null, "occurred_at": "2026-10-01T09:30:00.000000Z",
            "created_at": "2026-10-01T09:30:00.123456Z"
        })),
            )),
        ExportRefusals
    )
)]
pub async fn export(
    State(app): State<Arc<App>>,
    PathParams((player, format)): PathParams<(String, String)>,
    QueryParams(query): QueryParams<StatementQuery>,
) -> Result<Response, Problem> {
    let format = Format::named(&format)?;
    let player =
        PlayerId::parse(player).map_err(|error| docs::in_path("player_id", &error.to_string()))?;
    let mut faults = Faults::default();
    let request = request_of(&mut faults, &player, &query);
    let fits = query.limit.is_none();
    faults.check("limit", if fits { Ok(()) } else { Err("an export is all of it") });
    let after = faults.check_optional("cursor", query.cursor.as_deref().map(version_of));
    faults.none_or(bad_query)?;
    let wallet = players::find(&app, &player).await?;
    let shape = Shape {
        name: "statement",
        columns: format.line(&Transaction::COLUMNS, None::<&()>)?,
        line: |format, listed| {
            let transaction = Transaction::from(listed);
            format.line(&transaction.cells(), Some(&transaction))
        },
    };
    let pool = app.back_office.export_pool.clone();
    export::send(&app, format, shape, |sink| async move {
        let account = statement::account(&pool, &player, (request.from, request.to)).await?;
        let Period { opening, closing } = account.period;
        let which = Entries {
            after: after.unwrap_or_default().max(opening.version),
            last: closing.version,
            all: request.all,
        };
        let currency = wallet.currency.clone();
        let Ok(head) = edge(format, ("opening", None), &wallet, opening) else {
            return Err(LookupError::Unreadable("statement"));
        };
        let tail = move |rows| edge(format, ("closing", Some(rows)), &wallet, closing);
        // Whoever does not wait for it any more takes no rows either.
        let _: Result<(), Edges> = sink.edges.send(Edges { head, tail: Box::new(tail) });
        entries::export(&pool, (&player, &currency), which, &sink.rows).await
    })
    .await
}

/// As a row of the same columns, or as a line of its own.
fn edge(
    format: Format,
    (which, rows): (&'static str, Option<u64>),
    wallet: &WalletState,
    mark: Mark,
) -> Result<Vec<u8>, Problem> {
    let value = Edge {
        statement: which,
        player_id: wallet.player.as_str(),
        currency: wallet.currency.as_str(),
        balance: money(mark.balance),
        version: mark.version,
        rows,
    };
    let version = mark.version.to_string();
    let player = safe(wallet.player.as_str());
    let counted = rows.map(export::counted).unwrap_or_default();
    let cells = Transaction::COLUMNS.map(|column| match column {
        "player_id" => &*player,
        "kind" => which,
        "currency" => wallet.currency.as_str(),
        "balance_after" => &value.balance,
        "version" => &version,
        "detail" => &counted,
        _ => "",
    });
    format.line(&cells, Some(&value))
}

fn request_of(faults: &mut Faults, player: &PlayerId, query: &StatementQuery) -> StatementRequest {
    let (from, to) = faults.period(query.from.as_deref(), query.to.as_deref());
    StatementRequest { player: player.clone(), from, to, all: query.all.unwrap_or_default() }
}

fn version_of(text: &str) -> Result<i64, &'static str> {
    text.parse().map_err(|_| "must be the `version` of an entry")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_a_file_has_the_columns_of_one() {
        let columns = Transaction::COLUMNS.join(",");
        assert_eq!(CSV_EXAMPLE.lines().next(), Some(&*columns));
        for line in CSV_EXAMPLE.lines() {
            assert_eq!(line.split(',').count(), Transaction::COLUMNS.len(), "{line}");
        }
    }
}
