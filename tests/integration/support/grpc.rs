//! An in-house game that calls over gRPC with the generated client.

use std::time::Duration;

use seamless_wallet::grpc::proto::movement::Action;
use seamless_wallet::grpc::proto::wallet_service_client::WalletServiceClient;
use seamless_wallet::grpc::proto::{
    Adjust, Category, Credit, Debit, ExecuteRequest, ExecuteResponse, Movement, MovementResult,
    Outcome, Policy, Reason, Reverse, Reversible,
};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Response, Status};
use tonic_types::StatusExt;

use super::node::Node;

/// The slug of the client that most tests are.
pub const CLIENT: &str = "arcade";
/// Its key.
pub const KEY: &str = "arcade-key-1";
/// The one that takes its place.
pub const NEXT_KEY: &str = "arcade-key-2";
/// The key of another client.
pub const OTHER_KEY: &str = "bingo-key";

/// What a node needs to serve it; a win hardly waits for its bet.
pub const CONFIG: &str = r#"
    [grpc]
    listen = "127.0.0.1:0"
    [providers.arcade]
    protocol = "grpc"
    secrets = ["env:ARCADE_KEY", "env:ARCADE_NEXT_KEY"]
    body_max = 65536
    settings = { grace_ms = 50, max_bet = "1000.00" }
    [providers.bingo]
    protocol = "grpc"
    secrets = ["env:BINGO_KEY"]
"#;

/// A client with a connection of its own.
pub type Client = WalletServiceClient<Channel>;

/// Connects to a node.
pub async fn client(node: &Node) -> Client {
    WalletServiceClient::new(channel(node).await)
}

/// A connection to a node, for any service.
pub async fn channel(node: &Node) -> Channel {
    let address = node.grpc.expect("the node serves gRPC");
    let endpoint = Endpoint::from_shared(format!("http://{address}")).expect("an address");
    // What a stream may have on its way to a reader who does not read.
    endpoint.initial_stream_window_size(65_535).connect().await.expect("a connection")
}

/// A call with the client's key.
pub fn keyed<T>(message: T) -> Request<T> {
    keyed_with(message, KEY)
}

/// A call with that key.
pub fn keyed_with<T>(message: T, key: &str) -> Request<T> {
    let mut request = Request::new(message);
    let bearer = format!("Bearer {key}").parse().expect("a header");
    request.metadata_mut().insert("authorization", bearer);
    request
}

/// A call that may take that long.
pub fn within<T>(message: T, timeout: Duration) -> Request<T> {
    let mut request = keyed(message);
    request.set_timeout(timeout);
    request
}

/// A command in euro, in round `r`.
pub fn command(player: &str, movements: Vec<Movement>) -> ExecuteRequest {
    ExecuteRequest {
        player_id: player.to_owned(),
        currency: "EUR".to_owned(),
        round_id: "r".to_owned(),
        movements,
        ..ExecuteRequest::default()
    }
}

/// The same by another policy.
pub fn by(command: ExecuteRequest, policy: Policy) -> ExecuteRequest {
    ExecuteRequest { policy: Some(policy), ..command }
}

fn movement(tx_id: &str, action: Action) -> Movement {
    Movement { tx_id: tx_id.to_owned(), action: Some(action), detail: String::new() }
}

/// A stake.
pub fn debit(tx_id: &str, cents: i64) -> Movement {
    movement(tx_id, Action::Debit(Debit { amount_micros: cents * 10_000, category: 0 }))
}

/// A win.
pub fn credit(tx_id: &str, cents: i64) -> Movement {
    credit_of(tx_id, cents, Category::Unspecified)
}

/// A credit of that category.
pub fn credit_of(tx_id: &str, cents: i64, category: Category) -> Movement {
    let category = i32::from(category);
    movement(tx_id, Action::Credit(Credit { amount_micros: cents * 10_000, category }))
}

/// Undoes a movement.
pub fn reverse(tx_id: &str, target: &str, of: Reversible) -> Movement {
    let reverse =
        Reverse { target_tx_id: target.to_owned(), of: i32::from(of), at_most_micros: None };
    movement(tx_id, Action::Reverse(reverse))
}

/// A correction.
pub fn adjust(tx_id: &str, cents: i64) -> Movement {
    movement(tx_id, Action::Adjust(Adjust { amount_micros: cents * 10_000 }))
}

/// What came of a command.
pub trait Executed {
    /// The balance in cents.
    fn cents(&self) -> i64;
    /// Each movement's outcome and reason.
    fn words(&self) -> Vec<(Outcome, Reason)>;
    /// The first movement.
    fn first(&self) -> &MovementResult;
}

impl Executed for ExecuteResponse {
    fn cents(&self) -> i64 {
        self.player.as_ref().expect("a player").balance_micros / 10_000
    }

    fn words(&self) -> Vec<(Outcome, Reason)> {
        self.results.iter().map(|result| (result.outcome(), result.reason())).collect()
    }

    fn first(&self) -> &MovementResult {
        self.results.first().expect("a result")
    }
}

/// Executes a command that has to be answered.
pub async fn execute(client: &mut Client, command: ExecuteRequest) -> ExecuteResponse {
    let replied: Result<Response<ExecuteResponse>, Status> = client.execute(keyed(command)).await;
    replied.unwrap_or_else(|status| panic!("{status}")).into_inner()
}

/// A refusal has to have that code and, in its details, that reason.
#[track_caller]
pub fn assert_refused<T: std::fmt::Debug>(
    replied: Result<Response<T>, Status>,
    code: Code,
    reason: &str,
) -> Status {
    let status = replied.expect_err("a refusal");
    assert_eq!(status.code(), code, "{status}");
    let details = status.get_error_details();
    let info = details.error_info().unwrap_or_else(|| panic!("no reason: {status:?}"));
    assert_eq!((info.domain.as_str(), info.reason.as_str()), ("wallet.v1", reason));
    assert!(status.metadata().get("x-request-id").is_some(), "{status:?}");
    status
}
