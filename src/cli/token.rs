//! `wallet token`: a launch token by hand, to try a game.

use anyhow::{Context, bail, ensure};
use chrono::{TimeDelta, Utc};
use uuid::Uuid;

use super::arguments::TokenRequest;
use crate::app::App;
use crate::core::{GameId, PlayerId, PlayerStatus, ProviderId, TokenHash};
use crate::store::directory::{players, sessions};

/// Issues a session as the operator's API does, and gives its token: it is stored as a hash, and not
/// shown again.
///
/// # Errors
/// Where nobody could play with it, and what to do about that.
pub(super) async fn issue(app: &App, request: &TokenRequest) -> anyhow::Result<String> {
    let player = PlayerId::parse(&request.player).context("--player")?;
    let provider = ProviderId::parse(&request.provider).context("--provider")?;
    let game = request.game.as_deref().map(GameId::parse).transpose().context("--game")?;
    if !app.providers.contains_key(provider.as_str()) {
        let mut known: Vec<_> = app.providers.keys().map(String::as_str).collect();
        known.sort_unstable();
        bail!("no provider `{provider}` is configured: there are {}", known.join(", "));
    }
    let pool = app.wallet.pool();
    let found = players::find(pool, &player).await.context("the database")?;
    let status = found.with_context(|| unknown(&player))?.status;
    ensure!(
        status == PlayerStatus::Active,
        "the player {player} is {}: make it active with POST /operator/v1/players/{player}/status",
        status.as_str()
    );
    // 122 random bits of the operating system's.
    let token = Uuid::new_v4().to_string();
    let expires_at = Utc::now() + TimeDelta::seconds(i64::from(request.ttl_seconds));
    let session =
        sessions::NewSession { token: TokenHash::of(&token), player, provider, game, expires_at };
    let issued = sessions::issue(pool, &session).await.context("the database")?;
    ensure!(issued == sessions::Issued::Done, unknown(&session.player));
    Ok(token)
}

fn unknown(player: &PlayerId) -> String {
    format!(
        "there is no player `{player}` (capitals count): open it with POST /operator/v1/players, or \
         with `wallet seed`"
    )
}
