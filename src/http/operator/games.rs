//! Games that are on or off.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::audited::{self, AUTHOR_MAX, REASON_MAX};
use super::docs::{self, refusals};
use super::error;
use super::extract::{JsonBody, PathParams, QueryParams};
use super::layers::Call;
use super::reconciliation::{bad_values, page_of};
use super::transactions::bad_query;
use super::wire::{Faults, one_line};
use crate::app::App;
use crate::core::{GameId, GameState, ProviderId};
use crate::http::problem::Problem;
use crate::provider::Provider;
use crate::store::directory::games::{self, Filter};
use crate::store::directory::operator_audit::{AuditEvent, AuditOutcome};

/// What a game is to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GameSwitch {
    /// False: no stakes. Wins are paid all the same.
    enabled: bool,
    /// For those who ask later.
    #[schema(min_length = 1, max_length = 500)]
    reason: Option<String>,
    /// The person who decided it.
    #[schema(min_length = 1, max_length = 100)]
    author: Option<String>,
}

/// What a game is.
#[derive(Serialize, ToSchema)]
pub struct Game {
    provider: String,
    game_id: String,
    enabled: bool,
}

refusals!(SwitchRefusals: docs::of_bodies() =>
    docs::in_path("game_id", "longer than 255 bytes"),
    docs::in_body("reason", "must have 1 to 500 characters, in one line"),
    error::unknown_provider());

/// Switch a game on or off. A game that nobody has switched off is on.
#[utoipa::path(
    put, path = "/operator/v1/games/{provider}/{game_id}", tag = "games",
    params(
        ("provider" = String, Path, example = "softswiss"),
        ("game_id" = String, Path, example = "acceptance:test",
            description = "As the provider writes it, percent-encoded where a path needs it."),
    ),
    request_body(content = GameSwitch, example = json!({
        "enabled": false, "reason": "wrong paytable, case 1234", "author": "m.rossi"
    })),
    responses(
        (status = 200, description = "It is so.", body = Game, example = json!({
            "provider": "softswiss", "game_id": "acceptance:test", "enabled": false
        })),
        SwitchRefusals
    )
)]
pub async fn switch(
    State(app): State<Arc<App>>,
    call: Call,
    PathParams((provider, game)): PathParams<(String, String)>,
    JsonBody(body): JsonBody<GameSwitch>,
) -> Result<Json<Game>, Problem> {
    let (provider, game) = place(&app, &provider, game)?;
    let mut faults = Faults::default();
    let reason = body.reason.as_deref().map(|text| one_line(text, REASON_MAX));
    let author = body.author.as_deref().map(|text| one_line(text, AUTHOR_MAX));
    let (reason, author) =
        (faults.check_optional("reason", reason), faults.check_optional("author", author));
    faults.none_or(error::wrong_values)?;
    let shown =
        |enabled| Game { provider: provider.id.to_string(), game_id: game.to_string(), enabled };
    let before = games::state(app.wallet.pool(), &provider.id, &game).await? == GameState::Open;
    let event = AuditEvent {
        author,
        reason,
        provider: Some(provider.id.to_string()),
        subject: Some(game.to_string()),
        before: audited::state(&shown(before)),
        ..audited::event(&call, "game")
    };
    let change = async {
        games::switch(app.wallet.pool(), &provider.id, &game, body.enabled).await?;
        let now = shown(body.enabled);
        let after = audited::state(&now);
        Ok((Json(now), AuditOutcome { outcome: "done", after, ..AuditOutcome::default() }))
    };
    audited::run(&app, event, change).await
}

fn place(app: &App, provider: &str, game: String) -> Result<(Arc<Provider>, GameId), Problem> {
    let mut faults = Faults::default();
    let game = faults
        .check("game_id", GameId::parse(game))
        .ok_or_else(|| error::bad_path(faults.into_errors()))?;
    let provider = app.providers.get(provider).ok_or_else(error::unknown_provider)?;
    Ok((Arc::clone(provider), game))
}

