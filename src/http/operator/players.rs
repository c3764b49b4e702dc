//! Players: opening, looking at, freezing, closing and limiting.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::audited::{self, AUTHOR_MAX, REASON_MAX};
use super::command::command;
use super::docs::{self, refusals};
use super::error;
use super::extract::{JsonBody, PlayerPath};
use super::layers::Call;
use super::wire::{Faults, MoneyText, money, one_line, present};
use crate::app::App;
use crate::core::{
    Action, Amount, Category, Currency, PlayerId, PlayerStatus, Reason, Receipt, WalletState,
};
use crate::http::problem::Problem;
use crate::store::directory::operator_audit::{AuditEvent, AuditOutcome};
use crate::store::directory::players;
use crate::store::jobs::parked_list;

/// A player and the wallet, as they are now.
#[derive(Serialize, ToSchema)]
pub struct Player {
    player_id: String,
    currency: String,
    /// In major units, with two to six decimals.
    balance: String,
    /// The number of decided ledger rows; it grows by one with each.
    version: i64,
    #[schema(schema_with = docs::player_status)]
    status: &'static str,
    /// The largest single stake; `null` for no limit of the player's own.
    bet_limit: Option<String>,
}

impl From<WalletState> for Player {
    fn from(wallet: WalletState) -> Self {
        Self {
            player_id: wallet.player.to_string(),
            currency: wallet.currency.to_string(),
            balance: money(wallet.balance),
            version: wallet.version,
            status: wallet.status.as_str(),
            bet_limit: wallet.bet_limit.map(|limit| money(limit.micros())),
        }
    }
}

/// A wallet for the record.
#[derive(Serialize)]
pub struct WalletSnapshot {
    balance: String,
    version: i64,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    bet_limit: Option<String>,
}

impl From<&WalletState> for WalletSnapshot {
    fn from(wallet: &WalletState) -> Self {
        Self {
            balance: money(wallet.balance),
            version: wallet.version,
            status: wallet.status.as_str(),
            bet_limit: wallet.bet_limit.map(|limit| money(limit.micros())),
        }
    }
}

impl From<&Receipt> for WalletSnapshot {
    fn from(receipt: &Receipt) -> Self {
        Self {
            balance: money(receipt.balance),
            version: receipt.version,
            status: receipt.status.as_str(),
            bet_limit: None,
        }
    }
}

/// A player to be opened.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPlayer {
    /// 1 to 100 bytes, without control characters; case-sensitive.
    player_id: String,
    /// 3 to 10 capital letters or digits. It never changes.
    currency: String,
}

refusals!(OpenRefusals: docs::of_bodies() =>
    docs::in_body("currency", "not a currency code of 3 to 10 capital letters or digits"),
    error::player_exists("USD"));

/// Open a player with an empty wallet. A repeat changes nothing.
#[utoipa::path(
    post, path = "/operator/v1/players", tag = "players",
    request_body(content = NewPlayer, example = json!({"player_id": "p-42", "currency": "EUR"})),
    responses(
        (status = 201, description = "Opened.", body = Player, example = json!({
            "player_id": "p-42", "currency": "EUR", "balance": "0.00", "version": 0,
            "status": "active", "bet_limit": null
        })),
        (status = 200, description = "It is there already, exactly so.", body = Player,
            example = json!({
                "player_id": "p-42", "currency": "EUR", "balance": "100.00", "version": 1,
                "status": "active", "bet_limit": null
            })),
        OpenRefusals
    )
)]
pub async fn open(
    State(app): State<Arc<App>>,
    call: Call,
    JsonBody(body): JsonBody<NewPlayer>,
) -> Result<(StatusCode, Json<Player>), Problem> {
    let mut faults = Faults::default();
    let player = faults.check("player_id", PlayerId::parse(&body.player_id));
    let currency = faults.check("currency", Currency::parse(&body.currency));
    let (Some(player), Some(currency)) = (player, currency) else {
        return Err(error::wrong_values(faults.into_errors()));
    };
    let event = AuditEvent {
        player: Some(player.clone()),
        subject: Some(currency.to_string()),
        ..audited::event(&call, "open")
    };
    let opening = async {
        let (status, outcome, wallet) =
            match players::open(app.wallet.pool(), &player, &currency).await? {
                players::Opened::New(wallet) => {
                    make_parked_due(&app, &player).await;
                    (StatusCode::CREATED, "done", wallet)
                }
                players::Opened::Before(wallet) if wallet.currency == currency => {
                    (StatusCode::OK, "repeated", wallet)
                }
                players::Opened::Before(wallet) => {
                    return Err(error::player_exists(wallet.currency.as_str()));
                }
            };
        let after = audited::state(&WalletSnapshot::from(&wallet));
        Ok((
            (status, Json(wallet.into())),
            AuditOutcome { outcome, after, ..AuditOutcome::default() },
        ))
    };
    audited::run(&app, event, opening).await
}

refusals!(ReadRefusals: docs::of_all() =>
    docs::in_path("player_id", "longer than 100 bytes"),
    error::refused(Reason::PlayerUnknown));

/// Look at a player. The balance is PostgreSQL's own, never a cached one.
#[utoipa::path(
    get, path = "/operator/v1/players/{player_id}", tag = "players",
    params(("player_id" = String, Path, example = "p-42")),
    responses(
        (status = 200, description = "As it is now.", body = Player, example = json!({
            "player_id": "p-42", "currency": "EUR", "balance": "100.00", "version": 1,
            "status": "active", "bet_limit": "10.00"
        })),
        ReadRefusals
    )
)]
pub async fn read(
    State(app): State<Arc<App>>,
    PlayerPath(player): PlayerPath,
) -> Result<Json<Player>, Problem> {
    Ok(Json(find(&app, &player).await?.into()))
}

