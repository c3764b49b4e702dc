//! The wallet side of the SOFTSWISS Game Aggregator's protocol, which BGaming speaks too:
//! `play`, `rollback` and `freespins`, JSON, signed with HMAC-SHA256. `README.md` has the
//! sources, the quirks and the retry rules.

pub mod codes;
mod decode;
mod encode;
mod exponents;
mod issues;
mod openapi;
pub mod wire;

use std::collections::BTreeMap;

use serde::Deserialize;

use super::exponents::Exponents;
use super::issues::Issues;
use super::signature::{Proof, Scheme};
use super::{
    Adapter, Answer, Asked, Failure, Opened, Operation, Page, Protocol, RawCall, Reply, Terms,
};
use crate::core::policy::{
    CreditAfterReversal, CreditWithoutDebit, FundsTest, LateOriginal, ReversalAfterSettlement,
    SessionRule,
};
use crate::core::{Amount, Currency, Policy, ProviderId, Reversible};

/// What the configuration names `softswiss`.
pub const PROTOCOL: Protocol = Protocol {
    name: "softswiss",
    build: |setup| {
        let settings: Settings = setup.settings.try_into().map_err(|error| error.to_string())?;
        Ok(Box::new(Softswiss::new(setup.provider, settings)?))
    },
    page: Some(Page { openapi: openapi::document, sign_js: include_str!("sign.js") }),
};

/// HMAC-SHA256 of the body as it came, keyed with the casino's token, in hex.
const SIGNATURE_HEADER: &str = "x-request-sign";

const OPERATIONS: &[Operation] = &[
    Operation::post("play", &["play"]),
    Operation::post("rollback", &["rollback"]),
    Operation::post("freespins", &["freespins"]),
];

/// The `settings` table of one provider, as written.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Settings {
    /// Decimals of a currency's smallest unit, 0 to 18; they go before what is known of it.
    exponents: BTreeMap<String, u32>,
    /// True: a win whose round has no bet is refused with 404.
    require_bet: bool,
    /// The largest single stake in major units, as a decimal number above zero.
    max_bet: Option<String>,
}

/// The adapter of one provider.
struct Softswiss {
    provider: ProviderId,
    exponents: Exponents,
    policy: Policy,
}

impl Softswiss {
    /// Checks the settings; the error lists everything that is wrong with them.
    fn new(provider: ProviderId, settings: Settings) -> Result<Self, String> {
        let mut wrong = Vec::new();
        let exponents = Exponents::new(exponents::AGREED, settings.exponents, &mut wrong);
        let max_bet = settings.max_bet.and_then(|text| match Amount::parse(&text, 6) {
            Ok(Amount::ZERO) => {
                wrong.push("max_bet: must be above zero".to_owned());
                None
            }
            Ok(amount) => Some(amount),
            Err(error) => {
                wrong.push(format!("max_bet: {error}"));
                None
            }
        });
        if wrong.is_empty() {
            Ok(Self { provider, exponents, policy: policy(settings.require_bet, max_bet) })
        } else {
            Err(wrong.join("; "))
        }
    }
}

/// What this protocol demands where protocols differ.
const fn policy(require_bet: bool, max_bet: Option<Amount>) -> Policy {
    Policy {
        // No call names a launch token.
        session: SessionRule::Ignore,
        // The stakes of a list must fit before its wins are looked at.
        funds: FundsTest::Gross,
        credit_without_debit: if require_bet {
            CreditWithoutDebit::Refuse
        } else {
            CreditWithoutDebit::Pay
        },
        credit_after_reversal: CreditAfterReversal::Pay,
        late_original: LateOriginal::Succeed,
        reversal_after_settlement: ReversalAfterSettlement::Allow,
        max_bet,
        ..Policy::PERMISSIVE
    }
}

