//! Opening players, sessions and games from a file: demo data, and test beds.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use chrono::{TimeDelta, Utc};
use serde::Deserialize;
use tokio::time::Instant;

use crate::core::{
    Action, Amount, Category, Command, Currency, GameId, Movement, PlayerId, PlayerStatus, Policy,
    ProviderId, TokenHash, TxId,
};
use crate::engine::Wallet;
use crate::store::directory::{games, players, sessions};

/// The longest that one step may take.
const STEP_DEADLINE: Duration = Duration::from_secs(10);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Seed {
    #[serde(default)]
    players: Vec<Player>,
    #[serde(default)]
    sessions: Vec<Session>,
    #[serde(default)]
    games: Vec<Game>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Player {
    player_id: String,
    currency: String,
    deposit: Option<String>,
    status: Option<String>,
    bet_limit: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Session {
    token: String,
    player_id: String,
    provider: String,
    ttl_seconds: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Game {
    provider: String,
    game_id: String,
    enabled: bool,
}

/// Opens everything that the file names. Run again, it changes nothing but the sessions' end.
///
/// # Errors
/// Where the file cannot be understood, or the database does not do as asked.
pub(super) async fn seed(wallet: &Arc<Wallet>, file: &Path) -> anyhow::Result<()> {
    let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
    let seed: Seed = toml::from_str(&text).with_context(|| file.display().to_string())?;
    for player in &seed.players {
        open_player(wallet, player).await.with_context(|| player.player_id.clone())?;
    }
    for session in &seed.sessions {
        let new = sessions::NewSession {
            token: TokenHash::of(&session.token),
            player: PlayerId::parse(&session.player_id)?,
            provider: ProviderId::parse(&session.provider)?,
            game: None,
            expires_at: Utc::now() + TimeDelta::seconds(session.ttl_seconds),
        };
        match sessions::issue(wallet.pool(), &new).await? {
            sessions::Issued::Done => {}
            sessions::Issued::PlayerUnknown => {
                bail!("a session names the unknown player {}", session.player_id)
            }
            sessions::Issued::AnotherPlayers => {
                bail!("the token of a session of {} is another player's", session.player_id)
            }
        }
    }
    for game in &seed.games {
        let provider = ProviderId::parse(&game.provider)?;
        games::switch(wallet.pool(), &provider, &GameId::parse(&game.game_id)?, game.enabled)
            .await?;
    }
    Ok(())
}

async fn open_player(wallet: &Arc<Wallet>, seed: &Player) -> anyhow::Result<()> {
    let player = PlayerId::parse(&seed.player_id)?;
    let currency = Currency::parse(&seed.currency)?;
    let (players::Opened::New(found) | players::Opened::Before(found)) =
        players::open(wallet.pool(), &player, &currency).await?;
    if found.currency != currency {
        bail!("is there already, with the currency {}", found.currency);
    }
    if let Some(limit) = &seed.bet_limit {
        let limit = Amount::parse(limit, 6)?;
        players::set_bet_limit(wallet.pool(), &player, Some(limit)).await?;
    }
    if let Some(deposit) = &seed.deposit {
        let action = Action::credit(Amount::parse(deposit, 6)?);
        let step = ("seed-deposit", action, Category::Deposit);
        execute(wallet, &player, step).await?;
    }
    if let Some(status) = &seed.status {
        let status = PlayerStatus::parse(status).context("status")?;
        execute(wallet, &player, ("seed-status", Action::Note(Some(status)), Category::Status))
            .await?;
    }
    Ok(())
}

/// One movement of the operator's, under a key of its own, so that it happens once.
async fn execute(
    wallet: &Arc<Wallet>,
    player: &PlayerId,
    (name, action, category): (&str, Action, Category),
) -> anyhow::Result<()> {
    let command = Command {
        provider: ProviderId::parse("operator")?,
        player: player.clone(),
        currency: None,
        token: None,
        game: None,
        round: None,
        movements: vec![Movement {
            tx_id: TxId::parse(format!("{name}:{player}"))?,
            action,
            category,
            detail: None,
        }],
        policy: Policy::PERMISSIVE,
        occurred_at: None,
    };
    let receipt = wallet.execute(command, Instant::now() + STEP_DEADLINE).await?;
    if let Some(reason) = receipt.refusal() {
        bail!("{name}: {}", reason.as_str());
    }
    Ok(())
}
