use chrono::DateTime;
use serde_json::{Value, json};
use uuid::Uuid;

use super::super::tests::adapter;
use super::*;
use crate::core::{PlayerId, PlayerStatus};

const WITHDRAW: &str = r#"{"user_id":"p-1001","currency":"EUR","amount":5320,"provider":"spribe_crash","provider_tx_id":"tx-1","game":"aviator","action":"bet","action_id":"rnd-77","session_token":"st-1"}"#;
const ROLLBACK: &str = r#"{"user_id":"p-1001","currency":"EUR","amount":5320,"provider":"spribe_crash","provider_tx_id":"tx-3","rollback_provider_tx_id":"tx-1","game":"aviator","action":"bet","action_id":"rnd-77"}"#;

/// A row after which there were 94.6809 EUR.
fn entry(outcome: RowOutcome, reason: Option<Reason>, amount_micros: i64) -> Entry {
    Entry {
        transaction_id: Uuid::from_u128(1),
        outcome,
        reason,
        amount_micros,
        shortfall_micros: 0,
        balance_after_micros: Some(94_680_900),
        created_at: DateTime::UNIX_EPOCH,
        reversed_by: None,
        first_reversal: None,
        detail: Some(r#"{"action":"bet","provider":"the first"}"#.into()),
    }
}

fn applied() -> Entry {
    entry(RowOutcome::Applied, None, -5_320_000)
}

fn noted(reason: Reason) -> Entry {
    entry(RowOutcome::Noted, Some(reason), 0)
}

/// The reply to a body whose movement came to this, with 7.00 EUR now.
fn reply(body: &str, outcome: Outcome) -> Value {
    let spribe = adapter("");
    let request = match body {
        ROLLBACK => spribe.rollback(body.as_bytes()),
        _ => spribe.withdraw(body.as_bytes()),
    };
    let receipt = Receipt {
        currency: Currency::parse("EUR").expect("a code"),
        balance: Micros::new(7_000_000),
        version: 1,
        status: PlayerStatus::Active,
        outcomes: vec![outcome],
    };
    let request = request.expect("a good body");
    read(&spribe.reply(Some(&request), &Answer::Executed(&receipt)))
}

fn read(reply: &Reply) -> Value {
    assert_eq!((reply.status, reply.content_type), (200, "application/json"));
    serde_json::from_str(&reply.body).expect("JSON")
}

/// An answer without data.
fn bare(code: u16, message: &str) -> Value {
    json!({ "code": code, "message": message })
}

fn refused(reason: Reason) -> Outcome {
    Outcome::Refused { reason, entry: None, replayed: false }
}

#[test]
fn a_success_tells_the_balances_of_its_own_row_and_a_repeat_the_same() {
    let data = json!({
        "user_id": "p-1001", "operator_tx_id": format!("{:032x}", 1), "provider": "the first",
        "provider_tx_id": "tx-1", "old_balance": 100_000, "new_balance": 94_680,
        "currency": "EUR",
    });
    let first = json!({ "code": 200, "message": "ok", "data": data });
    assert_eq!(reply(WITHDRAW, Outcome::Applied(applied())), first);
    let again = json!({ "code": 409, "message": "Duplicate transaction", "data": data });
    assert_eq!(reply(WITHDRAW, Outcome::Replayed(applied())), again);
}

#[test]
fn a_row_of_an_older_kind_is_told_with_the_calls_own_provider() {
    let told = |detail: Option<&str>| {
        let entry = Entry { detail: detail.map(Into::into), ..applied() };
        reply(WITHDRAW, Outcome::Applied(entry))["data"]["provider"].clone()
    };
    assert_eq!(told(None), "spribe_crash");
    assert_eq!(told(Some(r#"cut_off=7 {"action":"bet","provider":"p {"}"#)), "p {");
}

#[test]
fn a_rollback_of_something_unknown_or_refused_is_408_each_time() {
    for reason in [Reason::TargetUnknown, Reason::TargetRefused] {
        for outcome in [Outcome::NoEffect(noted(reason)), Outcome::Replayed(noted(reason))] {
            assert_eq!(reply(ROLLBACK, outcome), bare(408, "Transaction not found"));
        }
    }
}

#[test]
fn a_second_rollback_is_told_the_id_of_the_first_and_that_nothing_moved() {
    let first = Some(TransactionId::new(Uuid::from_u128(9)));
    let entry = Entry { first_reversal: first, ..noted(Reason::AlreadyReversed) };
    for outcome in [Outcome::NoEffect(entry.clone()), Outcome::Replayed(entry)] {
        let told = reply(ROLLBACK, outcome);
        assert_eq!((&told["code"], &told["data"]["provider_tx_id"]), (&409.into(), &"tx-3".into()));
        assert_eq!(told["data"]["operator_tx_id"], format!("{:032x}", 9));
        assert_eq!(told["data"]["old_balance"], told["data"]["new_balance"]);
    }
}

#[test]
fn a_rollback_of_what_was_paid_for_is_a_success_without_data_where_that_is_agreed() {
    for outcome in [
        Outcome::NoEffect(noted(Reason::AlreadySettled)),
        Outcome::Replayed(noted(Reason::AlreadySettled)),
    ] {
        assert_eq!(reply(ROLLBACK, outcome), bare(200, "ok"));
    }
    let refusal = bare(405, "Transaction is already settled");
    assert_eq!(reply(ROLLBACK, refused(Reason::AlreadySettled)), refusal);
}

#[test]
fn a_rollback_of_a_win_that_waits_is_a_success_that_moves_nothing() {
    let told = reply(ROLLBACK, Outcome::NoEffect(noted(Reason::TargetParked)));
    assert_eq!((&told["code"], &told["data"]["new_balance"]), (&200.into(), &94_680.into()));
}

#[test]
fn no_refusal_has_data() {
    for (outcome, code, message) in [
        (refused(Reason::InsufficientFunds), 402, "Insufficient funds"),
        (refused(Reason::SessionExpired), 403, "User token is expired"),
        (refused(Reason::DebitReversed), 408, "Transaction not found"),
        (refused(Reason::Cancelled), 405, "Transaction is already rolled back"),
        (Outcome::Cancelled(applied()), 405, "Transaction is already rolled back"),
        (Outcome::Mismatch(applied()), 405, "Transaction id was used for something else"),
        (
            Outcome::Parked(entry(RowOutcome::Parked, Some(Reason::WalletClosed), 0)),
            500,
            "Internal error",
        ),
    ] {
        assert_eq!(reply(WITHDRAW, outcome), bare(code, message));
    }
}

#[test]
fn a_player_is_told_with_a_balance_that_is_cut_off_and_never_negative() {
    let told = |currency: &str, micros: i64| {
        let view = PlayerView {
            player: PlayerId::parse("p-1001").expect("an id"),
            currency: Currency::parse(currency).expect("a code"),
            balance: Micros::new(micros),
            version: 7,
            status: PlayerStatus::Frozen,
        };
        read(&adapter("").reply(None, &Answer::Player(&view)))
    };
    let data =
        json!({ "user_id": "p-1001", "username": "p-1001", "balance": 1_999, "currency": "EUR" });
    assert_eq!(told("EUR", 1_999_999), json!({ "code": 200, "message": "ok", "data": data }));
    assert_eq!(told("BTC", 3)["data"]["balance"], 300);
    assert_eq!(told("EUR", -10_000)["data"]["balance"], 0);
    assert_eq!(told("TON", 1), bare(405, "Wrong currency"));
}

#[test]
fn what_is_wrong_with_a_call_stands_in_its_message_and_nothing_of_ours_does() {
    let told = |failure: Failure| read(&adapter("").reply(None, &Answer::Failed(&failure)));
    let wrong = told(Failure::BadRequest("amount: negative".to_owned()));
    assert_eq!(wrong, bare(405, "Bad request: amount: negative"));
    for failure in [Failure::Busy, Failure::Timeout, Failure::Unavailable, Failure::Internal] {
        assert_eq!(told(failure), bare(500, "Internal error"));
    }
    for failure in [Failure::BadSignature, Failure::Stale, Failure::AddressNotAllowed] {
        assert_eq!(told(failure), bare(413, "Invalid signature or client id"));
    }
}
