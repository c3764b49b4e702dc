//! Which parameters there have to be, and how they may be written.

use super::*;

#[test]
fn every_parameter_of_the_least_is_needed_and_none_else() {
    for (name, body) in LEAST {
        assert!(read(name, body).is_ok(), "{name}");
        assert!(read(name, &format!("{body}&newField=1&bonusCode=")).is_ok(), "{name}");
        let all: Vec<&str> = body.split('&').collect();
        for missing in &all {
            let rest: Vec<&str> = all.iter().copied().filter(|part| part != missing).collect();
            let (parameter, _) = missing.split_once('=').expect("a parameter");
            for without in [rest.join("&"), format!("{}&{parameter}=", rest.join("&"))] {
                assert_eq!(
                    read(name, &without).err(),
                    Some(bad(parameter, "missing")),
                    "{name}: {without}"
                );
            }
        }
    }
    assert_eq!(LEAST.len(), crate::providers::pragmatic::OPERATIONS.len());
}

#[test]
fn amounts_are_decimals_of_cents_perhaps_with_an_exponent() {
    for (text, micros) in [
        ("0", 0),
        ("0.00", 0),
        ("5.6", 5_600_000),
        ("15.0", 15_000_000),
        ("100.25", 100_250_000),
        ("1.500", 1_500_000),
        ("1.05E1", 10_500_000),
        ("1.0E7", 10_000_000_000_000),
    ] {
        let command = command("result", &PLAY.replace("1.00", text));
        assert_eq!(command.movements[0].action.requested(), Micros::new(micros), "{text}");
    }
}

/// Numbers to some parsers, and no amounts to anybody who pays.
const MISSPELLED: [&str; 17] = [
    "1_000",
    "1_0.00",
    "%2B5",
    "5.",
    ".5",
    "1.e1",
    ".1e1",
    "1e",
    "1e1_0",
    "+5",
    "5+",
    "%205",
    "5%0A",
    "5%C2%A0",
    "%EF%BC%95",
    "%D9%A5",
    "-+5",
];

#[test]
fn every_parameter_that_says_money_has_one_spelling() {
    for wrong in MISSPELLED {
        for (name, body) in [
            ("bet", PLAY.replace("1.00", wrong)),
            ("result", PLAY.replace("1.00", wrong)),
            ("result", format!("{PLAY}&promoWinAmount={wrong}&promoWinReference=x")),
            ("adjustment", PLAY.replace("1.00", wrong)),
            ("bonusWin", PLAY.replace("1.00", wrong)),
            ("jackpotWin", format!("{}&jackpotId=9", PLAY.replace("1.00", wrong))),
            (
                "promoWin",
                format!("{}&campaignId=5&campaignType=T&currency=EUR", PLAY.replace("1.00", wrong)),
            ),
            ("refund", PLAY.replace("1.00", wrong)),
        ] {
            let answer = read(name, &body);
            assert!(matches!(answer, Err(Failure::BadRequest(_))), "{name} {body}: {answer:?}");
        }
    }
}

#[test]
fn what_is_no_call_of_the_protocol_is_a_bad_request() {
    let long = "x".repeat(1000);
    let with = |name: &str, value: &str| {
        let parts: Vec<String> = PLAY
            .split('&')
            .map(|part| match part.split_once('=') {
                Some((n, _)) if n == name => format!("{n}={value}"),
                _ => part.to_owned(),
            })
            .collect();
        parts.join("&")
    };
    let mut bodies = vec![
        String::new(),
        "null".to_owned(),
        r#"{"userId":"p"}"#.to_owned(),
        format!("{PLAY}&amount=1.00"),
        format!("{PLAY}&userId=q"),
        format!("{PLAY}&newField=1&newField=1"),
        with("providerId", "pragmaticplay"),
        with("providerId", "Other"),
    ];
    for amount in [
        "NaN",
        "inf",
        "-0.01",
        "-1",
        "1,5",
        "1.005",
        "0.001",
        "1e-3",
        "0x1",
        "%2B",
        "1e300",
        "1000000000001",
        "1.5+",
        "one",
        "1.2.3",
        "%D9%A1",
    ] {
        bodies.push(with("amount", amount));
    }
    for id in ["userId", "gameId", "roundId", "reference"] {
        bodies.push(with(id, &long));
        bodies.push(with(id, "a%00b"));
        bodies.push(with(id, "a%0Ab"));
        bodies.push(with(id, "a%FFb"));
        bodies.push(with(id, "a%4"));
    }
    for time in ["now", "-1", "1795305601.5", "99999999999999999999", "253402300800000"] {
        bodies.push(with("timestamp", time));
    }
    for name in ["bet", "result", "adjustment"] {
        for body in &bodies {
            let negative = name == "adjustment" && body.contains("amount=-");
            let answer = read(name, body);
            assert_eq!(
                matches!(answer, Err(Failure::BadRequest(_))),
                !negative,
                "{name} {body}: {answer:?}"
            );
        }
    }
    for (name, more) in [
        ("bet", "bonusCode=%00"),
        ("result", &format!("bonusCode={}", "x".repeat(MAX_DETAIL_BYTES))),
        ("result", "promoWinAmount=-1"),
        ("result", "promoWinAmount=1.005&promoWinReference=x"),
        ("result", &format!("promoWinAmount=1&promoWinReference={long}")),
    ] {
        assert!(read(name, &format!("{PLAY}&{more}")).is_err(), "{more}");
    }
    for (name, from, to) in [
        ("refund", "reference=r", format!("reference={long}")),
        ("refund", "reference=r", "reference=r&amount=-1".to_owned()),
        ("refund", "reference=r", "reference=r&timestamp=x".to_owned()),
        ("promoWin", "EUR", "eur".to_owned()),
        ("authenticate", "token=t", format!("token=t&gameId={long}")),
        ("GetBalancePerGame", "List=g", "List=g,".to_owned()),
        ("GetBalancePerGame", "List=g", format!("List=g{}", ",g".repeat(MAX_GAMES))),
        ("sessionExpired", "playerId=p", format!("playerId={long}")),
        ("roundDetails", "userId=p", format!("userId={long}")),
    ] {
        let (_, body) = LEAST.iter().find(|(n, _)| *n == name).expect("an operation");
        let answer = read(name, &body.replace(from, &to));
        assert!(matches!(answer, Err(Failure::BadRequest(_))), "{name} {to}: {answer:?}");
    }
}
