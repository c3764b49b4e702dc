//! Forms that are wrong, amounts in every spelling, every path, and what a reply holds.

use axum::http::Method;
use md5::{Digest as _, Md5};

use super::calls::{Operation, money, stake};
use crate::support::pragmatic::{self, Answer, Call};
use crate::support::world::World;

const FORM: &str = "application/x-www-form-urlencoded";

async fn ann(toml: &str) -> World {
    let world = World::tuned(1, toml).await;
    world.bank.open("ann", "100.00").await;
    world.bank.session("token", "ann", "pragmatic", 3600).await;
    world
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_required_parameter_that_is_missing_empty_or_there_twice_is_a_7_and_moves_nothing() {
    let world = ann("").await;
    let mut wrong = Vec::new();
    for operation in Operation::ALL {
        let good = operation.call("ann", "token", "r");
        for name in operation.required().iter().chain(&["providerId"]) {
            let value = good.param(name).expect("it is in the call").to_owned();
            for (how, call) in [
                ("missing", good.clone().without(name)),
                ("empty", good.clone().with(name, "")),
                ("there twice", good.clone().and(name, &value)),
            ] {
                let answer = call.send(world.api(0)).await;
                let description = answer.json["description"].as_str().unwrap_or_default();
                if answer.error != 7 || description.chars().count() > 100 {
                    wrong.push(format!("{operation:?}, {name} {how}: {}", answer.json));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(world.database.ledger_rows().await, 1, "the deposit");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_garbled_parameter_is_a_7_and_moves_nothing() {
    let world = ann("").await;
    let amounts = ["abc", "1,5", "NaN", "inf", "1e99", "0x10", " 1", "1.005", "1e-3", "1 000", "-"];
    let long = "x".repeat(300);
    let mut wrong = Vec::new();
    for operation in Operation::ALL {
        let good = operation.call("ann", "token", "r");
        let mut bad: Vec<(&str, &str)> = Vec::new();
        if good.param("amount").is_some() {
            bad.extend(amounts.iter().map(|amount| ("amount", *amount)));
        }
        for name in ["userId", "playerId", "roundId", "gameId", "reference"] {
            if good.param(name).is_some() {
                bad.extend([(name, "a\0b"), (name, &long)]);
            }
        }
        for time in ["yesterday", "1.5", "99999999999999999999"] {
            if good.param("timestamp").is_some() {
                bad.push(("timestamp", time));
            }
        }
        let signed = matches!(operation, Operation::AdjustmentUp | Operation::AdjustmentDown);
        if good.param("amount").is_some() && !signed {
            bad.push(("amount", "-0.01"));
        }
        match operation {
            Operation::Refund => bad.extend(amounts.iter().map(|amount| ("amount", *amount))),
            Operation::Result => {
                bad.extend([("promoWinAmount", "-1"), ("promoWinAmount", "1.001")])
            }
            Operation::PromoWin => bad.extend([("currency", "euro"), ("currency", "€")]),
            Operation::GamesBalances => bad.push(("gameIdList", "a,,b")),
            _ => {}
        }
        for (name, value) in bad {
            let call = good.clone().with("promoWinReference", "prize").with(name, value);
            let answer = call.send(world.api(0)).await;
            if answer.error != 7 {
                wrong.push(format!("{operation:?}, {name}={value:.20}: {}", answer.json));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(world.database.ledger_rows().await, 1, "the deposit");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_form_that_cannot_be_read_is_a_7_and_one_without_a_hash_a_5() {
    let world = ann("").await;
    let good = Operation::Balance.call("ann", "token", "r");
    for (what, body, code) in [
        ("nothing", String::new(), 5),
        ("a broken percent sign", format!("{}&x=%4", good.body()), 7),
        ("bytes that are no UTF-8, and not signed", format!("{}&x=%FF%FE", good.body()), 5),
        ("JSON", r#"{"userId":"ann"}"#.to_owned(), 5),
        ("a form within the limit", format!("{}&x={}", good.body(), "y".repeat(200_000)), 5),
        ("a form beyond the limit", format!("{}&x={}", good.body(), "y".repeat(300_000)), 7),
    ] {
        let reply = world.api(0).post("/pragmatic/balance.html", FORM, body).await;
        let answer = Answer::of(&reply.unwrap_or_else(|error| panic!("{what}: {error}")));
        assert_eq!(answer.error, code, "{what}: {}", answer.json);
    }
}

/// A call with further parameters, whatever bytes they are; signed as the sender would.
fn signed_with(call: &Call, further: &[(&str, &[u8])]) -> Vec<u8> {
    let body = call.body();
    let (own, _) = body.split_once("&hash=").expect("a hash");
    let decode = |text: &str| percent_encoding::percent_decode_str(text).collect::<Vec<u8>>();
    let mut pairs: Vec<(Vec<u8>, Vec<u8>)> = own
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (decode(name), decode(value)))
        .collect();
    for (name, value) in further {
        pairs.retain(|(own, _)| own != name.as_bytes());
        pairs.push((name.as_bytes().to_vec(), value.to_vec()));
    }
    pairs.sort();
    let joined: Vec<Vec<u8>> =
        pairs.iter().map(|(name, value)| [&name[..], b"=", &value[..]].concat()).collect();
    let hash = Md5::digest([joined.join(&b'&'), pragmatic::SECRET.as_bytes().to_vec()].concat());
    let encode = |bytes: &[u8]| {
        percent_encoding::percent_encode(bytes, percent_encoding::NON_ALPHANUMERIC).to_string()
    };
    let mut sent: Vec<String> =
        pairs.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
    sent.push(format!("hash={}", hex::encode(hash)));
    sent.join("&").into_bytes()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn words_beside_the_money_cost_no_win_whatever_charset_they_are_in() {
    let world = ann("").await;
    assert_eq!(pragmatic::bet("ann", "b", "r", "1.00").send(world.api(0)).await.error, 0);
    let balance = world.balance("ann").await;
    let latin: &[u8] = b"J\xfcrgen";
    let win = pragmatic::result("ann", "w", "r", "2.00");
    let body = signed_with(&win, &[("nickname", latin), ("x\u{1}", b"\xff")]);
    let reply = world.api(0).post(win.path(), FORM, body).await.expect("a reply");
    assert_eq!(Answer::of(&reply).error, 0, "{}", reply.text());
    assert_eq!(world.balance("ann").await, balance + 200);
    let free = pragmatic::result("ann", "w2", "r", "3.00");
    let body = signed_with(&free, &[("bonusCode", latin)]);
    let reply = world.api(0).post(free.path(), FORM, body).await.expect("a reply");
    assert_eq!(Answer::of(&reply).error, 0, "{}", reply.text());
    assert_eq!(world.balance("ann").await, balance + 500);
    // What names something is text, or it is refused.
    let body = signed_with(&win, &[("roundId", latin), ("reference", b"w3")]);
    let reply = world.api(0).post(win.path(), FORM, body).await.expect("a reply");
    assert_eq!(Answer::of(&reply).error, 7, "{}", reply.text());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn amounts_are_read_exactly_in_every_spelling() {
    let world = ann("").await;
    for (number, (text, cents)) in [
        ("5.6", 560),
        ("15.0", 1_500),
        ("7", 700),
        ("0.01", 1),
        ("0.10", 10),
        ("0", 0),
        ("0.00", 0),
        ("1E1", 1_000),
        ("1.25e1", 1_250),
        ("125e-2", 125),
        ("2.500", 250),
    ]
    .into_iter()
    .enumerate()
    {
        let before = world.balance("ann").await;
        let round = format!("r{number}");
        let bet = money("bet.html", "ann", &round, "bet", text).send(world.api(0)).await;
        assert_eq!((bet.error, bet.cash), (0, Some(before - cents)), "{text}: {}", bet.json);
        assert_eq!(bet.id().len(), 32, "a bet of nothing has an id, too");
        let win = money("result.html", "ann", &round, "win", text).send(world.api(0)).await;
        assert_eq!((win.error, win.cash), (0, Some(before)), "{text}: {}", win.json);
    }
    // Ten million, as a double writes it.
    let promo = Operation::PromoWin.call("ann", "", "r").with("amount", "1.0E7");
    assert_eq!(promo.send(world.api(0)).await.cash, Some(1_000_010_000));
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_balance_is_a_number_with_two_decimals_that_is_cut_off_and_can_be_bet() {
    let world = ann("").await;
    world.bank.open("eve", "12.345678").await;
    let told = Operation::Balance.call("eve", "", "r").without("token");
    let reply = told.attempt(world.api(0)).await.expect("a reply");
    assert!(reply.text().contains(r#""cash":12.34,"bonus":0.00,"#), "{}", reply.text());
    let all = money("bet.html", "eve", "r", "bet", "12.34").send(world.api(0)).await;
    assert_eq!((all.error, all.cash), (0, Some(0)), "{}", all.json);
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parameters_that_nobody_knows_are_accepted_and_signed() {
    let world = ann("").await;
    for operation in Operation::ALL {
        let call = operation.call("ann", "token", "r").with("newField", "x=1&y").with("äöü", "ß ");
        let answer = call.clone().send(world.api(0)).await;
        assert_ne!(answer.error, 5, "{operation:?}: {}", answer.json);
        assert_ne!(answer.error, 7, "{operation:?}: {}", answer.json);
        let hash = call.hash();
        let answer = call.without("newField").with("hash", &hash).send(world.api(0)).await;
        assert_eq!(answer.error, 5, "{operation:?}: {}", answer.json);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reply_has_the_fields_of_its_call_and_no_others() {
    let world = ann("").await;
    stake("ann", "r").send(world.api(0)).await;
    for operation in Operation::ALL {
        let answer = operation.call("ann", "token", "r").send(world.api(0)).await;
        assert_eq!(answer.error, 0, "{operation:?}: {}", answer.json);
        let fields: Vec<&str> =
            answer.json.as_object().expect("an object").keys().map(String::as_str).collect();
        let expected = match operation {
            Operation::Authenticate => "bonus cash currency description error token userId",
            Operation::Balance => "bonus cash currency description error",
            Operation::GamesBalances => "description error gamesBalances",
            Operation::Bet => "bonus cash currency description error transactionId usedPromo",
            Operation::Refund => "description error transactionId",
            Operation::EndRound => "bonus cash description error",
            Operation::SessionExpired | Operation::RoundDetails => "description error",
            _ => "bonus cash currency description error transactionId",
        };
        let mut fields = fields;
        fields.sort_unstable();
        assert_eq!(fields.join(" "), expected, "{operation:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_may_be_authenticated_again_and_tells_who_plays() {
    let world =
        ann(r#"providers.pragmatic.settings = { country = "MT", jurisdiction = "99" }"#).await;
    let call = Operation::Authenticate.call("ann", "token", "r");
    for call in [call.clone(), call.clone(), call.without("gameId").with("launchingType", "L")] {
        let json = call.send(world.api(0)).await.json;
        let told = ["userId", "currency", "token", "country", "jurisdiction"];
        assert_eq!(
            told.map(|name| json[name].as_str().unwrap_or("-")),
            ["ann", "EUR", "token", "MT", "99"]
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_spelling_of_a_path_is_served_and_any_other_path_or_method_is_a_7() {
    let lower = r#"
        [providers.pragmatic-lower]
        protocol = "pragmatic"
        secrets = ["env:PRAGMATIC_SECRET"]
        settings = { game_id_key = "gameId" }
    "#;
    let world = ann(lower).await;
    let send = async |path: &str, call: &Call| {
        let reply = world.api(0).post(path, FORM, call.body()).await;
        Answer::of(&reply.unwrap_or_else(|error| panic!("{path}: {error}")))
    };
    let games = Operation::GamesBalances.call("ann", "token", "r").without("token");
    for (path, key) in [
        ("/pragmatic/GetBalancePerGame.html", "gameID"),
        ("/pragmatic/getBalancePerGame.html", "gameID"),
        ("/pragmatic-lower/GetBalancePerGame.html", "gameId"),
    ] {
        let json = send(path, &games).await.json;
        let listed = json["gamesBalances"].as_array().unwrap_or_else(|| panic!("{path}: {json}"));
        let ids: Vec<_> = listed.iter().map(|game| game[key].as_str()).collect();
        assert_eq!(ids, [Some("vs20a"), Some("vs20b")], "{path}: {json}");
        assert!(listed.iter().all(|game| game["cash"] == 100.0 && game["bonus"] == 0.0), "{json}");
    }
    let expired = Operation::SessionExpired.call("ann", "token", "r");
    for path in ["session/expired", "sessionExpired", "sessionExpired.html"] {
        let answer = send(&format!("/pragmatic/{path}"), &expired).await;
        assert_eq!(answer.error, 0, "{path}: {}", answer.json);
    }
    let bet = stake("ann", "r");
    for path in ["", "bet", "BET.html", "withdraw.html", "bet.html/bet.html"] {
        let answer = send(&format!("/pragmatic/{path}"), &bet).await;
        assert_eq!(answer.error, 7, "{path}: {}", answer.json);
    }
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        let path = format!("/pragmatic/bet.html?{}", bet.body());
        let reply = world.api(0).send(method.clone(), &path, &[], "").await.expect("a reply");
        assert_eq!(Answer::of(&reply).error, 7, "{method}");
    }
    let nobodys = world.api(0).post("/pragmatica/bet.html", FORM, bet.body()).await;
    assert_eq!(nobodys.expect("a reply").status.as_u16(), 404);
    assert_eq!(world.balance("ann").await, 10_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_from_an_address_that_is_not_on_the_list_is_a_5_with_403() {
    let world = ann(r#"providers.pragmatic.allow = ["203.0.113.0/24"]"#).await;
    let reply = stake("ann", "r").attempt(world.api(0)).await.expect("a reply");
    assert_eq!((reply.status.as_u16(), &reply.json()["error"]), (403, &5.into()));
    assert_eq!(world.balance("ann").await, 10_000);
}
