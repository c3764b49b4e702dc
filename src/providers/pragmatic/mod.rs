//! The wallet side of Pragmatic Play's seamless wallet API: forms in, flat JSON out, one MD5
//! over every parameter. `README.md` has the sources, the quirks and the retry rules.

pub mod codes;
mod decode;
mod encode;
mod free_rounds;
mod openapi;
mod settings;
mod wire;

use super::signature::{Proof, Scheme};
use super::{
    Adapter, Answer, Asked, Failure, FreeRoundsTotal, Opened, Operation, Page, Protocol, RawCall,
    Reply, Terms,
};
use crate::core::{Movement, Policy, ProviderId, Reversible};
use settings::Settings;
use wire::Form;

/// What the configuration names `pragmatic`.
pub const PROTOCOL: Protocol = Protocol {
    name: "pragmatic",
    build: |setup| {
        let settings: Settings = setup.settings.try_into().map_err(|error| error.to_string())?;
        Ok(Box::new(Pragmatic::new(setup.provider, settings)?))
    },
    page: Some(Page { openapi: openapi::document, sign_js: include_str!("sign.js") }),
};

/// Every spelling of a path that is in use is served.
const OPERATIONS: &[Operation] = &[
    Operation::post("authenticate", &["authenticate.html"]),
    Operation::post("balance", &["balance.html"]),
    Operation::post("bet", &["bet.html"]),
    Operation::post("result", &["result.html"]),
    Operation::post("bonusWin", &["bonusWin.html"]),
    Operation::post("jackpotWin", &["jackpotWin.html"]),
    Operation::post("promoWin", &["promoWin.html"]),
    Operation::post("endRound", &["endRound.html"]),
    Operation::post("refund", &["refund.html"]),
    Operation::post("adjustment", &["adjustment.html"]),
    Operation::post("GetBalancePerGame", &["GetBalancePerGame.html", "getBalancePerGame.html"]),
    Operation::post(
        "sessionExpired",
        &["session/expired", "sessionExpired", "sessionExpired.html"],
    ),
    Operation::post("roundDetails", &["roundDetails.html"]),
];

/// The adapter of one provider.
struct Pragmatic {
    provider: ProviderId,
    settings: Settings,
    policy: Policy,
}

impl Pragmatic {
    /// Checks the settings; the error lists everything that is wrong with them.
    fn new(provider: ProviderId, settings: Settings) -> Result<Self, String> {
        let policy = settings.policy()?;
        Ok(Self { provider, settings, policy })
    }
}

