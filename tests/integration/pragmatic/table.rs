//! What every call is answered in every situation. Money moves exactly when the answer is 0.

use std::time::Duration;

use futures_util::future::join_all;
use seamless_wallet::core::{Amount, PlayerStatus};
use seamless_wallet::store::directory::players;

use super::calls::{Operation, money, refund_of, stake, stake_of};
use crate::support::bank::player_id;
use crate::support::postgres_server::PostgresServer;
use crate::support::pragmatic::{Answer, Call, GAME};
use crate::support::world::World;

/// A second brand, with limits of its own.
const LIMITED: &str = r#"
    [providers.pragmatic-limited]
    protocol = "pragmatic"
    secrets = ["env:PRAGMATIC_SECRET"]
    settings = { max_bet = "5.00" }
"#;

/// Asks every call in one situation after another, and says in the end which answers differ.
struct Table {
    world: World,
    slug: &'static str,
    /// Whether each round has a bet before the situation arises.
    staked: bool,
    rows: usize,
    wrong: Vec<String>,
}

impl Table {
    async fn new() -> Self {
        let world = World::tuned(1, LIMITED).await;
        Self { world, slug: "pragmatic", staked: true, rows: 0, wrong: Vec::new() }
    }

    /// One situation. `codes` are in the order of [`Operation::ALL`]; `-` is for what has no
    /// meaning, `0!` for a success that moves nothing although its call names money. First
    /// the player of the row bets in each round, then the situation arises, then every call
    /// is made as `change` says.
    async fn row(
        &mut self,
        situation: &str,
        codes: &str,
        arise: impl AsyncFn(&World, &str),
        change: impl Fn(Call) -> Call,
    ) {
        self.rows += 1;
        let (player, token) = (format!("player-{}", self.rows), format!("token-{}", self.rows));
        self.world.bank.open(&player, "100.00").await;
        self.world.bank.session(&token, &player, self.slug, 3600).await;
        let api = self.world.api(0);
        if self.staked {
            for operation in Operation::ALL {
                let bet = stake(&player, &round(&player, operation)).at(self.slug);
                assert_eq!(bet.send(api).await.error, 0, "{situation}: the bet before it");
            }
        }
        arise(&self.world, &player).await;
        // The situation arose behind the nodes' back.
        self.world.redis.flush();

        let codes: Vec<&str> = codes.split_whitespace().collect();
        assert_eq!(codes.len(), Operation::ALL.len(), "{situation}: {codes:?}");
        for (operation, expected) in Operation::ALL.into_iter().zip(codes) {
            if expected == "-" {
                continue;
            }
            let call = operation.call(&player, &token, &round(&player, operation)).at(self.slug);
            let before = self.world.balance(&player).await;
            let answer = change(call).send(self.world.api(0)).await;
            let moved = self.world.balance(&player).await - before;
            let effect = if expected == "0" { operation.effect() } else { 0 };
            let code = answer.error.to_string();
            if (code.as_str(), moved) != (expected.trim_end_matches('!'), effect) {
                self.wrong.push(format!(
                    "{situation}, {operation:?}: {expected} and {effect} cents are right, came \
                     {moved} cents and {}",
                    answer.json
                ));
            }
        }
    }

    async fn finish(self) {
        self.world.check().await;
        assert!(self.wrong.is_empty(), "{} answers are wrong:\n{}", self.wrong.len(), {
            self.wrong.join("\n")
        });
    }
}

fn round(player: &str, operation: Operation) -> String {
    format!("{player}-{operation:?}")
}

