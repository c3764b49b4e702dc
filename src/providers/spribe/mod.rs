//! The wallet side of Spribe's protocol (crash and instant games): `auth`, `info`, `withdraw`,
//! `deposit` and `rollback`, JSON, signed with HMAC-SHA256 over time, path and body. `README.md`
//! has the sources, the quirks and the retry rules.

pub mod codes;
mod decode;
mod encode;
mod openapi;
mod settings;
mod units;
pub mod wire;

use chrono::{DateTime, TimeDelta, Utc};

use self::settings::Settings;
use super::exponents::Exponents;
use super::signature::{Proof, Scheme};
use super::{
    Adapter, Answer, Asked, Failure, Opened, Operation, Page, Protocol, RawCall, Reply, Setup,
    Terms,
};
use crate::core::{Currency, Policy, ProviderId};

/// What the configuration names `spribe`.
pub const PROTOCOL: Protocol = Protocol {
    name: "spribe",
    build: |setup| Ok(Box::new(Spribe::new(setup)?)),
    page: Some(Page { openapi: openapi::document, sign_js: include_str!("sign.js") }),
};

/// Which operator the provider believes to call.
const CLIENT_HEADER: &str = "x-spribe-client-id";
/// When the call was signed: Unix seconds.
const TIME_HEADER: &str = "x-spribe-client-ts";
/// HMAC-SHA256 of time, path with query, and body, keyed with the client's secret, in hex.
const SIGNATURE_HEADER: &str = "x-spribe-client-signature";

const OPERATIONS: &[Operation] = &[
    Operation::post("auth", &["auth"]),
    Operation::post("info", &["info"]),
    Operation::post("withdraw", &["withdraw"]),
    Operation::post("deposit", &["deposit"]),
    Operation::post("rollback", &["rollback"]),
];

/// The adapter of one provider.
#[derive(Debug)]
struct Spribe {
    provider: ProviderId,
    settings: Settings,
    exponents: Exponents,
    policy: Policy,
}

impl Spribe {
    /// Checks the settings; the error lists everything that is wrong with them.
    fn new(Setup { provider, settings, is_walled, .. }: Setup) -> Result<Self, String> {
        let settings: Settings = settings.try_into().map_err(|error| error.to_string())?;
        let mut wrong = Vec::new();
        settings.check(is_walled, &mut wrong);
        let exponents = Exponents::new(units::AGREED, settings.exponents.clone(), &mut wrong);
        let policy = settings.policy(&mut wrong);
        if wrong.is_empty() {
            Ok(Self { provider, settings, exponents, policy })
        } else {
            Err(wrong.join("; "))
        }
    }

    fn read(&self, call: &RawCall<'_>) -> Result<super::Request, Failure> {
        match call.operation.name {
            "auth" => self.auth(call.body),
            "info" => self.info(call.body),
            "withdraw" => self.withdraw(call.body),
            "deposit" => self.deposit(call.body),
            "rollback" => self.rollback(call.body),
            _ => Err(Failure::UnknownOperation),
        }
    }
}

/// What a signature covers.
fn signed_bytes(time: &str, path_and_query: &str, body: &[u8]) -> Vec<u8> {
    [time.as_bytes(), path_and_query.as_bytes(), body].concat()
}

/// Unix seconds: digits and nothing else.
fn read_time(text: &str) -> Option<DateTime<Utc>> {
    let are_digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let seconds = text.parse().ok().filter(|_| are_digits)?;
    DateTime::from_timestamp(seconds, 0)
}

impl Adapter for Spribe {
    fn operations(&self) -> &'static [Operation] {
        OPERATIONS
    }

    fn open<'c>(&'c self, call: &'c RawCall<'_>) -> Result<Opened<'c>, Failure> {
        let read = move || self.read(call);
        let is_signed =
            [TIME_HEADER, SIGNATURE_HEADER].iter().any(|h| call.headers.contains_key(*h));
        if !self.settings.require_signature && !is_signed {
            return Ok(Opened::by_address(call.operation, read));
        }
        if call.header(CLIENT_HEADER) != Some(self.settings.client_id.as_str()) {
            return Err(Failure::BadSignature);
        }
        let signature = call.header(SIGNATURE_HEADER).ok_or(Failure::BadSignature)?;
        let time = call.header(TIME_HEADER).ok_or(Failure::BadSignature)?;
        let signed_at = read_time(time).ok_or(Failure::BadSignature)?;
        let message = signed_bytes(time, call.path_and_query, call.body);
        let proof = Proof::new(Scheme::HmacSha256Hex, message, signature);
        let within = TimeDelta::seconds(i64::from(self.settings.timestamp_tolerance_s));
        Ok(Opened::new(call.operation, proof, read).signed(signed_at, within))
    }

    fn terms(&self) -> Terms<'_> {
        Terms { policy: &self.policy, undoes: Self::UNDOES }
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
mod tests;
