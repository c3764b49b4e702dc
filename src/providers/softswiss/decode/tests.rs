//! What a call may and may not say.

use super::super::tests::adapter;
use super::*;

fn play(body: &str) -> Result<Request, Failure> {
    adapter("").expect("defaults").play(body.as_bytes())
}

fn rollback(body: &str) -> Result<Request, Failure> {
    adapter("").expect("defaults").rollback(body.as_bytes())
}

fn command(request: Result<Request, Failure>) -> Command {
    match request {
        Ok(Request::Execute(command)) => command,
        other => panic!("not a command: {other:?}"),
    }
}

/// A `play` of one round with these actions.
fn with(actions: &str) -> String {
    format!(r#"{{"user_id":"p","currency":"EUR","game":"a:b","game_id":"r","actions":{actions}}}"#)
}

fn cents(cents: i64) -> Amount {
    Amount::from_minor(cents, 2).expect("an amount")
}

#[test]
fn bets_and_wins_are_one_command_in_their_order() {
    let command = command(play(
        r#"{"user_id":"p-1001","currency":"EUR","game":"acme:DemoSlot","game_id":"rnd-77","finished":true,"actions":[{"action":"bet","amount":150,"action_id":"a-0001"},{"action":"win","amount":400,"action_id":"a-0002"}]}"#,
    ));
    assert_eq!(command.player.as_str(), "p-1001");
    assert_eq!(command.currency.as_ref().map(Currency::as_str), Some("EUR"));
    assert_eq!(command.game.as_ref().map(GameId::as_str), Some("acme:DemoSlot"));
    assert_eq!(command.round.as_ref().map(RoundId::as_str), Some("rnd-77"));
    let said: Vec<_> = command
        .movements
        .iter()
        .map(|m| (m.tx_id.as_str(), m.action.clone(), m.category))
        .collect();
    assert_eq!(
        said,
        [
            ("a-0001", Action::Debit(cents(150)), Category::Bet),
            ("a-0002", Action::credit(cents(400)), Category::Win),
        ]
    );
}

#[test]
fn a_rollback_undoes_a_bet_or_a_win_in_full() {
    let command = command(rollback(
        r#"{"user_id":"p-1001","currency":"EUR","game":"acme:DemoSlot","game_id":"rnd-77","finished":true,"actions":[{"action":"rollback","action_id":"a-0003","original_action_id":"a-0001"}]}"#,
    ));
    let [movement] = command.movements.as_slice() else { panic!("one movement") };
    assert_eq!(movement.tx_id.as_str(), "a-0003");
    let target = TxId::parse("a-0001").expect("an id");
    assert_eq!(movement.action, Action::Reverse { target, of: Reversible::Any, at_most: None });
}

#[test]
fn play_without_actions_asks_for_the_balance() {
    for (body, round) in [
        (r#"{"user_id":"p-1001","currency":"EUR","game":"acme:DemoSlot"}"#, None),
        (r#"{ "user_id": "p-1001", "currency": "EUR", "game": "acme:Plättchen" }"#, None),
        (r#"{"user_id":"p","currency":"EUR","game":"a:b","game_id":"r","actions":[]}"#, Some("r")),
    ] {
        let Ok(Request::Balance { checks, echo, .. }) = play(body) else {
            panic!("no balance query: {body}")
        };
        assert_eq!(echo.as_deref(), round);
        assert_eq!(checks.session, SessionRule::Ignore);
        assert!(checks.currency.is_some() && !checks.active_only);
    }
}

#[test]
fn play_without_actions_ends_a_finished_round_under_a_key_of_its_player() {
    let body = r#"{"user_id":"p:1","currency":"EUR","game":"a:b","game_id":"2","finished":true,"actions":[]}"#;
    let command_1 = command(play(body));
    let [note] = command_1.movements.as_slice() else { panic!("one movement") };
    assert_eq!((&note.action, note.category), (&Action::Note(None), Category::RoundEnd));
    assert_eq!(note.tx_id.as_str(), "~end:3:p:1:2");
    let other = body.replace("p:1", "p").replace("\"2\"", "\"1:2\"");
    assert_ne!(command(play(&other)).movements[0].tx_id, note.tx_id);
}

#[test]
fn no_action_id_meets_a_key_of_our_own_and_each_reads_back() {
    let ids =
        ["~end:3:p:1:2", "~freespins:i-1", "~issue:1:p:i", "~", "~~", "end:1", "F:1", "a-0001"];
    let mut keys = HashSet::new();
    for id in ids {
        let key = action_key("action_id", id).expect("a key");
        assert_eq!(action_id(&key), Some(id));
        assert!(keys.insert(key));
    }
    for own in ["~end:3:p:1:2", "~freespins:i-1", "~issue:1:p:i"] {
        let own = TxId::parse(own).expect("a key");
        assert_eq!(action_id(&own), None);
        assert!(!keys.contains(&own), "{own}");
    }
    let longest = "~".repeat(MAX_ID_BYTES);
    assert!(action_key("action_id", &longest).is_ok());
}

#[test]
fn an_amount_is_counted_in_the_currencys_smallest_unit() {
    for (currency, units, micros) in
        [("EUR", 1, 10_000), ("JPY", 1, 1_000_000), ("KWD", 1, 1_000), ("BTC", 100, 1)]
    {
        let body = with(&format!(r#"[{{"action":"bet","amount":{units},"action_id":"a"}}]"#))
            .replace("EUR", currency);
        let command = command(play(&body));
        let Action::Debit(amount) = &command.movements[0].action else { panic!("a bet") };
        assert_eq!(amount.micros().get(), micros, "{currency}");
    }
}

#[test]
fn what_was_won_is_cut_off_where_it_is_too_fine_and_a_stake_is_refused() {
    let of = |action: &str, currency: &str, units: &str| {
        with(&format!(r#"[{{"action":"{action}","amount":{units},"action_id":"a"}}]"#))
            .replace("EUR", currency)
    };
    for (currency, units, micros, detail) in [
        ("BTC", "123456789", 1_234_567, Some("cut_off=89")),
        ("BTC", "99", 0, Some("cut_off=99")),
        ("BTC", "100", 1, None),
        ("ETH", "1000000001", 1_000_000, Some("cut_off=1")),
        ("ETH", "1000000000", 1_000_000, None),
    ] {
        let command = command(play(&of("win", currency, units)));
        let [win] = command.movements.as_slice() else { panic!("one movement") };
        assert_eq!(win.action.requested().get(), micros, "{currency} {units}");
        assert_eq!((win.detail.as_deref(), win.is_cut_off()), (detail, detail.is_some()));
        let refused = matches!(
            play(&of("bet", currency, units)),
            Err(Failure::BadRequest(what)) if what == "amount: more than 6 decimals"
        );
        assert_eq!(refused, detail.is_some(), "a bet of {currency} {units}");
    }
    let wei = adapter("exponents = { ETH = 18 }").expect("good settings");
    let body = of("win", "ETH", "20000000000000000001");
    let Ok(Request::Execute(command)) = wei.play(body.as_bytes()) else { panic!("a win") };
    assert_eq!(command.movements[0].action.requested().get(), 20_000_000, "more than 64 bits");
    assert!(command.movements[0].is_cut_off());
}

#[test]
fn a_call_in_a_currency_whose_decimals_nobody_knows_is_refused_and_never_guessed() {
    let ton = |body: &str| body.replace("EUR", "TON");
    let actions = with(r#"[{"action":"bet","amount":1,"action_id":"a"}]"#);
    let undo = with(r#"[{"action":"rollback","action_id":"a","original_action_id":"b"}]"#);
    let query = r#"{"user_id":"p","currency":"EUR","game":"a:b"}"#;
    let unknown = Failure::CurrencyUnknown(Currency::parse("TON").expect("a code"));
    for answer in [play(&ton(&actions)), play(&ton(query)), rollback(&ton(&undo))] {
        assert_eq!(answer.err(), Some(unknown.clone()));
    }
    let told = adapter("exponents = { TON = 9 }").expect("good settings");
    assert!(told.play(ton(&actions).replace(":1,", ":1000,").as_bytes()).is_ok());
}

#[test]
fn jackpot_figures_are_kept_and_never_in_the_way() {
    for (figures, kept) in [
        (r#""jackpot_contribution":0.25"#, Some("jackpot_contribution=0.25")),
        (
            r#""jackpot_contribution":"1.50","jackpot_win":7"#,
            Some(r#"jackpot_contribution="1.50" jackpot_win=7"#),
        ),
        (r#""jackpot_win":null"#, None),
        (&format!(r#""jackpot_win":{}"#, "1".repeat(65)), None),
    ] {
        let body = with(&format!(
            r#"[{{"action":"win","amount":7,"action_id":"a","jackpot_x":0,{figures}}}]"#
        ));
        assert_eq!(command(play(&body)).movements[0].detail.as_deref(), kept, "{figures}");
    }
}

#[test]
fn what_is_no_call_of_the_protocol_is_a_bad_request() {
    let many = |count: usize| {
        let one = |n| format!(r#"{{"action":"bet","amount":1,"action_id":"a-{n}"}}"#);
        with(&format!("[{}]", (0..count).map(one).collect::<Vec<_>>().join(",")))
    };
    assert!(play(&many(MAX_ACTIONS)).is_ok());
    let bet =
        |amount: &str| with(&format!(r#"[{{"action":"bet","amount":{amount},"action_id":"a"}}]"#));
    assert!(play(&bet("0")).is_ok());
    let named = |id: &str| with(&format!(r#"[{{"action":"bet","amount":1,"action_id":"{id}"}}]"#));
    let bodies = [
        String::new(),
        "null".into(),
        "[]".into(),
        "{".into(),
        "{}".into(),
        format!("{} {{}}", bet("1")),
        "[".repeat(100_000),
        many(MAX_ACTIONS + 1),
        bet("-1"),
        bet("1.5"),
        bet("1.0"),
        bet("1e2"),
        bet("\"1\""),
        bet("null"),
        bet("true"),
        bet("9223372036854775807"),
        bet("9223372036854775808"),
        bet("1_000"),
        bet("+5"),
        bet("5."),
        bet("01"),
        bet("-0.0"),
        bet("170141183460469231731687303715884105728"),
        bet("99999999999999999999999999"),
        bet("1,\"amount\":1"),
        named(""),
        named("a\\u0000"),
        named("a\\n"),
        named(&"a".repeat(MAX_ID_BYTES + 1)),
        with(r#"[{"action":"bet","action_id":"a"}]"#),
        with(r#"[{"action":"rollback","amount":1,"action_id":"a"}]"#),
        with(r#"[{"action":"rollback","action_id":"a","original_action_id":"b"}]"#),
        with(r#"[{"action":"BET","amount":1,"action_id":"a"}]"#),
        with(
            r#"[{"action":"bet","amount":1,"action_id":"a"},{"action":"win","amount":1,"action_id":"a"}]"#,
        ),
        with("{}"),
        with("[[]]"),
        bet("1").replace(r#""game_id":"r","#, ""),
        bet("1").replace(r#""game_id":"r""#, r#""game_id":"""#),
        bet("1").replace(r#""user_id":"p""#, r#""user_id":7"#),
        bet("1").replace(r#""user_id":"p""#, r#""user_id":"""#),
        bet("1").replace(r#""user_id":"p""#, r#""user_id":"p","user_id":"q""#),
        bet("1").replace("EUR", "eur"),
        bet("1").replace("\"a:b\"", "null"),
        bet("1").replace("EUR", "BTC"),
        bet("1").replace("\"actions\"", "\"finished\":\"yes\",\"actions\""),
        r#"{"user_id":"p","currency":"EUR","game":"a:b","finished":true}"#.into(),
    ];
    for body in bodies {
        let answer = play(&body);
        assert!(matches!(answer, Err(Failure::BadRequest(_))), "{body}: {answer:?}");
    }
    let mut latin_1 = bet("1").into_bytes();
    latin_1[12] = 0xE4;
    let answer = adapter("").expect("defaults").play(&latin_1);
    assert!(matches!(answer, Err(Failure::BadRequest(_))), "{answer:?}");
}

#[test]
fn a_rollback_names_an_original_that_is_not_itself() {
    let good = with(r#"[{"action":"rollback","action_id":"a","original_action_id":"b"}]"#);
    assert!(rollback(&good).is_ok());
    for body in [
        with("[]"),
        with(r#"[{"action":"rollback","action_id":"a"}]"#),
        with(r#"[{"action":"rollback","action_id":"a","original_action_id":""}]"#),
        with(r#"[{"action":"bet","amount":1,"action_id":"a"}]"#),
        good.replace("\"b\"", "\"a\""),
        good.replace(
            '[',
            "[{\"action\":\"rollback\",\"action_id\":\"a\",\"original_action_id\":\"c\"},",
        ),
        good.replace(r#""game_id":"r","#, ""),
    ] {
        let answer = rollback(&body);
        assert!(matches!(answer, Err(Failure::BadRequest(_))), "{body}: {answer:?}");
    }
}
