//! What a call may and may not say.

use super::super::tests::adapter;
use super::*;

const DEBIT: &str = r#"{"sid":"s-9f1","userId":"p1001","currency":"EUR","game":{"id":"g-77","type":"roulette","details":{"table":{"id":"tbl-1","vid":null}}},"transaction":{"id":"d-5001","refId":"r-5001","amount":2.5},"uuid":"u-1"}"#;

fn command(request: Result<Request, Failure>) -> Command {
    match request {
        Ok(Request::Execute(command)) => command,
        Ok(Request::Unnamed(unnamed)) => {
            match (unnamed.read)(PlayerId::parse("p1001").expect("an id")) {
                Ok(Request::Execute(command)) => command,
                other => panic!("not a command: {other:?}"),
            }
        }
        other => panic!("not a command: {other:?}"),
    }
}

fn micros(micros: i64) -> Amount {
    Amount::try_from(micros).expect("an amount")
}

fn only(command: &Command) -> (&str, &Action, Category) {
    let [movement] = command.movements.as_slice() else { panic!("one movement") };
    (movement.tx_id.as_str(), &movement.action, movement.category)
}

#[test]
fn a_debit_is_a_bet_under_its_ref_id() {
    let command = command(adapter("").debit(DEBIT.as_bytes()));
    assert_eq!(only(&command), ("D:r-5001", &Action::Debit(micros(2_500_000)), Category::Bet));
    assert_eq!(command.player.as_str(), "p1001");
    assert_eq!(command.currency.as_ref().map(Currency::as_str), Some("EUR"));
    assert_eq!(command.round.as_ref().map(RoundId::as_str), Some("g-77"));
    assert_eq!(command.game.as_ref().map(GameId::as_str), Some("tbl-1"));
    assert_eq!(command.token, Some(TokenHash::of("s-9f1")));
    let detail = command.movements.first().and_then(|movement| movement.detail.as_deref());
    assert_eq!(detail, Some("id=d-5001"));
}

#[test]
fn a_credit_names_its_debit_where_bets_are_settled_one_by_one() {
    let debit = TxId::parse("D:r-5001").expect("a key");
    for (settings, settles) in [("", Some(debit)), ("settlement = 'game_wise'", None)] {
        let command = command(adapter(settings).credit(DEBIT.as_bytes()));
        let action = Action::Credit { amount: micros(2_500_000), settles };
        assert_eq!(only(&command), ("C:r-5001", &action, Category::Win), "{settings}");
    }
}

#[test]
fn a_cancel_undoes_the_debit_of_its_ref_id_whatever_it_says_of_the_amount() {
    for amount in ["2.5", "1", "0"] {
        let body = DEBIT.replace("2.5", amount);
        let command = command(adapter("").cancel(body.as_bytes()));
        let target = TxId::parse("D:r-5001").expect("a key");
        let action = Action::Reverse { target, of: Reversible::Debit, at_most: None };
        assert_eq!(only(&command), ("X:r-5001", &action, Category::Bet));
    }
}

#[test]
fn a_credit_and_a_cancel_are_for_the_player_of_the_sid_or_of_the_bet() {
    let evolution = adapter("");
    for request in [evolution.credit(DEBIT.as_bytes()), evolution.cancel(DEBIT.as_bytes())] {
        let Ok(Request::Unnamed(unnamed)) = request else { panic!("{request:?}") };
        assert_eq!(unnamed.token, TokenHash::of("s-9f1"));
        assert_eq!(unnamed.or_of.as_ref().map(TxId::as_str), Some("D:r-5001"));
        let another = (unnamed.read)(PlayerId::parse("p1002").expect("an id"));
        assert_eq!(another.err(), Some(Failure::Refused(Reason::SessionMismatch)));
    }
}

#[test]
fn amounts_are_read_from_their_digits() {
    let read =
        |number: &str| match command(adapter("").debit(DEBIT.replace("2.5", number).as_bytes()))
            .movements
            .first()
            .map(|movement| movement.action.clone())
        {
            Some(Action::Debit(amount)) => amount.micros().get(),
            other => panic!("{other:?}"),
        };
    for (number, micros) in [
        ("2.5", 2_500_000),
        ("0.000001", 1),
        ("0", 0),
        ("12345678901.123456", 12_345_678_901_123_456),
        ("10.129999", 10_129_999),
        ("2.500000", 2_500_000),
        ("1e2", 100_000_000),
        ("1.2345678E7", 12_345_678_000_000),
    ] {
        assert_eq!(read(number), micros, "{number}");
    }
}

#[test]
fn what_is_no_amount_is_refused() {
    for number in [
        "-1",
        "-0.000001",
        "0.0000001",
        "\"2.5\"",
        "null",
        "true",
        "[2.5]",
        "{}",
        "1e400",
        "1e13",
        "1000000000001",
        "02",
        "+1",
        ".5",
        "1.",
        "NaN",
    ] {
        for read in [Evolution::debit, Evolution::credit] {
            let came = read(&adapter(""), DEBIT.replace("2.5", number).as_bytes());
            assert!(matches!(came, Err(Failure::BadRequest(_))), "{number}: {came:?}");
        }
    }
}

