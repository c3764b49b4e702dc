//! What a call may be answered. The words are the adapter's own.

use crate::core::{Kind, Reason};
use crate::providers::examples::{Case, Said};
use crate::providers::{Failure, Request};

/// EUR, in micros: the demo player, and one who has too little.
const USUAL: i64 = 1_002_500_000;
const POOR: i64 = 1_000_000;

/// The successes that one body may have.
pub(super) fn of_body(request: &Request) -> Vec<Case> {
    let done = |name, summary| vec![case(name, summary, Said::Done)];
    let Request::Execute(command) = request else {
        return done("2_balance", "A question for the balance");
    };
    match command.movements.first().map(|movement| movement.action.kind()) {
        Some(Kind::Debit) => done("1_bet_and_win", "A bet and its win, the round's last call"),
        Some(Kind::Reverse) => vec![
            case("known", "The original is undone, now or before", Said::Done),
            case("unknown", "The original has never been seen", {
                Said::NoEffect(Reason::TargetUnknown)
            }),
        ],
        Some(Kind::Credit) => done("paid", "Paid, now or before"),
        _ => done("3_end", "The end of a round"),
    }
}

const OWNER: &str =
    "Nobody has told the wallet yet whose the issue is: kept, and paid once somebody has";

/// What a call of that name may be answered instead.
pub(super) fn instead(operation: &str) -> Vec<Case> {
    let failed = |name, summary, failure| case(name, summary, Said::Failed(failure));
    let unknown = Said::Failed(Failure::Refused(Reason::PlayerUnknown));
    let mut cases = vec![
        case("player", "There is no such player", unknown),
        refused(
            "currency",
            "Not the wallet's currency, or its decimals are not known",
            Reason::CurrencyMismatch,
        ),
        failed("malformed", "What is wrong stands in the message", {
            Failure::BadRequest("user_id: empty".to_owned())
        }),
        failed("signature", "The signature is missing or wrong", Failure::BadSignature),
        failed("path", "There is no such path", Failure::UnknownOperation),
        failed("fault", "A fault of the wallet", Failure::Internal),
        failed("busy", "Too much at once, or no database", Failure::Busy),
        case("closed", "What pays a closed wallet: kept, and paid once it is open again", {
            Said::Parked(Reason::WalletClosed)
        }),
        failed("late", "Not in time", Failure::Timeout),
    ];
    match operation {
        "freespins" => cases.push(failed("owner", OWNER, Failure::Unavailable)),
        "play" => cases.extend(of_bets()),
        "rollback" => cases.push(refused("not_reversible", "The original is no bet and no win", {
            Reason::TargetNotReversible
        })),
        _ => {}
    }
    cases
}

fn of_bets() -> Vec<Case> {
    vec![
        Case {
            balance_micros: POOR,
            ..refused("funds", "More than the balance", Reason::InsufficientFunds)
        },
        refused("player_limit", "Above the player's own limit", Reason::PlayerLimit),
        refused("max_bet", "Above the casino's largest stake", Reason::MaxBet),
        refused("disabled", "The player is frozen or closed", Reason::PlayerFrozen),
        refused("game", "The game is off", Reason::GameDisabled),
        refused("no_bet", "A win whose round has no bet, where the casino asks for one", {
            Reason::DebitUnknown
        }),
    ]
}

fn refused(name: &'static str, summary: &'static str, reason: Reason) -> Case {
    case(name, summary, Said::Refused(reason))
}

fn case(name: &'static str, summary: &'static str, said: Said) -> Case {
    Case { name, summary, said, balance_micros: USUAL }
}