refusals!(ReadRefusals: docs::of_all() =>
    docs::in_path("game_id", "longer than 255 bytes"),
    error::unknown_provider());

/// Look at a game. One that nobody has switched off is on.
#[utoipa::path(
    get, path = "/operator/v1/games/{provider}/{game_id}", tag = "games",
    params(
        ("provider" = String, Path, example = "softswiss"),
        ("game_id" = String, Path, example = "acceptance:test",
            description = "As the provider writes it, percent-encoded where a path needs it."),
    ),
    responses(
        (status = 200, description = "As it is now.", body = Game, example = json!({
            "provider": "softswiss", "game_id": "acceptance:test", "enabled": true
        })),
        ReadRefusals
    )
)]
pub async fn read(
    State(app): State<Arc<App>>,
    PathParams((provider, game)): PathParams<(String, String)>,
) -> Result<Json<Game>, Problem> {
    let (provider, game) = place(&app, &provider, game)?;
    let enabled = games::state(app.wallet.pool(), &provider.id, &game).await? == GameState::Open;
    let (provider, game_id) = (provider.id.to_string(), game.to_string());
    Ok(Json(Game { provider, game_id, enabled }))
}

/// Which games.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct GamesQuery {
    /// Of one provider.
    #[param(example = "softswiss")]
    provider: Option<String>,
    /// Only those that are on, or only the others.
    enabled: Option<bool>,
    /// How many at most.
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<u16>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

/// A page.
#[derive(Serialize, ToSchema)]
pub struct GamePage {
    items: Vec<Game>,
    /// For the next page; `null` on the last.
    next_cursor: Option<String>,
}

refusals!(ListRefusals: docs::of_all() => bad_values("limit", "must be 1 to 500"));

/// List the games that somebody has ever switched, by provider and name; all others are on.
#[utoipa::path(
    get, path = "/operator/v1/games", tag = "games", params(GamesQuery),
    responses(
        (status = 200, description = "A page.", body = GamePage, example = json!({
            "items": [{
                "provider": "softswiss", "game_id": "acceptance:test", "enabled": false
            }],
            "next_cursor": null
        })),
        ListRefusals
    )
)]
pub async fn list(
    State(app): State<Arc<App>>,
    QueryParams(query): QueryParams<GamesQuery>,
) -> Result<Json<GamePage>, Problem> {
    let mut faults = Faults::default();
    let page = page_of(&mut faults, query.limit, None);
    let after = query.cursor.as_deref().map(|text| place_of(text).ok_or(BAD_CURSOR));
    let filter = Filter {
        provider: faults.check_optional("provider", query.provider.map(ProviderId::parse)),
        enabled: query.enabled,
        after: faults.check_optional("cursor", after),
        limit: page.limit.saturating_add(1),
    };
    faults.none_or(bad_query)?;
    let mut items = games::page(app.wallet.pool(), &filter).await?;
    let more = items.len() > usize::from(page.limit);
    items.truncate(page.limit.into());
    let last = items.last().filter(|_| more);
    Ok(Json(GamePage {
        next_cursor: last.map(|game| hex::encode(format!("{}\n{}", game.provider, game.game_id))),
        items: items
            .into_iter()
            .map(|game| Game {
                provider: game.provider,
                game_id: game.game_id,
                enabled: game.enabled,
            })
            .collect(),
    }))
}

const BAD_CURSOR: &str = "is not the `next_cursor` of a page";

/// What a cursor says: neither name has a line break.
fn place_of(cursor: &str) -> Option<(String, String)> {
    let text = String::from_utf8(hex::decode(cursor).ok()?).ok()?;
    let (provider, game) = text.split_once('\n')?;
    let (provider, game) = (ProviderId::parse(provider).ok()?, GameId::parse(game).ok()?);
    Some((provider.to_string(), game.to_string()))
}
