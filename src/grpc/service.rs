//! The methods of `wallet.v1.WalletService`: do what was asked, and answer.

use std::sync::Arc;

use futures_util::future::join_all;
use futures_util::stream::BoxStream;
use tokio::time::timeout_at;
use tonic::{Request, Response, Status};

use super::call::Call;
use super::decode::{self, Faults, given};
use super::proto::{self, batch_result, wallet_service_server::WalletService};
use super::refusal::Refusal;
use super::{encode, transactions};
use crate::app::App;
use crate::core::{Checks, Exchange, GameId, PlayerId, PlayerView, TokenHash};
use crate::edge::record::CallOutcome;
use crate::engine::Named;
use crate::http::callback::{failure_of, outcome_of};
use crate::providers::Failure;

/// One call's own: it has been admitted, and is answered here.
pub struct Service {
    /// The node.
    pub app: Arc<App>,
    /// The call.
    pub call: Call,
}

impl Service {
    /// What came of a call about a player.
    fn told(&self, found: Result<PlayerView, Refusal>) -> Result<Response<proto::Player>, Status> {
        match found {
            Ok(view) => {
                let player = Some(view.player.clone());
                self.call.ended(CallOutcome { word: "ok", player, ..CallOutcome::default() });
                Ok(Response::new(encode::player(&view)))
            }
            Err(refusal) => Err(self.refuse(&refusal)),
        }
    }

    fn refuse(&self, refusal: &Refusal) -> Status {
        self.call.ended_refused(refusal);
        refusal.status()
    }

    async fn authenticated(
        &self,
        request: &proto::AuthenticateRequest,
    ) -> Result<PlayerView, Refusal> {
        let mut faults = Faults::default();
        let token = given(&request.session_token).ok_or("empty");
        let token = faults.check("session_token", token).map(TokenHash::of);
        let game = faults.check_given("game_id", &request.game_id, GameId::parse);
        let game_is_good = game.is_some() || request.game_id.is_empty();
        let Some(token) = token.filter(|_| game_is_good) else { return Err(faults.refusal()) };
        let client = &self.call.client().id;
        let wallet = &self.app.wallet;
        let named = Named { game: game.as_ref(), ..Named::default() };
        let let_in = wallet.authenticate(client, &token, named, Exchange::Keep).await;
        Ok(let_in.map_err(failure_of)?.view)
    }

    async fn balance_of(&self, request: &proto::BalanceRequest) -> Result<PlayerView, Refusal> {
        let (player, checks) = decode::balance(request)?;
        let client = &self.call.client().id;
        Ok(self.app.wallet.balance(client, &player, &checks).await.map_err(failure_of)?)
    }

    /// One command, by itself or of a batch.
    async fn executed(
        &self,
        request: &proto::ExecuteRequest,
    ) -> Result<proto::ExecuteResponse, Refusal> {
        let client = self.call.client();
        let command = decode::command(request, &client.id, client.adapter.terms().policy)?;
        let common = self.call.common();
        let (deadline, timeline) = (common.deadline(), common.timeline());
        let executed = self.app.wallet.execute_unbounded(command.clone(), deadline, timeline).await;
        let receipt = executed.map_err(failure_of)?;
        self.call.ended(outcome_of(&command, &receipt));
        Ok(encode::executed(&command, &receipt))
    }

    /// As many places as there are commands; the call has one already.
    fn admit_batch(&self, commands: usize) -> Result<(), Refusal> {
        let most = self.app.grpc.batch_max;
        if !(1..=most).contains(&commands) {
            let mut faults = Faults::default();
            faults.check::<(), _>("commands", Err(format!("must be 1 to {most}")));
            return Err(faults.refusal());
        }
        let further = u32::try_from(commands - 1).map_err(|_| Failure::Busy)?;
        Ok(self.call.take_places(further)?)
    }

    /// Each keeps the deadline by itself: whoever waits for a locked wallet keeps no result from the
    /// others.
    async fn batch_item(&self, request: &proto::ExecuteRequest) -> proto::BatchResult {
        let deadline = self.call.common().deadline();
        let executed = timeout_at(deadline, self.executed(request)).await;
        let result = match executed.unwrap_or_else(|_| Err(Failure::Timeout.into())) {
            Ok(response) => batch_result::Result::Response(response),
            Err(refusal) => {
                self.call.ended_refused(&refusal);
                batch_result::Result::Error(refusal.error())
            }
        };
        proto::BatchResult { result: Some(result) }
    }

    async fn existing_player(
        &self,
        request: &proto::StreamTransactionsRequest,
    ) -> Result<PlayerId, Refusal> {
        let mut faults = Faults::default();
        let player = faults.check("player_id", PlayerId::parse(&request.player_id));
        let after = if request.after_version < 0 { Err("negative") } else { Ok(()) };
        let (Some(player), Some(())) = (player, faults.check("after_version", after)) else {
            return Err(faults.refusal());
        };
        let client = &self.call.client().id;
        self.app.wallet.balance(client, &player, &Checks::NONE).await.map_err(failure_of)?;
        Ok(player)
    }
}

#[tonic::async_trait]
impl WalletService for Service {
    async fn authenticate(
        &self,
        request: Request<proto::AuthenticateRequest>,
    ) -> Result<Response<proto::Player>, Status> {
        self.told(self.authenticated(request.get_ref()).await)
    }

    async fn balance(
        &self,
        request: Request<proto::BalanceRequest>,
    ) -> Result<Response<proto::Player>, Status> {
        self.told(self.balance_of(request.get_ref()).await)
    }

    async fn execute(
        &self,
        request: Request<proto::ExecuteRequest>,
    ) -> Result<Response<proto::ExecuteResponse>, Status> {
        let executed = self.executed(request.get_ref()).await;
        executed.map(Response::new).map_err(|refusal| self.refuse(&refusal))
    }

    async fn batch_execute(
        &self,
        request: Request<proto::BatchExecuteRequest>,
    ) -> Result<Response<proto::BatchExecuteResponse>, Status> {
        let commands = &request.get_ref().commands;
        self.admit_batch(commands.len()).map_err(|refusal| self.refuse(&refusal))?;
        // All at once: the engine commits together whatever waits together.
        let results = join_all(commands.iter().map(|command| self.batch_item(command))).await;
        Ok(Response::new(proto::BatchExecuteResponse { results }))
    }

    type StreamTransactionsStream = BoxStream<'static, Result<proto::Transaction, Status>>;

    async fn stream_transactions(
        &self,
        request: Request<proto::StreamTransactionsRequest>,
    ) -> Result<Response<Self::StreamTransactionsStream>, Status> {
        let player = self.existing_player(request.get_ref()).await;
        let player = player.map_err(|refusal| self.refuse(&refusal))?;
        let (app, call) = (Arc::clone(&self.app), self.call.clone());
        let after = request.get_ref().after_version;
        Ok(Response::new(transactions::stream(app, call, player, after)))
    }
}
