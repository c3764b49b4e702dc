//! The one handler of all providers' callbacks: decode, do, encode.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use secrecy::ExposeSecret;

use super::layers::{self, Call, Told, raw_call};
use crate::app::App;
use crate::core::{Checks, Outcome, PlayerView, Receipt, TokenHash};
use crate::providers::{Answer, Failure, Request as Asked};
use crate::wallet::WalletError;

/// The callbacks of every provider, in their layers.
pub fn router(app: &Arc<App>) -> Router {
    let callbacks = Router::new()
        .route("/{provider}", any(callback))
        .route("/{provider}/", any(callback))
        .route("/{provider}/{*operation}", any(callback))
        .with_state(Arc::clone(app));
    layers::around(app, callbacks)
}

async fn callback(State(app): State<Arc<App>>, request: Request) -> Response {
    let Some((call, raw)) = raw_call(&request) else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let asked = match call.provider.adapter.decode(&raw) {
        Ok(asked) => asked,
        Err(failure) => return call.fail(None, &failure),
    };
    let call = call.clone();
    drop(request);
    answer(&app, &call, asked).await
}

async fn answer(app: &App, call: &Call, asked: Asked) -> Response {
    let provider = &call.provider.id;
    let found = match &asked {
        Asked::Authenticate { token, game } => {
            let token = TokenHash::of(token.expose_secret());
            app.wallet.authenticate(provider, &token, game.as_ref()).await
        }
        Asked::Balance { player, checks, .. } => app.wallet.balance(provider, player, checks).await,
        Asked::Acknowledge { player } => app.wallet.balance(provider, player, &Checks::NONE).await,
        Asked::Execute(command) => {
            let executed = app.wallet.execute(command.clone(), call.deadline).await;
            return match executed {
                Ok(receipt) => {
                    let told = told_of(&asked, &receipt);
                    call.reply(Some(&asked), &Answer::Executed(&receipt), told)
                }
                Err(error) => call.fail(Some(&asked), &failure_of(error)),
            };
        }
    };
    match found {
        Ok(player) => {
            let told = told_of_player(&player);
            call.reply(Some(&asked), &Answer::Player(&player), told)
        }
        Err(error) => call.fail(Some(&asked), &failure_of(error)),
    }
}

const fn failure_of(error: WalletError) -> Failure {
    match error {
        WalletError::Refused(reason) => Failure::Refused(reason),
        WalletError::Busy => Failure::Busy,
        WalletError::Timeout => Failure::Timeout,
        WalletError::Unavailable => Failure::Unavailable,
        WalletError::Internal => Failure::Internal,
    }
}

fn told_of_player(player: &PlayerView) -> Told {
    Told { outcome: "ok", player: Some(player.player.to_string()), ..Told::default() }
}

/// A refusal's reason, or else the outcome that says most about the whole command.
fn told_of(asked: &Asked, receipt: &Receipt) -> Told {
    let outcome = match receipt.refusal() {
        Some(reason) => reason.as_str(),
        None if receipt.is_parked() => "parked",
        None => receipt
            .outcomes
            .iter()
            .find(|outcome| !matches!(outcome, Outcome::Replayed(_)))
            .or(receipt.outcomes.first())
            .map_or("ok", Outcome::as_str),
    };
    let Asked::Execute(command) = asked else { return Told { outcome, ..Told::default() } };
    Told {
        outcome,
        player: Some(command.player.to_string()),
        tx_id: command.movements.first().map(|movement| movement.tx_id.to_string()),
        transaction_id: receipt
            .outcomes
            .first()
            .and_then(Outcome::entry)
            .map(|entry| entry.id().to_string()),
        detail: None,
    }
}
