//! The words of `status`, and what stands behind each.

use crate::core::Reason;
use crate::providers::Failure;

macro_rules! statuses {
    ($($(#[$doc:meta])* $name:ident = $word:literal;)+) => {
        /// What became of a call.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Status {
            $($(#[$doc])* $name,)+
        }

        impl Status {
            /// Every status that this wallet answers.
            #[cfg(test)]
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// As it goes over the wire.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$name => $word,)+ }
            }
        }
    };
}

statuses! {
    /// Carried out.
    Ok = "OK";
    /// The bet was placed before; as good as a success.
    BetAlreadyExist = "BET_ALREADY_EXIST";
    /// The bet was settled or cancelled before; as good as a success.
    BetAlreadySettled = "BET_ALREADY_SETTLED";
    /// Not now: the same call may be sent again.
    TemporaryError = "TEMPORARY_ERROR";
    /// Not the token that both sides know, or not from an address on the list.
    InvalidTokenId = "INVALID_TOKEN_ID";
    /// The sid is unknown, replaced or over.
    InvalidSid = "INVALID_SID";
    /// The player may not bet.
    AccountLocked = "ACCOUNT_LOCKED";
    /// The call cannot be understood or done, now or later.
    InvalidParameter = "INVALID_PARAMETER";
    /// No such bet.
    BetDoesNotExist = "BET_DOES_NOT_EXIST";
    /// The stake is more than the balance.
    InsufficientFunds = "INSUFFICIENT_FUNDS";
    /// For good: the bet is not placed, and nothing is cancelled for it.
    FinalErrorActionFailed = "FINAL_ERROR_ACTION_FAILED";
    /// Above a limit on single stakes.
    CasinoLimitExceededStake = "CASINO_LIMIT_EXCEEDED_STAKE";
}

impl Status {
    /// How a refusal is worded; `wrong_user` is for a player who is nobody, or not the sid's.
    pub const fn of_reason(reason: Reason, wrong_user: Self) -> Self {
        match reason {
            Reason::InsufficientFunds => Self::InsufficientFunds,
            Reason::PlayerUnknown | Reason::SessionMismatch => wrong_user,
            Reason::SessionUnknown | Reason::SessionExpired => Self::InvalidSid,
            Reason::PlayerFrozen | Reason::PlayerClosed => Self::AccountLocked,
            Reason::PlayerLimit | Reason::MaxBet => Self::CasinoLimitExceededStake,
            Reason::CurrencyMismatch | Reason::GameDisabled => Self::InvalidParameter,
            Reason::DebitUnknown
            | Reason::TargetUnknown
            | Reason::TargetNotReversible
            | Reason::TargetRefused
            | Reason::TargetParked => Self::BetDoesNotExist,
            Reason::AlreadySettled
            | Reason::DebitReversed
            | Reason::AlreadyReversed
            | Reason::TargetPaid
            | Reason::DecidedElsewhere => Self::BetAlreadySettled,
            // The key is another player's: nothing moved, so no word may sound like a success.
            Reason::Cancelled | Reason::KeyReused => Self::FinalErrorActionFailed,
            // Kept, or possible once the balance is smaller.
            Reason::WalletClosed | Reason::BalanceLimit => Self::TemporaryError,
            // Flags of what was done.
            Reason::Unmatched
            | Reason::SettledBefore
            | Reason::AmountDiffers
            | Reason::Shortfall => Self::Ok,
        }
    }

    /// How it is worded that a call came to nothing.
    pub const fn of_failure(failure: &Failure, wrong_user: Self) -> Self {
        match failure {
            Failure::AddressNotAllowed | Failure::BadSignature | Failure::Stale => {
                Self::InvalidTokenId
            }
            Failure::UnknownOperation
            | Failure::TooLarge
            | Failure::BadRequest(_)
            | Failure::CurrencyUnknown(_) => Self::InvalidParameter,
            Failure::Refused(reason) => Self::of_reason(*reason, wrong_user),
            Failure::OwnerUnknown(_)
            | Failure::Busy
            | Failure::Timeout
            | Failure::Unavailable
            | Failure::Internal => Self::TemporaryError,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_sent_again_is_temporary_and_nothing_else_is() {
        let word = |failure: &Failure| Status::of_failure(failure, Status::InvalidParameter).word();
        for failure in [Failure::Busy, Failure::Unavailable, Failure::Timeout, Failure::Internal] {
            assert_eq!(word(&failure), "TEMPORARY_ERROR", "{failure:?}");
        }
        for failure in
            [Failure::UnknownOperation, Failure::TooLarge, Failure::BadRequest(String::new())]
        {
            assert_eq!(word(&failure), "INVALID_PARAMETER", "{failure:?}");
        }
        for failure in [Failure::AddressNotAllowed, Failure::BadSignature, Failure::Stale] {
            assert_eq!(word(&failure), "INVALID_TOKEN_ID", "{failure:?}");
        }
    }

    #[test]
    fn a_wrong_user_is_worded_as_agreed() {
        for agreed in [Status::InvalidParameter, Status::InvalidSid] {
            for reason in [Reason::PlayerUnknown, Reason::SessionMismatch] {
                assert_eq!(Status::of_reason(reason, agreed), agreed, "{reason:?}");
            }
        }
    }

    #[test]
    fn every_status_has_a_word_of_its_own() {
        let words: std::collections::BTreeSet<_> =
            Status::ALL.iter().map(|status| status.word()).collect();
        assert_eq!(words.len(), Status::ALL.len());
    }
}
