//! Signatures, over the bytes as they came.

use axum::http::Method;
use serde_json::json;

use crate::support::process::Folder;
use crate::support::world::World;

const KEY: &str = "test-softswiss-auth-token-01";
/// What each is about, where it goes, the body, its signature and the status.
const SIGNED: &[(&str, &str, &str, &str, u16)] = &[
    (
        "a question for the balance",
        "play",
        r#"{"user_id":"p-1001","currency":"EUR","game":"acme:DemoSlot"}"#,
        "4428e278f65aa0032b8edc1dc275cf070ecca02e2b9689becee3b0a16f34f833",
        200,
    ),
    (
        "a bet and a win",
        "play",
        r#"{"user_id":"p-1001","currency":"EUR","game":"acme:DemoSlot","game_id":"rnd-77","finished":true,"actions":[{"action":"bet","amount":150,"action_id":"a-0001"},{"action":"win","amount":400,"action_id":"a-0002"}]}"#,
        "04dcb839af8e9063fc0be744ca7bd2dd7f88ab7ca5d02e866db0bfe1f0f304c7",
        200,
    ),
    (
        "a rollback",
        "rollback",
        r#"{"user_id":"p-1001","currency":"EUR","game":"acme:DemoSlot","game_id":"rnd-77","finished":true,"actions":[{"action":"rollback","action_id":"a-0003","original_action_id":"a-0001"}]}"#,
        "fb9cff02188bb4fafe213864cfbcfa849fae8338e96cd8316f95bff5c0e9f6c1",
        200,
    ),
    (
        "spaces, and a letter beyond ASCII",
        "play",
        r#"{ "user_id": "p-1001", "currency": "EUR", "game": "acme:Plättchen" }"#,
        "abe5ed6423cbe1d32bcc054f732dec2ffc099612e9cfe816fbd35ea8d522c9e6",
        200,
    ),
    (
        "the same without the spaces",
        "play",
        r#"{"user_id":"p-1001","currency":"EUR","game":"acme:Plättchen"}"#,
        "abe5ed6423cbe1d32bcc054f732dec2ffc099612e9cfe816fbd35ea8d522c9e6",
        403,
    ),
    (
        "another body's signature",
        "play",
        r#"{"user_id":"p-1002","currency":"EUR","game":"acme:DemoSlot"}"#,
        "4428e278f65aa0032b8edc1dc275cf070ecca02e2b9689becee3b0a16f34f833",
        403,
    ),
    (
        "no hex",
        "play",
        r#"{"user_id":"p-1001","currency":"EUR","game":"acme:DemoSlot"}"#,
        "signed",
        403,
    ),
    (
        "an empty signature",
        "play",
        r#"{"user_id":"p-1001","currency":"EUR","game":"acme:DemoSlot"}"#,
        "",
        403,
    ),
    (
        "a signature of nonsense",
        "play",
        "nonsense",
        "4428e278f65aa0032b8edc1dc275cf070ecca02e2b9689becee3b0a16f34f833",
        403,
    ),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_known_signature_holds_over_the_wire_for_the_bytes_as_they_came_and_no_others() {
    let folder = Folder::new("wallet-secrets");
    let secret = folder.path().join("token");
    std::fs::write(&secret, KEY).expect("a file");
    let brand = format!(
        "[providers.vectors]\nprotocol = \"softswiss\"\nsecrets = [\"file:{}\"]\n",
        secret.display()
    );
    let world = World::tuned(1, &brand).await;
    world.bank.open("p-1001", "100.00").await;
    for (what, path, body, signature, status) in SIGNED {
        let headers = [("content-type", "application/json"), ("X-REQUEST-SIGN", *signature)];
        let path = format!("/vectors/{path}");
        let reply = world.api(0).send(Method::POST, &path, &headers, *body).await.expect("a reply");
        assert_eq!(reply.status.as_u16(), *status, "{what}: {}", reply.text());
        if *status == 403 {
            assert_eq!(reply.json(), json!({ "code": 403, "message": "Forbidden" }), "{what}");
        }
    }
    let (_, _, body, signature, _) = SIGNED[0];
    let reply = world.api(0).post("/vectors/play", "application/json", body).await;
    assert_eq!(reply.expect("a reply").status.as_u16(), 403, "no signature");
    let headers = [("x-request-sign", signature)];
    let elsewhere = world.api(0).send(Method::POST, "/softswiss/play", &headers, body).await;
    assert_eq!(elsewhere.expect("a reply").status.as_u16(), 403, "another brand's token");
    assert_eq!(world.balance("p-1001").await, 10_400, "bet, win, and the bet undone");
    world.check().await;
}
