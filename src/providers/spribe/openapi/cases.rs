//! What a call may be answered. The words are the adapter's own.

use crate::core::Reason;
use crate::providers::Failure;
use crate::providers::examples::{Case, Said};

/// EUR, in micros: the demo player, and one who has too little.
const USUAL: i64 = 1_002_500_000;
const POOR: i64 = 1_000_000;

/// What a call of that name may be answered.
pub(super) fn of(operation: &str) -> Vec<Case> {
    let mut cases = match operation {
        "auth" | "info" => vec![case("done", "The player", Said::Done)],
        _ => vec![
            case("done", "Done now", Said::Done),
            case("repeated", "Done before: what was told then is told again", Said::Repeated),
        ],
    };
    cases.extend(match operation {
        "auth" => of_tokens(),
        "info" => of_tokens().into_iter().chain([unknown()]).collect(),
        "withdraw" => of_stakes(),
        "deposit" => of_wins(),
        _ => of_rollbacks(),
    });
    cases.extend([
        refused("currency", "Not the wallet's currency", Reason::CurrencyMismatch),
        failed("malformed", "What is wrong stands in the message", {
            Failure::BadRequest("currency: not a currency code".to_owned())
        }),
        failed("signature", "A header is missing or wrong, or too old", Failure::BadSignature),
        failed("busy", "Not now: may be sent again", Failure::Busy),
    ]);
    cases
}

fn of_tokens() -> Vec<Case> {
    vec![
        refused("token", "The token is not known, or another player's", Reason::SessionUnknown),
        refused("expired", "The token is over", Reason::SessionExpired),
    ]
}

fn of_stakes() -> Vec<Case> {
    let mut cases = of_tokens();
    cases.extend([
        unknown(),
        Case {
            balance_micros: POOR,
            ..refused("funds", "More than the balance", Reason::InsufficientFunds)
        },
        refused("disabled", "The player is frozen or closed", Reason::PlayerFrozen),
        refused("limit", "Above the player's limit, or the casino's", Reason::MaxBet),
        refused("game", "The game is off", Reason::GameDisabled),
        refused("late", "It was rolled back before it came", Reason::Cancelled),
        reused(),
    ]);
    cases
}

fn of_wins() -> Vec<Case> {
    vec![
        unknown(),
        refused("no_bet", "The withdraw is not known, or was rolled back", Reason::DebitUnknown),
        refused("settled", "The withdraw was paid for already", Reason::AlreadySettled),
        reused(),
    ]
}

fn of_rollbacks() -> Vec<Case> {
    vec![
        unknown(),
        case("no_target", "The withdraw is not known; it moves nothing when it comes", {
            Said::NoEffect(Reason::TargetUnknown)
        }),
        refused("settled", "The withdraw was paid for already", Reason::AlreadySettled),
        reused(),
    ]
}

fn unknown() -> Case {
    refused("player", "There is no such player", Reason::PlayerUnknown)
}

fn reused() -> Case {
    refused("reused", "The id came before with other contents", Reason::KeyReused)
}

fn refused(name: &'static str, summary: &'static str, reason: Reason) -> Case {
    case(name, summary, Said::Failed(Failure::Refused(reason)))
}

fn failed(name: &'static str, summary: &'static str, failure: Failure) -> Case {
    case(name, summary, Said::Failed(failure))
}

fn case(name: &'static str, summary: &'static str, said: Said) -> Case {
    Case { name, summary, said, balance_micros: USUAL }
}
