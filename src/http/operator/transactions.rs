//! The ledger, newest first, in pages that stay right while rows arrive, and as a whole.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::command::OPERATOR;
use super::docs::{self, refusals};
use super::error;
use super::export::{self, Edges, Format, Shape};
use super::extract::{PathParams, QueryParams};
use super::reconciliation::bad_values;
use super::transaction::Transaction;
use super::wire::{Faults, word};
use crate::app::App;
use crate::core::{
    Category, GameId, Kind, PlayerId, ProviderId, RoundId, RowOutcome, TransactionId, TxId,
};
use crate::http::problem::{FieldError, Problem};
use crate::store::ledger::search::{self, Bound, Search};

const DEFAULT_LIMIT: u16 = 50;
const MAX_LIMIT: u16 = 500;

/// Which rows. All that is given has to hold.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SearchQuery {
    /// Of one player.
    #[param(example = "p-42")]
    player_id: Option<String>,
    /// Of one provider; `operator` for deposits, withdrawals, corrections and changes of status.
    #[param(example = "pragmatic")]
    provider: Option<String>,
    /// Of one round.
    #[param(example = "5103188801")]
    round_id: Option<String>,
    /// Of one game.
    #[param(example = "vs20demogame")]
    game_id: Option<String>,
    /// Under this idempotency key. The operator's own are `deposit:PLAYER KEY`, and likewise
    /// `withdrawal:` and `correction:`, with the `Idempotency-Key` of the call.
    #[param(example = "64f0c2a19b3d5e7f80a1b202")]
    tx_id: Option<String>,
    /// The one with this operator transaction id.
    #[param(example = "019a1c9e7b3a7d2e8f4061b2c3d4e5f6")]
    transaction_id: Option<String>,
    /// `debit`, `credit`, `reverse`, `adjust` or `note`.
    #[param(schema_with = docs::kind)]
    kind: Option<String>,
    /// Why the money moved.
    #[param(schema_with = docs::category)]
    category: Option<String>,
    /// What became of it.
    #[param(schema_with = docs::outcome)]
    outcome: Option<String>,
    /// Not before this millisecond of our clock.
    #[param(example = "2026-10-01T00:00:00Z")]
    from: Option<String>,
    /// Before this millisecond of our clock.
    #[param(example = "2026-11-01T00:00:00Z")]
    to: Option<String>,
    /// How many at most. Not for an export, which is all.
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<u16>,
    /// The `next_cursor` of the page before. For an export, the last `transaction_id` of one
    /// that broke off.
    #[param(example = "019a1c9e7b3a7d2e8f4061b2c3d4e5f6")]
    cursor: Option<String>,
}

/// A page.
#[derive(Serialize, ToSchema)]
pub struct TransactionPage {
    items: Vec<Transaction>,
    /// For the next page; `null` on the last. A page may be short, or empty, and still have a
    /// next one: where neither a player nor a key narrows the search, it looks at so many rows
    /// at once.
    next_cursor: Option<String>,
}

refusals!(ListRefusals: docs::of_all() =>
    bad_values("limit", "must be 1 to 500"), error::search_too_wide());

