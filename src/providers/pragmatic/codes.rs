//! The `error` codes, and which of ours is which of theirs. The code decides what Pragmatic
//! Play does next: after some it refunds a bet, after some it sends a result again for a day.

use crate::core::Reason;
use crate::providers::Failure;

/// An `error` code with its description (at most 100 characters).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code {
    /// The number.
    pub error: u16,
    /// For their logs.
    pub description: &'static str,
}

const fn code(error: u16, description: &'static str) -> Code {
    Code { error, description }
}

/// Done.
pub const SUCCESS: Code = code(0, "Success");
/// Not enough money: no refund follows.
const INSUFFICIENT: Code = code(1, "Insufficient balance");
/// The player does not exist here.
const PLAYER_UNKNOWN: Code = code(2, "Player not found");
/// The token is not known or over. Never an answer to money that comes in.
const TOKEN: Code = code(4, "Token is invalid, unknown or expired");
/// The hash is missing or wrong.
const HASH: Code = code(5, "Invalid hash code");
/// The player may not play.
const FROZEN: Code = code(6, "Player is frozen");
/// A parameter is missing, doubled or makes no sense.
const PARAMETERS: Code = code(7, "Bad parameters in the request");
/// The game is off. Only for bets.
const GAME: Code = code(8, "Game is not found or disabled");
/// The player's own limit on stakes.
const BET_LIMIT: Code = code(50, "Bet limit has been reached");
/// Try again: bets are refunded, results are sent again for a day.
pub const RETRY: Code = code(100, "Internal server error, please retry");
/// Do not try again: no refund and no repeat follows.
pub const FINAL: Code = code(120, "Internal server error, no retry");
/// Try `endRound` again.
pub const RETRY_END_ROUND: Code = code(130, "Internal server error on endRound, please retry");
/// The stake is outside the limits: the player has to open the game again.
const OUTSIDE_LIMITS: Code = code(310, "Bet is outside the limits");

/// The code for a rule of money, the player or the game.
pub const fn of_reason(reason: Reason) -> Code {
    match reason {
        Reason::InsufficientFunds => INSUFFICIENT,
        Reason::PlayerUnknown => PLAYER_UNKNOWN,
        Reason::SessionUnknown | Reason::SessionExpired | Reason::SessionMismatch => TOKEN,
        Reason::PlayerFrozen | Reason::PlayerClosed => FROZEN,
        Reason::CurrencyMismatch => PARAMETERS,
        Reason::GameDisabled => GAME,
        Reason::PlayerLimit => BET_LIMIT,
        Reason::MaxBet => OUTSIDE_LIMITS,
        // A bet answered so has not been debited and will not be refunded; a result answered
        // so is given up, and flagged here.
        Reason::Cancelled
        | Reason::DebitReversed
        | Reason::TargetNotReversible
        | Reason::KeyReused
        | Reason::AlreadySettled => FINAL,
        // What may come right by itself, and what only a person can mend, is kept alive.
        Reason::DebitUnknown
        | Reason::WalletClosed
        | Reason::BalanceLimit
        | Reason::TargetUnknown
        | Reason::AlreadyReversed
        | Reason::TargetRefused
        | Reason::TargetParked
        | Reason::Unmatched
        | Reason::SettledBefore
        | Reason::AmountDiffers
        | Reason::Shortfall => RETRY,
    }
}

/// The code for a call that came to nothing.
pub const fn of_failure(failure: &Failure) -> Code {
    match failure {
        Failure::BadSignature | Failure::AddressNotAllowed => HASH,
        Failure::BadRequest(_) | Failure::TooLarge | Failure::UnknownOperation => PARAMETERS,
        Failure::Refused(reason) => of_reason(*reason),
        Failure::Busy | Failure::Timeout | Failure::Unavailable | Failure::Internal => RETRY,
    }
}
