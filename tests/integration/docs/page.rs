//! The API page in a real browser: it shows what it should, asks nobody else, and what is tried
//! out on it is signed and moves money.

use serde_json::{Value, json};

use crate::support::chromium::Chromium;
use crate::support::world::World;
use crate::support::{operator, spribe};

/// Opens a call of Swagger UI's, fills nothing in, sends it, and answers what came back.
async fn try_out(browser: &Chromium, call: &str) -> Value {
    let block = format!("document.querySelector('[id$=\"{call}\"]')");
    browser.wait_for(&format!("!!{block}")).await;
    browser.run(&format!("{block}.querySelector('button').click()")).await;
    for button in ["try-out__btn", "execute"] {
        let button = format!("{block}.querySelector('.{button}')");
        browser.wait_for(&format!("!!{button}")).await;
        browser.run(&format!("{button}.click()")).await;
    }
    let reply = format!("{block}.querySelector('.live-responses-table .highlight-code code')");
    let text = browser.wait_for(&format!("{reply}?.textContent")).await;
    serde_json::from_str(text.as_str().expect("text")).expect("JSON")
}

async fn type_secret(browser: &Chromium, name: &str, secret: &str) {
    let field = format!("document.getElementById('secret-{name}')");
    browser.wait_for(&format!("!!{field}")).await;
    browser.run(&format!("{field}.value = '{secret}'")).await;
}

async fn open(browser: &Chromium, world: &World, name: &str) {
    browser.go(&format!("http://{}/docs/{name}", world.nodes[0].api.address)).await;
    browser.wait_for("document.documentElement.hasAttribute('data-ready')").await;
}

#[tokio::test]
async fn what_is_tried_out_on_the_page_is_signed_there_and_moves_money() {
    let Some(browser) = Chromium::open().await else { return };
    let evolution = "[providers.evolution]\nprotocol = 'evolution'\n\
                     secrets = ['env:EVOLUTION_TOKEN']\nallow = ['127.0.0.0/8']";
    let world = World::tuned(1, &format!("{evolution}\n{}", spribe::PROVIDER)).await;
    world.bank.open("demo-player", "1000.00").await;
    world.bank.session("demo-token", "demo-player", "pragmatic", 600).await;
    world.bank.session("demo-evolution-sid", "demo-player", "evolution", 600).await;
    world.bank.session("demo-spribe-token", "demo-player", "spribe", 600).await;

    open(&browser, &world, "pragmatic").await;
    let secret = crate::support::pragmatic::SECRET;
    // First with a secret that is not the node's: it is the page that signs.
    type_secret(&browser, "pragmatic", "another-secret").await;
    assert_eq!(try_out(&browser, "pragmatic_balance").await["error"], 5);
    type_secret(&browser, "pragmatic", secret).await;
    let bet = try_out(&browser, "pragmatic_bet").await;
    assert_eq!((&bet["error"], &bet["cash"]), (&json!(0), &json!(998.5)), "{bet}");
    let line = "document.querySelector('[id$=\"pragmatic_bet\"] .curl').textContent";
    let sent = browser.run(&format!("return {line}")).await.to_string();
    assert!(sent.contains("amount=1.5") && !sent.contains("bonusCode"), "nothing empty: {sent}");
    let row = world.row("pragmatic", "64f0c2a19b3d5e7f80a1b201").await;
    assert_eq!(row, Some(("applied".to_owned(), String::new(), -150)));

    open(&browser, &world, "softswiss").await;
    type_secret(&browser, "softswiss", crate::support::softswiss::TOKEN).await;
    let play = try_out(&browser, "softswiss_play").await;
    assert_eq!(play["balance"], 100_100, "{play}");
    assert!(world.row("softswiss", "a-0001").await.is_some());

    open(&browser, &world, "spribe").await;
    type_secret(&browser, "spribe", "another-secret").await;
    assert_eq!(try_out(&browser, "spribe_info").await["code"], 413);
    type_secret(&browser, "spribe", spribe::SECRET).await;
    // The example's time is long over: the page signs with its own.
    assert_eq!(try_out(&browser, "spribe_auth").await["code"], 200);
    assert_eq!(try_out(&browser, "spribe_withdraw").await["code"], 200);
    assert!(world.row("spribe", "tx-1").await.is_some());
    open(&browser, &world, "evolution").await;
    type_secret(&browser, "evolution", "another-token").await;
    assert_eq!(try_out(&browser, "evolution_balance").await["status"], "INVALID_TOKEN_ID");
    type_secret(&browser, "evolution", crate::support::evolution::TOKEN).await;
    let debit = try_out(&browser, "evolution_debit").await;
    assert_eq!((&debit["status"], &debit["uuid"]), (&json!("OK"), &json!("u-3")), "{debit}");
    assert!(world.row("evolution", "D:r-5001").await.is_some());

    open(&browser, &world, "").await;
    type_secret(&browser, "operator", operator::KEY).await;
    let player = try_out(&browser, "players_open").await;
    assert_eq!(player["player_id"], "p-42", "{player}");
    assert_eq!(world.balance("p-42").await, 0);
    // A search as it stands on the page, nothing filled in, finds what there is.
    let found = try_out(&browser, "transactions_list").await;
    let keys = found["items"].as_array().expect("items").iter();
    let keys: Vec<_> = keys.filter_map(|row| row["tx_id"].as_str()).collect();
    assert!(keys.contains(&"64f0c2a19b3d5e7f80a1b201"), "{found}");

    assert_eq!(browser.complaints().await, Vec::<Value>::new());
    let node = format!("http://{}/", world.nodes[0].api.address);
    let requests = browser.requests().await;
    // What begins otherwise, such as the browser's own first page, does not leave it.
    let strange: Vec<_> = requests
        .iter()
        .filter(|url| url.starts_with("http") || url.starts_with("ws"))
        .filter(|url| !url.starts_with(&node))
        .collect();
    assert!(strange.is_empty(), "{strange:?}");
    assert!(requests.contains(&format!("{node}pragmatic/bet.html")), "{requests:?}");
    world.check().await;
    browser.close().await;
}