/// Search the ledger, newest first.
///
/// Follow `next_cursor` with the same filter.
///
/// A player, a round of a player, a key and an operator transaction id are looked up; any other
/// search walks back through time, some rows for each page.
#[utoipa::path(
    get, path = "/operator/v1/transactions", tag = "transactions", params(SearchQuery),
    responses(
        (status = 200, description = "A page.", body = TransactionPage, example = json!({
            "items": [{
                "transaction_id": "019a1c9e7b3a7d2e8f4061b2c3d4e5f6", "provider": "operator",
                "tx_id": "deposit:p-42 cashier-2026-000042", "player_id": "p-42", "currency": "EUR",
                "kind": "credit", "category": "deposit", "outcome": "applied", "reason": null,
                "amount": "100.00", "requested": "100.00", "shortfall": "0.00",
                "balance_after": "100.00", "version": 1, "round_id": null, "game_id": null,
                "reverses": null, "detail": null, "occurred_at": null,
                "created_at": "2026-10-01T09:30:00.123456Z"
            }],
            "next_cursor": "019a1c9e7b3a7d2e8f4061b2c3d4e5f6"
        })),
        ListRefusals
    )
)]
pub async fn list(
    State(app): State<Arc<App>>,
    QueryParams(query): QueryParams<SearchQuery>,
) -> Result<Json<TransactionPage>, Problem> {
    let limit = query.limit.unwrap_or(DEFAULT_LIMIT);
    let (search, before) = search_of(&app, &query, |faults| {
        let fits = (1..=MAX_LIMIT).contains(&limit);
        faults.check("limit", if fits { Ok(()) } else { Err("must be 1 to 500") });
    })?;
    let bound = Bound { before, limit, examine: app.back_office.examine };
    let page = search::page(&app.back_office.pool, &search, bound).await?;
    Ok(Json(TransactionPage {
        next_cursor: page.next.map(|id| id.simple().to_string()),
        items: page.rows.into_iter().map(Transaction::from).collect(),
    }))
}

/// As a file begins.
const CSV_EXAMPLE: &str = "\
    transaction_id,created_at,occurred_at,provider,tx_id,player_id,kind,category,outcome,reason,\
    amount,requested,shortfall,balance_after,currency,version,round_id,game_id,reverses,detail\r\n\
    019a1c9e7b3a7d2e8f4061b2c3d4e5f6,2026-10-01T09:30:00.123456Z,2026-10-01T09:30:00.000000Z,\
    pragmatic,64f0c2a19b3d5e7f80a1b201,p-42,debit,bet,applied,,-1.50,-1.50,0.00,98.50,EUR,2,\
    5103188801,vs20demogame,,\r\n\
    ,,,,,,end,,,,,,,,,,,,,rows: 1\r\n";

refusals!(ExportRefusals: docs::of_all() =>
    bad_values("limit", "an export is all of it"),
    docs::in_path("format", "must be csv or ndjson"),
    error::export_too_long());

