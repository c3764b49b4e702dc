//! Pragmatic Play, seamless wallet API: forms in, flat JSON out, one MD5 over every
//! parameter. The README beside this file tells the wire's facts, its quirks and the settings.

mod codes;
mod decode;
mod encode;
mod openapi;
mod settings;
mod wire;

use super::signature::{Proof, Scheme};
use super::{Adapter, Answer, Failure, Operation, Protocol, RawCall, Reply, Request};
use crate::core::ProviderId;
use settings::Settings;
use wire::Form;

/// `protocol = "pragmatic"`.
pub const PROTOCOL: Protocol = Protocol { name: "pragmatic", build, openapi: openapi::document };

/// The calls; every spelling of a path that is in use is served.
const OPERATIONS: &[Operation] = &[
    Operation { name: "authenticate", paths: &["authenticate.html"] },
    Operation { name: "balance", paths: &["balance.html"] },
    Operation { name: "bet", paths: &["bet.html"] },
    Operation { name: "result", paths: &["result.html"] },
    Operation { name: "bonusWin", paths: &["bonusWin.html"] },
    Operation { name: "jackpotWin", paths: &["jackpotWin.html"] },
    Operation { name: "promoWin", paths: &["promoWin.html"] },
    Operation { name: "endRound", paths: &["endRound.html"] },
    Operation { name: "refund", paths: &["refund.html"] },
    Operation { name: "adjustment", paths: &["adjustment.html"] },
    Operation {
        name: "GetBalancePerGame",
        paths: &["GetBalancePerGame.html", "getBalancePerGame.html"],
    },
    Operation {
        name: "sessionExpired",
        paths: &["session/expired", "sessionExpired", "sessionExpired.html"],
    },
    Operation { name: "roundDetails", paths: &["roundDetails.html"] },
];

struct Pragmatic {
    provider: ProviderId,
    settings: Settings,
}

fn build(provider: ProviderId, settings: toml::Table) -> Result<Box<dyn Adapter>, String> {
    Ok(Box::new(Pragmatic { provider, settings: Settings::parse(settings)? }))
}

impl Adapter for Pragmatic {
    fn operations(&self) -> &'static [Operation] {
        OPERATIONS
    }

    fn proof<'c>(&self, call: &'c RawCall<'_>) -> Result<Proof<'c>, Failure> {
        let form = Form::parse(call.body)?;
        let messages = form.signed_texts();
        let signature = form.take_hash().ok_or(Failure::BadSignature)?;
        Ok(Proof { scheme: Scheme::Md5SuffixHex, messages, signature })
    }

    fn decode(&self, call: &RawCall<'_>) -> Result<Request, Failure> {
        decode::request(&self.provider, &self.settings, call)
    }

    fn encode(
        &self,
        operation: Option<&'static Operation>,
        request: Option<&Request>,
        answer: &Answer<'_>,
    ) -> Reply {
        encode::reply(&self.settings, operation, request, answer)
    }
}

#[cfg(test)]
mod tests;