#[tokio::test]
async fn every_view_shows_its_calls_and_no_complaint() {
    let Some(browser) = Chromium::open().await else { return };
    let demo = "http.docs_demo = { pragmatic = 'a-public-secret' }";
    let world = World::tuned(1, demo).await;
    for (view, first, calls) in [
        ("", "/operator/v1/games/", 16),
        ("operator", "/operator/v1/", 10),
        ("pragmatic", "/pragmatic/", 13),
        ("softswiss", "/softswiss/", 3),
        ("spribe", "/spribe/", 5),
        ("evolution", "/evolution/", 6),
    ] {
        open(&browser, &world, view).await;
        browser.wait_for("!!document.querySelector('.opblock')").await;
        let paths = browser
            .run("return [...document.querySelectorAll('.opblock')].map(one => one.innerText)")
            .await;
        let paths: Vec<&str> =
            paths.as_array().expect("calls").iter().filter_map(Value::as_str).collect();
        assert!(paths.len() >= calls, "{view}: {paths:?}");
        let plain = |text: &str| text.replace('\u{200b}', "");
        assert!(paths.iter().any(|text| plain(text).contains(first)), "{view}: {paths:?}");
        let errors =
            browser.run("return document.querySelectorAll('.errors-wrapper').length").await;
        assert_eq!(errors, 0, "{view}");
        assert!(
            browser.wait_for("document.body.innerText").await.to_string().contains("How to sign")
        );
    }
    open(&browser, &world, "pragmatic").await;
    let filled = browser.run("return document.getElementById('secret-pragmatic').value").await;
    assert_eq!(filled, "a-public-secret");
    assert_eq!(browser.complaints().await, Vec::<Value>::new());
    browser.close().await;
}
