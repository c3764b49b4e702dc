//! Outcomes into the provider's words.

use chrono::SecondsFormat;

use super::Softswiss;
use super::codes::Code;
use super::decode::action_id;
use super::wire::{Error, Success, Transaction};
use crate::core::{Command, Currency, Entry, Micros, Outcome, Reason, Receipt, RowOutcome};
use crate::providers::{Answer, Failure, Reply, Request};

impl Softswiss {
    /// The answer to a call, in whatever way it ended.
    pub(super) fn reply(&self, request: Option<&Request>, answer: &Answer<'_>) -> Reply {
        match (answer, request) {
            (Answer::Failed(failure), _) => failed(failure),
            (Answer::Player(view), Some(Request::Balance { echo, .. })) => {
                self.told(&view.currency, view.balance, echo.clone())
            }
            (Answer::Player(view) | Answer::Authenticated { player: view, .. }, _) => {
                self.told(&view.currency, view.balance, None)
            }
            (Answer::Executed(receipt), Some(Request::Execute(command))) => {
                self.executed(command, receipt)
            }
            // A receipt comes of a command and of nothing else.
            (Answer::Executed(_), _) => failed(&Failure::Internal),
        }
    }

    fn told(&self, currency: &Currency, balance: Micros, game_id: Option<String>) -> Reply {
        let Some(balance) = self.units(currency, balance) else {
            return failed(&Failure::CurrencyUnknown(currency.clone()));
        };
        Reply::json(200, &Success { balance, game_id, transactions: Vec::new() })
    }

    fn executed(&self, command: &Command, receipt: &Receipt) -> Reply {
        let Some(balance) = self.units(&receipt.currency, receipt.balance) else {
            return failed(&Failure::CurrencyUnknown(receipt.currency.clone()));
        };
        if let Some(code) = receipt.outcomes.iter().find_map(refusal) {
            let balance = (code == Code::NotEnoughFunds).then_some(balance);
            return error(code, code.message().to_owned(), balance);
        }
        let transactions = command.movements.iter().zip(&receipt.outcomes);
        let transactions = transactions.filter_map(|(movement, outcome)| {
            Some(transaction(action_id(&movement.tx_id)?, outcome.entry()?))
        });
        let success = Success {
            balance,
            game_id: command.round.as_ref().map(|round| round.as_str().to_owned()),
            transactions: transactions.collect(),
        };
        Reply::json(200, &success)
    }

    /// A balance in smallest units, never negative. One that a number of the wire cannot hold
    /// is shown as the largest that it can: what is shown can always be bet. `None` where nobody
    /// knows what the smallest unit is.
    fn units(&self, currency: &Currency, balance: Micros) -> Option<i64> {
        let exponent = self.exponents.known(currency)?;
        Some(balance.to_minor(exponent).unwrap_or(i64::MAX).max(0))
    }
}

/// What stands against a movement. A repeat that says something else than the first call
/// moves nothing and is answered like the first one, so a refused bet stays refused however
/// it is repeated.
fn refusal(outcome: &Outcome) -> Option<Code> {
    match outcome {
        Outcome::Refused { reason, .. } => Some(Code::of_reason(*reason)),
        Outcome::Mismatch(first) if first.outcome == RowOutcome::Refused => {
            Some(first.reason.map_or(Code::BadRequest, Code::of_reason))
        }
        Outcome::Parked(_) => Some(Code::Unavailable),
        Outcome::Mismatch(first) if first.outcome == RowOutcome::Parked => Some(Code::Unavailable),
        Outcome::Applied(_)
        | Outcome::NoEffect(_)
        | Outcome::Replayed(_)
        | Outcome::Cancelled(_)
        | Outcome::Mismatch(_) => None,
    }
}