async fn nothing(_: &World, _: &str) {}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_call_is_answered_in_every_situation_as_the_table_says() {
    let mut table = Table::new().await;
    let same = |call: Call| call;
    // Authenticate, Balance, GetBalancePerGame | bet | result, bonusWin, jackpotWin, promoWin |
    // refund | adjustment + and - | endRound | session/expired, roundDetails
    table.row("nothing is wrong", "0 0 0  0  0 0 0 0  0  0 0  0  0 0", nothing, same).await;
    table
        .row("the hash is missing", "5 5 5  5  5 5 5 5  5  5 5  5  5 5", nothing, Call::unsigned)
        .await;
    table
        .row("the hash is empty", "5 5 5  5  5 5 5 5  5  5 5  5  5 5", nothing, |call| {
            call.with("hash", "")
        })
        .await;
    table
        .row("the hash is wrong", "5 5 5  5  5 5 5 5  5  5 5  5  5 5", nothing, |call| {
            call.with("hash", "257778e76af8e80074e050764c9a34b6")
        })
        .await;
    table
        .row(
            "the hash is wrong and so is all else",
            "5 5 5  5  5 5 5 5  5  5 5  5  5 5",
            nothing,
            |call| {
                ["userId", "playerId", "amount", "reference", "token", "providerId"]
                    .into_iter()
                    .fold(call, |call, name| call.with(name, ""))
                    .with("hash", "257778e76af8e80074e050764c9a34b6")
            },
        )
        .await;
    table
        .row("the hash is there twice", "5 5 5  5  5 5 5 5  5  5 5  5  5 5", nothing, |call| {
            let hash = call.hash();
            call.and("hash", &hash).and("hash", &hash)
        })
        .await;
    table
        .row("the hash is of another call", "5 5 5  5  5 5 5 5  5  5 5  5  5 5", nothing, |call| {
            let hash = call.hash();
            call.with("platform", "WEB").with("hash", &hash)
        })
        .await;
    table
        .row("providerId is another one", "7 7 7  7  7 7 7 7  7  7 7  7  7 7", nothing, |call| {
            call.with("providerId", "pragmaticplay")
        })
        .await;
    table
        .row(
            "the token is over",
            "4 4 4  4  0 0 0 0  0  0 0  0  0 0",
            async |world, player| {
                let token = player.replace("player", "token");
                world.bank.session(&token, player, "pragmatic", -1).await;
            },
            same,
        )
        .await;
    table
        .row("the token is unknown", "4 4 4  4  0 0 0 0  0  0 0  0  0 0", nothing, |call| {
            if call.param("token").is_some() { call.with("token", "unheard-of") } else { call }
        })
        .await;
    table.world.bank.open("somebody", "0").await;
    table.world.bank.session("token-of-somebody", "somebody", "pragmatic", 3600).await;
    table
        .row(
            "the token is another player's",
            "- 4 4  4  0 0 0 0  0  0 0  0  0 0",
            nothing,
            |call| {
                if call.param("token").is_some() {
                    call.with("token", "token-of-somebody")
                } else {
                    call
                }
            },
        )
        .await;
    table
        .row(
            "the token is for another provider",
            "4 4 4  4  0 0 0 0  0  0 0  0  0 0",
            async |world, player| {
                let token = player.replace("player", "token");
                world.bank.session(&token, player, "pragmatic-limited", 3600).await;
            },
            same,
        )
        .await;
    table
        .row("nobody has the userId", "- 2 2  2  2 2 2 2  2  2 2  2  2 2", nothing, |call| {
            let name = if call.param("playerId").is_some() { "playerId" } else { "userId" };
            call.with(name, "nobody")
        })
        .await;
    table
        .row(
            "the player is frozen",
            "6 6 6  6  0 0 0 0  0  0 0  0  0 0",
            async |world, player| world.bank.set_status(player, PlayerStatus::Frozen).await,
            same,
        )
        .await;
    table
        .row(
            "the player is closed",
            "6 6 6  6  100 0 100 100  100  100 0  0  0 0",
            async |world, player| world.bank.set_status(player, PlayerStatus::Closed).await,
            same,
        )
        .await;
    table
        .row(
            "the game is off",
            "8 0 0  8  0 0 0 0  0  0 0  0  0 0",
            async |world, _| world.bank.switch_game("pragmatic", GAME, false).await,
            same,
        )
        .await;
    table.world.bank.switch_game("pragmatic", GAME, true).await;
    table
        .row(
            "too little is left",
            "0 0 0  1  - - - -  -  - 1  0  0 0",
            async |world, player| {
                let rest = world.balance(player).await;
                let rest = format!("{}.{:02}", rest / 100, rest % 100);
                let all = money("bet.html", player, &format!("all-{player}"), "all", &rest);
                assert_eq!(all.send(world.api(0)).await.cash, Some(0));
            },
            same,
        )
        .await;
    table
        .row(
            "the bet is above the player's limit",
            "0 0 0  50  0 0 0 0  0  0 0  0  0 0",
            async |world, player| {
                let limit = Amount::parse("9.99", 2).expect("an amount");
                let id = player_id(player);
                players::set_bet_limit(world.bank.wallet.pool(), &id, Some(limit))
                    .await
                    .expect("a limit");
            },
            same,
        )
        .await;
    table
        .row(
            "the bet was refunded before",
            "0 0 0  120  100 0 0 0  0!  0 0  0  0 0",
            async |world, player| {
                for operation in Operation::ALL {
                    let round = round(player, operation);
                    for reference in [stake_of(&round), format!("bet-{round}")] {
                        let refund = refund_of(player, &reference).send(world.api(0)).await;
                        assert_eq!(refund.error, 0, "{}", refund.json);
                    }
                }
            },
            same,
        )
        .await;
    table.staked = false;
    table
        .row(
            "no bet of the round is known",
            "0 0 0  0  100 0 0 0  0!  100 100  0  0 0",
            nothing,
            same,
        )
        .await;
    table.staked = true;
    table.slug = "pragmatic-limited";
    table
        .row(
            "the bet is above the brand's limit",
            "0 0 0  310  0 0 0 0  0  0 0  0  0 0",
            nothing,
            same,
        )
        .await;
    table.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_its_database_every_call_is_told_to_come_again_and_then_counts_once() {
    let mut server = PostgresServer::start().await;
    let world = World::on(&server, 1, "").await;
    let api = world.api(0);
    let mut calls = Vec::new();
    for operation in Operation::ALL {
        let player = format!("{operation:?}");
        world.bank.open(&player, "100.00").await;
        world.bank.session(&format!("token-{player}"), &player, "pragmatic", 3600).await;
        assert_eq!(stake(&player, &player).send(api).await.error, 0);
        calls.push(operation.call(&player, &format!("token-{player}"), &player));
    }
    world.redis.flush();
    server.kill9();
    let answers = join_all(calls.iter().map(|call| call.send(api))).await;
    let mut wrong = Vec::new();
    for (operation, answer) in Operation::ALL.into_iter().zip(&answers) {
        let expected = if operation == Operation::EndRound { 130 } else { 100 };
        if answer.error != expected || answer.took > Duration::from_millis(2900) {
            let Answer { json, took, .. } = answer;
            wrong.push(format!("{operation:?}: {expected} is right, came {json} after {took:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));

    server.start_again().await;
    for (operation, call) in Operation::ALL.into_iter().zip(&calls) {
        let again = call.send(api).await;
        assert_eq!(again.error, 0, "{operation:?}: {}", again.json);
        let cash = world.balance(&format!("{operation:?}")).await;
        assert_eq!(cash, 9_900 + operation.effect(), "{operation:?}: {}", again.json);
    }
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fault_in_the_database_is_answered_as_one_of_ours_that_may_pass() {
    let world = World::with_nodes(1).await;
    world.bank.open("ann", "100.00").await;
    sqlx::query("ALTER TABLE trx_log RENAME TO gone").execute(&world.database.pool).await.unwrap();
    for operation in Operation::MOVEMENTS.into_iter().chain([Operation::EndRound]) {
        let expected = if operation == Operation::EndRound { 130 } else { 100 };
        let answer = operation.call("ann", "", "r-1").without("token").send(world.api(0)).await;
        assert_eq!(answer.error, expected, "{operation:?}: {}", answer.json);
    }
    assert_eq!(world.balance("ann").await, 10_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repeat_of_any_movement_has_the_first_id_the_balance_of_now_and_moves_nothing() {
    let world = World::with_nodes(2).await;
    let mut wrong = Vec::new();
    for operation in Operation::MOVEMENTS {
        let player = format!("{operation:?}");
        world.bank.open(&player, "100.00").await;
        assert_eq!(stake(&player, &player).send(world.api(0)).await.error, 0);
        let call = operation.call(&player, "", &player).without("token");
        let first = call.send(world.api(0)).await;
        let at_once = call.send(world.api(0)).await;
        // Money moves, so that the balance of now is not the balance of then.
        assert_eq!(stake(&player, &format!("{player}-2")).send(world.api(0)).await.error, 0);
        let elsewhere = call.send(world.api(1)).await;
        world.redis.flush();
        let without_redis = call.send(world.api(0)).await;
        let now = 9_800 + operation.effect();
        let (_, _, moved) = world.row("pragmatic", &key_of(&call)).await.expect("a row");
        for (when, again, cash) in [
            ("at once", at_once, now + 100),
            ("elsewhere", elsewhere, now),
            ("without Redis", without_redis, now),
        ] {
            let told = again.cash.unwrap_or(cash);
            let tells = again.cash.is_some() == (operation != Operation::Refund);
            if (again.id(), told, moved) != (first.id(), cash, operation.effect()) || !tells {
                wrong.push(format!(
                    "{operation:?} {when}: {cash} cents are there and {} is the id, came {}",
                    first.id(),
                    again.json
                ));
            }
        }
        assert_eq!(world.balance(&player).await, now, "{operation:?}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_movement_that_runs_many_times_at_once_counts_once_and_no_answer_is_a_wrong_one() {
    let world = World::with_nodes(2).await;
    let mut wrong = Vec::new();
    for operation in Operation::MOVEMENTS.into_iter().chain([Operation::EndRound]) {
        let player = format!("{operation:?}");
        world.bank.open(&player, "100.00").await;
        let mut left = 10_000;
        for round in ["r1", "r2", "r3"] {
            let round = format!("{player}-{round}");
            assert_eq!(stake(&player, &round).send(world.api(0)).await.error, 0);
            let call = operation.call(&player, "", &round).without("token");
            let answers = join_all((0..16).map(|turn| call.send(world.api(turn)))).await;
            let settled = call.send(world.api(0)).await;
            assert_eq!(settled.error, 0, "{operation:?}: {}", settled.json);
            let retry = if operation == Operation::EndRound { 130 } else { 100 };
            for answer in answers.iter().filter(|answer| answer.error != retry) {
                if answer.json != settled.json {
                    wrong.push(format!("{operation:?}: {} and {}", answer.json, settled.json));
                }
            }
            left += operation.effect() - 100;
            assert_eq!(world.balance(&player).await, left, "{operation:?}");
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    world.check().await;
}

/// The ledger's key of a movement.
fn key_of(call: &Call) -> String {
    let reference = call.param("reference").unwrap_or_default();
    let prefix = if call.path().ends_with("refund.html") { "~refund:" } else { "" };
    format!("{prefix}{reference}")
}
