//! Signatures, over time, path and body as they came.

use axum::http::Method;
use chrono::Utc;
use serde_json::json;

use super::{BRANDS, ann, code, player};
use crate::support::spribe::{CLIENT, SECRET, deposit, free_bet, info, sign, withdraw};
use crate::support::world::World;

struct Sent<'s> {
    path: &'s str,
    client: Option<&'s str>,
    time: Option<String>,
    signature: Option<String>,
    body: String,
}

impl Sent<'_> {
    /// A question for Ann's balance that is signed as it should be.
    fn good(path: &str, offset: i64) -> Sent<'_> {
        let body = info("ann").json.to_string();
        let time = (Utc::now().timestamp() + offset).to_string();
        let signature = sign(SECRET, &time, path, body.as_bytes());
        Sent { path, client: Some(CLIENT), time: Some(time), signature: Some(signature), body }
    }

    async fn send(&self, world: &World) -> u64 {
        let mut headers = Vec::new();
        headers.extend(self.client.map(|value| ("X-Spribe-Client-ID", value)));
        headers.extend(self.time.as_deref().map(|value| ("X-Spribe-Client-TS", value)));
        headers.extend(self.signature.as_deref().map(|v| ("X-Spribe-Client-Signature", v)));
        let sent = world.api(0).send(Method::POST, self.path, &headers, self.body.clone()).await;
        let reply = sent.expect("a reply");
        assert_eq!(reply.status.as_u16(), 200);
        let told = reply.json();
        if told["code"] == 413 {
            let refusal = json!({ "code": 413, "message": "Invalid signature or client id" });
            assert_eq!(told, refusal);
        }
        told["code"].as_u64().expect("a code")
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_is_believed_with_the_path_and_the_query_as_it_was_called_and_no_others() {
    let world = ann().await;
    for path in ["/spribe/info", "/spribe/info?brand=7&x=a%20b", "/spribe/info?"] {
        assert_eq!(Sent::good(path, 0).send(&world).await, 200, "{path}");
    }
    let called = |path| Sent { path, ..Sent::good("/spribe/info?brand=7&x=a%20b", 0) };
    for path in ["/spribe/info", "/spribe/info?x=a%20b&brand=7", "/spribe/info?brand=7&x=a+b"] {
        assert_eq!(called(path).send(&world).await, 413, "{path}");
    }
    let moved = Sent { path: "/spribe/info", ..Sent::good("/info", 0) };
    assert_eq!(moved.send(&world).await, 413, "as a proxy would have called it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_header_that_is_missing_wrong_or_stale_is_413() {
    let world = ann().await;
    let good = || Sent::good("/spribe/info", 0);
    for (what, sent) in [
        ("no client", Sent { client: None, ..good() }),
        ("another client", Sent { client: Some("another"), ..good() }),
        ("no time", Sent { time: None, ..good() }),
        (
            "another time",
            Sent { time: Some(Utc::now().timestamp().saturating_sub(9).to_string()), ..good() },
        ),
        ("no number", Sent { time: Some("now".to_owned()), ..good() }),
        ("no signature", Sent { signature: None, ..good() }),
        ("an empty signature", Sent { signature: Some(String::new()), ..good() }),
        ("another body", Sent { body: info("bob").json.to_string(), ..good() }),
        ("too old", Sent::good("/spribe/info", -310)),
        ("too new", Sent::good("/spribe/info", 310)),
    ] {
        assert_eq!(sent.send(&world).await, 413, "{what}");
    }
    for offset in [-280, 280] {
        assert_eq!(Sent::good("/spribe/info", offset).send(&world).await, 200, "{offset}");
    }
    let loud = good().signature.map(|signature| signature.to_uppercase());
    assert_eq!(Sent { signature: loud, ..good() }.send(&world).await, 200, "in capitals");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unsigned_call_is_believed_only_of_a_brand_that_says_so_and_from_its_addresses() {
    let world = ann().await;
    let unsigned = async |slug: &str, call: &str, body: String| {
        let path = format!("/{slug}/{call}");
        let sent = world.api(0).send(Method::POST, &path, &[], body).await.expect("a reply");
        sent.json()["code"].as_u64().expect("a code")
    };
    let win = free_bet("ann", "f1", "freebet", 1_000).json.to_string();
    assert_eq!(unsigned("spribe", "deposit", win.clone()).await, 413);
    assert_eq!(unsigned("spribe-private", "deposit", win.clone()).await, 413);
    assert_eq!(unsigned("spribe-lenient", "deposit", win.clone()).await, 200);
    assert_eq!(unsigned("spribe-lenient", "deposit", win).await, 409);
    // Who signs there has to sign well.
    let path = "/spribe-lenient/info";
    let bad = Sent { signature: Some("00".repeat(32)), ..Sent::good(path, 0) };
    assert_eq!(bad.send(&world).await, 413);
    assert_eq!(Sent::good(path, -310).send(&world).await, 413);
    assert_eq!(code(&world, deposit("ann", "w1", "b1", 1).at("spribe-lenient")).await, 408);
    assert_eq!(world.balance("ann").await, 10_100);
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_secrets_hold_while_one_is_rotated() {
    let rotating = r#"
        [providers.spribe]
        protocol = "spribe"
        secrets = ["env:SOFTSWISS_TOKEN", "env:SPRIBE_SECRET"]
        settings = { client_id = "demo-spribe-client" }
    "#;
    let world = World::tuned(1, &format!("{rotating}{BRANDS}")).await;
    player(&world, "ann", "100.00").await;
    assert_eq!(code(&world, withdraw("ann", "b1", 1_000)).await, 200);
    let good = Sent::good("/spribe/info", 0);
    let time = good.time.clone().expect("a time");
    let token = crate::support::softswiss::TOKEN;
    let signature = sign(token, &time, "/spribe/info", good.body.as_bytes());
    assert_eq!(Sent { signature: Some(signature), ..good }.send(&world).await, 200);
}
