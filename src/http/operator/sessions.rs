//! Launch tokens for providers' games: issued once, shown once, stored as a hash.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use chrono::{TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::audited;
use super::docs::{self, refusals};
use super::error;
use super::extract::JsonBody;
use super::layers::Call;
use super::players::find;
use super::wire::{Faults, moment};
use crate::app::App;
use crate::core::{Currency, GameId, PlayerId, PlayerStatus, ProviderId, Reason, TokenHash};
use crate::http::problem::Problem;
use crate::store::directory::operator_audit::{AuditEvent, AuditOutcome};
use crate::store::directory::sessions::{self, Issued, NewSession};

/// A day.
const DEFAULT_TTL_SECONDS: i64 = 24 * 60 * 60;
/// Thirty days.
const MAX_TTL_SECONDS: i64 = 30 * DEFAULT_TTL_SECONDS;

/// A session to be issued.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SessionRequest {
    player_id: String,
    /// The slug of a configured provider.
    provider: String,
    /// Only for this game.
    game_id: Option<String>,
    /// Up to 30 days; a day when left out.
    #[schema(minimum = 1, maximum = 2_592_000, default = 86_400)]
    ttl_seconds: Option<i64>,
}

/// A session that was issued.
#[derive(Serialize, ToSchema)]
pub struct SessionIssued {
    /// For the game's launch URL. It is not shown again.
    token: String,
    #[schema(format = DateTime)]
    expires_at: String,
}

refusals!(IssueRefusals: docs::of_bodies() =>
    docs::in_body("provider", "no provider of this name is configured"),
    error::refused(Reason::PlayerUnknown),
    error::refused(Reason::PlayerFrozen),
    error::refused(Reason::PlayerClosed),
    error::currency_unknown("TON"));

/// Issue a launch token for a provider's games.
#[utoipa::path(
    post, path = "/operator/v1/sessions", tag = "sessions",
    request_body(content = SessionRequest, example = json!({
        "player_id": "p-42", "provider": "pragmatic", "game_id": "vs20olympgate",
        "ttl_seconds": 3600
    })),
    responses(
        (status = 201, description = "Issued.", body = SessionIssued, example = json!({
            "token": "8f14e45f-ceea-467f-a8d2-3b8d2f6c1e90",
            "expires_at": "2026-10-01T10:30:00.000000Z"
        })),
        IssueRefusals
    )
)]
pub async fn issue(
    State(app): State<Arc<App>>,
    call: Call,
    JsonBody(body): JsonBody<SessionRequest>,
) -> Result<(StatusCode, Json<SessionIssued>), Problem> {
    // 122 random bits of the operating system's.
    let token = Uuid::new_v4().to_string();
    let session = new_session(&app, &token, &body)?;
    let wallet = find(&app, &session.player).await?;
    refuse_uncountable(&app, &session.provider, &wallet.currency)?;
    match wallet.status {
        PlayerStatus::Active => {}
        PlayerStatus::Frozen => return Err(error::refused(Reason::PlayerFrozen)),
        PlayerStatus::Closed => return Err(error::refused(Reason::PlayerClosed)),
    }
    let event = AuditEvent {
        player: Some(session.player.clone()),
        provider: Some(session.provider.to_string()),
        subject: session.game.as_ref().map(GameId::to_string),
        ..audited::event(&call, "session")
    };
    let issuing = async {
        match sessions::issue(app.wallet.pool(), &session).await? {
            Issued::Done => {}
            Issued::PlayerUnknown => return Err(error::refused(Reason::PlayerUnknown)),
            // Nobody has one that was made a moment ago.
            Issued::AnotherPlayers => return Err(error::internal()),
        }
        let expires_at = moment(session.expires_at);
        let after = audited::state(&serde_json::json!({ "expires_at": expires_at }));
        let issued = SessionIssued { token, expires_at };
        let end = AuditOutcome { outcome: "done", after, ..AuditOutcome::default() };
        Ok(((StatusCode::CREATED, Json(issued)), end))
    };
    audited::run(&app, event, issuing).await
}

