//! What each outcome is called.

use chrono::DateTime;
use uuid::Uuid;

use super::super::OPERATIONS;
use super::super::tests::{adapter, operation, read as request};
use super::*;
use crate::core::{Currency, PlayerId, PlayerStatus, Reason};
use crate::providers::Operation;

const TX: &str = "0199f1c2a4b07c3e8d5512ab34cd56ef";

fn entry(outcome: RowOutcome, reason: Option<Reason>) -> Entry {
    Entry {
        transaction_id: Uuid::parse_str(TX).expect("an id"),
        outcome,
        reason,
        amount_micros: 0,
        shortfall_micros: 0,
        balance_after_micros: Some(1),
        created_at: DateTime::UNIX_EPOCH,
        reversed_by: None,
        first_reversal: None,
        detail: None,
    }
}

fn applied(amount_micros: i64) -> Entry {
    Entry { amount_micros, ..entry(RowOutcome::Applied, None) }
}

/// The reply to a command that came to these outcomes, with 98.509999 EUR left.
fn reply(name: &str, outcomes: Vec<Outcome>) -> String {
    let receipt = Receipt {
        currency: Currency::parse("EUR").expect("a code"),
        balance: Micros::new(98_509_999),
        version: 1,
        status: PlayerStatus::Active,
        outcomes,
    };
    read(&adapter("").reply(name, None, &Answer::Executed(&receipt)))
}

fn read(reply: &Reply) -> String {
    assert_eq!((reply.status, reply.content_type), (200, "application/json"));
    reply.body.clone()
}

/// The reply to a question about a player with 100.00 EUR.
fn told(settings: &str, name: &str, body: &str) -> String {
    let adapter = adapter(settings);
    let request = request(&adapter, operation(name), body).expect("a good body");
    let view = PlayerView {
        player: PlayerId::parse("op1_88012").expect("an id"),
        currency: Currency::parse("EUR").expect("a code"),
        balance: Micros::new(100_000_000),
        version: 7,
        status: PlayerStatus::Active,
    };
    read(&adapter.reply(name, Some(&request), &Answer::Player(&view)))
}

fn failed(name: &str, failure: &Failure) -> String {
    read(&adapter("").reply(name, None, &Answer::Failed(failure)))
}

fn refused(reason: Reason) -> Outcome {
    Outcome::Refused { reason, entry: None, replayed: false }
}

fn error(body: &str) -> u64 {
    let body: serde_json::Value = serde_json::from_str(body).expect("JSON");
    body["error"].as_u64().expect("a number")
}

