//! What each call may be answered. The words are the adapter's own.

use crate::core::Reason;
use crate::providers::Failure;
use crate::providers::examples::{Case, Said};

/// EUR, in micros: the demo player after a bet of 1.50, and one who has too little.
const USUAL: i64 = 998_500_000;
const POOR: i64 = 1_000_000;

/// Every answer to a call of that name.
pub(super) fn of(operation: &str) -> Vec<Case> {
    let mut cases = vec![
        case("success", "", Said::Done),
        case("hash", "The hash is missing or wrong", Said::Failed(Failure::BadSignature)),
        case("address", "The address is not on the list", {
            Said::Failed(Failure::AddressNotAllowed)
        }),
        case("parameters", "What is wrong stands in the description", {
            Said::Failed(Failure::BadRequest("userId: missing".to_owned()))
        }),
        case("retry", "Not now: busy, too late, no database", Said::Failed(Failure::Busy)),
    ];
    cases.extend(match operation {
        "authenticate" => authenticate(),
        "balance" | "GetBalancePerGame" => balance(),
        "bet" => bet(),
        "result" => result(),
        "bonusWin" | "jackpotWin" => win(),
        "promoWin" => promo_win(),
        "refund" => refund(),
        "adjustment" => adjustment(),
        _ => vec![unknown_player()],
    });
    cases
}

fn case(name: &'static str, summary: &'static str, said: Said) -> Case {
    Case { name, summary, said, balance_micros: USUAL }
}

fn refused(name: &'static str, summary: &'static str, reason: Reason) -> Case {
    case(name, summary, Said::Refused(reason))
}

/// Refused before there was a wallet to look at.
fn turned_away(name: &'static str, summary: &'static str, reason: Reason) -> Case {
    case(name, summary, Said::Failed(Failure::Refused(reason)))
}

fn unknown_player() -> Case {
    turned_away("player", "There is no such player", Reason::PlayerUnknown)
}

fn authenticate() -> Vec<Case> {
    vec![
        turned_away("token", "The token is unknown or over", Reason::SessionUnknown),
        turned_away("frozen", "The player is frozen or closed", Reason::PlayerFrozen),
        turned_away("game", "The game is off", Reason::GameDisabled),
    ]
}

fn balance() -> Vec<Case> {
    vec![
        unknown_player(),
        turned_away("token", "A token that is not the player's, or over", {
            Reason::SessionMismatch
        }),
        turned_away("frozen", "The player is frozen or closed", Reason::PlayerFrozen),
    ]
}

fn bet() -> Vec<Case> {
    vec![
        Case {
            balance_micros: POOR,
            ..refused("insufficient", "More than the balance", Reason::InsufficientFunds)
        },
        unknown_player(),
        refused("token", "A token that is not the player's, or over", Reason::SessionExpired),
        refused("frozen", "The player is frozen or closed", Reason::PlayerFrozen),
        refused("game", "The game is off", Reason::GameDisabled),
        refused("limit", "Above the player's own limit", Reason::PlayerLimit),
        case("refunded", "The bet came after its refund", Said::Cancelled),
        refused("max_bet", "Above the brand's largest stake", Reason::MaxBet),
    ]
}

fn win() -> Vec<Case> {
    vec![
        unknown_player(),
        case("kept", "The wallet is closed: kept, and paid once it is open again", {
            Said::Parked(Reason::WalletClosed)
        }),
    ]
}

fn result() -> Vec<Case> {
    let mut cases = win();
    cases.extend([
        case("waiting", "The bet is not known yet", Said::Parked(Reason::DebitUnknown)),
        refused("refunded", "The round's only bet was refunded", Reason::DebitReversed),
    ]);
    cases
}

fn promo_win() -> Vec<Case> {
    let mut cases = win();
    cases.push(refused("currency", "Not the wallet's currency", Reason::CurrencyMismatch));
    cases
}

fn refund() -> Vec<Case> {
    vec![
        unknown_player(),
        case("unknown", "The bet has never been seen: it takes no money when it comes", {
            Said::NoEffect(Reason::TargetUnknown)
        }),
        refused("no_bet", "The reference is a win's", Reason::TargetNotReversible),
    ]
}

fn adjustment() -> Vec<Case> {
    vec![
        Case {
            balance_micros: POOR,
            ..refused("insufficient", "More than the balance", Reason::InsufficientFunds)
        },
        unknown_player(),
        refused("waiting", "The round has no known bet", Reason::DebitUnknown),
    ]
}
