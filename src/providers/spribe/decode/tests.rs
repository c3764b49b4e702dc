use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::super::tests::adapter;
use super::*;

const WITHDRAW: &str = r#"{"user_id":"p-1001","currency":"EUR","amount":5320,"provider":"spribe_crash","provider_tx_id":"tx-1","game":"aviator","action":"bet","action_id":"rnd-77","session_token":"st-1","platform":"desktop"}"#;
const DEPOSIT: &str = r#"{"user_id":"p-1001","currency":"EUR","amount":7000,"provider":"spribe_crash","provider_tx_id":"tx-2","withdraw_provider_tx_id":"tx-1","game":"aviator","action":"cashout","action_id":"rnd-77","session_token":"st-1"}"#;
const ROLLBACK: &str = r#"{"user_id":"p-1001","currency":"EUR","amount":5320,"provider":"spribe_crash","provider_tx_id":"tx-3","rollback_provider_tx_id":"tx-1","game":"aviator","action":"bet","action_id":"rnd-77","session_token":"st-1"}"#;

fn with(body: &str, field: &str, value: Value) -> String {
    let mut body: Value = serde_json::from_str(body).expect("JSON");
    body[field] = value;
    body.to_string()
}

/// What a body says, by which of the three it was made of.
fn read_as(kind: &str, body: &str) -> Result<Request, Failure> {
    let (spribe, body) = (adapter(""), body.as_bytes());
    match kind {
        WITHDRAW => spribe.withdraw(body),
        DEPOSIT => spribe.deposit(body),
        _ => spribe.rollback(body),
    }
}

fn read(body: &str) -> Result<Request, Failure> {
    read_as(body, body)
}

fn altered(kind: &str, field: &str, value: Value) -> Result<Request, Failure> {
    read_as(kind, &with(kind, field, value))
}

fn command(request: Result<Request, Failure>) -> Command {
    match request {
        Ok(Request::Execute(command)) => command,
        other => panic!("no command: {other:?}"),
    }
}

fn complaint(request: Result<Request, Failure>) -> String {
    match request {
        Err(Failure::BadRequest(what)) => what,
        other => panic!("no complaint: {other:?}"),
    }
}

fn movement(command: &Command) -> &Movement {
    let [movement] = &command.movements[..] else { panic!("one movement") };
    movement
}

fn key(id: &str) -> TxId {
    TxId::parse(id).expect("a key")
}

fn euro(text: &str) -> Amount {
    Amount::parse(text, 6).expect("an amount")
}

#[test]
fn auth_binds_the_providers_token_in_the_launch_tokens_place() {
    let body = r#"{"user_token":"ut-1","session_token":"st-1","platform":7,"currency":"EUR"}"#;
    let Ok(Request::Authenticate { token, player: None, currency, game: None, exchange }) =
        adapter("").auth(body.as_bytes())
    else {
        panic!("no authentication")
    };
    assert_eq!(token.expose_secret(), "ut-1");
    assert_eq!(currency, Currency::parse("EUR").ok());
    assert_eq!(exchange, Exchange::Bind(TokenHash::of("st-1")));
}

#[test]
fn info_asks_for_a_balance_under_a_session() {
    let body = r#"{"user_id":"p-1001","session_token":"st-1","currency":"EUR"}"#;
    let Ok(Request::Balance { player, checks, .. }) = adapter("").info(body.as_bytes()) else {
        panic!("no balance")
    };
    assert_eq!(player.as_str(), "p-1001");
    assert_eq!((checks.session, checks.active_only), (SessionRule::Required, false));
    assert_eq!(checks.token, Some(TokenHash::of("st-1")));
}

#[test]
fn a_withdraw_is_a_stake_under_its_own_id_with_the_session() {
    let command = command(read(WITHDRAW));
    let movement = movement(&command);
    assert_eq!(movement.tx_id, key("tx-1"));
    assert_eq!(movement.action, Action::Debit(euro("5.32")));
    assert_eq!(movement.category, Category::Bet);
    let kept = Kept { action: "bet".to_owned(), provider: "spribe_crash".to_owned() };
    assert_eq!(movement.detail.as_deref().and_then(Kept::read), Some(kept));
    assert_eq!(command.token, Some(TokenHash::of("st-1")));
    assert_eq!(command.round.as_ref().map(RoundId::as_str), Some("rnd-77"));
    assert_eq!(command.game.as_ref().map(GameId::as_str), Some("aviator"));
    assert_eq!(command.policy, adapter("").policy);
}

#[test]
fn a_deposit_names_its_withdraw_and_needs_no_session() {
    let command = command(read(DEPOSIT));
    let settles = Some(key("tx-1"));
    assert_eq!(movement(&command).action, Action::Credit { amount: euro("7"), settles });
    assert_eq!(movement(&command).category, Category::Win);
    assert_eq!(command.token, None);
}

