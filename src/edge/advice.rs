//! What to do about a call that was not understood or not believed: the mistakes of an integration's
//! first hour, for the log. A caller is told no more than its protocol says.

/// For those outcomes that whoever sets up a provider, or a player, can do something about.
pub fn on(outcome: &str) -> Option<&'static str> {
    Some(match outcome {
        "bad_signature" => {
            "none of this provider's secrets signs these bytes: compare the secret on both sides, and \
             sign exactly what is sent"
        }
        "stale_signature" => {
            "the time that the call was signed at is too far from this node's: compare both clocks, and \
             sign each attempt anew"
        }
        "address_not_allowed" => {
            "if it is the provider's, add it to the provider's `allow`; if it is a proxy's, add that \
             to http.trusted_proxies"
        }
        "unknown_operation" => {
            "below the provider's slug the protocol has no such path, or not by this method"
        }
        "unknown_provider" => "a call's path begins with the slug of a configured provider",
        "player_unknown" => {
            "no wallet has exactly this id (capitals count): open it with POST /operator/v1/players"
        }
        "currency_mismatch" => {
            "the call names another currency than the one the wallet was opened in"
        }
        "session_unknown" => {
            "the token was never issued, or is long over: POST /operator/v1/sessions, or `wallet \
             token`, issues one"
        }
        "session_expired" => "the token is over: POST /operator/v1/sessions issues a new one",
        "session_mismatch" => "the token was issued for another player or another provider",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::Reason;
    use crate::providers::Failure;

    #[test]
    fn there_is_advice_on_what_is_met_first_and_each_word_is_one_that_is_said() {
        let faults = [
            Failure::BadSignature,
            Failure::Stale,
            Failure::AddressNotAllowed,
            Failure::UnknownOperation,
        ];
        let reasons = [
            Reason::PlayerUnknown,
            Reason::CurrencyMismatch,
            Reason::SessionUnknown,
            Reason::SessionExpired,
            Reason::SessionMismatch,
        ];
        let said = faults.iter().map(Failure::as_str).chain(reasons.map(Reason::as_str));
        for word in said {
            assert!(on(word).is_some(), "{word}");
        }
    }

    #[test]
    fn a_call_that_went_well_needs_none() {
        for word in ["ok", "applied", "replayed", "insufficient_funds", "timeout"] {
            assert_eq!(on(word), None, "{word}");
        }
    }
}
