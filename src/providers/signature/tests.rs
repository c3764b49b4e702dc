//! Known answers, made with `openssl` and `md5sum`.

use super::*;

fn secrets(all: &[&str]) -> Secrets {
    Secrets::new(all.iter().map(|s| SecretString::from(*s)).collect()).expect("usable")
}

fn proof(scheme: Scheme, message: &str, signature: &str) -> Proof<'static> {
    Proof::new(scheme, message.as_bytes().to_vec(), signature.to_owned())
}

// RFC 2202/4231 style known answers computed with `openssl` and `md5sum`.
#[test]
fn a_proof_holds_under_either_secret_of_a_rotation() {
    let body = r#"{"user_id":"p-1001","currency":"EUR","game":"acme:DemoSlot"}"#;
    let sign = "4428e278f65aa0032b8edc1dc275cf070ecca02e2b9689becee3b0a16f34f833";
    let offered = proof(Scheme::HmacSha256Hex, body, sign);
    assert!(secrets(&["test-softswiss-auth-token-01"]).verify(&offered));
    assert!(secrets(&["new", "test-softswiss-auth-token-01"]).verify(&offered));
    assert!(!secrets(&["new", "other"]).verify(&offered));
}

#[test]
fn md5_takes_the_secret_as_a_suffix_and_hex_of_either_case() {
    let text = "providerId=PragmaticPlay&token=tk-7f3a1c";
    let hash = "76f573c8f45c9dc00c67f6d4320912fb";
    let ours = secrets(&["made-up-Secret-01"]);
    assert!(ours.verify(&proof(Scheme::Md5SuffixHex, text, hash)));
    assert!(ours.verify(&proof(Scheme::Md5SuffixHex, text, &hash.to_uppercase())));
}

#[test]
fn what_is_no_hex_of_the_right_length_proves_nothing() {
    let ours = secrets(&["s"]);
    for signature in ["", "zz", "76f5", &"a".repeat(200), "76f573c8f45c9dc00c67f6d4320912f"] {
        assert!(!ours.verify(&proof(Scheme::Md5SuffixHex, "m", signature)), "{signature}");
    }
}

#[test]
fn there_is_no_empty_secret_and_no_provider_without_one() {
    assert_eq!(Secrets::new(vec![]).err(), Some(SecretsError::Count(0)));
    assert_eq!(Secrets::new(vec![SecretString::from("")]).err(), Some(SecretsError::Empty));
}

#[test]
fn hmac_sha1_is_told_from_every_other_message() {
    let signed = "X-Merchant-Id=m-0001&X-Nonce=0a1b2c3d4e5f60718293a4b5c6d7e8f9&X-Timestamp=1700000000&action=balance&currency=EUR&player_id=p-1001&session_id=s-1";
    let sign = "b52587f61409de80b9f3622bb5a44bdc029cbaee";
    let ours = secrets(&["test-slotegrator-merchant-key-01"]);
    assert!(ours.verify(&proof(Scheme::HmacSha1Hex, signed, sign)));
    assert!(!ours.verify(&proof(Scheme::HmacSha1Hex, &signed.replace("EUR", "USD"), sign)));
    assert!(!ours.verify(&proof(Scheme::HmacSha256Hex, signed, sign)));
}

/// Its private half was thrown away when the signatures below were made.
const PUBLIC_KEY: &str = "-----BEGIN PUBLIC KEY-----\n\
    MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAqA4NpBvBAWwAVZM0lZ3d\n\
    Gcebg1FOlJTRjqTtDbtcQ+6jTDnYCK0nGYC7KZ0pwyUscvcWemfgviuM9As1DoAv\n\
    G7NhUrW4qSKemnFIp70n7ztE3KFixN3T4tcEzm9QqLwgX4YTe1Sos3k+hyWFG5b2\n\
    ZhhWRYOLLjvD/46YM7os7TcUSDXvuOiVjG5shi7FmYUxmevrxSOn4FluN20VA+PC\n\
    9i97MKPIvX4ixVoAZrECCZUJ9Fq/PGsR89GFwhZstc0JyuH58AEfFW0Q/F8tAX9U\n\
    QG9Esa9HvQbBpxDI/SBpNl32pdSwek6amG7r9GOTpaHeCjiMG8VW6Bqo46uz8kFh\n\
    sQIDAQAB\n\
    -----END PUBLIC KEY-----\n";
const SIGNED_HELLO: &str = "jrPkKkjzYoVMcyBy45knu99UgAYgjiSMuhNXY2cBtqfTlSVrEQVeQJWFSj4GSGNqu/jqmnSkeXnQznTdBQGRYIg/lygX8h0rCz6eBFPU74FO8MRr/+rlqLf7N5qDqtHRy6GkZ9riVIdXtkLQmW3u2AFZ+YgVHFi7DmgQxo3sWu4IBvYjPJOkdOrh3QPy17wXTl0eVHkpHKqjFhKsQtcK13Z34YmSZuqhuTwpYhfCxSClsux0UnNBm/dmxhLbx+BArMeaymCIGoYYhma121NKBHTd4TH4wvGvWsDFqdY58NB2XqFaAEBYeTQpM0ADHzS2grgOnGLgs7F1PmHZbCv6kQ==";

#[test]
fn an_rsa_signature_holds_for_its_message_under_the_callers_public_key() {
    let ours = secrets(&[PUBLIC_KEY]);
    let holds = |message: &str, signature: &str| {
        ours.verify(&proof(Scheme::RsaSha256Base64, message, signature))
    };
    assert!(holds("hello", SIGNED_HELLO));
    assert!(!holds("hullo", SIGNED_HELLO));
    let changed = SIGNED_HELLO.replacen("jr", "Jr", 1);
    for signature in ["", "hello", &changed, &"A".repeat(10_000), &SIGNED_HELLO[..100]] {
        assert!(!holds("hello", signature), "{signature}");
    }
    // A text that is no key verifies nothing, whatever is signed with it.
    let texts = secrets(&["no key at all"]);
    assert!(!texts.verify(&proof(Scheme::RsaSha256Base64, "hello", SIGNED_HELLO)));
}

#[test]
fn a_shared_token_is_compared_as_a_whole() {
    let ours = secrets(&["evo-test-token-01"]);
    assert!(ours.verify(&Proof::token("evo-test-token-01")));
    for sent in ["", "evo-test-token-1", "evo-test-token-01 ", "EVO-test-token-01"] {
        assert!(!ours.verify(&Proof::token(sent)), "{sent:?}");
    }
}

#[test]
fn a_proof_names_the_secret_that_it_was_made_with() {
    let salt = vec![SecretString::from("the salt")];
    let ours = secrets(&["the key"]).with_named("salt".to_owned(), salt).expect("usable");
    assert!(ours.verify(&Proof::token("the key")));
    assert!(ours.verify(&Proof::token("the salt").under("salt")));
    for proof in [
        Proof::token("the salt"),
        Proof::token("the key").under("salt"),
        Proof::token("the key").under("pepper"),
    ] {
        assert!(!ours.verify(&proof));
    }
    assert_eq!(ours.hashes().count(), 2, "a named secret is one that two providers may share");
}