#[test]
fn what_is_missing_empty_or_too_long_is_refused() {
    let long = "x".repeat(256);
    let evolution = adapter("");
    for (part, other) in [
        (r#""sid":"s-9f1","#, String::new()),
        ("s-9f1", String::new()),
        ("s-9f1", long.clone()),
        ("p1001", String::new()),
        ("p1001", "x".repeat(101)),
        ("EUR", "eur".to_owned()),
        ("g-77", String::new()),
        (r#""id":"g-77","#, String::new()),
        (r#""g-77""#, "null".to_owned()),
        ("d-5001", String::new()),
        ("r-5001", String::new()),
        ("r-5001", long),
        (r#""refId":"r-5001","#, String::new()),
        ("u-1", "x".repeat(101)),
        ("}}},", "}}},".repeat(2)),
    ] {
        let body = DEBIT.replacen(part, &other, 1);
        let came = evolution.debit(body.as_bytes());
        assert!(matches!(came, Err(Failure::BadRequest(_))), "{body}: {came:?}");
    }
    // What need not be there: the call's own name, and where it is played.
    for part in [r#","uuid":"u-1""#, r#","details":{"table":{"id":"tbl-1","vid":null}}"#] {
        let came = evolution.debit(DEBIT.replace(part, "").as_bytes());
        assert!(matches!(came, Ok(Request::Execute(_))), "{came:?}");
    }
}

#[test]
fn a_user_id_of_45_characters_is_one() {
    let body = DEBIT.replace("p1001", &"p".repeat(45));
    assert!(adapter("").debit(body.as_bytes()).is_ok());
}

#[test]
fn a_payout_is_kept_with_its_type_and_its_campaign_and_paid_whatever_it_is() {
    for (kind, category) in [
        ("FreeRoundPlayableSpent", Category::FreeRound),
        ("RewardGameWinCapReached", Category::FreeRound),
        ("JackpotWin", Category::Jackpot),
        ("RtrMonetaryReward", Category::Promo),
        ("SmartSpinsMonetaryReward", Category::Promo),
        ("FromGame", Category::Promo),
        ("InventedYesterday", Category::Promo),
    ] {
        let body = format!(
            r#"{{"sid":"s","userId":"p1001","currency":"EUR","game":null,"uuid":"u","promoTransaction":{{"type":"{kind}","id":"pr-1","amount":10.000001,"voucherId":"v-1","campaignId":7}}}}"#
        );
        let command = command(adapter("").promo_payout(body.as_bytes()));
        let action = Action::credit(micros(10_000_001));
        assert_eq!(only(&command), ("P:pr-1", &action, category), "{kind}");
        let detail = command.movements.first().and_then(|movement| movement.detail.clone());
        let expected = format!("type={kind} voucherId=\"v-1\" campaignId=7");
        assert_eq!(detail.as_deref(), Some(expected.as_str()));
    }
}

#[test]
fn a_check_names_its_player_and_keeps_the_sid_unless_it_is_set_otherwise() {
    let body = br#"{"sid":"s","userId":"p1001","channel":{"type":"P"},"uuid":"u"}"#;
    for (settings, expected) in
        [("", Exchange::Keep), ("check_replaces_sid = true", Exchange::Issue)]
    {
        let Ok(Request::Authenticate { player, exchange, .. }) = adapter(settings).check(body)
        else {
            panic!("no check")
        };
        assert_eq!(player.as_ref().map(PlayerId::as_str), Some("p1001"));
        assert_eq!(exchange, expected);
    }
    assert!(adapter("").check(br#"{"sid":"","userId":"p1001"}"#).is_err());
}

#[test]
fn a_sid_is_handed_out_only_where_that_is_set() {
    let body = br#"{"sid":"","userId":"p1001","channel":{"type":"P"},"uuid":"u"}"#;
    assert_eq!(adapter("").sid(body).err(), Some(Failure::UnknownOperation));
    let asked = adapter("sid_on_request = true").sid(body);
    assert!(matches!(asked, Ok(Request::Launch { .. })), "{asked:?}");
}

#[test]
fn what_a_call_is_called_is_read_whatever_else_is_wrong() {
    for body in [DEBIT, r#"{"uuid":"u-1"}"#, r#"{"uuid":"u-1","transaction":[]}"#] {
        assert_eq!(called(body.as_bytes()).as_deref(), Some("u-1"), "{body}");
    }
    let long = format!(r#"{{"uuid":"{}"}}"#, "u".repeat(101));
    for body in ["", "{", r#"{"uuid":1}"#, r#"{"uuid":null}"#, "[\"u-1\"]", &long] {
        assert_eq!(called(body.as_bytes()), None, "{body}");
    }
}