/// What is to change; what is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PlayerChange {
    #[serde(default, deserialize_with = "present")]
    #[schema(schema_with = docs::player_status, required = false)]
    status: Option<String>,
    /// The largest single stake; `null` lifts the limit.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, required = false, pattern = r"^[0-9]+(\.[0-9]+)?$")]
    bet_limit: Option<Option<MoneyText>>,
    /// For those who ask later.
    #[schema(min_length = 1, max_length = 500)]
    reason: Option<String>,
    /// The person who decided it.
    #[schema(min_length = 1, max_length = 100)]
    author: Option<String>,
}

refusals!(ChangeRefusals: docs::of_bodies() =>
    docs::in_path("player_id", "longer than 100 bytes"),
    docs::in_body("status", "must be active, frozen or closed"),
    error::refused(Reason::PlayerUnknown));

/// Freeze, close or open a player again; set or lift the bet limit. A change of status is a
/// row of the ledger; saying what is so already writes nothing.
#[utoipa::path(
    patch, path = "/operator/v1/players/{player_id}", tag = "players",
    params(("player_id" = String, Path, example = "p-42")),
    request_body(
        content = PlayerChange,
        examples(
            ("1_limit" = (summary = "A limit", value = json!({
                "bet_limit": "10.00", "reason": "asked for it, case 1234", "author": "m.rossi"
            }))),
            ("2_freeze" = (summary = "No bets", value = json!({
                "status": "frozen", "reason": "asked for a break, case 1234", "author": "m.rossi"
            }))),
        )
    ),
    responses(
        (status = 200, description = "As it is now.", body = Player, example = json!({
            "player_id": "p-42", "currency": "EUR", "balance": "100.00", "version": 1,
            "status": "active", "bet_limit": "10.00"
        })),
        ChangeRefusals
    )
)]
pub async fn change(
    State(app): State<Arc<App>>,
    call: Call,
    PlayerPath(player): PlayerPath,
    JsonBody(body): JsonBody<PlayerChange>,
) -> Result<Json<Player>, Problem> {
    let mut faults = Faults::default();
    let status = faults.check_optional("status", body.status.as_deref().map(status_named));
    let limit = body.bet_limit.map(|limit| limit.map(|text| text.amount()).transpose());
    let limit = faults.check_optional("bet_limit", limit);
    let reason = body.reason.as_deref().map(|text| one_line(text, REASON_MAX));
    let author = body.author.as_deref().map(|text| one_line(text, AUTHOR_MAX));
    let (reason, author) =
        (faults.check_optional("reason", reason), faults.check_optional("author", author));
    faults.none_or(error::wrong_values)?;
    let now = find(&app, &player).await?;
    let status = status.filter(|status| *status != now.status);
    if status.is_none() && limit.is_none() {
        return Ok(Json(now.into()));
    }
    let event = AuditEvent {
        author,
        reason,
        player: Some(player.clone()),
        before: audited::state(&WalletSnapshot::from(&now)),
        ..audited::event(&call, "player")
    };
    audited::run(&app, event, make(&app, &call, &player, (status, limit))).await
}

async fn make(
    app: &App,
    call: &Call,
    player: &PlayerId,
    (status, limit): (Option<PlayerStatus>, Option<Option<Amount>>),
) -> Result<(Json<Player>, AuditOutcome), Problem> {
    if let Some(status) = status {
        set_status(app, call, player, status).await?;
        if status != PlayerStatus::Closed {
            make_parked_due(app, player).await;
        }
    }
    if let Some(limit) = limit {
        players::set_bet_limit(app.wallet.pool(), player, limit).await?;
    }
    let now = find(app, player).await?;
    let after = audited::state(&WalletSnapshot::from(&now));
    Ok((Json(now.into()), AuditOutcome { outcome: "done", after, ..AuditOutcome::default() }))
}

/// What waited for the wallet is due now. The wallet is open, whatever comes of this; the job finds
/// what is left.
async fn make_parked_due(app: &App, player: &PlayerId) {
    if let Err(error) = parked_list::make_due(app.wallet.pool(), player).await {
        tracing::warn!(%error, %player, "what waits for the wallet is left to the job");
    }
}

fn status_named(word: &str) -> Result<PlayerStatus, &'static str> {
    PlayerStatus::parse(word).ok_or("must be active, frozen or closed")
}

/// Through the wallet's door, so that it takes a version and every cache hears of it.
async fn set_status(
    app: &App,
    call: &Call,
    player: &PlayerId,
    status: PlayerStatus,
) -> Result<(), Problem> {
    let tx_id = format!("status:{}", Uuid::now_v7());
    let what = (Action::Note(Some(status)), Category::Status);
    let command = command(player, &tx_id, what, (call.key_name(), Some(status.as_str())))?;
    let receipt = app.wallet.execute(command, call.deadline()).await?;
    receipt.refusal().map_or(Ok(()), |reason| Err(error::refused(reason)))
}

/// The wallet of a player who has to be there.
pub async fn find(app: &App, player: &PlayerId) -> Result<WalletState, Problem> {
    let found = players::find(app.wallet.pool(), player).await?;
    found.ok_or_else(|| error::refused(Reason::PlayerUnknown))
}