fn new_session(app: &App, token: &str, body: &SessionRequest) -> Result<NewSession, Problem> {
    let mut faults = Faults::default();
    let player = faults.check("player_id", PlayerId::parse(&body.player_id));
    let provider = faults.check("provider", configured(app, &body.provider));
    let game = faults.check("game_id", body.game_id.as_ref().map(GameId::parse).transpose());
    let ttl = faults.check("ttl_seconds", lifetime(body.ttl_seconds));
    let (Some(player), Some(provider), Some(game), Some(ttl)) = (player, provider, game, ttl)
    else {
        return Err(error::wrong_values(faults.into_errors()));
    };
    let expires_at = Utc::now() + ttl;
    Ok(NewSession { token: TokenHash::of(token), player, provider, game, expires_at })
}

/// Nobody plays where nobody knows what an amount is.
fn refuse_uncountable(
    app: &App,
    provider: &ProviderId,
    currency: &Currency,
) -> Result<(), Problem> {
    match app.providers.get(provider.as_str()) {
        Some(provider) if !provider.adapter.can_count(currency) => {
            Err(error::currency_unknown(currency.as_str()))
        }
        _ => Ok(()),
    }
}

fn configured(app: &App, slug: &str) -> Result<ProviderId, &'static str> {
    let provider = app.providers.get(slug).ok_or("no provider of this name is configured")?;
    Ok(provider.id.clone())
}

fn lifetime(seconds: Option<i64>) -> Result<TimeDelta, String> {
    let seconds = seconds.unwrap_or(DEFAULT_TTL_SECONDS);
    TimeDelta::try_seconds(seconds)
        .filter(|_| (1..=MAX_TTL_SECONDS).contains(&seconds))
        .ok_or_else(|| format!("must be 1 to {MAX_TTL_SECONDS}"))
}

/// A session to be ended.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Revocation {
    /// As it was issued. Not in the path, which everything on the way may write down.
    #[schema(min_length = 1)]
    token: String,
}

refusals!(RevokeRefusals: docs::of_bodies() =>
    docs::in_body("token", "empty"), error::unknown_session());

/// End a session now.
#[utoipa::path(
    post, path = "/operator/v1/sessions/revoke", tag = "sessions",
    request_body(content = Revocation, example = json!({
        "token": "8f14e45f-ceea-467f-a8d2-3b8d2f6c1e90"
    })),
    responses((status = 204, description = "It is over."), RevokeRefusals)
)]
pub async fn revoke(
    State(app): State<Arc<App>>,
    call: Call,
    JsonBody(body): JsonBody<Revocation>,
) -> Result<StatusCode, Problem> {
    let mut faults = Faults::default();
    faults.check("token", if body.token.is_empty() { Err("empty") } else { Ok(()) });
    faults.none_or(error::wrong_values)?;
    let (pool, token) = (app.wallet.pool(), TokenHash::of(&body.token));
    let owner = sessions::owner(pool, &token).await?.filter(|owner| !owner.is_revoked);
    let owner = owner.ok_or_else(error::unknown_session)?;
    let event = AuditEvent {
        player: Some(owner.player),
        provider: Some(owner.provider.to_string()),
        ..audited::event(&call, "session_revoked")
    };
    let revoking = async {
        if sessions::revoke(pool, &token).await? {
            Ok((
                StatusCode::NO_CONTENT,
                AuditOutcome { outcome: "done", ..AuditOutcome::default() },
            ))
        } else {
            Err(error::unknown_session())
        }
    };
    audited::run(&app, event, revoking).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_lives_a_day_unless_told_otherwise_and_never_over_thirty() {
        assert_eq!(lifetime(None), Ok(TimeDelta::days(1)));
        assert_eq!(lifetime(Some(1)), Ok(TimeDelta::seconds(1)));
        assert_eq!(lifetime(Some(2_592_000)), Ok(TimeDelta::days(30)));
        for bad in [0, -1, 2_592_001, i64::MAX, i64::MIN] {
            assert!(lifetime(Some(bad)).is_err(), "{bad}");
        }
    }
}