impl Adapter for Softswiss {
    fn operations(&self) -> &'static [Operation] {
        OPERATIONS
    }

    fn open<'c>(&'c self, call: &'c RawCall<'_>) -> Result<Opened<'c>, Failure> {
        let signature = call.header(SIGNATURE_HEADER).ok_or(Failure::BadSignature)?;
        let proof = Proof::new(Scheme::HmacSha256Hex, call.body, signature);
        Ok(Opened::new(call.operation, proof, move || match call.operation.name {
            "play" => self.play(call.body),
            "rollback" => self.rollback(call.body),
            "freespins" => self.freespins(call.body),
            _ => Err(Failure::UnknownOperation),
        }))
    }

    fn terms(&self) -> Terms<'_> {
        Terms { policy: &self.policy, undoes: Reversible::Any }
    }

    fn issues(&self) -> Option<&dyn Issues> {
        Some(self)
    }

    fn can_count(&self, currency: &Currency) -> bool {
        self.exponents.known(currency).is_some()
    }

    fn counted_finer_than_booked(&self) -> Vec<Currency> {
        self.exponents.finer_than_booked()
    }

    fn encode(&self, asked: Asked<'_>, answer: &Answer<'_>) -> Reply {
        self.reply(asked.request, answer)
    }
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderValue};
    use secrecy::SecretString;

    use super::super::signature::Secrets;
    use super::*;

    /// The adapter of a provider with these settings.
    pub(super) fn adapter(settings: &str) -> Result<Softswiss, String> {
        let table: toml::Table = toml::from_str(settings).expect("TOML");
        let settings = table.try_into().map_err(|error| error.to_string())?;
        Softswiss::new(ProviderId::parse("softswiss").expect("a slug"), settings)
    }

    const S1: &str = r#"{"user_id":"p-1001","currency":"EUR","game":"acme:DemoSlot"}"#;
    const S2: &str = r#"{"user_id":"p-1001","currency":"EUR","game":"acme:DemoSlot","game_id":"rnd-77","finished":true,"actions":[{"action":"bet","amount":150,"action_id":"a-0001"},{"action":"win","amount":400,"action_id":"a-0002"}]}"#;
    const S3: &str = r#"{"user_id":"p-1001","currency":"EUR","game":"acme:DemoSlot","game_id":"rnd-77","finished":true,"actions":[{"action":"rollback","action_id":"a-0003","original_action_id":"a-0001"}]}"#;
    const S4: &str = r#"{ "user_id": "p-1001", "currency": "EUR", "game": "acme:Plättchen" }"#;
    /// Signed with `test-softswiss-auth-token-01`.
    const SIGNED: &[(&str, &str)] = &[
        (S1, "4428e278f65aa0032b8edc1dc275cf070ecca02e2b9689becee3b0a16f34f833"),
        (S2, "04dcb839af8e9063fc0be744ca7bd2dd7f88ab7ca5d02e866db0bfe1f0f304c7"),
        (S3, "fb9cff02188bb4fafe213864cfbcfa849fae8338e96cd8316f95bff5c0e9f6c1"),
        (S4, "abe5ed6423cbe1d32bcc054f732dec2ffc099612e9cfe816fbd35ea8d522c9e6"),
    ];

    fn holds(body: &[u8], signature: &str) -> bool {
        let secrets = Secrets::new(vec![SecretString::from("test-softswiss-auth-token-01")]);
        let mut headers = HeaderMap::new();
        headers.insert("X-REQUEST-SIGN", HeaderValue::from_str(signature).expect("a header"));
        let operation = OPERATIONS.first().expect("play");
        let call =
            RawCall { operation, path_and_query: "/softswiss/play", headers: &headers, body };
        let softswiss = adapter("").expect("defaults");
        let opened = softswiss.open(&call).expect("a proof");
        let secrets = secrets.expect("one secret");
        opened.proofs.iter().all(|proof| secrets.verify(proof))
    }

    #[test]
    fn the_signature_covers_the_body_byte_by_byte_as_it_came() {
        for (body, signature) in SIGNED {
            assert!(holds(body.as_bytes(), signature), "{body}");
            for place in 0..body.len() {
                let mut changed = body.as_bytes().to_vec();
                changed[place] ^= 1;
                assert!(!holds(&changed, signature), "byte {place} of {body}");
            }
        }
    }

    #[test]
    fn json_that_says_the_same_in_other_bytes_does_not_hold() {
        let (body, signature) = SIGNED[3];
        assert!(!holds(body.replace(' ', "").as_bytes(), signature));
        assert!(!holds(body.replace('ä', "\\u00e4").as_bytes(), signature));
    }

    #[test]
    fn a_call_without_a_signature_is_a_badly_signed_one() {
        let headers = HeaderMap::new();
        let operation = OPERATIONS.first().expect("play");
        let call =
            RawCall { operation, path_and_query: "/", headers: &headers, body: S1.as_bytes() };
        let softswiss = adapter("").expect("defaults");
        assert_eq!(softswiss.open(&call).err(), Some(Failure::BadSignature));
    }

    #[test]
    fn settings_set_the_policy() {
        let usual = adapter("").expect("defaults").policy;
        assert_eq!(usual, Policy::PERMISSIVE);
        let strict = adapter("require_bet = true\nmax_bet = '25.50'").expect("good").policy;
        assert_eq!(strict.credit_without_debit, CreditWithoutDebit::Refuse);
        assert_eq!(strict.max_bet, Amount::parse("25.50", 2).ok());
    }

    #[test]
    fn everything_that_is_wrong_with_settings_is_listed() {
        let wrong = "max_bet = 'much'\n[exponents]\neuro = 2\nETH = 19";
        let complaint = adapter(wrong).err().expect("refused");
        for part in ["max_bet: not a decimal number", "exponents.euro: ", "exponents.ETH: above"] {
            assert!(complaint.contains(part), "{complaint}");
        }
        for wrong in
            ["max_bet = '0'", "max_bet = '-1'", "max_bet = '1_000'", "max_bet = 5", "maxbet = '1'"]
        {
            assert!(adapter(wrong).is_err(), "{wrong}");
        }
    }
}
