//! The wallet side of Evolution's One Wallet: `check`, `balance`, `debit`, `credit`, `cancel` and
//! `promo_payout`, JSON, with a shared token in the query. `README.md` has the sources, the quirks
//! and the retry rules.

mod codes;
mod decode;
mod encode;
mod openapi;
mod settings;
mod wire;

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use super::signature::Proof;
use super::{
    Adapter, Answer, Asked, Failure, Opened, Operation, Page, Protocol, RawCall, Reply, Terms,
};
use crate::core::{ProviderId, Reversible};
use settings::{Rules, Settings};

/// What the configuration names `evolution`.
pub const PROTOCOL: Protocol = Protocol {
    name: "evolution",
    build: |setup| {
        let settings: Settings = setup.settings.try_into().map_err(|error| error.to_string())?;
        let rules = settings.read(setup.is_walled)?;
        Ok(Box::new(Evolution { provider: setup.provider, rules }))
    },
    page: Some(Page { openapi: openapi::document, sign_js: include_str!("sign.js") }),
};

/// The parameter of the query with the shared token.
const TOKEN_PARAMETER: &str = "authToken";

const OPERATIONS: &[Operation] = &[
    Operation::post("check", &["check"]),
    Operation::post("balance", &["balance"]),
    Operation::post("debit", &["debit"]),
    Operation::post("credit", &["credit"]),
    Operation::post("cancel", &["cancel"]),
    Operation::post("promo_payout", &["promo_payout"]),
];

/// With the one that is for Evolution's acceptance test alone.
const OPERATIONS_WITH_SID: &[Operation] = &[
    Operation::post("sid", &["sid"]),
    Operation::post("check", &["check"]),
    Operation::post("balance", &["balance"]),
    Operation::post("debit", &["debit"]),
    Operation::post("credit", &["credit"]),
    Operation::post("cancel", &["cancel"]),
    Operation::post("promo_payout", &["promo_payout"]),
];

/// The adapter of one provider.
struct Evolution {
    provider: ProviderId,
    rules: Rules,
}

impl Adapter for Evolution {
    fn operations(&self) -> &'static [Operation] {
        if self.rules.sid_lifetime.is_some() { OPERATIONS_WITH_SID } else { OPERATIONS }
    }

    fn open<'c>(&'c self, call: &'c RawCall<'_>) -> Result<Opened<'c>, Failure> {
        let proof = Proof::token(token(call.query()).unwrap_or_default());
        let opened = Opened::new(call.operation, proof, move || match call.operation.name {
            "check" => self.check(call.body),
            "sid" => self.sid(call.body),
            "balance" => self.balance(call.body),
            "debit" => self.debit(call.body),
            "credit" => self.credit(call.body),
            "cancel" => self.cancel(call.body),
            "promo_payout" => self.promo_payout(call.body),
            _ => Err(Failure::UnknownOperation),
        });
        Ok(opened.called(decode::called(call.body)))
    }

    fn terms(&self) -> Terms<'_> {
        Terms { policy: &self.rules.policy, undoes: Reversible::Debit }
    }

    fn encode(&self, asked: Asked<'_>, answer: &Answer<'_>) -> Reply {
        self.reply(asked, answer)
    }
}

/// The shared token as sent, decoded once. Sent twice it is none: who knows which one is meant?
fn token(query: &str) -> Option<Cow<'_, str>> {
    let mut all = query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .filter(|(name, _)| *name == TOKEN_PARAMETER);
    let (_, value) = all.next()?;
    if all.next().is_some() { None } else { percent_decode_str(value).decode_utf8().ok() }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use axum::http::HeaderMap;
    use secrecy::SecretString;

    use super::super::Setup;
    use super::super::signature::Secrets;
    use super::*;

    /// The adapter of a provider with these settings, and with an allow-list.
    pub(super) fn adapter(settings: &str) -> Evolution {
        let settings: Settings = toml::from_str(settings).expect("settings");
        let provider = ProviderId::parse("evolution").expect("a slug");
        Evolution { provider, rules: settings.read(true).expect("good settings") }
    }

    fn holds(query: &str) -> bool {
        let secrets = Secrets::new(vec![SecretString::from("evo-test-token-01")]);
        let (headers, path) = (HeaderMap::new(), format!("/evolution/debit{query}"));
        let operation = OPERATIONS.first().expect("one");
        let call = RawCall { operation, path_and_query: &path, headers: &headers, body: b"{}" };
        let evolution = adapter("");
        let opened = evolution.open(&call).expect("a proof");
        let secrets = secrets.expect("one secret");
        opened.proofs.iter().all(|proof| secrets.verify(proof))
    }

    #[test]
    fn the_token_is_decoded_once_and_compared_exactly() {
        for good in [
            "?authToken=evo-test-token-01",
            "?authToken=evo%2Dtest%2Dtoken%2D01",
            "?x=1&authToken=evo-test-token-01&y",
        ] {
            assert!(holds(good), "{good}");
        }
        for bad in [
            "",
            "?",
            "?authToken",
            "?authToken=",
            "?authToken=evo-test-token-1",
            "?authToken=evo-test-token-01%20",
            "?authToken=%20evo-test-token-01",
            "?authToken=evo-test-token-01+",
            "?authToken=EVO-TEST-TOKEN-01",
            "?authToken=evo%252Dtest-token-01",
            "?authToken=evo-test-token-01%00",
            "?authToken=%FF",
            "?authtoken=evo-test-token-01",
            "?authToken=evo-test-token-01&authToken=evo-test-token-01",
            "?authToken=evo-test-token-01&authToken=other",
        ] {
            assert!(!holds(bad), "{bad}");
        }
    }

    #[test]
    fn one_byte_more_less_or_other_does_not_hold() {
        let token = "evo-test-token-01";
        for place in 0..token.len() {
            let mut changed = token.as_bytes().to_vec();
            changed[place] ^= 1;
            let changed = String::from_utf8(changed).expect("ASCII");
            assert!(!holds(&format!("?authToken={changed}")), "{changed}");
        }
    }

    #[test]
    fn sids_are_handed_out_only_where_that_is_set() {
        let has_sid = |settings: &str| {
            adapter(settings).operations().iter().any(|operation| operation.name == "sid")
        };
        assert!(!has_sid("") && has_sid("sid_on_request = true"));
    }

    #[test]
    fn it_does_not_start_without_an_allow_list() {
        let build = |is_walled| {
            let provider = ProviderId::parse("evolution").expect("a slug");
            let (settings, named_secrets) = (toml::Table::new(), BTreeSet::new());
            (PROTOCOL.build)(Setup { provider, settings, named_secrets, is_walled }).err()
        };
        assert!(build(false).expect("refused").contains("allow"));
        assert_eq!(build(true), None);
    }
}
