//! The signature, and what every other test of the folder starts from.

use std::collections::BTreeSet;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use secrecy::SecretString;

use super::super::signature::Secrets;
use super::*;

/// The adapter of a provider with these settings.
pub(super) fn built(settings: &str, is_walled: bool) -> Result<Spribe, String> {
    Spribe::new(Setup {
        provider: ProviderId::parse("spribe").expect("a slug"),
        settings: toml::from_str(settings).expect("TOML"),
        named_secrets: BTreeSet::new(),
        is_walled,
    })
}

/// The same with a client id.
pub(super) fn adapter(settings: &str) -> Spribe {
    built(&format!("client_id = 'client-1'\n{settings}"), true).expect("good settings")
}

const SECRET: &str = "test-spribe-client-secret-01";
/// Time, path, body and signature, as other implementations computed them.
const SIGNED: &[(&str, &str, &str, &str)] = &[
    (
        "1700000000",
        "/spribe/auth",
        r#"{"user_token":"ut-1","session_token":"st-1","platform":"desktop","currency":"EUR"}"#,
        "06f0705332b904549f8cc1e9effe5675547909eb6c124a4ec6dabd1902b85f66",
    ),
    (
        "1700000001",
        "/spribe/withdraw",
        r#"{"user_id":"p-1001","currency":"EUR","amount":5320,"provider":"demo_provider","provider_tx_id":"tx-1","game":"demo_game","action":"bet","action_id":"rnd-77","session_token":"st-1","platform":"desktop"}"#,
        "0434e6431a339717abe0132f0e75a692b3d49852687091760691bfd3d5848539",
    ),
    (
        "1700000002",
        "/spribe/info?brand=7&x=a%20b",
        r#"{"user_id":"p-1001","session_token":"st-1","currency":"EUR"}"#,
        "77927b529022e1d5487e772c10a53d7c2919a73624a7263529600889618eeb5f",
    ),
];

type Headers<'h> = &'h [(&'h str, &'h str)];

/// What a call comes to at that moment, as far as its proof goes: nothing where it holds.
fn believed(
    spribe: &Spribe,
    headers: Headers<'_>,
    path: &str,
    body: &[u8],
    now: i64,
) -> Option<Failure> {
    let secrets = Secrets::new(vec![SecretString::from(SECRET)]).expect("one secret");
    let map: HeaderMap = headers
        .iter()
        .map(|(name, value)| {
            let name = HeaderName::from_bytes(name.as_bytes()).expect("a name");
            (name, HeaderValue::from_str(value).expect("a value"))
        })
        .collect();
    let name = path.trim_start_matches("/spribe/").split('?').next().unwrap_or_default();
    let operation = OPERATIONS.iter().find(|known| known.name == name).expect("an operation");
    let call = RawCall { operation, path_and_query: path, headers: &map, body };
    let now = || DateTime::from_timestamp(now, 0).expect("a time");
    let read = spribe.open(&call).and_then(|opened| opened.believed(&secrets, now));
    match read {
        // Whatever the body says, it was read.
        Ok(_) | Err(Failure::BadRequest(_)) => None,
        Err(failure) => Some(failure),
    }
}

fn headers<'h>(time: &'h str, signature: &'h str) -> [(&'h str, &'h str); 3] {
    [
        ("X-Spribe-Client-ID", "client-1"),
        ("X-Spribe-Client-TS", time),
        ("X-Spribe-Client-Signature", signature),
    ]
}

fn seconds(time: &str) -> i64 {
    time.parse().expect("seconds")
}

#[test]
fn known_signatures_hold_in_letters_of_either_case() {
    let spribe = adapter("");
    for (time, path, body, signature) in SIGNED {
        for signature in [(*signature).to_owned(), signature.to_uppercase()] {
            let sent = headers(time, &signature);
            let came = believed(&spribe, &sent, path, body.as_bytes(), seconds(time));
            assert_eq!(came, None, "{path}");
        }
    }
}