fn transaction(action_id: &str, entry: &Entry) -> Transaction {
    // A late original carries the same reason, but has an id: that of its tombstone.
    let nothing_known =
        entry.outcome == RowOutcome::Noted && entry.reason == Some(Reason::TargetUnknown);
    Transaction {
        action_id: action_id.to_owned(),
        tx_id: if nothing_known { String::new() } else { entry.id().to_string() },
        processed_at: entry.created_at.to_rfc3339_opts(SecondsFormat::Millis, true),
    }
}

fn failed(failure: &Failure) -> Reply {
    let code = Code::of_failure(failure);
    let message = match failure {
        Failure::BadRequest(what) => format!("{}: {what}", code.message()),
        _ => code.message().to_owned(),
    };
    error(code, message, None)
}

fn error(code: Code, message: String, balance: Option<i64>) -> Reply {
    Reply::json(code.status(), &Error { code: code.number(), message, balance })
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use serde_json::{Value, json};
    use uuid::Uuid;

    use super::super::tests::adapter;
    use super::*;
    use crate::core::{PlayerId, PlayerStatus};
    use crate::providers::PlayerView;

    const BET_AND_WIN: &str = r#"{"user_id":"p-1001","currency":"EUR","game":"acme:DemoSlot","game_id":"rnd-77","actions":[{"action":"bet","amount":150,"action_id":"a-0001"},{"action":"win","amount":400,"action_id":"a-0002"}]}"#;
    const ROLLBACK: &str = r#"{"user_id":"p-1001","currency":"EUR","game":"acme:DemoSlot","game_id":"rnd-77","actions":[{"action":"rollback","action_id":"a-0003","original_action_id":"a-8888"}]}"#;
    const TIME: &str = "2026-11-22T10:00:00.000Z";

    fn entry(id: u128, outcome: RowOutcome, reason: Option<Reason>) -> Entry {
        Entry {
            transaction_id: Uuid::from_u128(id),
            outcome,
            reason,
            amount_micros: 0,
            shortfall_micros: 0,
            balance_after_micros: Some(1),
            created_at: DateTime::parse_from_rfc3339("2026-11-22T11:00:00+01:00")
                .expect("a time")
                .to_utc(),
            reversed_by: None,
            first_reversal: None,
            detail: None,
        }
    }

    fn applied(id: u128) -> Entry {
        entry(id, RowOutcome::Applied, None)
    }

    /// The reply to a body whose movements came to these outcomes, with 102.50 EUR left.
    fn reply(body: &str, outcomes: Vec<Outcome>) -> (u16, Value) {
        let softswiss = adapter("").expect("defaults");
        let request = if body == ROLLBACK {
            softswiss.rollback(body.as_bytes())
        } else if body.contains("issue_id") {
            super::super::openapi::of_issue(&softswiss, body)
        } else {
            softswiss.play(body.as_bytes())
        };
        let receipt = Receipt {
            currency: Currency::parse("EUR").expect("a code"),
            balance: Micros::new(102_509_999),
            version: 1,
            status: PlayerStatus::Active,
            outcomes,
        };
        let request = request.expect("a good body");
        read(&softswiss.reply(Some(&request), &Answer::Executed(&receipt)))
    }

    fn read(reply: &Reply) -> (u16, Value) {
        assert_eq!(reply.content_type, "application/json");
        (reply.status, serde_json::from_str(&reply.body).expect("JSON"))
    }

    fn refused(reason: Reason) -> Vec<Outcome> {
        vec![Outcome::Refused { reason, entry: None, replayed: false }; 2]
    }

    #[test]
    fn each_action_gets_the_wallets_id_and_the_time_of_its_first_decision() {
        let tx = |n: u128| format!("{n:032x}");
        for outcomes in [
            vec![Outcome::Applied(applied(1)), Outcome::Applied(applied(2))],
            vec![Outcome::Replayed(applied(1)), Outcome::Applied(applied(2))],
            vec![Outcome::Replayed(applied(1)), Outcome::Mismatch(applied(2))],
        ] {
            let expected = json!({
                "balance": 10250, "game_id": "rnd-77", "transactions": [
                    {"action_id": "a-0001", "tx_id": tx(1), "processed_at": TIME},
                    {"action_id": "a-0002", "tx_id": tx(2), "processed_at": TIME},
                ],
            });
            assert_eq!(reply(BET_AND_WIN, outcomes), (200, expected));
        }
    }

    #[test]
    fn an_action_id_goes_back_as_it_came_whatever_its_key_was() {
        let body = BET_AND_WIN.replace("a-0001", "~end:1");
        let outcomes = vec![Outcome::Applied(applied(1)), Outcome::Applied(applied(2))];
        assert_eq!(reply(&body, outcomes).1["transactions"][0]["action_id"], "~end:1");
    }

    #[test]
    fn the_rollback_of_something_unknown_has_an_empty_id_each_time() {
        let noted = entry(3, RowOutcome::Noted, Some(Reason::TargetUnknown));
        for outcome in [Outcome::NoEffect(noted.clone()), Outcome::Replayed(noted)] {
            let expected = json!({
                "balance": 10250, "game_id": "rnd-77", "transactions":
                    [{"action_id": "a-0003", "tx_id": "", "processed_at": TIME}],
            });
            assert_eq!(reply(ROLLBACK, vec![outcome]), (200, expected));
        }
    }

    #[test]
    fn a_rollback_without_effect_is_a_success_with_an_id() {
        for reason in [Reason::AlreadyReversed, Reason::TargetRefused, Reason::TargetParked] {
            let noted = entry(3, RowOutcome::Noted, Some(reason));
            let (status, body) = reply(ROLLBACK, vec![Outcome::NoEffect(noted)]);
            assert_eq!(status, 200);
            assert_eq!(body["transactions"][0]["tx_id"], format!("{:032x}", 3));
        }
    }

    #[test]
    fn a_late_original_is_a_success_with_the_id_of_its_tombstone() {
        let tombstone = entry(4, RowOutcome::Tombstone, Some(Reason::TargetUnknown));
        let outcomes = vec![Outcome::Cancelled(tombstone), Outcome::Applied(applied(2))];
        let (status, body) = reply(BET_AND_WIN, outcomes);
        assert_eq!((status, &body["balance"]), (200, &json!(10250)));
        assert_eq!(body["transactions"][0]["tx_id"], format!("{:032x}", 4));
    }

    #[test]
    fn free_spins_and_the_end_of_a_round_have_no_transactions() {
        let freespins =
            r#"{"user_id":"p","currency":"EUR","issue_id":"i","status":"played","total_amount":5}"#;
        for outcome in [Outcome::Applied(applied(1)), Outcome::Replayed(applied(1))] {
            assert_eq!(reply(freespins, vec![outcome]), (200, json!({"balance": 10250})));
        }
        let end =
            r#"{"user_id":"p","currency":"EUR","game":"a:b","game_id":"rnd-77","finished":true}"#;
        assert_eq!(
            reply(end, vec![Outcome::Applied(entry(1, RowOutcome::Noted, None))]),
            (200, json!({"balance": 10250, "game_id": "rnd-77"}))
        );
    }

    #[test]
    fn a_balance_query_is_told_the_balance_and_its_round() {
        let softswiss = adapter("exponents = { ETH = 18 }").expect("good settings");
        let told = |body: &str, currency: &str, micros: i64| {
            let request = softswiss.play(body.as_bytes()).expect("a good body");
            let view = PlayerView {
                player: PlayerId::parse("p").expect("an id"),
                currency: Currency::parse(currency).expect("a code"),
                balance: Micros::new(micros),
                version: 7,
                status: PlayerStatus::Frozen,
            };
            read(&softswiss.reply(Some(&request), &Answer::Player(&view)))
        };
        let bare = r#"{"user_id":"p","currency":"EUR","game":"a:b"}"#;
        let of_round = r#"{"user_id":"p","currency":"EUR","game":"a:b","game_id":"r"}"#;
        assert_eq!(told(bare, "EUR", 1_999_999), (200, json!({"balance": 199})));
        assert_eq!(told(of_round, "JPY", 1_999_999), (200, json!({"balance": 1, "game_id": "r"})));
        assert_eq!(told(bare, "BTC", 3), (200, json!({"balance": 300})));
        assert_eq!(told(bare, "EUR", -10_000), (200, json!({"balance": 0})));
        let most = told(bare, "ETH", 20_000_000);
        assert_eq!(most, (200, json!({"balance": i64::MAX})));
    }

    #[test]
    fn every_refusal_has_its_status_and_its_code() {
        for (reason, status, code) in [
            (Reason::PlayerUnknown, 412, 101),
            (Reason::PlayerLimit, 412, 105),
            (Reason::MaxBet, 412, 106),
            (Reason::PlayerFrozen, 412, 110),
            (Reason::PlayerClosed, 412, 110),
            (Reason::CurrencyMismatch, 412, 154),
            (Reason::GameDisabled, 412, 405),
            (Reason::DebitUnknown, 404, 404),
            (Reason::BalanceLimit, 400, 400),
            (Reason::TargetNotReversible, 400, 400),
        ] {
            let (got, body) = reply(BET_AND_WIN, refused(reason));
            assert_eq!((got, &body["code"]), (status, &json!(code)), "{reason:?}");
            assert!(body.get("balance").is_none() && body.get("transactions").is_none());
            let failure = Failure::Refused(reason);
            let softswiss = adapter("").expect("defaults");
            let failed = read(&softswiss.reply(None, &Answer::Failed(&failure)));
            assert_eq!(failed, (got, body), "{reason:?}");
        }
    }

    #[test]
    fn too_little_money_is_told_with_the_balance() {
        let expected = json!({"code": 100, "message": "Not enough funds", "balance": 10250});
        assert_eq!(reply(BET_AND_WIN, refused(Reason::InsufficientFunds)), (412, expected));
    }

    #[test]
    fn what_is_parked_is_to_be_sent_again() {
        let parked = entry(1, RowOutcome::Parked, Some(Reason::WalletClosed));
        for outcome in [Outcome::Parked(parked.clone()), Outcome::Mismatch(parked)] {
            let (status, body) = reply(ROLLBACK, vec![outcome]);
            assert_eq!((status, &body["code"]), (503, &json!(503)));
        }
    }

    #[test]
    fn a_refused_bet_stays_refused_when_it_is_repeated_with_another_amount() {
        let first = entry(1, RowOutcome::Refused, Some(Reason::InsufficientFunds));
        let (status, body) =
            reply(BET_AND_WIN, vec![Outcome::Mismatch(first), Outcome::Applied(applied(2))]);
        assert_eq!((status, &body["code"]), (412, &json!(100)));
        assert_eq!(body["balance"], 10250);
    }

    #[test]
    fn every_failure_has_its_status_and_its_code() {
        for (failure, status) in [
            (Failure::UnknownOperation, 404),
            (Failure::AddressNotAllowed, 403),
            (Failure::BadSignature, 403),
            (Failure::TooLarge, 400),
            (Failure::BadRequest("amount: negative".to_owned()), 400),
            (Failure::CurrencyUnknown(Currency::parse("TON").expect("a code")), 412),
            (Failure::Busy, 503),
            (Failure::Unavailable, 503),
            (Failure::Timeout, 504),
            (Failure::Internal, 500),
        ] {
            let softswiss = adapter("").expect("defaults");
            let (got, body) = read(&softswiss.reply(None, &Answer::Failed(&failure)));
            let code = if status == 412 { 154 } else { status };
            assert_eq!((got, &body["code"]), (status, &json!(code)), "{failure:?}");
            let told = matches!(failure, Failure::BadRequest(_));
            assert_eq!(body["message"].to_string().contains("amount: negative"), told);
        }
    }
}
