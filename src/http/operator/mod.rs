//! The operator's own API, `/operator/v1`: players, money in and out, corrections, sessions, the
//! ledger, rounds, statements, exports, games, providers, movements that wait, reconciliations,
//! and who changed what. JSON in and out; money in decimal strings; every
//! refusal is a problem document.
//!
//! It moves money through the wallet's door alone, as the provider `operator`.

mod audit;
mod audited;
pub mod auth;
mod cell;
mod command;
mod corrections;
mod docs;
mod error;
mod export;
mod extract;
mod free_rounds;
mod games;
mod layers;
mod money;
mod parked;
mod players;
mod providers;
mod reconciliation;
mod rounds;
mod sessions;
mod shapes;
mod statement;
mod statement_cursor;
#[cfg(test)]
mod tests;
mod transaction;
mod transactions;
mod transfer;
mod wire;

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn;
use axum::routing::{get, post};
use utoipa::OpenApi;

use self::docs::BearerKey;
use self::layers::Limits;
use self::shapes::Shapes;
use super::problem::Problem;
use crate::app::App;

/// The operator's API as the integrators' page shows it.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Seamless wallet",
        description = "The operator's own API and the callbacks of every provider's protocol."
    ),
    paths(
        players::open,
        players::read,
        players::change,
        statement::read,
        statement::export,
        money::deposit,
        money::withdraw,
        corrections::correct,
        sessions::issue,
        sessions::revoke,
        transactions::list,
        transactions::export,
        rounds::read,
        free_rounds::tell,
        free_rounds::list,
        games::list,
        games::read,
        games::switch,
        providers::list,
        parked::list,
        parked::redrive,
        parked::leave_to_provider,
        parked::decided_elsewhere,
        reconciliation::runs,
        reconciliation::drift,
        audit::list,
    ),
    components(schemas(Problem)),
    modifiers(&BearerKey, &Shapes),
    tags(
        (name = "players", description = "Wallets, their state and their limits."),
        (name = "money", description = "Money from outside and to outside, and corrections."),
        (name = "sessions", description = "Launch tokens for providers' games."),
        (name = "transactions", description = "The ledger, and the rounds in it."),
        (name = "free-rounds", description = "Whose the issues of free rounds are."),
        (name = "games", description = "Games that are on or off."),
        (name = "providers", description = "How their calls fare."),
        (name = "parked", description = "Movements that wait until they can be decided."),
        (name = "reconciliation", description = "Whether what there is twice is the same."),
        (name = "audit", description = "Who changed what by hand."),
    )
)]
pub struct OperatorApi;

/// Everything below `/operator`, in its layers.
pub fn router(app: &Arc<App>) -> Router {
    let routes = Router::new()
        .route("/v1/players", post(players::open))
        .route("/v1/players/{player_id}", get(players::read).patch(players::change))
        .route("/v1/players/{player_id}/deposits", post(money::deposit))
        .route("/v1/players/{player_id}/withdrawals", post(money::withdraw))
        .route("/v1/players/{player_id}/corrections", post(corrections::correct))
        .route("/v1/sessions", post(sessions::issue))
        .route("/v1/sessions/revoke", post(sessions::revoke))
        .route("/v1/free-rounds", post(free_rounds::tell))
        .route("/v1/games/{provider}/{game_id}", get(games::read).put(games::switch))
        .route("/v1/providers", get(providers::list))
        .route("/v1/parked/{id}/redrive", post(parked::redrive))
        .route("/v1/parked/{id}/leave-to-provider", post(parked::leave_to_provider))
        .route("/v1/parked/{id}/decided-elsewhere", post(parked::decided_elsewhere))
        .route_layer(from_fn(extract::refuse_query))
        // Those with a query.
        .route("/v1/players/{player_id}/statement", get(statement::read))
        .route("/v1/players/{player_id}/statement/export/{format}", get(statement::export))
        .route("/v1/transactions", get(transactions::list))
        .route("/v1/transactions/export/{format}", get(transactions::export))
        .route("/v1/rounds", get(rounds::read))
        .route("/v1/free-rounds", get(free_rounds::list))
        .route("/v1/games", get(games::list))
        .route("/v1/audit", get(audit::list))
        .route("/v1/parked", get(parked::list))
        .route("/v1/reconciliation/runs", get(reconciliation::runs))
        .route("/v1/reconciliation/drift", get(reconciliation::drift))
        .with_state(Arc::clone(app));
    layers::around(Limits::of(app), routes)
}
