//! The one handler of all providers' callbacks: do what was asked, and answer.

use std::sync::Arc;

use axum::body::Body;
use axum::http::Response;
use futures_util::future::BoxFuture;
use secrecy::ExposeSecret;
use tower::ServiceBuilder;

use super::call::{Callback, Callbacks};
use crate::app::App;
use crate::core::{
    Checks, Command, IssueCall, Outcome, PlayerId, PlayerView, Reason, Receipt, TokenHash,
};
use crate::edge::body::ReadBody;
use crate::edge::call::{Arrival, ProviderCall};
use crate::edge::prove::Prove;
use crate::edge::record::CallOutcome;
use crate::edge::stack::{self, Serve};
use crate::engine::{Named, Wallet, WalletError};
use crate::free_rounds::issues;
use crate::providers::{self, Answer, Failure, Unnamed};

/// The callbacks of every provider, in their layers.
pub fn service(app: &Arc<App>) -> impl Serve<Body, Body> {
    let handler = Arc::clone(app);
    around(app, move |arrival| answer(Arc::clone(&handler), arrival))
}

/// As [`service`], with another handler.
pub fn around<H, F>(app: &Arc<App>, handler: H) -> impl Serve<Body, Body>
where
    H: FnMut(Proven) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Result<Response<Body>, Failure>> + Send + 'static,
{
    let prove = ServiceBuilder::new().layer(ReadBody).layer(Prove).into_inner();
    stack::around(Callbacks(Arc::clone(app)), prove, tower::service_fn(handler))
}

/// A call that is believed, and what it asks for.
pub type Proven = Arrival<Callback, providers::Request>;

async fn answer(
    app: Arc<App>,
    Arrival { call, request }: Proven,
) -> Result<Response<Body>, Failure> {
    let request = match request {
        providers::Request::Issue(issue) => resolve(&app, &call, &issue).await?,
        providers::Request::Unnamed(unnamed) => find_player(&app, &call, unnamed).await?,
        request => request,
    };
    // The others are boxed, so that a bet does not carry the room that a look-up needs.
    match call.asks_for(request) {
        providers::Request::Execute(command) => execute(&app.wallet, &call, command).await,
        providers::Request::Authenticate { token, player, currency, game, exchange } => {
            let token = TokenHash::of(token.expose_secret());
            let named =
                Named { player: player.as_ref(), currency: currency.as_ref(), game: game.as_ref() };
            let entering = app.wallet.authenticate(&call.provider().id, &token, named, *exchange);
            let entered = Box::pin(entering).await.map_err(failure_of)?;
            let answer =
                Answer::Authenticated { player: &entered.view, token: entered.token.as_ref() };
            Ok(call.reply(&answer, about(&entered.view)))
        }
        providers::Request::Launch { player, lifetime } => {
            let launching = app.wallet.launch(&call.provider().id, player, *lifetime);
            let entered = Box::pin(launching).await.map_err(failure_of)?;
            let answer =
                Answer::Authenticated { player: &entered.view, token: entered.token.as_ref() };
            Ok(call.reply(&answer, about(&entered.view)))
        }
        providers::Request::Balance { player, checks, .. } => {
            tell_balance(&app.wallet, &call, player, checks).await
        }
        providers::Request::Acknowledge { player } => {
            tell_balance(&app.wallet, &call, player, &Checks::NONE).await
        }
        // They were resolved above, into one of the others.
        providers::Request::Issue(_) | providers::Request::Unnamed(_) => Err(Failure::Internal),
    }
}

async fn execute(
    wallet: &Wallet,
    call: &Callback,
    command: &Command,
) -> Result<Response<Body>, Failure> {
    let common: &ProviderCall = call.as_ref();
    let executing = wallet.execute_unbounded(command.clone(), common.deadline(), common.timeline());
    let receipt = executing.await.map_err(failure_of)?;
    Ok(call.reply(&Answer::Executed(&receipt), outcome_of(command, &receipt)))
}

fn tell_balance<'a>(
    wallet: &'a Wallet,
    call: &'a Callback,
    player: &'a PlayerId,
    checks: &'a Checks,
) -> BoxFuture<'a, Result<Response<Body>, Failure>> {
    Box::pin(async move {
        let found = wallet.balance(&call.provider().id, player, checks).await;
        let player = found.map_err(failure_of)?;
        Ok(call.reply(&Answer::Player(&player), about(&player)))
    })
}

/// The outcome of a call that found a player.
fn about(player: &PlayerView) -> CallOutcome {
    CallOutcome { word: "ok", player: Some(player.player.clone()), ..CallOutcome::default() }
}

/// What a call asks for that names no player. Boxed, so that a bet does not carry it.
fn find_player<'a>(
    app: &'a App,
    call: &'a Callback,
    Unnamed { token, or_of, read }: Unnamed,
) -> BoxFuture<'a, Result<providers::Request, Failure>> {
    Box::pin(async move {
        let found = app.wallet.player_of(&call.provider().id, &token, or_of.as_ref()).await;
        let player = found.map_err(failure_of)?;
        read(player.ok_or(Failure::Refused(Reason::SessionUnknown))?)
    })
}

/// What a call about an issue of free rounds asks for. Boxed, so that a bet does not carry it.
fn resolve<'a>(
    app: &'a App,
    call: &'a Callback,
    issue: &'a IssueCall,
) -> BoxFuture<'a, Result<providers::Request, Failure>> {
    Box::pin(async move {
        let resolved = issues::resolve(app.wallet.pool(), call.provider(), issue).await;
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
pub fn outcome_of(command: &Command, receipt: &Receipt) -> CallOutcome {
    let word = match receipt.refusal() {
        Some(reason) => reason.as_str(),
        None if receipt.is_parked() => "parked",
        None => receipt
            .outcomes
            .iter()
            .find(|outcome| !matches!(outcome, Outcome::Replayed(_)))
            .or(receipt.outcomes.first())
            .map_or("ok", Outcome::as_str),
    };
    CallOutcome {
        word,
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