/// Export what a search finds, newest first, as one file of any length.
///
/// It is sent as it is read. The last line says that it is whole and how many rows stand before it:
/// in CSV a row whose `kind` is `end` and whose `detail` is `rows: N`, in NDJSON
/// `{"export":"end","rows":N}`. A file without it broke off, whatever the protocol made of that;
/// `cursor` goes on.
///
/// CSV is UTF-8 without a mark in front, with commas, decimal points and CRLF, and one header.
/// Where a sheet could take a piece of text for a formula (`=`, `+`, `-`, `@` at the start, or after
/// a separator or a blank) the piece has an apostrophe before it; NDJSON has every text as it is. A
/// sheet that opens the file by itself rounds ids of more than 15 digits: import it, as UTF-8, with
/// text as the type of the ids.
#[utoipa::path(
    get, path = "/operator/v1/transactions/export/{format}", tag = "transactions",
    params(("format" = inline(Format), Path, example = "csv"),
        SearchQuery),
    responses(
        (status = 200, description = "A file; of NDJSON, each line but the last is a `Transaction`.",
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
    PathParams(format): PathParams<String>,
    QueryParams(query): QueryParams<SearchQuery>,
) -> Result<Response, Problem> {
    let format = Format::named(&format)?;
    let (mut search, before) = search_of(&app, &query, |faults| {
        let fits = query.limit.is_none();
        faults.check("limit", if fits { Ok(()) } else { Err("an export is all of it") });
    })?;
    search.before = before;
    let pool = app.back_office.export_pool.clone();
    let shape = Shape {
        name: "transactions",
        columns: format.line(&Transaction::COLUMNS, None::<&()>)?,
        line: |format, listed| {
            let transaction = Transaction::from(listed);
            format.line(&transaction.cells(), Some(&transaction))
        },
    };
    export::send(&app, format, shape, |sink| async move {
        let tail = move |rows| end(format, rows);
        // Whoever does not wait for it any more takes no rows either.
        let _: Result<(), Edges> =
            sink.edges.send(Edges { head: Vec::new(), tail: Box::new(tail) });
        search::export(&pool, &search, &sink.rows).await
    })
    .await
}

/// The last line of an export.
#[derive(Serialize)]
struct End {
    /// `end`.
    export: &'static str,
    /// So many stand before it.
    rows: u64,
}

/// As a row of the same columns, or as a line of its own.
fn end(format: Format, rows: u64) -> Result<Vec<u8>, Problem> {
    let counted = export::counted(rows);
    let cells = Transaction::COLUMNS.map(|column| match column {
        "kind" => "end",
        "detail" => &counted,
        _ => "",
    });
    format.line(&cells, Some(&End { export: "end", rows }))
}

fn search_of(
    app: &App,
    query: &SearchQuery,
    also: impl FnOnce(&mut Faults),
) -> Result<(Search, Option<Uuid>), Problem> {
    let mut faults = Faults::default();
    let id = |text: &String| Uuid::try_parse(text).map_err(|_| "is no transaction id");
    let cursor = query
        .cursor
        .as_ref()
        .map(|text| Uuid::try_parse(text).map_err(|_| "is not the `next_cursor` of a page"));
    let kind = |text: &String| word(text, Kind::parse, Kind::ALL, Kind::as_str);
    let category = |text: &String| word(text, Category::parse, Category::ALL, Category::as_str);
    let outcome =
        |text: &String| word(text, RowOutcome::parse, RowOutcome::ALL, RowOutcome::as_str);
    let (from, to) = faults.period(query.from.as_deref(), query.to.as_deref());
    let provider =
        faults.check_optional("provider", query.provider.as_ref().map(ProviderId::parse));
    let tx_id = faults.check_optional("tx_id", query.tx_id.as_ref().map(TxId::parse));
    let search = Search {
        player: faults.check_optional("player_id", query.player_id.as_ref().map(PlayerId::parse)),
        providers: match provider {
            // A key is looked up for each provider that there may be.
            None if tx_id.is_some() => every_provider(app),
            provider => provider.into_iter().collect(),
        },
        round: faults.check_optional("round_id", query.round_id.as_ref().map(RoundId::parse)),
        game: faults.check_optional("game_id", query.game_id.as_ref().map(GameId::parse)),
        tx_id,
        transaction_id: faults
            .check_optional("transaction_id", query.transaction_id.as_ref().map(id))
            .map(TransactionId::new),
        kind: faults.check_optional("kind", query.kind.as_ref().map(kind)),
        category: faults.check_optional("category", query.category.as_ref().map(category)),
        outcome: faults.check_optional("outcome", query.outcome.as_ref().map(outcome)),
        from,
        to,
        before: None,
    };
    let before = faults.check_optional("cursor", cursor);
    also(&mut faults);
    faults.none_or(bad_query)?;
    Ok((search, before))
}

fn every_provider(app: &App) -> Vec<ProviderId> {
    let configured = app.providers.values().map(|provider| provider.id.clone());
    configured.chain(ProviderId::parse(OPERATOR).ok()).collect()
}

/// A query with values that will not do.
pub fn bad_query(errors: Vec<FieldError>) -> Problem {
    error::bad_query("the query has values that cannot be used", errors)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_a_file_has_the_columns_of_one() {
        let columns = Transaction::COLUMNS.join(",");
        let mut lines = CSV_EXAMPLE.lines();
        assert_eq!(lines.next(), Some(&*columns));
        for line in lines {
            assert_eq!(line.split(',').count(), Transaction::COLUMNS.len(), "{line}");
        }
    }

    #[test]
    fn the_last_line_says_how_many_rows_there_are() {
        let last = |format| end(format, 1).ok().and_then(|line| String::from_utf8(line).ok());
        let example = CSV_EXAMPLE.split_inclusive("\r\n").last().map(str::to_owned);
        assert_eq!(last(Format::Csv), example);
        let json = "{\"export\":\"end\",\"rows\":1}\n".to_owned();
        assert_eq!(last(Format::Ndjson), Some(json));
    }
}
