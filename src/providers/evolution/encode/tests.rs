//! How what became of a call is worded.

use chrono::DateTime;
use uuid::Uuid;

use super::super::tests::adapter;
use super::super::{OPERATIONS, OPERATIONS_WITH_SID};
use super::*;
use crate::core::{Currency, PlayerId, PlayerStatus, PlayerView, TransactionId};
use crate::providers::Operation;

fn operation(name: &str) -> &'static Operation {
    OPERATIONS_WITH_SID.iter().find(|operation| operation.name == name).expect("an operation")
}

fn request(evolution: &Evolution, name: &str) -> Request {
    let body = br#"{"sid":"s-1","userId":"p","currency":"EUR","game":{"id":"g"},"uuid":"u-1",
        "transaction":{"id":"t","refId":"r","amount":2.5},
        "promoTransaction":{"type":"JackpotWin","id":"pr","amount":2.5}}"#;
    let request = match name {
        "check" => evolution.check(body),
        "balance" => evolution.balance(body),
        "debit" => evolution.debit(body),
        "credit" => evolution.credit(body),
        "cancel" => evolution.cancel(body),
        _ => evolution.promo_payout(body),
    };
    match request.expect("a good body") {
        Request::Unnamed(unnamed) => {
            (unnamed.read)(PlayerId::parse("p").expect("an id")).expect("its player")
        }
        request => request,
    }
}

