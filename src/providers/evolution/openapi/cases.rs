//! What a call may be answered. The words are the adapter's own.

use crate::core::Reason;
use crate::providers::Failure;
use crate::providers::examples::{Case, Said};

/// EUR, in micros: the demo player, and one who has too little.
const USUAL: i64 = 1_002_500_000;
const POOR: i64 = 1_000_000;

/// Every answer to a call of that name.
pub(super) fn of(operation: &str) -> Vec<Case> {
    let whose = match operation {
        "promo_payout" => "Nobody's id",
        _ => "Nobody's id, or not whose the sid is",
    };
    let mut cases = vec![case("OK", "Carried out", Said::Done)];
    cases.extend(match operation {
        "check" => vec![sid(), locked()],
        "balance" => vec![sid(), currency()],
        "debit" => of_debits(),
        "credit" => vec![
            refused("BET_DOES_NOT_EXIST", "No such bet; it may still arrive", Reason::DebitUnknown),
            refused("BET_ALREADY_SETTLED", "The bet was cancelled before, or settled", {
                Reason::DebitReversed
            }),
            currency(),
            closed(),
        ],
        "cancel" => vec![
            case(
                "BET_DOES_NOT_EXIST",
                "No such bet: it moves nothing should it still arrive",
                Said::NoEffect(Reason::TargetUnknown),
            ),
            refused("BET_ALREADY_SETTLED", "The bet was settled before, or cancelled", {
                Reason::AlreadySettled
            }),
            currency(),
            closed(),
        ],
        _ => vec![currency(), closed()],
    });
    cases.extend([
        refused("INVALID_PARAMETER_user", whose, Reason::SessionMismatch).failing(),
        case("INVALID_PARAMETER", "The call cannot be understood", {
            Said::Failed(Failure::BadRequest("userId: empty".to_owned()))
        }),
        case("INVALID_TOKEN_ID", "The token is missing or wrong, or the address is not known", {
            Said::Failed(Failure::BadSignature)
        }),
        case("TEMPORARY_ERROR", "Not now: the same call may be sent again", {
            Said::Failed(Failure::Busy)
        }),
    ]);
    cases
}

fn of_debits() -> Vec<Case> {
    vec![
        Case {
            balance_micros: POOR,
            ..refused("INSUFFICIENT_FUNDS", "More than the balance", Reason::InsufficientFunds)
        },
        refused("FINAL_ERROR_ACTION_FAILED", "The bet was cancelled before it came", {
            Reason::Cancelled
        }),
        refused("CASINO_LIMIT_EXCEEDED_STAKE", "Above a limit on stakes", Reason::MaxBet),
        refused("ACCOUNT_LOCKED", "The player is frozen or closed", Reason::PlayerFrozen),
        refused("INVALID_SID", "The sid is unknown, replaced or over", Reason::SessionExpired),
        refused("INVALID_PARAMETER_game", "The table is switched off", Reason::GameDisabled),
        currency(),
    ]
}

fn sid() -> Case {
    refused("INVALID_SID", "The sid is unknown, replaced or over", Reason::SessionUnknown).failing()
}

fn locked() -> Case {
    refused("ACCOUNT_LOCKED", "The player is frozen or closed", Reason::PlayerFrozen).failing()
}

fn currency() -> Case {
    refused("INVALID_PARAMETER_currency", "Not the wallet's currency", Reason::CurrencyMismatch)
        .failing()
}

fn closed() -> Case {
    case("TEMPORARY_ERROR_closed", "The wallet is closed: kept, and done once it is open again", {
        Said::Parked(Reason::WalletClosed)
    })
}

fn refused(name: &'static str, summary: &'static str, reason: Reason) -> Case {
    case(name, summary, Said::Refused(reason))
}

fn case(name: &'static str, summary: &'static str, said: Said) -> Case {
    Case { name, summary, said, balance_micros: USUAL }
}

impl Case {
    /// Refused before there was a wallet to decide on.
    fn failing(self) -> Self {
        let said = match self.said {
            Said::Refused(reason) => Said::Failed(Failure::Refused(reason)),
            said => said,
        };
        Self { said, ..self }
    }
}
