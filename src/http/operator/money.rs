//! Money from outside and to outside, each under the caller's own key, once.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;

use super::docs::{self, refusals};
use super::error;
use super::extract::{IdempotencyKey, JsonBody, PlayerPath};
use super::layers::Call;
use super::transfer::{self, Direction, Transferred};
use super::wire::{Faults, MoneyText};
use crate::app::App;
use crate::core::{PlayerId, Reason};
use crate::http::problem::Problem;

/// Money to be moved.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Transfer {
    /// In major units, more than zero, at most six decimals. A JSON number is refused.
    #[schema(value_type = String, example = "100.00", pattern = r"^[0-9]+(\.[0-9]+)?$")]
    amount: MoneyText,
}

refusals!(DepositRefusals: docs::of_money() =>
    error::refused(Reason::PlayerClosed), error::refused(Reason::BalanceLimit));

/// Pay money in. A frozen player can be paid, a closed one cannot.
#[utoipa::path(
    post, path = "/operator/v1/players/{player_id}/deposits", tag = "money",
    params(
        ("player_id" = String, Path, example = "p-42"),
        ("Idempotency-Key" = String, Header, example = "cashier-2026-000042",
            description = "1 to 200 visible ASCII characters, unique for the player's deposits."),
    ),
    request_body(content = Transfer, example = json!({"amount": "100.00"})),
    responses(
        (status = 201, description = "Paid.", body = Transferred, example = json!({
            "transaction_id": "019a1c9e7b3a7d2e8f4061b2c3d4e5f6", "player_id": "p-42",
            "amount": "100.00", "status": "applied", "balance": "100.00", "version": 1,
            "created_at": "2026-10-01T09:30:00.123456Z"
        })),
        (status = 200, description = "It was paid before.", body = Transferred, example = json!({
            "transaction_id": "019a1c9e7b3a7d2e8f4061b2c3d4e5f6", "player_id": "p-42",
            "amount": "100.00", "status": "applied", "balance": "85.50", "version": 7,
            "created_at": "2026-10-01T09:30:00.123456Z"
        })),
        (status = 202, description = "The wallet was closed at the same moment: it is kept, and \
                paid once the wallet is open again.",
            body = Transferred, example = json!({
                "transaction_id": "019a1c9e7b3a7d2e8f4061b2c3d4e5f6", "player_id": "p-42",
                "amount": "100.00", "status": "parked", "balance": "0.00", "version": 2,
                "created_at": "2026-10-01T09:30:00.123456Z"
            })),
        DepositRefusals
    )
)]
pub async fn deposit(
    State(app): State<Arc<App>>,
    call: Call,
    PlayerPath(player): PlayerPath,
    key: IdempotencyKey,
    JsonBody(body): JsonBody<Transfer>,
) -> Result<(StatusCode, Json<Transferred>), Problem> {
    execute(&app, &call, (Direction::In, &player, &key), &body).await
}

refusals!(WithdrawalRefusals: docs::of_money() =>
    error::refused(Reason::InsufficientFunds),
    error::refused(Reason::PlayerFrozen),
    error::refused(Reason::PlayerClosed));

/// Pay money out. A refusal is remembered: its repeat is refused as well, whatever has become
/// of the balance, so a new try takes a new key.
#[utoipa::path(
    post, path = "/operator/v1/players/{player_id}/withdrawals", tag = "money",
    params(
        ("player_id" = String, Path, example = "p-42"),
        ("Idempotency-Key" = String, Header, example = "payout-2026-000007",
            description = "1 to 200 visible ASCII characters, unique for the player's \
                           withdrawals."),
    ),
    request_body(content = Transfer, example = json!({"amount": "25.00"})),
    responses(
        (status = 201, description = "Taken.", body = Transferred, example = json!({
            "transaction_id": "019a1c9e7b3a7d2e8f4061b2c3d4e5f7", "player_id": "p-42",
            "amount": "25.00", "status": "applied", "balance": "75.00", "version": 2,
            "created_at": "2026-10-01T09:31:00.123456Z"
        })),
        (status = 200, description = "It was taken before.", body = Transferred, example = json!({
            "transaction_id": "019a1c9e7b3a7d2e8f4061b2c3d4e5f7", "player_id": "p-42",
            "amount": "25.00", "status": "applied", "balance": "60.50", "version": 8,
            "created_at": "2026-10-01T09:31:00.123456Z"
        })),
        WithdrawalRefusals
    )
)]
pub async fn withdraw(
    State(app): State<Arc<App>>,
    call: Call,
    PlayerPath(player): PlayerPath,
    key: IdempotencyKey,
    JsonBody(body): JsonBody<Transfer>,
) -> Result<(StatusCode, Json<Transferred>), Problem> {
    execute(&app, &call, (Direction::Out, &player, &key), &body).await
}

async fn execute(
    app: &App,
    call: &Call,
    (direction, player, key): (Direction, &PlayerId, &IdempotencyKey),
    body: &Transfer,
) -> Result<(StatusCode, Json<Transferred>), Problem> {
    let mut faults = Faults::default();
    let amount = faults
        .check("amount", body.amount.positive_amount())
        .ok_or_else(|| error::wrong_values(faults.into_errors()))?;
    transfer::execute(app, call, (direction, player, key), amount).await
}
