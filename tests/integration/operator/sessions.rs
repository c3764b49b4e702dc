//! Launch tokens, and games that are on or off.

use seamless_wallet::core::PlayerStatus;
use serde_json::json;

use super::{Office, assert_problem};
use crate::support::pragmatic;

#[tokio::test]
async fn a_token_opens_its_providers_games_until_it_is_revoked() {
    let office = Office::open().await;
    office.bank.open("ann", "10.00").await;
    let asked = json!({"player_id": "ann", "provider": "pragmatic", "ttl_seconds": 600});
    let issued = office.post("/sessions", asked).await;
    assert_eq!(issued.status, 201, "{}", issued.text());
    assert_eq!(issued.header("cache-control"), "no-store");
    let token = issued.json()["token"].as_str().expect("a token").to_owned();
    assert_eq!(token.len(), 36);
    let ends = issued.json()["expires_at"].as_str().and_then(|text| text.parse().ok());
    let ends: chrono::DateTime<chrono::Utc> = ends.expect("a moment");
    let seconds = (ends - chrono::Utc::now()).num_seconds();
    assert!((590..=600).contains(&seconds), "{seconds}");

    assert_eq!(pragmatic::authenticate(&token).send(office.api()).await.error, 0);
    let revoke = async || office.post("/sessions/revoke", json!({"token": token})).await;
    let revoked = revoke().await;
    assert_eq!((revoked.status.as_u16(), revoked.text().as_str()), (204, ""));
    assert_ne!(pragmatic::authenticate(&token).send(office.api()).await.error, 0);
    assert_problem(&revoke().await, 404, "session_unknown");
    let audit = office.audit("").await;
    let actions: Vec<_> = audit.iter().map(|entry| entry["action"].clone()).collect();
    assert_eq!(actions, [json!("session_revoked"), json!("session")]);
    for entry in &audit {
        assert_eq!((&entry["player_id"], &entry["provider"]), (&json!("ann"), &json!("pragmatic")));
        assert!(!entry.to_string().contains(&token), "a token is in the audit");
    }
    assert!(!office.node.settled_log().await.contains(&token), "a token is in the log");
}

#[tokio::test]
async fn a_session_is_for_an_active_player_at_a_provider_that_is_there() {
    let office = Office::open().await;
    office.bank.open("ann", "10.00").await;
    let ask = |player: &str, provider: &str, ttl: i64| {
        let body = json!({"player_id": player, "provider": provider, "ttl_seconds": ttl});
        office.post("/sessions", body)
    };
    assert_problem(&ask("bob", "pragmatic", 60).await, 404, "player_unknown");
    for (provider, ttl) in [("nobody", 60), ("operator", 60), ("pragmatic", 0)] {
        assert_problem(&ask("ann", provider, ttl).await, 422, "invalid_value");
    }
    assert_problem(&ask("ann", "pragmatic", 2_592_001).await, 422, "invalid_value");
    assert_eq!(ask("ann", "pragmatic", 2_592_000).await.status, 201);
    for (status, code) in
        [(PlayerStatus::Frozen, "player_frozen"), (PlayerStatus::Closed, "player_closed")]
    {
        office.bank.set_status("ann", status).await;
        assert_problem(&ask("ann", "pragmatic", 60).await, 409, code);
    }
    let count = sqlx::query_scalar::<_, i64>("SELECT count(*) FROM session");
    assert_eq!(count.fetch_one(&office.database.pool).await.expect("a count"), 1);
}

#[tokio::test]
async fn a_game_is_switched_by_the_name_that_its_provider_writes() {
    let office = Office::open().await;
    for (path, name) in [
        ("/games/softswiss/acceptance:test", "acceptance:test"),
        ("/games/softswiss/acceptance%3Atest", "acceptance:test"),
        ("/games/softswiss/a%2Fb", "a/b"),
        ("/games/softswiss/%E7%8E%89", "玉"),
    ] {
        let reply = office.put(path, json!({"enabled": false})).await;
        let so = json!({"provider": "softswiss", "game_id": name, "enabled": false});
        assert_eq!((reply.status.as_u16(), reply.json()), (200, so));
    }
    assert_problem(
        &office.put("/games/nobody/g", json!({"enabled": true})).await,
        404,
        "provider_unknown",
    );
    assert_problem(
        &office.put("/games/softswiss/%FF", json!({"enabled": true})).await,
        400,
        "invalid_path",
    );
    assert_problem(
        &office.put("/games/softswiss/%0A", json!({"enabled": true})).await,
        400,
        "invalid_path",
    );
    assert_problem(
        &office.put("/games/softswiss/g", json!({"enabled": "no"})).await,
        422,
        "invalid_body",
    );
    let sql = "SELECT count(*) FROM game WHERE NOT enabled";
    let count = sqlx::query_scalar::<_, i64>(sql);
    assert_eq!(count.fetch_one(&office.database.pool).await.expect("a count"), 3);

    office.bank.open("ann", "10.00").await;
    let game = pragmatic::GAME;
    let path = format!("/games/pragmatic/{game}");
    office.put(&path, json!({"enabled": false})).await;
    assert_ne!(pragmatic::bet("ann", "b-1", "r-1", "1.00").send(office.api()).await.error, 0);
    office.put(&path, json!({"enabled": true})).await;
    assert_eq!(pragmatic::bet("ann", "b-2", "r-1", "1.00").send(office.api()).await.error, 0);
}

#[tokio::test]
async fn a_token_for_one_game_opens_no_other_and_pays_the_wins_of_all() {
    let office = Office::open().await;
    office.bank.open("ann", "10.00").await;
    let asked = json!({"player_id": "ann", "provider": "pragmatic", "game_id": pragmatic::GAME,
        "ttl_seconds": 600});
    let issued = office.post("/sessions", asked).await;
    let token = issued.json()["token"].as_str().expect("a token").to_owned();
    let token = token.as_str();
    let other = "vs20othergame";
    let invalid = 4;
    assert_eq!(pragmatic::authenticate(token).send(office.api()).await.error, 0);
    let strange = pragmatic::authenticate(token).with("gameId", other).send(office.api()).await;
    assert_eq!(strange.error, invalid, "{}", strange.json);
    let bet = |reference: &str, game: &str| {
        pragmatic::bet("ann", reference, reference, "1.00")
            .with("token", token)
            .with("gameId", game)
    };
    assert_eq!(bet("b1", pragmatic::GAME).send(office.api()).await.error, 0);
    for _ in 0..2 {
        assert_eq!(bet("b2", other).send(office.api()).await.error, invalid);
    }
    // What was staked without a token is paid with any.
    assert_eq!(pragmatic::bet("ann", "b3", "b3", "1.00").send(office.api()).await.error, 0);
    let win = pragmatic::result("ann", "w3", "b3", "3.00");
    let win = win.with("token", token).with("gameId", other).send(office.api()).await;
    assert_eq!((win.error, win.cash), (0, Some(1_100)), "{}", win.json);
}