fn entry(outcome: RowOutcome, reason: Option<Reason>) -> Entry {
    Entry {
        transaction_id: Uuid::from_u128(1),
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

/// The answer to a call of that name that came to this, with 102.509999 left.
fn reply(name: &str, outcome: Outcome) -> String {
    let evolution = adapter("");
    let request = request(&evolution, name);
    let receipt = Receipt {
        currency: Currency::parse("EUR").expect("a code"),
        balance: Micros::new(102_509_999),
        version: 1,
        status: PlayerStatus::Active,
        outcomes: vec![outcome],
    };
    let asked =
        Asked { operation: Some(operation(name)), echo: Some("u-1"), request: Some(&request) };
    body(&evolution.reply(asked, &Answer::Executed(&receipt)))
}

fn body(reply: &Reply) -> String {
    assert_eq!((reply.status, reply.content_type), (200, "application/json"));
    let keep_alive = (header::CONNECTION, HeaderValue::from_static("keep-alive"));
    assert_eq!(reply.headers, [keep_alive]);
    reply.body.clone()
}

fn told(status: &str) -> String {
    format!(r#"{{"status":"{status}","balance":102.509999,"bonus":0.000000,"uuid":"u-1"}}"#)
}

fn refused(reason: Reason) -> Outcome {
    Outcome::Refused { reason, entry: None, replayed: false }
}

#[test]
fn a_success_tells_the_balance_to_the_sixth_decimal() {
    for name in ["debit", "credit", "cancel", "promo_payout"] {
        let outcome = Outcome::Applied(entry(RowOutcome::Applied, None));
        assert_eq!(reply(name, outcome), told("OK"), "{name}");
    }
}

#[test]
fn what_was_done_before_is_told_apart_whatever_else_is_said_with_its_ids() {
    for (name, status) in [
        ("debit", "BET_ALREADY_EXIST"),
        ("credit", "BET_ALREADY_SETTLED"),
        ("cancel", "BET_ALREADY_SETTLED"),
        ("promo_payout", "OK"),
    ] {
        let first = entry(RowOutcome::Applied, None);
        for outcome in [Outcome::Replayed(first.clone()), Outcome::Mismatch(first)] {
            assert_eq!(reply(name, outcome), told(status), "{name}");
        }
    }
}

#[test]
fn a_bet_whose_stake_was_given_back_is_no_bet_that_exists() {
    let reversed_by = Some(TransactionId::new(Uuid::from_u128(2)));
    let first = Entry { reversed_by, ..entry(RowOutcome::Applied, None) };
    let status = "FINAL_ERROR_ACTION_FAILED";
    assert_eq!(reply("debit", Outcome::Replayed(first)), told(status));
    let tombstone = entry(RowOutcome::Tombstone, Some(Reason::TargetUnknown));
    assert_eq!(reply("debit", Outcome::Cancelled(tombstone)), told(status));
    assert_eq!(reply("debit", refused(Reason::Cancelled)), told(status));
}

#[test]
fn a_cancel_without_effect_says_why_each_time() {
    for (reason, status) in [
        (Reason::TargetUnknown, "BET_DOES_NOT_EXIST"),
        (Reason::AlreadyReversed, "BET_ALREADY_SETTLED"),
        (Reason::DecidedElsewhere, "BET_ALREADY_SETTLED"),
    ] {
        let noted = entry(RowOutcome::Noted, Some(reason));
        for outcome in [
            Outcome::NoEffect(noted.clone()),
            Outcome::Replayed(noted.clone()),
            Outcome::Mismatch(noted),
        ] {
            assert_eq!(reply("cancel", outcome), told(status), "{reason:?}");
        }
    }
}

#[test]
fn what_is_parked_is_to_be_sent_again() {
    let parked = entry(RowOutcome::Parked, Some(Reason::WalletClosed));
    for outcome in [Outcome::Parked(parked.clone()), Outcome::Mismatch(parked)] {
        assert_eq!(reply("credit", outcome), told("TEMPORARY_ERROR"));
    }
}

#[test]
fn every_refusal_has_its_word_and_a_stranger_is_told_no_balance() {
    for (name, reason, status) in [
        ("debit", Reason::InsufficientFunds, "INSUFFICIENT_FUNDS"),
        ("debit", Reason::SessionUnknown, "INVALID_SID"),
        ("debit", Reason::SessionExpired, "INVALID_SID"),
        ("debit", Reason::PlayerFrozen, "ACCOUNT_LOCKED"),
        ("debit", Reason::PlayerClosed, "ACCOUNT_LOCKED"),
        ("debit", Reason::PlayerLimit, "CASINO_LIMIT_EXCEEDED_STAKE"),
        ("debit", Reason::MaxBet, "CASINO_LIMIT_EXCEEDED_STAKE"),
        ("debit", Reason::CurrencyMismatch, "INVALID_PARAMETER"),
        ("debit", Reason::GameDisabled, "INVALID_PARAMETER"),
        ("debit", Reason::KeyReused, "FINAL_ERROR_ACTION_FAILED"),
        ("credit", Reason::DebitUnknown, "BET_DOES_NOT_EXIST"),
        ("credit", Reason::DebitReversed, "BET_ALREADY_SETTLED"),
        ("credit", Reason::AlreadySettled, "BET_ALREADY_SETTLED"),
        ("credit", Reason::KeyReused, "BET_DOES_NOT_EXIST"),
        ("credit", Reason::BalanceLimit, "TEMPORARY_ERROR"),
        ("cancel", Reason::AlreadySettled, "BET_ALREADY_SETTLED"),
        ("cancel", Reason::TargetNotReversible, "BET_DOES_NOT_EXIST"),
    ] {
        assert_eq!(reply(name, refused(reason)), told(status), "{name} {reason:?}");
    }
    for reason in [Reason::PlayerUnknown, Reason::SessionMismatch] {
        let expected = r#"{"status":"INVALID_PARAMETER","balance":null,"bonus":null,"uuid":"u-1"}"#;
        assert_eq!(reply("debit", refused(reason)), expected);
    }
}

#[test]
fn a_balance_has_as_many_decimals_as_agreed_cut_off_and_no_float_in_between() {
    for (settings, micros, balance, bonus) in [
        ("", 10_129_999, "10.129999", "0.000000"),
        ("balance_decimals = 2", 10_129_999, "10.12", "0.00"),
        ("balance_decimals = 0", 10_129_999, "10", "0"),
        ("", 12_345_678_901_123_456, "12345678901.123456", "0.000000"),
    ] {
        let evolution = adapter(settings);
        let request = request(&evolution, "balance");
        let view = PlayerView {
            player: PlayerId::parse("p").expect("an id"),
            currency: Currency::parse("EUR").expect("a code"),
            balance: Micros::new(micros),
            version: 7,
            status: PlayerStatus::Frozen,
        };
        let asked =
            Asked { operation: Some(operation("balance")), echo: None, request: Some(&request) };
        let expected =
            format!(r#"{{"status":"OK","balance":{balance},"bonus":{bonus},"uuid":null}}"#);
        assert_eq!(body(&evolution.reply(asked, &Answer::Player(&view))), expected);
    }
}

#[test]
fn a_check_answers_with_the_sid_that_counts_from_now_on() {
    let evolution = adapter("");
    let request = request(&evolution, "check");
    let view = PlayerView {
        player: PlayerId::parse("p").expect("an id"),
        currency: Currency::parse("EUR").expect("a code"),
        balance: Micros::ZERO,
        version: 7,
        status: PlayerStatus::Active,
    };
    let asked =
        Asked { operation: Some(operation("check")), echo: Some("u-1"), request: Some(&request) };
    let new = SecretString::from("s-2");
    for (token, sid) in [(None, "s-1"), (Some(&new), "s-2")] {
        let answer = Answer::Authenticated { player: &view, token };
        let expected = format!(r#"{{"status":"OK","sid":"{sid}","uuid":"u-1"}}"#);
        assert_eq!(body(&evolution.reply(asked, &answer)), expected);
    }
    let failed = Answer::Failed(&Failure::Refused(Reason::SessionExpired));
    let expected = r#"{"status":"INVALID_SID","sid":null,"uuid":"u-1"}"#;
    assert_eq!(body(&evolution.reply(asked, &failed)), expected);
}

#[test]
fn every_failure_is_in_shape_and_echoes_what_the_call_is_called() {
    let evolution = adapter("");
    for (failure, status) in [
        (Failure::UnknownOperation, "INVALID_PARAMETER"),
        (Failure::AddressNotAllowed, "INVALID_TOKEN_ID"),
        (Failure::BadSignature, "INVALID_TOKEN_ID"),
        (Failure::TooLarge, "INVALID_PARAMETER"),
        (Failure::BadRequest("amount: negative".to_owned()), "INVALID_PARAMETER"),
        (Failure::Busy, "TEMPORARY_ERROR"),
        (Failure::Unavailable, "TEMPORARY_ERROR"),
        (Failure::Timeout, "TEMPORARY_ERROR"),
        (Failure::Internal, "TEMPORARY_ERROR"),
    ] {
        for operation in OPERATIONS.iter().filter(|operation| operation.name != "check") {
            let asked = Asked { operation: Some(operation), echo: Some("u-1"), request: None };
            let expected =
                format!(r#"{{"status":"{status}","balance":null,"bonus":null,"uuid":"u-1"}}"#);
            assert_eq!(body(&evolution.reply(asked, &Answer::Failed(&failure))), expected);
        }
    }
}

#[test]
fn a_credit_of_whom_nobody_knows_anything_is_of_no_bet() {
    let evolution = adapter("");
    let failed = Answer::Failed(&Failure::Refused(Reason::SessionUnknown));
    for (name, status) in [
        ("credit", "BET_DOES_NOT_EXIST"),
        ("cancel", "BET_DOES_NOT_EXIST"),
        ("debit", "INVALID_SID"),
        ("balance", "INVALID_SID"),
    ] {
        let asked = Asked { operation: Some(operation(name)), echo: None, request: None };
        assert!(body(&evolution.reply(asked, &failed)).contains(status), "{name}");
    }
}