#[test]
fn only_a_free_bet_is_paid_without_a_withdraw() {
    for (action, category) in [
        ("freebet", Category::FreeRound),
        ("rainfreebet", Category::FreeRound),
        ("promofreebet", Category::FreeRound),
        ("challengefreebet", Category::FreeRound),
        ("challengeprizemoney", Category::Promo),
    ] {
        for withdraw in [Value::Null, json!("")] {
            let body = with(DEPOSIT, "action", json!(action));
            let command =
                command(read_as(DEPOSIT, &with(&body, "withdraw_provider_tx_id", withdraw)));
            assert_eq!(movement(&command).action.settles(), None, "{action}");
            assert_eq!(movement(&command).category, category, "{action}");
            let kept = movement(&command).detail.as_deref().and_then(Kept::read);
            assert_eq!(kept.map(|kept| kept.action).as_deref(), Some(action));
        }
    }
    for action in ["win", "cashout", "Freebet", "newfreebet"] {
        let body = with(DEPOSIT, "action", json!(action));
        let refused = read_as(DEPOSIT, &with(&body, "withdraw_provider_tx_id", Value::Null));
        let unknown = matches!(refused, Err(Failure::Refused(Reason::DebitUnknown)));
        assert!(unknown, "{action}");
    }
    let body = with(DEPOSIT, "action", json!("newfreebet"));
    let body = with(&body, "withdraw_provider_tx_id", Value::Null);
    let spribe = adapter("free_bet_actions = ['newfreebet']");
    assert!(spribe.deposit(body.as_bytes()).is_ok(), "a campaign that was agreed");
}

#[test]
fn a_rollback_gives_back_what_was_booked_whatever_amount_it_names() {
    for amount in [json!(5320), json!(1), json!("much"), Value::Null] {
        let command = command(altered(ROLLBACK, "amount", amount));
        assert_eq!(movement(&command).tx_id, key("tx-3"));
        let action = Action::Reverse { target: key("tx-1"), of: Reversible::Any, at_most: None };
        assert_eq!(movement(&command).action, action);
    }
    let command = command(altered(ROLLBACK, "currency", Value::Null));
    assert_eq!(command.currency, None);
    let own = complaint(altered(ROLLBACK, "rollback_provider_tx_id", json!("tx-3")));
    assert_eq!(own, "rollback_provider_tx_id: the rollback's own id");
}

#[test]
fn an_amount_is_a_whole_number_of_units_and_nothing_else() {
    let amounts = [
        json!(-1),
        json!(1.0),
        json!(1.5),
        json!("5320"),
        json!(true),
        Value::Null,
        json!(1_000_000_000_000_001_u64),
    ];
    for amount in amounts {
        for body in [WITHDRAW, DEPOSIT] {
            complaint(altered(body, "amount", amount.clone()));
        }
    }
    let free = command(altered(WITHDRAW, "amount", json!(0)));
    assert_eq!(movement(&free).action, Action::Debit(Amount::ZERO));
    let most = command(altered(WITHDRAW, "amount", json!(1_000_000_000_000_000_u64)));
    assert_eq!(movement(&most).action, Action::Debit(Amount::MAX));
}

#[test]
fn satoshi_are_booked_in_millionths_a_stake_exactly_and_a_win_cut_off() {
    let in_bitcoin = |body, units: i64| {
        read_as(body, &with(&with(body, "currency", json!("BTC")), "amount", json!(units)))
    };
    let staked = command(in_bitcoin(WITHDRAW, 123_400));
    assert_eq!(movement(&staked).action, Action::Debit(euro("0.001234")));
    assert_eq!(complaint(in_bitcoin(WITHDRAW, 123_456)), "amount: more than 6 decimals");
    let won = command(in_bitcoin(DEPOSIT, 123_456));
    assert_eq!(movement(&won).action.requested().get(), 1_234);
    assert!(movement(&won).is_cut_off());
    let detail = movement(&won).detail.as_deref().expect("a detail");
    assert!(detail.starts_with("cut_off=56 "), "{detail}");
    assert_eq!(Kept::read(detail).map(|kept| kept.provider).as_deref(), Some("spribe_crash"));
}

#[test]
fn a_currency_that_nobody_has_counted_is_not_guessed() {
    let ether = Currency::parse("ETH").expect("a code");
    for body in [WITHDRAW, DEPOSIT, ROLLBACK] {
        let read = altered(body, "currency", json!("ETH"));
        assert_eq!(read.err(), Some(Failure::CurrencyUnknown(ether.clone())));
        complaint(altered(body, "currency", json!("eur")));
    }
}

#[test]
fn every_field_that_counts_must_be_there_once_and_fit() {
    let long = "x".repeat(256);
    for body in [WITHDRAW, DEPOSIT, ROLLBACK] {
        for field in ["user_id", "provider", "provider_tx_id", "game", "action", "action_id"] {
            for value in [Value::Null, json!(""), json!(7), json!(long), json!("a\u{0}")] {
                complaint(altered(body, field, value));
            }
        }
    }
    for target in ["", &long, "a\n"] {
        complaint(altered(ROLLBACK, "rollback_provider_tx_id", json!(target)));
    }
    complaint(altered(WITHDRAW, "session_token", Value::Null));
    let twice = WITHDRAW.replace("\"amount\":5320", "\"amount\":5320,\"amount\":1");
    assert!(complaint(read_as(WITHDRAW, &twice)).contains("duplicate field"));
    for body in ["", "{", "[]", "null", "{}", &format!("{WITHDRAW}{WITHDRAW}"), "\u{feff}{}"] {
        complaint(adapter("").withdraw(body.as_bytes()));
    }
    complaint(adapter("").withdraw(b"{\"user_id\":\"\xff\"}"));
}

#[test]
fn what_nobody_looks_at_costs_nobody_a_win() {
    for field in ["session_token", "platform", "something_new"] {
        for value in [Value::Null, json!(7), json!({"a": [1]}), json!("")] {
            for body in [DEPOSIT, ROLLBACK] {
                command(altered(body, field, value.clone()));
            }
        }
    }
}
