//! Games that are on or off.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::docs::{self, refusals};
use super::error;
use super::extract::{JsonBody, PathParams};
use super::wire::Faults;
use crate::app::App;
use crate::core::GameId;
use crate::http::problem::Problem;
use crate::store::games;

/// What a game is to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GameSwitch {
    /// False: no stakes. Wins are paid all the same.
    enabled: bool,
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
    error::unknown_provider());

/// Switch a game on or off. A game that nobody has switched off is on.
#[utoipa::path(
    put, path = "/operator/v1/games/{provider}/{game_id}", tag = "games",
    params(
        ("provider" = String, Path, example = "softswiss"),
        ("game_id" = String, Path, example = "acceptance:test",
            description = "As the provider writes it, percent-encoded where a path needs it."),
    ),
    request_body(content = GameSwitch, example = json!({"enabled": false})),
    responses(
        (status = 200, description = "It is so.", body = Game, example = json!({
            "provider": "softswiss", "game_id": "acceptance:test", "enabled": false
        })),
        SwitchRefusals
    )
)]
pub async fn switch(
    State(app): State<Arc<App>>,
    PathParams((provider, game)): PathParams<(String, String)>,
    JsonBody(body): JsonBody<GameSwitch>,
) -> Result<Json<Game>, Problem> {
    let mut faults = Faults::default();
    let game = faults
        .check("game_id", GameId::parse(game))
        .ok_or_else(|| error::bad_path(faults.into_errors()))?;
    let provider = app.providers.get(&provider).ok_or_else(error::unknown_provider)?;
    games::switch(app.wallet.pool(), &provider.id, &game, body.enabled).await?;
    Ok(Json(Game {
        provider: provider.id.to_string(),
        game_id: game.to_string(),
        enabled: body.enabled,
    }))
}
