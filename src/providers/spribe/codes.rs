//! The codes of the envelope, and what stands behind each. They are those that the known
//! operator-side integrations agree on; the HTTP status is 200 with every one of them.

use crate::core::Reason;
use crate::providers::Failure;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $message:literal;)+) => {
        /// How a call ended, as the provider numbers it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Code {
            $($(#[$doc])* $name,)+
        }

        impl Code {
            /// Every code, in ascending order.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The `code` of the envelope.
            pub const fn number(self) -> u16 {
                match self { $(Self::$name => $number,)+ }
            }

            /// What `message` says where there is no more to say.
            pub const fn message(self) -> &'static str {
                match self { $(Self::$name => $message,)+ }
            }

            /// Reads the `code` of an envelope.
            pub const fn parse(number: u16) -> Option<Self> {
                match number { $($number => Some(Self::$name),)+ _ => None }
            }
        }
    };
}

codes! {
    /// Done.
    Ok = 200, "ok";
    /// The token is unknown, or another player's.
    TokenInvalid = 401, "User token is invalid";
    /// The stake is more than the balance.
    InsufficientFunds = 402, "Insufficient funds";
    /// The token is over.
    TokenExpired = 403, "User token is expired";
    /// No such player.
    PlayerNotFound = 404, "Player not found";
    /// Refused for good: not understood, or not allowed.
    DoNotRetry = 405, "Internal error, do not retry";
    /// What the call is about is not there.
    TransactionNotFound = 408, "Transaction not found";
    /// Done before: the data are those of the first time.
    Duplicate = 409, "Duplicate transaction";
    /// Not proven to come from the provider.
    SignatureInvalid = 413, "Invalid signature or client id";
    /// Not now: the same call may be sent again.
    InternalError = 500, "Internal error";
}

/// A code with the words that go with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The `code`.
    pub code: Code,
    /// The `message`.
    pub message: &'static str,
}

impl Refusal {
    const fn new(code: Code) -> Self {
        Self { code, message: code.message() }
    }

    const fn for_good(message: &'static str) -> Self {
        Self { code: Code::DoNotRetry, message }
    }

    /// How a refusal is worded.
    pub const fn of_reason(reason: Reason) -> Self {
        match reason {
            Reason::SessionUnknown | Reason::SessionMismatch => Self::new(Code::TokenInvalid),
            Reason::SessionExpired => Self::new(Code::TokenExpired),
            Reason::InsufficientFunds => Self::new(Code::InsufficientFunds),
            Reason::PlayerUnknown => Self::new(Code::PlayerNotFound),
            Reason::DebitUnknown
            | Reason::DebitReversed
            | Reason::TargetUnknown
            | Reason::TargetRefused => Self::new(Code::TransactionNotFound),
            Reason::PlayerFrozen | Reason::PlayerClosed => Self::for_good("Player is disabled"),
            Reason::PlayerLimit | Reason::MaxBet => Self::for_good("Bet limit exceeded"),
            Reason::GameDisabled => Self::for_good("Game is not available"),
            Reason::CurrencyMismatch => Self::for_good("Wrong currency"),
            Reason::AlreadySettled => Self::for_good("Transaction is already settled"),
            Reason::Cancelled => Self::for_good("Transaction is already rolled back"),
            Reason::KeyReused => KEY_REUSED,
            Reason::TargetNotReversible => Self::for_good("Transaction cannot be rolled back"),
            Reason::BalanceLimit => Self::for_good("Balance out of range"),
            // Kept: paid once the wallet is open, and the provider asks until it is.
            Reason::WalletClosed => Self::new(Code::InternalError),
            // Never refusals of a call: why a reversal had no effect, and flags.
            Reason::TargetPaid
            | Reason::AlreadyReversed
            | Reason::TargetParked
            | Reason::DecidedElsewhere
            | Reason::Unmatched
            | Reason::SettledBefore
            | Reason::AmountDiffers
            | Reason::Shortfall => Self::new(Code::InternalError),
        }
    }

    /// How it is worded that a call came to nothing.
    pub const fn of_failure(failure: &Failure) -> Self {
        match failure {
            Failure::AddressNotAllowed | Failure::BadSignature | Failure::Stale => {
                Self::new(Code::SignatureInvalid)
            }
            Failure::UnknownOperation => Self::for_good("Unknown call"),
            Failure::TooLarge => Self::for_good("Request is too large"),
            Failure::BadRequest(_) => Self::for_good(MALFORMED),
            Failure::CurrencyUnknown(_) => Self::for_good("Wrong currency"),
            Failure::Refused(reason) => Self::of_reason(*reason),
            Failure::OwnerUnknown(_)
            | Failure::Busy
            | Failure::Timeout
            | Failure::Unavailable
            | Failure::Internal => Self::new(Code::InternalError),
        }
    }
}

/// How the message of a call begins that cannot be understood.
pub const MALFORMED: &str = "Bad request";
/// The id of another transaction.
pub const KEY_REUSED: Refusal = Refusal::for_good("Transaction id was used for something else");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::Currency;

    #[test]
    fn every_number_reads_back_as_its_code() {
        for code in Code::ALL {
            assert_eq!(Code::parse(code.number()), Some(*code));
        }
        assert_eq!(Code::parse(406), None);
    }

    #[test]
    fn what_may_be_sent_again_is_500_and_nothing_else_is() {
        for failure in [Failure::Busy, Failure::Unavailable, Failure::Timeout, Failure::Internal] {
            assert_eq!(Refusal::of_failure(&failure).code, Code::InternalError, "{failure:?}");
        }
        for (failure, code) in [
            (Failure::UnknownOperation, 405),
            (Failure::AddressNotAllowed, 413),
            (Failure::BadSignature, 413),
            (Failure::Stale, 413),
            (Failure::TooLarge, 405),
            (Failure::BadRequest(String::new()), 405),
            (Failure::CurrencyUnknown(Currency::parse("TON").expect("a code")), 405),
        ] {
            assert_eq!(Refusal::of_failure(&failure).code.number(), code, "{failure:?}");
        }
    }

    #[test]
    fn every_refusal_has_its_code() {
        for (reason, code) in [
            (Reason::SessionUnknown, 401),
            (Reason::SessionMismatch, 401),
            (Reason::InsufficientFunds, 402),
            (Reason::SessionExpired, 403),
            (Reason::PlayerUnknown, 404),
            (Reason::PlayerFrozen, 405),
            (Reason::PlayerClosed, 405),
            (Reason::PlayerLimit, 405),
            (Reason::MaxBet, 405),
            (Reason::GameDisabled, 405),
            (Reason::CurrencyMismatch, 405),
            (Reason::AlreadySettled, 405),
            (Reason::Cancelled, 405),
            (Reason::KeyReused, 405),
            (Reason::TargetNotReversible, 405),
            (Reason::BalanceLimit, 405),
            (Reason::DebitUnknown, 408),
            (Reason::DebitReversed, 408),
            (Reason::TargetUnknown, 408),
            (Reason::TargetRefused, 408),
            (Reason::WalletClosed, 500),
        ] {
            assert_eq!(Refusal::of_reason(reason).code.number(), code, "{reason:?}");
        }
    }
}