#[test]
fn one_byte_of_time_path_query_body_or_signature_is_enough_to_fail() {
    let spribe = adapter("");
    let bad = Some(Failure::BadSignature);
    for (time, path, body, signature) in SIGNED {
        let now = seconds(time);
        for place in 0..body.len() {
            let mut changed = body.as_bytes().to_vec();
            changed[place] ^= 1;
            let came = believed(&spribe, &headers(time, signature), path, &changed, now);
            assert_eq!(came, bad, "byte {place} of {body}");
        }
        let later = (now + 1).to_string();
        let came = believed(&spribe, &headers(&later, signature), path, body.as_bytes(), now);
        assert_eq!(came, bad, "another time");
        let longer = format!("{path}?");
        let sent = headers(time, signature);
        assert_eq!(believed(&spribe, &sent, &longer, body.as_bytes(), now), bad, "another path");
        let mut other = signature.to_string();
        other.replace_range(0..1, if other.starts_with('0') { "1" } else { "0" });
        let came = believed(&spribe, &headers(time, &other), path, body.as_bytes(), now);
        assert_eq!(came, bad, "another signature");
    }
    let (time, _, body, signature) = SIGNED[2];
    for other in [
        "/spribe/info",
        "/spribe/info?brand=7&x=a b",
        "/spribe/info?x=a%20b&brand=7",
        "/spribe/info?brand=7&x=a+b",
    ] {
        let sent = headers(time, signature);
        assert_eq!(believed(&spribe, &sent, other, body.as_bytes(), seconds(time)), bad, "{other}");
    }
}

#[test]
fn each_header_must_be_there_and_right() {
    let spribe = adapter("");
    let (time, path, body, signature) = SIGNED[0];
    let whole = headers(time, signature);
    for missing in 0..whole.len() {
        let mut rest = whole.to_vec();
        rest.remove(missing);
        let came = believed(&spribe, &rest, path, body.as_bytes(), seconds(time));
        assert_eq!(came, Some(Failure::BadSignature), "without {}", whole[missing].0);
    }
    for (place, value) in [
        (0, "client-2"),
        (0, "Client-1"),
        (0, ""),
        (1, ""),
        (1, "soon"),
        (1, "+1700000000"),
        (1, "-1"),
        (1, "1700000000.0"),
        (1, "1700000000000"),
        (1, "99999999999999999999"),
        (2, ""),
        (2, "signed"),
        (2, &signature[..62]),
    ] {
        let mut sent = whole;
        sent[place].1 = value;
        let came = believed(&spribe, &sent, path, body.as_bytes(), seconds(time));
        assert_eq!(came, Some(Failure::BadSignature), "{} {value:?}", whole[place].0);
    }
}

#[test]
fn a_signature_is_good_for_five_minutes_to_either_side_or_as_configured() {
    let (time, path, body, signature) = SIGNED[0];
    let sent = headers(time, signature);
    for (settings, good, stale) in [("", 300, 301), ("timestamp_tolerance_s = 10", 10, 11)] {
        let spribe = adapter(settings);
        let at = |offset| believed(&spribe, &sent, path, body.as_bytes(), seconds(time) + offset);
        assert_eq!((at(good), at(-good)), (None, None));
        assert_eq!((at(stale), at(-stale)), (Some(Failure::Stale), Some(Failure::Stale)));
    }
}

#[test]
fn only_where_the_settings_say_so_an_address_is_proof_and_a_signature_still_counts() {
    let (time, path, body, signature) = SIGNED[0];
    let (strict, lenient) = (adapter(""), adapter("require_signature = false"));
    let at =
        |spribe, sent: Headers<'_>| believed(spribe, sent, path, body.as_bytes(), seconds(time));
    for sent in [&[][..], &[("X-Spribe-Client-ID", "client-1")]] {
        assert_eq!(at(&strict, sent), Some(Failure::BadSignature));
        assert_eq!(at(&lenient, sent), None);
    }
    assert_eq!(at(&lenient, &headers(time, signature)), None);
    let other = signature.replace('0', "1");
    assert_eq!(at(&lenient, &headers(time, &other)), Some(Failure::BadSignature));
    assert_eq!(at(&lenient, &headers(time, signature)[..2]), Some(Failure::BadSignature));
    let late = believed(&lenient, &headers(time, signature), path, body.as_bytes(), 1);
    assert_eq!(late, Some(Failure::Stale));
}
