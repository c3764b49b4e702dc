//! The services that every gRPC tool expects.

use std::time::Duration;

use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
use tonic_reflection::pb::{v1, v1alpha};

use super::{arcade, tuned};
use crate::support::grpc::channel;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_follows_readiness_and_needs_no_key() {
    let (world, _) = tuned("http.drain_ms = 1500").await;
    let mut health = HealthClient::new(channel(&world.nodes[0]).await);
    let of = |service: &str| HealthCheckRequest { service: service.to_owned() };
    for service in ["", "wallet.v1.WalletService"] {
        let mut watch = health.watch(of(service)).await.expect("a watch").into_inner();
        let mut until = async |wanted: ServingStatus| loop {
            let told = watch.message().await.expect("a status").expect("more");
            if told.status() == wanted {
                return;
            }
        };
        until(ServingStatus::Serving).await;
        if !service.is_empty() {
            // It is asked to end, and says so at once, while it still serves.
            let ended = world.nodes[0].stop();
            let (status, ()) = tokio::join!(ended, until(ServingStatus::NotServing));
            assert!(status.success());
            // And only once, however long it goes on serving.
            let more = watch.message().await;
            assert!(!matches!(more, Ok(Some(_))), "told again what it knew: {more:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_without_its_database_is_not_serving() {
    let (world, _) = arcade().await;
    let mut health = HealthClient::new(channel(&world.nodes[0]).await);
    let unknown = HealthCheckRequest { service: "nothing".to_owned() };
    assert_eq!(health.check(unknown).await.expect_err("nothing").code(), Code::NotFound);
    // Nobody gets a connection to a database of another name.
    let mut admin = sqlx::pool::PoolOptions::<sqlx::Postgres>::new()
        .connect(&std::env::var("DATABASE_URL").expect("the tests' server"))
        .await
        .expect("a server")
        .acquire()
        .await
        .expect("a connection");
    let url = world.database.url();
    let name = url.rsplit('/').next().and_then(|rest| rest.split('?').next()).expect("a name");
    for sql in [
        format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false"),
        format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"),
    ] {
        sqlx::query(sqlx::AssertSqlSafe(sql)).execute(&mut *admin).await.expect("done");
    }
    loop {
        let asked = health.check(HealthCheckRequest::default()).await.expect("a status");
        if asked.into_inner().status() == ServingStatus::NotServing {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reflection_tells_every_service_in_both_versions_unless_it_is_off() {
    let (world, _) = arcade().await;
    let node = channel(&world.nodes[0]).await;
    let ask = v1::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let once = || futures_util::stream::iter([ask.clone()]);
    let replied = ServerReflectionClient::new(node.clone()).server_reflection_info(once()).await;
    let told = replied.expect("an answer").into_inner().message().await.expect("one").expect("one");
    let Some(MessageResponse::ListServicesResponse(list)) = told.message_response else {
        panic!("{told:?}");
    };
    let mut names: Vec<&str> = list.service.iter().map(|service| service.name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        ["grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection", "wallet.v1.WalletService"]
    );
    let ask = v1alpha::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(
            v1alpha::server_reflection_request::MessageRequest::FileContainingSymbol(
                "wallet.v1.WalletService.Execute".to_owned(),
            ),
        ),
    };
    let mut alpha = v1alpha::server_reflection_client::ServerReflectionClient::new(node);
    let replied = alpha.server_reflection_info(futures_util::stream::iter([ask])).await;
    let told = replied.expect("an answer").into_inner().message().await.expect("one").expect("one");
    let described = format!("{:?}", told.message_response);
    assert!(described.contains("FileDescriptorResponse"), "{described}");

    let (world, _) = tuned("grpc.reflection = false").await;
    let mut off = ServerReflectionClient::new(channel(&world.nodes[0]).await);
    let none = futures_util::stream::iter([ServerReflectionRequest::default()]);
    let replied = off.server_reflection_info(none).await;
    assert_eq!(replied.expect_err("it is off").code(), Code::Unauthenticated);
}
