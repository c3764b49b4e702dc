//! The error codes that a wallet may answer with, and what stands behind each. Numbers and
//! statuses are the ones that the known operator-side integrations agree on: business
//! refusals travel as 412, the rest as the code itself.

use crate::core::Reason;
use crate::providers::Failure;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $status:literal, $message:literal;)+) => {
        /// What is wrong, as the provider numbers it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Code {
            $($(#[$doc])* $name,)+
        }

        impl Code {
            /// Every code, in ascending order.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The `code` of the error body.
            pub const fn number(self) -> u16 {
                match self { $(Self::$name => $number,)+ }
            }

            /// The HTTP status that it travels with.
            pub const fn status(self) -> u16 {
                match self { $(Self::$name => $status,)+ }
            }

            /// The `message` of the error body.
            pub const fn message(self) -> &'static str {
                match self { $(Self::$name => $message,)+ }
            }

            /// Reads the `code` of an error body.
            pub const fn parse(number: u16) -> Option<Self> {
                match number { $($number => Some(Self::$name),)+ _ => None }
            }
        }
    };
}

codes! {
    /// The stakes are more than the balance; the answer tells the balance.
    NotEnoughFunds = 100, 412, "Not enough funds";
    /// No such player.
    PlayerInvalid = 101, 412, "Player is invalid";
    /// Above the player's own limit.
    PlayerLimit = 105, 412, "Player reached their bet limit";
    /// Above the largest stake that the casino takes.
    MaxBet = 106, 412, "Bet exceeds the maximum bet";
    /// This player may not play this game. Not used: games are switched off for all.
    GameForbidden = 107, 412, "Game is forbidden to the player";
    /// The player may not bet.
    PlayerDisabled = 110, 412, "Player is disabled";
    /// Not used: countries are looked at before a game is launched.
    CountryNotAllowed = 153, 412, "Game is not available in the player's country";
    /// Not the wallet's currency, or one whose decimals nobody has told the wallet.
    CurrencyNotAllowed = 154, 412, "Currency is not allowed for the player";
    /// Not used: no call changes a player's data.
    FieldMayNotChange = 155, 412, "Field may not be changed";
    /// The call cannot be understood or done, now or later.
    BadRequest = 400, 400, "Bad request";
    /// Not signed with the token that both sides know.
    Forbidden = 403, 403, "Forbidden";
    /// No such path, or no bet in the round of a win.
    NotFound = 404, 404, "Not found";
    /// The game takes no bets here.
    GameUnavailable = 405, 412, "Game is not available to the casino";
    /// A fault of ours.
    UnknownError = 500, 500, "Unknown error";
    /// Not used: the wallet asks nobody else.
    BadGateway = 502, 502, "Bad gateway";
    /// Not now: the same call may be sent again.
    Unavailable = 503, 503, "Service is unavailable";
    /// Not in time: the same call may be sent again.
    Timeout = 504, 504, "Request timed out";
}

impl Code {
    /// How a refusal is worded.
    pub const fn of_reason(reason: Reason) -> Self {
        match reason {
            Reason::InsufficientFunds => Self::NotEnoughFunds,
            Reason::PlayerUnknown => Self::PlayerInvalid,
            Reason::PlayerLimit => Self::PlayerLimit,
            Reason::MaxBet => Self::MaxBet,
            Reason::PlayerFrozen | Reason::PlayerClosed => Self::PlayerDisabled,
            Reason::CurrencyMismatch => Self::CurrencyNotAllowed,
            Reason::GameDisabled => Self::GameUnavailable,
            Reason::DebitUnknown => Self::NotFound,
            // Parked: paid once it can be, and the provider asks until it is.
            Reason::WalletClosed => Self::Unavailable,
            // For good: what is repeated comes to the same.
            Reason::BalanceLimit
            | Reason::KeyReused
            | Reason::TargetNotReversible
            | Reason::AlreadySettled
            | Reason::DebitReversed
            | Reason::Cancelled => Self::BadRequest,
            // Not this protocol's: its policy looks at no session.
            Reason::SessionUnknown | Reason::SessionExpired | Reason::SessionMismatch => {
                Self::PlayerInvalid
            }
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
            | Reason::Shortfall => Self::UnknownError,
        }
    }

    /// How it is worded that a call came to nothing.
    pub const fn of_failure(failure: &Failure) -> Self {
        match failure {
            Failure::UnknownOperation => Self::NotFound,
            Failure::AddressNotAllowed | Failure::BadSignature | Failure::Stale => Self::Forbidden,
            Failure::TooLarge | Failure::BadRequest(_) => Self::BadRequest,
            Failure::CurrencyUnknown(_) => Self::CurrencyNotAllowed,
            Failure::Refused(reason) => Self::of_reason(*reason),
            Failure::OwnerUnknown(_) | Failure::Busy | Failure::Unavailable => Self::Unavailable,
            Failure::Timeout => Self::Timeout,
            Failure::Internal => Self::UnknownError,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_reads_back_as_its_code() {
        for code in Code::ALL {
            assert_eq!(Code::parse(code.number()), Some(*code));
        }
        assert_eq!(Code::parse(102), None);
    }

    #[test]
    fn business_codes_travel_as_412_and_the_rest_as_themselves() {
        for code in Code::ALL {
            let business = code.number() < 400 || *code == Code::GameUnavailable;
            assert_eq!(code.status(), if business { 412 } else { code.number() }, "{code:?}");
        }
    }

    #[test]
    fn what_may_be_sent_again_is_a_5xx_and_what_may_not_is_a_4xx() {
        for failure in [Failure::Busy, Failure::Unavailable, Failure::Timeout, Failure::Internal] {
            assert!(Code::of_failure(&failure).status() >= 500, "{failure:?}");
        }
        for failure in [
            Failure::UnknownOperation,
            Failure::AddressNotAllowed,
            Failure::BadSignature,
            Failure::TooLarge,
            Failure::BadRequest(String::new()),
        ] {
            assert!(Code::of_failure(&failure).status() < 500, "{failure:?}");
        }
    }
}