impl Adapter for Pragmatic {
    fn operations(&self) -> &'static [Operation] {
        OPERATIONS
    }

    fn open<'c>(&'c self, call: &'c RawCall<'_>) -> Result<Opened<'c>, Failure> {
        let form = Form::parse(call.body)?;
        let messages = form.signed_texts();
        let signature = form.hash().ok_or(Failure::BadSignature)?;
        let proof = Proof { scheme: Scheme::Md5SuffixHex, secret: None, messages, signature };
        Ok(Opened::new(call.operation, proof, move || self.request(call.operation, &form)))
    }

    fn terms(&self) -> Terms<'_> {
        Terms { policy: &self.policy, undoes: Reversible::Debit }
    }

    fn free_rounds_total(&self, movement: &Movement) -> Option<FreeRoundsTotal> {
        free_rounds::total_of(movement)
    }

    fn encode(&self, asked: Asked<'_>, answer: &Answer<'_>) -> Reply {
        self.reply(asked.name(), asked.request, answer)
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderMap;
    use secrecy::SecretString;

    use super::super::Request;
    use super::super::signature::Secrets;
    use super::*;

    pub(super) fn provider() -> ProviderId {
        ProviderId::parse("pragmatic").expect("a slug")
    }

    /// The adapter of a provider with these settings.
    pub(super) fn adapter(settings: &str) -> Pragmatic {
        let settings: Settings = toml::from_str(settings).expect("settings");
        Pragmatic::new(provider(), settings).expect("good settings")
    }

    pub(super) fn operation(name: &str) -> &'static Operation {
        OPERATIONS.iter().find(|operation| operation.name == name).expect("an operation")
    }

    /// What a body without a hash asks for.
    pub(super) fn read(
        adapter: &Pragmatic,
        operation: &'static Operation,
        body: &str,
    ) -> Result<Request, Failure> {
        adapter.request(operation, &Form::parse(body.as_bytes())?)
    }

    /// The proof that a body offers, if it holds.
    pub(super) fn verify(body: &str, secret: &str) -> Result<bool, Failure> {
        let headers = HeaderMap::new();
        let call = RawCall {
            operation: operation("balance"),
            path_and_query: "/pragmatic/balance.html",
            headers: &headers,
            body: body.as_bytes(),
        };
        let secrets = Secrets::new(vec![SecretString::from(secret)]).expect("one secret");
        adapter("")
            .open(&call)
            .map(|opened| opened.proofs.iter().all(|proof| secrets.verify(proof)))
    }

    const ONE: &str = "made-up-Secret-01";
    const OTHER: &str = "An0ther_Fake_Key";

    const V2: &str = "userId=op1_88012&gameId=vs20demogame&roundId=700100200301&amount=1.5&reference=64f0c2a19b3d5e7f80a1b201&providerId=PragmaticPlay&timestamp=1795305601000&roundDetails=spin&platform=MOBILE&language=en&token=tk-7f3a1c";
    const V3: &str = "userId=op1_88012&gameId=vs20demogame&roundId=700100200301&amount=4.20&reference=64f0c2a19b3d5e7f80a1b202&providerId=PragmaticPlay&timestamp=1795305602000&roundDetails=spin&bonusCode=&token=tk-7f3a1c";
    const V4: &str = "providerId=PragmaticPlay&timestamp=1795305700000&userId=op1_88012&gameId=vs20demogame&roundId=700100200399&jackpotId=9001&jackpotDetails=%7B%22progressive%22%3A180.0%2C%22non-progressive%22%3A70.25%7D&amount=250.25&reference=64f0c2a19b3d5e7f80a1b208&token=tk-7f3a1c";
    const V9: &str = "userId=op1_88012&token=tk-7f3a1c&providerId=PragmaticPlay&newField=x1";

    /// Bodies without their hash, in whatever order they may come, and the hash.
    const SIGNED: &[(&str, &str, &str)] = &[
        ("token=tk-7f3a1c&providerId=PragmaticPlay", ONE, "76f573c8f45c9dc00c67f6d4320912fb"),
        (V2, ONE, "257778e76af8e80074e050764c9a34b6"),
        (V3, ONE, "c76d72ce35c90f8b2a664a8921610180"),
        (V4, ONE, "05337a8526900bfe223095188ebdb82e"),
        (
            "userId=op1_88012&gameId=vs20demogame&roundId=700100200302&amount=12.5&reference=64f0c2a19b3d5e7f80a1b21e&providerId=PragmaticPlay&timestamp=1795305602500&roundDetails=spin%2CtotalBet%3A2.0%2CtotalWin%3A12.5%2Cnote%3Aa+b%2Bc",
            OTHER,
            "785d54386e870fc5baf03f5c3f0a40a9",
        ),
        (
            "userId=op1_88012&gameId=bn1&roundId=700100200500&amount=0.00&reference=64f0c2a19b3d5e7f80a1b21f&providerId=PragmaticPlay&timestamp=1795305603000&roundDetails=bingo&specPrizes[0].specPrizeAmount=10&specPrizes%5B0%5D.specPrizeType=FRB&specPrizes[0].specPrizeCode=FRB-77",
            OTHER,
            "5300c796f25b3fa5991caeb33b571bbb",
        ),
        (
            "reference=64f0c2a19b3d5e7f80a1b209&amount=25.00&campaignType=T&providerId=PragmaticPlay&campaignId=5511&currency=EUR&userId=op1_88012&timestamp=1795307400000",
            ONE,
            "41c3c0abc81a12139548e8166a3b831d",
        ),
        (
            "userId=op1_88012&gameId=227&roundId=700100200777&amount=-5.00&reference=64f0c2a19b3d5e7f80a1b20f&providerId=PragmaticPlay&validBetAmount=10.00&timestamp=1795308600000&token=tk-7f3a1c",
            ONE,
            "538ee758c39fb8b92019128a7563f627",
        ),
        (V9, ONE, "65f6dfe773a74651be80bb5774eddd3a"),
        ("providerId=PragmaticPlay&userId=j%C3%B6rg_1", OTHER, "709ee4a33fd7b024a3ba50d58fc05fca"),
    ];

    #[test]
    fn the_hash_holds_wherever_it_stands_and_in_either_case() {
        for (body, secret, hash) in SIGNED {
            assert_eq!(verify(&format!("{body}&hash={hash}"), secret), Ok(true), "{body}");
            assert_eq!(verify(&format!("hash={hash}&{body}"), secret), Ok(true), "{body}");
            let upper = hash.to_uppercase();
            assert_eq!(verify(&format!("{body}&hash={upper}"), secret), Ok(true), "{body}");
        }
    }

    #[test]
    fn the_hash_holds_for_no_other_body_and_no_other_secret() {
        for (body, secret, hash) in SIGNED {
            assert_eq!(verify(&format!("{body}&hash={hash}"), "Secret-02"), Ok(false), "{body}");
            for changed in [format!("{body}&x=1"), format!("{body}0"), body.replace("Play", "play")]
            {
                assert_eq!(verify(&format!("{changed}&hash={hash}"), secret), Ok(false), "{body}");
            }
        }
    }

    #[test]
    fn a_sender_that_keeps_empty_parameters_is_believed_too() {
        let kept = "8913e5a020a54071e31cbeff813cddee";
        assert_eq!(verify(&format!("{V3}&hash={kept}"), ONE), Ok(true));
        let absent = V3.replace("&bonusCode=", "");
        assert_eq!(verify(&format!("{absent}&hash={kept}"), ONE), Ok(false));
    }

    #[test]
    fn hashes_made_in_another_way_do_not_hold() {
        for (body, hash) in [
            (V4, "df1e69bdb5741f34579337fb7fbd51bd"), // over the value still encoded
            (V2, "e56724b2d5db34a8c6652552ea117b8b"), // with & before the secret
            (V2, "42e0fe6f308bd0842cb68203f578d3c2"), // over the amount written anew
            (V9, "7992aad8cda7a823a48cb01ce0bc86bd"), // without the unknown parameter
        ] {
            assert_eq!(verify(&format!("{body}&hash={hash}"), ONE), Ok(false), "{body}");
        }
    }

    #[test]
    fn a_call_without_one_hash_is_a_badly_signed_one() {
        let (body, secret, hash) = SIGNED[0];
        assert_eq!(verify(body, secret), Err(Failure::BadSignature));
        let doubled = format!("{body}&hash={hash}&hash={hash}");
        assert_eq!(verify(&doubled, secret), Err(Failure::BadSignature));
        assert_eq!(verify(&format!("{body}&HASH={hash}"), secret), Err(Failure::BadSignature));
        assert_eq!(verify("", secret), Err(Failure::BadSignature));
        for empty in [format!("{body}&hash"), format!("{body}&hash=")] {
            assert_eq!(verify(&empty, secret), Ok(false));
        }
    }
}
