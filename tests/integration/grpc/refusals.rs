//! What gRPC refuses, and how it says so.

use seamless_wallet::grpc::proto::{
    BalanceRequest, ExecuteRequest, LateOriginal, Movement, Policy,
};
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::{Code, Request};
use tonic_prost::ProstCodec;
use tonic_types::StatusExt;

use super::{arcade, tuned, with};
use crate::support::grpc::{
    NEXT_KEY, adjust, assert_refused, by, channel, command, credit, debit, keyed, keyed_with,
};
use crate::support::node::Node;
use crate::support::world::World;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_is_told_nothing_and_both_keys_of_a_rotation_are_good() {
    let (world, mut client) = arcade().await;
    let ann = || BalanceRequest { player_id: "ann".into(), ..BalanceRequest::default() };
    assert_refused(
        client.balance(Request::new(ann())).await,
        Code::Unauthenticated,
        "BAD_SIGNATURE",
    );
    for key in ["", "arcade-key", "arcade-key-1x", "bingo"] {
        let replied = client.balance(keyed_with(ann(), key)).await;
        assert_refused(replied, Code::Unauthenticated, "BAD_SIGNATURE");
    }
    client.balance(keyed(ann())).await.expect("the one");
    client.balance(keyed_with(ann(), NEXT_KEY)).await.expect("the other");
    assert_eq!(world.nodes[0].metric("wallet_unknown_provider_total", &[]).await, 5.0);
    let log = world.nodes[0].settled_log().await;
    assert!(!log.contains("arcade-key"), "a key is in the log");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_field_that_is_at_fault_is_named_at_once_and_nothing_moves() {
    let (world, mut client) = arcade().await;
    let bad = ExecuteRequest {
        player_id: String::new(),
        currency: "euro".into(),
        occurred_at: Some(prost_types::Timestamp { seconds: i64::MAX, nanos: 0 }),
        policy: Some(Policy { late_original: 99, ..Policy::default() }),
        movements: vec![
            debit("b", -1),
            debit(&"x".repeat(401), 1),
            Movement { tx_id: "none".into(), action: None, detail: "\0".into() },
            adjust("a", i64::MAX / 10_000),
            credit("w", 1),
        ],
        ..ExecuteRequest::default()
    };
    let status =
        assert_refused(client.execute(keyed(bad)).await, Code::InvalidArgument, "BAD_REQUEST");
    let details = status.get_error_details();
    let violations = details.bad_request().expect("fields").field_violations.clone();
    let mut fields: Vec<&str> = violations.iter().map(|v| v.field.as_str()).collect();
    fields.sort_unstable();
    assert_eq!(
        fields,
        [
            "currency",
            "movements[0].debit.amount_micros",
            "movements[1].tx_id",
            "movements[2].action",
            "movements[2].detail",
            "movements[3].adjust.amount_micros",
            "occurred_at",
            "player_id",
            "policy.late_original",
            "round_id",
        ]
    );
    for movements in [vec![], (0..65).map(|n| debit(&format!("b{n}"), 1)).collect()] {
        let replied = client.execute(keyed(command("ann", movements))).await;
        assert_refused(replied, Code::InvalidArgument, "BAD_REQUEST");
    }
    assert_eq!(world.balance("ann").await, 10_000);
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_number_that_no_enum_has_is_refused_and_one_that_is_left_out_is_the_default() {
    let (_world, mut client) = arcade().await;
    let mut strange = command("ann", vec![credit("w", 100)]);
    for number in [-1, 99] {
        strange.policy = Some(Policy { credit_without_debit: number, ..Policy::default() });
        let replied = client.execute(keyed(strange.clone())).await;
        assert_refused(replied, Code::InvalidArgument, "BAD_REQUEST");
    }
    let usual = by(command("ann", vec![debit("b", 100)]), Policy::default());
    client.execute(keyed(usual)).await.expect("a reply");
    let late = i32::from(LateOriginal::Unspecified);
    let usual = Policy { late_original: late, ..Policy::default() };
    client
        .execute(keyed(by(command("ann", vec![debit("b2", 100)]), usual)))
        .await
        .expect("a reply");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_too_large_or_no_message_or_no_method_is_refused() {
    let (world, mut client) = arcade().await;
    let mut large = command("ann", vec![debit("b", 100)]);
    large.movements[0].detail = "x".repeat(70_000);
    assert_refused(client.execute(keyed(large)).await, Code::ResourceExhausted, "TOO_LARGE");

    let mut any = Grpc::new(channel(&world.nodes[0]).await);
    // A player's id that is no text.
    for (method, encoding, code, reason) in [
        ("wallet.v1.WalletService/Execute", "identity", Code::InvalidArgument, "BAD_REQUEST"),
        ("wallet.v1.WalletService/Execute", "gzip", Code::Unimplemented, "BAD_REQUEST"),
        ("wallet.v1.WalletService/Steal", "identity", Code::Unimplemented, "UNKNOWN_OPERATION"),
        ("other.Service/Execute", "identity", Code::Unimplemented, "UNKNOWN_OPERATION"),
    ] {
        any.ready().await.expect("a connection");
        let codec = ProstCodec::<prost_types::Timestamp, prost_types::Timestamp>::default();
        let mut broken = keyed(prost_types::Timestamp { seconds: 1, nanos: 0 });
        broken.metadata_mut().insert("grpc-encoding", encoding.parse().expect("a header"));
        let path: PathAndQuery = format!("/{method}").parse().expect("a path");
        let replied = any.unary(broken, path, codec).await;
        let accepted =
            replied.as_ref().err().and_then(|s| s.metadata().get("grpc-accept-encoding"));
        assert_eq!(accepted.is_some(), encoding == "gzip", "{method} {replied:?}");
        assert_refused(replied, code, reason);
    }
    let counted = [("provider", "arcade"), ("operation", "unknown")];
    assert_eq!(world.nodes[0].metric("wallet_calls_total", &counted).await, 2.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_calls_from_its_own_addresses_and_not_over_http() {
    let (world, mut client) = tuned("providers.arcade.allow = ['10.0.0.0/8']").await;
    let ann = BalanceRequest { player_id: "ann".into(), ..BalanceRequest::default() };
    assert_refused(client.balance(keyed(ann)).await, Code::PermissionDenied, "ADDRESS_NOT_ALLOWED");
    let reply =
        world.api(0).post("/arcade/execute", "application/grpc", "").await.expect("a reply");
    assert_eq!((reply.status.as_u16(), &reply.json()["code"]), (404, &"not_found".into()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_clients_with_one_key_are_no_configuration() {
    let world = World::with_nodes(0).await;
    let same = with("[providers.copy]\nprotocol = 'grpc'\nsecrets = ['env:ARCADE_KEY']");
    let output = world.setup(&same).run(&["serve"]).await;
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("have the same key"), "{said}");
    let half = world.setup(&with("grpc.tls_cert = '/somewhere'")).run(&["serve"]).await;
    let said = String::from_utf8_lossy(&half.stderr);
    assert!(!half.status.success() && said.contains("grpc.tls_cert"), "{said}");
    let off = Node::start(&world.setup("")).await;
    assert_eq!(off.grpc, None, "without an address there is no port");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_call_leaves_one_line_and_one_count_with_its_request_id() {
    let (world, mut client) = arcade().await;
    let mut request = keyed(command("ann", vec![debit("b", 100)]));
    request.metadata_mut().insert("x-request-id", "from-the-game".parse().expect("a header"));
    let replied = client.execute(request).await.expect("a reply");
    assert_eq!(replied.metadata().get("x-request-id").expect("an id"), "from-the-game");
    let id = replied.into_inner().results[0].entry.clone().expect("an entry").transaction_id;
    let node = &world.nodes[0];
    let counted = [("provider", "arcade"), ("operation", "execute"), ("outcome", "applied")];
    assert_eq!(node.metric("wallet_calls_total", &counted).await, 1.0);
    assert_eq!(node.metric("wallet_call_duration_seconds_count", &counted[..2]).await, 1.0);
    node.settled_log().await;
    let lines = node.log_lines();
    let calls: Vec<_> = lines.iter().filter(|line| line["message"] == "call").collect();
    let [line] = calls.as_slice() else { panic!("{calls:?}") };
    assert_eq!((&line["provider"], &line["player"]), (&"arcade".into(), &"ann".into()));
    assert_eq!((&line["tx_id"], &line["transaction_id"]), (&"b".into(), &id.into()));
    assert_eq!((&line["request_id"], &line["grpc_status"]), (&"from-the-game".into(), &0.into()));
}
