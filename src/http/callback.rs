//! The one handler of all providers' callbacks: do what was asked, and answer.

use std::sync::Arc;

use axum::body::Body;
use axum::http::Response;
use futures_util::future::BoxFuture;
use secrecy::ExposeSecret;
use tower::ServiceBuilder;

use super::call::{Callback, Callbacks};
use crate::app::App;
use crate::core::{Checks, Command, Exchange, IssueCall, Outcome, PlayerView, Receipt, TokenHash};
use crate::edge::body::ReadBody;
use crate::edge::call::{Arrival, ProviderCall};
use crate::edge::prove::Prove;
use crate::edge::record::CallOutcome;
use crate::edge::stack::{self, Serve};
use crate::engine::WalletError;
use crate::free_rounds::issues;
use crate::providers::{self, Answer, Failure};

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
    let provider = call.provider();
    let request = match request {
        providers::Request::Issue(issue) => resolve(&app, &call, &issue).await?,
        request => request,
    };
    let wallet = &app.wallet;
    let request = call.asks_for(request);
    // Boxed, so that a bet does not carry the room that a look-up needs.
    let found: BoxFuture<'_, Result<PlayerView, WalletError>> = match request {
        providers::Request::Execute(command) => {
            let common: &ProviderCall = call.as_ref();
            let executing =
                wallet.execute_unbounded(command.clone(), common.deadline(), common.trail());
            let receipt = executing.await.map_err(failure_of)?;
            let outcome = outcome_of(command, &receipt);
            return Ok(call.reply(&Answer::Executed(&receipt), outcome));
        }
        providers::Request::Authenticate { token, game } => Box::pin(async {
            let token = TokenHash::of(token.expose_secret());
            let keep = Exchange::Keep;
            let let_in = wallet.authenticate(&provider.id, &token, None, game.as_ref(), keep).await;
            let_in.map(|player| player.view)
        }),
        providers::Request::Balance { player, checks, .. } => {
            Box::pin(wallet.balance(&provider.id, player, checks))
        }
        // It was resolved above, and comes to none.
        providers::Request::Issue(_) => return Err(Failure::Internal),
        providers::Request::Acknowledge { player } => {
            Box::pin(wallet.balance(&provider.id, player, &Checks::NONE))
        }
    };
    let player = found.await.map_err(failure_of)?;
    let name = Some(player.player.clone());
    let outcome = CallOutcome { word: "ok", player: name, ..CallOutcome::default() };
    Ok(call.reply(&Answer::Player(&player), outcome))
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
