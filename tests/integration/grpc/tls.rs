//! TLS with a certificate of the test's own.

use std::process::Command;

use seamless_wallet::grpc::proto::wallet_service_client::WalletServiceClient;
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint};

use super::with;
use crate::support::grpc::{Executed, command, debit, execute};
use crate::support::process::Folder;
use crate::support::tool;
use crate::support::world::World;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_a_certificate_only_encrypted_calls_are_taken() {
    let Some(openssl) = tool::optional("openssl") else { return };
    let folder = Folder::new("wallet-tls");
    let (certificate, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    let made = Command::new(openssl)
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"])
        .args(["-nodes", "-days", "2", "-subj", "/CN=wallet.test"])
        .args(["-addext", "subjectAltName=DNS:wallet.test"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE", "-keyout"])
        .arg(&key)
        .arg("-out")
        .arg(&certificate)
        .output()
        .expect("openssl");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let files =
        format!("grpc.tls_cert = '{}'\ngrpc.tls_key = '{}'", certificate.display(), key.display());
    let world = World::tuned(1, &with(&files)).await;
    world.bank.open("ann", "100.00").await;
    let address = world.nodes[0].grpc.expect("gRPC");

    let pem = std::fs::read(&certificate).expect("a certificate");
    let tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(pem));
    let endpoint = Endpoint::from_shared(format!("https://{address}"))
        .and_then(|endpoint| endpoint.tls_config(tls.domain_name("wallet.test")))
        .expect("an endpoint");
    let mut client = WalletServiceClient::new(endpoint.connect().await.expect("a connection"));
    let done = execute(&mut client, command("ann", vec![debit("b", 100)])).await;
    assert_eq!(done.cents(), 9900);

    let plain = Endpoint::from_shared(format!("http://{address}")).expect("an endpoint");
    let asked = async {
        let mut client = WalletServiceClient::new(plain.connect().await?);
        let call = client.execute(crate::support::grpc::keyed(command("ann", vec![]))).await;
        Ok::<_, tonic::transport::Error>(call.map(|_| ()))
    };
    let replied = asked.await;
    assert!(!matches!(replied, Ok(Ok(()))), "a call without TLS was taken");
    assert_eq!(world.balance("ann").await, 9900);
    world.check().await;
}