#[test]
fn each_call_has_the_fields_of_its_own() {
    let win = format!(
        r#"{{"transactionId":"{TX}","currency":"EUR","cash":98.50,"bonus":0.00,"error":0,"description":"Success"}}"#
    );
    let bet = win.replace(r#""bonus":0.00,"#, r#""bonus":0.00,"usedPromo":0.00,"#);
    for (name, expected) in [
        ("bet", bet.as_str()),
        ("result", &win),
        ("bonusWin", &win),
        ("jackpotWin", &win),
        ("promoWin", &win),
        ("adjustment", &win),
        ("endRound", r#"{"cash":98.50,"bonus":0.00,"error":0,"description":"Success"}"#),
        ("refund", &format!(r#"{{"transactionId":"{TX}","error":0,"description":"Success"}}"#)),
        ("roundDetails", r#"{"error":0,"description":"Success"}"#),
    ] {
        for outcome in [Outcome::Applied(applied(0)), Outcome::Replayed(applied(0))] {
            assert_eq!(reply(name, vec![outcome]), expected, "{name}");
        }
    }
}

#[test]
fn a_player_is_told_as_each_call_asks() {
    let launch =
        "token=tk-7f3a1c&providerId=PragmaticPlay&gameId=vs20demogame&ipAddress=203.0.113.7";
    assert_eq!(
        told("", "authenticate", launch),
        r#"{"userId":"op1_88012","currency":"EUR","cash":100.00,"bonus":0.00,"token":"tk-7f3a1c","error":0,"description":"Success"}"#
    );
    assert_eq!(
        told("country = 'MT'\njurisdiction = '99'", "authenticate", launch),
        r#"{"userId":"op1_88012","currency":"EUR","cash":100.00,"bonus":0.00,"token":"tk-7f3a1c","country":"MT","jurisdiction":"99","error":0,"description":"Success"}"#
    );
    let of_player = "providerId=PragmaticPlay&userId=op1_88012&token=tk-7f3a1c";
    assert_eq!(
        told("", "balance", of_player),
        r#"{"currency":"EUR","cash":100.00,"bonus":0.00,"error":0,"description":"Success"}"#
    );
    let games = format!("{of_player}&gameIdList=vs1,vs2");
    let both = r#"{"gamesBalances":[{"gameID":"vs1","cash":100.00,"bonus":0.00},{"gameID":"vs2","cash":100.00,"bonus":0.00}],"error":0,"description":"Success"}"#;
    assert_eq!(told("", "GetBalancePerGame", &games), both);
    assert_eq!(
        told("game_id_key = 'gameId'", "GetBalancePerGame", &games),
        both.replace("gameID", "gameId")
    );
    let session = "providerId=PragmaticPlay&sessionId=s&playerId=op1_88012";
    assert_eq!(told("", "sessionExpired", session), r#"{"error":0,"description":"Success"}"#);
}

#[test]
fn a_refund_without_effect_is_a_success_with_an_id() {
    for reason in [
        Reason::TargetUnknown,
        Reason::AlreadyReversed,
        Reason::TargetRefused,
        Reason::TargetParked,
    ] {
        let noted = entry(RowOutcome::Noted, Some(reason));
        for outcome in [Outcome::NoEffect(noted.clone()), Outcome::Replayed(noted)] {
            assert_eq!(
                reply("refund", vec![outcome]),
                format!(r#"{{"transactionId":"{TX}","error":0,"description":"Success"}}"#)
            );
        }
    }
}

#[test]
fn a_bet_that_was_refunded_is_never_a_success() {
    let reversed = Entry { reversed_by: Some(applied(-1).id()), ..applied(-1) };
    let tombstone = entry(RowOutcome::Tombstone, Some(Reason::TargetUnknown));
    for outcome in [
        Outcome::Replayed(reversed.clone()),
        Outcome::Mismatch(reversed),
        Outcome::Mismatch(tombstone.clone()),
        Outcome::Cancelled(tombstone),
        refused(Reason::Cancelled),
    ] {
        assert_eq!(
            reply("bet", vec![outcome]),
            r#"{"currency":"EUR","cash":98.50,"bonus":0.00,"error":120,"description":"Internal server error, do not retry"}"#
        );
    }
}

#[test]
fn known_with_other_contents_is_answered_like_the_first_unless_it_went_the_other_way() {
    let refusal = entry(RowOutcome::Refused, Some(Reason::InsufficientFunds));
    for (name, first, code) in [
        ("bet", applied(-1), 0),
        ("bet", applied(0), 0),
        ("bet", applied(1), 120),
        ("result", applied(1), 0),
        ("result", applied(0), 0),
        ("result", applied(-1), 100),
        ("promoWin", applied(-1), 100),
        ("adjustment", applied(-1), 0),
        ("refund", applied(1), 0),
        ("bonusWin", entry(RowOutcome::Noted, None), 0),
        ("bet", refusal, 1),
        ("result", entry(RowOutcome::Parked, Some(Reason::DebitUnknown)), 100),
    ] {
        let body = reply(name, vec![Outcome::Mismatch(first.clone())]);
        assert_eq!(error(&body), code, "{name} {first:?}");
        assert_eq!(body.contains(TX), code == 0, "{body}");
    }
}

#[test]
fn a_refusal_tells_the_balance_where_a_success_does() {
    assert_eq!(
        reply("bet", vec![refused(Reason::InsufficientFunds)]),
        r#"{"currency":"EUR","cash":98.50,"bonus":0.00,"error":1,"description":"Insufficient balance"}"#
    );
    assert_eq!(
        reply("refund", vec![refused(Reason::TargetNotReversible)]),
        r#"{"error":120,"description":"Internal server error, do not retry"}"#
    );
    assert_eq!(
        reply("endRound", vec![refused(Reason::BalanceLimit)]),
        r#"{"cash":98.50,"bonus":0.00,"error":130,"description":"Internal server error on EndRound, please retry"}"#
    );
}

#[test]
fn a_prize_that_fails_or_waits_keeps_the_whole_call_alive() {
    let parked = entry(RowOutcome::Parked, Some(Reason::WalletClosed));
    for second in [Outcome::Parked(parked), refused(Reason::BalanceLimit)] {
        for first in [Outcome::Replayed(applied(1)), Outcome::Mismatch(applied(1))] {
            assert_eq!(error(&reply("result", vec![first, second.clone()])), 100);
        }
    }
    let paid_before = vec![Outcome::Applied(applied(1)), Outcome::Mismatch(applied(1))];
    assert_eq!(error(&reply("result", paid_before)), 0);
}

#[test]
fn what_is_parked_or_came_to_nothing_is_to_be_sent_again() {
    let parked = Outcome::Parked(entry(RowOutcome::Parked, Some(Reason::DebitUnknown)));
    assert_eq!(error(&reply("result", vec![parked])), 100);
    assert_eq!(error(&reply("result", Vec::new())), 100);
    for failure in [Failure::Busy, Failure::Timeout, Failure::Unavailable, Failure::Internal] {
        for Operation { name, .. } in OPERATIONS {
            let code = if *name == "endRound" { 130 } else { 100 };
            assert_eq!(error(&failed(name, &failure)), code, "{name} {failure:?}");
        }
    }
}

#[test]
fn a_failure_is_a_code_and_its_description() {
    assert_eq!(
        failed("bet", &Failure::BadSignature),
        r#"{"error":5,"description":"Invalid hash code"}"#
    );
    assert_eq!(
        failed("", &Failure::UnknownOperation),
        r#"{"error":7,"description":"Bad parameters in the request"}"#
    );
    assert_eq!(
        failed("bet", &Failure::BadRequest("amount: negative".to_owned())),
        r#"{"error":7,"description":"Bad parameters in the request: amount: negative"}"#
    );
    assert_eq!(
        failed("result", &Failure::Refused(Reason::PlayerUnknown)),
        r#"{"error":2,"description":"Player not found"}"#
    );
    let long = failed("bet", &Failure::BadRequest("ä".repeat(200)));
    let long: serde_json::Value = serde_json::from_str(&long).expect("JSON");
    assert_eq!(long["description"].as_str().map(|text| text.chars().count()), Some(100));
}

#[test]
fn an_address_that_may_not_call_gets_a_status_of_its_own() {
    let reply = adapter("").reply("bet", None, &Answer::Failed(&Failure::AddressNotAllowed));
    assert_eq!((reply.status, error(&reply.body)), (403, 5));
}
