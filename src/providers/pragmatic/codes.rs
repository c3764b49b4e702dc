//! The `error` codes, and which of ours is which of theirs. The code decides what Pragmatic
//! Play does next: after some it refunds a bet, after some it sends a win again for a day.

use crate::core::Reason;
use crate::providers::Failure;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $description:literal;)+) => {
        /// What came of a call, as the provider numbers it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Code {
            $($(#[$doc])* $name,)+
        }

        impl Code {
            /// Every code, in ascending order.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The `error` of the reply.
            pub const fn number(self) -> u16 {
                match self { $(Self::$name => $number,)+ }
            }

            /// The `description` of the reply.
            pub const fn description(self) -> &'static str {
                match self { $(Self::$name => $description,)+ }
            }
        }
    };
}

codes! {
    /// Done.
    Success = 0, "Success";
    /// Not enough money. No refund follows.
    InsufficientBalance = 1, "Insufficient balance";
    /// The player does not exist here.
    PlayerNotFound = 2, "Player not found";
    /// Not used: a player may play every game or none.
    BetNotAllowed = 3, "Bet is not allowed";
    /// The token is unknown, another player's or over. Never an answer to money coming in.
    InvalidToken = 4, "Player token is invalid, unknown or expired";
    /// The hash is missing or wrong, or the address is not on the list.
    InvalidHash = 5, "Invalid hash code";
    /// The player may not bet.
    PlayerFrozen = 6, "Player is frozen";
    /// The call cannot be understood.
    BadParameters = 7, "Bad parameters in the request";
    /// The game is off. Only for launches and bets: its wins are paid.
    GameDisabled = 8, "Game is not found or disabled";
    /// Above the player's own limit. No refund follows.
    BetLimit = 50, "Bet limit has been reached";
    /// Not now. A bet is refunded, everything else is sent again for a day.
    Retry = 100, "Internal server error, please retry";
    /// For good: neither a refund nor a repeat follows.
    NoRetry = 120, "Internal server error, do not retry";
    /// As [`Self::Retry`], of `endRound`.
    RetryEndRound = 130, "Internal server error on EndRound, please retry";
    /// Not used: this wallet checks nobody's time.
    RealityCheck = 210, "Reality check warning";
    /// Above the largest stake. No refund follows; the player has to open the game again.
    OutsideLimits = 310, "Bet is out of the player's bet limits";
}

impl Code {
    /// How a refusal is worded.
    pub const fn of_reason(reason: Reason) -> Self {
        match reason {
            Reason::InsufficientFunds => Self::InsufficientBalance,
            Reason::PlayerUnknown => Self::PlayerNotFound,
            Reason::SessionUnknown | Reason::SessionExpired | Reason::SessionMismatch => {
                Self::InvalidToken
            }
            Reason::PlayerFrozen | Reason::PlayerClosed => Self::PlayerFrozen,
            Reason::CurrencyMismatch => Self::BadParameters,
            Reason::GameDisabled => Self::GameDisabled,
            Reason::PlayerLimit => Self::BetLimit,
            Reason::MaxBet => Self::OutsideLimits,
            // A bet answered so was not debited and will not be refunded; a win answered so is
            // given up by the provider, and flagged here.
            Reason::Cancelled
            | Reason::KeyReused
            | Reason::DebitReversed
            | Reason::TargetNotReversible
            | Reason::AlreadySettled => Self::NoRetry,
            // Comes right by itself, or is kept alive until somebody has put it right.
            Reason::DebitUnknown | Reason::WalletClosed | Reason::BalanceLimit => Self::Retry,
            // Never refusals of a call: why a reversal had no effect, and flags.
            Reason::TargetUnknown
            | Reason::TargetPaid
            | Reason::AlreadyReversed
            | Reason::TargetRefused
            | Reason::TargetParked
            | Reason::DecidedElsewhere
            | Reason::Unmatched
            | Reason::SettledBefore
            | Reason::AmountDiffers
            | Reason::Shortfall => Self::Retry,
        }
    }

    /// How it is worded that a call came to nothing.
    pub const fn of_failure(failure: &Failure) -> Self {
        match failure {
            Failure::BadSignature | Failure::Stale | Failure::AddressNotAllowed => {
                Self::InvalidHash
            }
            Failure::BadRequest(_)
            | Failure::CurrencyUnknown(_)
            | Failure::TooLarge
            | Failure::UnknownOperation => Self::BadParameters,
            Failure::Refused(reason) => Self::of_reason(*reason),
            Failure::OwnerUnknown(_)
            | Failure::Busy
            | Failure::Timeout
            | Failure::Unavailable
            | Failure::Internal => Self::Retry,
        }
    }

    /// The same in the words of one call: `endRound` has its own "try again".
    pub fn of_call(self, operation: &str) -> Self {
        match self {
            Self::Retry if operation == "endRound" => Self::RetryEndRound,
            code => code,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_told_apart_and_descriptions_fit_the_wire() {
        for pair in Code::ALL.windows(2) {
            assert!(pair[0].number() < pair[1].number(), "{pair:?}");
        }
        assert!(Code::ALL.iter().all(|code| code.description().len() <= 100));
    }

    #[test]
    fn every_refusal_has_its_code() {
        for (number, reasons) in [
            (1, &[Reason::InsufficientFunds][..]),
            (2, &[Reason::PlayerUnknown]),
            (4, &[Reason::SessionUnknown, Reason::SessionExpired, Reason::SessionMismatch]),
            (6, &[Reason::PlayerFrozen, Reason::PlayerClosed]),
            (7, &[Reason::CurrencyMismatch]),
            (8, &[Reason::GameDisabled]),
            (50, &[Reason::PlayerLimit]),
            (100, &[Reason::DebitUnknown, Reason::WalletClosed, Reason::BalanceLimit]),
            (
                120,
                &[
                    Reason::Cancelled,
                    Reason::KeyReused,
                    Reason::DebitReversed,
                    Reason::TargetNotReversible,
                    Reason::AlreadySettled,
                ],
            ),
            (310, &[Reason::MaxBet]),
        ] {
            for reason in reasons {
                assert_eq!(Code::of_reason(*reason).number(), number, "{reason:?}");
                let failure = Failure::Refused(*reason);
                assert_eq!(Code::of_failure(&failure).number(), number, "{reason:?}");
            }
        }
    }

    #[test]
    fn every_failure_has_its_code() {
        for (failure, number) in [
            (Failure::UnknownOperation, 7),
            (Failure::AddressNotAllowed, 5),
            (Failure::BadSignature, 5),
            (Failure::TooLarge, 7),
            (Failure::BadRequest(String::new()), 7),
            (Failure::Busy, 100),
            (Failure::Timeout, 100),
            (Failure::Unavailable, 100),
            (Failure::Internal, 100),
        ] {
            assert_eq!(Code::of_failure(&failure).number(), number, "{failure:?}");
        }
    }

    #[test]
    fn only_the_end_of_a_round_is_retried_in_a_way_of_its_own() {
        assert_eq!(Code::Retry.of_call("endRound"), Code::RetryEndRound);
        assert_eq!(Code::Retry.of_call("result"), Code::Retry);
        assert_eq!(Code::BadParameters.of_call("endRound"), Code::BadParameters);
    }
}
