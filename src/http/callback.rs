//! The one handler of all providers' callbacks: do what was asked, and answer.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::any;
use futures_util::future::BoxFuture;
use secrecy::ExposeSecret;

use super::layers::{self, Answered, Call, keep_deadline};
use crate::app::App;
use crate::core::{Checks, Command, Exchange, IssueCall, Outcome, PlayerView, Receipt, TokenHash};
use crate::edge::record::Told;
use crate::engine::WalletError;
use crate::free_rounds::issues;
use crate::providers::{Answer, Failure, Request as Asked};

/// The callbacks of every provider.
pub fn router(app: &Arc<App>) -> Router {
    Router::new()
        .route("/{provider}", any(callback))
        .route("/{provider}/{*operation}", any(callback))
        .with_state(Arc::clone(app))
}

async fn callback(State(app): State<Arc<App>>, request: Request) -> Response {
    layers::through(app, request, answer).await
}

async fn answer(app: Arc<App>, call: Call, asked: Asked) -> Answered {
    let asked = match asked {
        Asked::Issue(issue) => match resolve(&app, &call, &issue).await {
            Ok(asked) => asked,
            Err(failure) => return call.fail(None, &failure),
        },
        asked => asked,
    };
    let (wallet, provider) = (&app.wallet, &call.provider.id);
    // Boxed, so that a bet does not carry the room that a look-up needs.
    let found: BoxFuture<'_, Result<PlayerView, WalletError>> = match &asked {
        Asked::Execute(command) => {
            let trail = call.trail.clone();
            let executed = wallet.execute_traced(command.clone(), call.deadline, trail).await;
            return match executed {
                Ok(receipt) => {
                    let told = told_of(command, &receipt);
                    call.reply(Some(&asked), &Answer::Executed(&receipt), told)
                }
                Err(error) => call.fail(Some(&asked), &failure_of(error)),
            };
        }
        Asked::Authenticate { token, game } => Box::pin(async {
            let token = TokenHash::of(token.expose_secret());
            let keep = Exchange::Keep;
            let let_in = wallet.authenticate(provider, &token, None, game.as_ref(), keep).await;
            let_in.map(|player| player.view)
        }),
        Asked::Balance { player, checks, .. } => Box::pin(wallet.balance(provider, player, checks)),
        // It was resolved above, and comes to none.
        Asked::Issue(_) => return call.fail(Some(&asked), &Failure::Internal),
        Asked::Acknowledge { player } => Box::pin(wallet.balance(provider, player, &Checks::NONE)),
    };
    match keep_deadline(&call, found).await {
        Ok(Ok(player)) => {
            let name = Some(player.player.clone());
            let told = Told { outcome: "ok", player: name, ..Told::default() };
            call.reply(Some(&asked), &Answer::Player(&player), told)
        }
        Ok(Err(error)) => call.fail(Some(&asked), &failure_of(error)),
        Err(failure) => call.fail(Some(&asked), &failure),
    }
}

/// What a call about an issue of free rounds asks for. Boxed, so that a bet does not carry it.
fn resolve<'a>(
    app: &'a App,
    call: &'a Call,
    issue: &'a IssueCall,
) -> BoxFuture<'a, Result<Asked, Failure>> {
    Box::pin(async move {
        let found = issues::resolve(app.wallet.pool(), &call.provider, issue);
        let resolved = keep_deadline(call, found).await?;
        resolved.map_err(|error| failure_of(WalletError::from(error)))?
    })
}

/// Why the door stayed shut, as every protocol words it.
pub const fn failure_of(error: WalletError) -> Failure {
    match error {
        WalletError::Refused(reason) => Failure::Refused(reason),
        WalletError::Busy => Failure::Busy,
        WalletError::Timeout => Failure::Timeout,
        WalletError::Unavailable => Failure::Unavailable,
        WalletError::Internal => Failure::Internal,
    }
}

/// A refusal's reason, or else the outcome that says most about the whole command.
pub fn told_of(command: &Command, receipt: &Receipt) -> Told {
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
    Told {
        outcome,
        player: Some(command.player.clone()),
        tx_id: command.movements.first().map(|movement| movement.tx_id.clone()),
        transaction_id: receipt
            .outcomes
            .first()
            .and_then(Outcome::entry)
            .map(crate::core::Entry::id),
        detail: None,
    }
}
