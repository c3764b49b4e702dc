//! Why a call comes to nothing, in words that every protocol has its own for.

use crate::core::{Currency, IssueId, Reason};

/// Why a call came to nothing, before or instead of a decision about money.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The path below the provider's prefix is none of its operations, or the method is not
    /// the protocol's.
    #[error("unknown operation")]
    UnknownOperation,
    /// The caller's address is not on the provider's list.
    #[error("address not allowed")]
    AddressNotAllowed,
    /// No signature, or a wrong one.
    #[error("bad signature")]
    BadSignature,
    /// It was signed too long ago, or by a clock that is too far from ours.
    #[error("the time of the signature is too far from now")]
    Stale,
    /// The body is larger than the provider's limit.
    #[error("body too large")]
    TooLarge,
    /// What is wrong, in words that may be shown to the caller.
    #[error("bad request: {0}")]
    BadRequest(String),
    /// Nobody has said what the smallest unit of this currency is at this provider. Once it is
    /// configured, the same call may be sent again.
    #[error("the decimals of {0} are not known at this provider")]
    CurrencyUnknown(Currency),
    /// A rule about the player, the session or the game stands against it.
    #[error("refused: {}", .0.as_str())]
    Refused(Reason),
    /// Nobody has said yet whose this issue of free rounds is. What is to be paid is kept; the same
    /// call may be sent again.
    #[error("it is not known whose the issue {0} is")]
    OwnerUnknown(IssueId),
    /// Too much at once. Nothing was done; the same call may be sent again.
    #[error("busy")]
    Busy,
    /// The deadline passed. It may have been done; the same call may be sent again.
    #[error("deadline passed")]
    Timeout,
    /// The database cannot be reached. The same call may be sent again.
    #[error("unavailable")]
    Unavailable,
    /// A fault of ours. The same call may be sent again.
    #[error("internal error")]
    Internal,
}

impl Failure {
    /// The words for those that are no fault of the caller's.
    pub const OURS: [&'static str; 4] = [
        Self::Busy.as_str(),
        Self::Timeout.as_str(),
        Self::Unavailable.as_str(),
        Self::Internal.as_str(),
    ];

    /// The words of those that say that something is wrong, with the call or with us. A refusal
    /// says that everything works.
    pub const FAULTS: [&'static str; 12] = [
        "unknown_operation",
        "address_not_allowed",
        "bad_signature",
        "stale_signature",
        "too_large",
        "bad_request",
        "currency_unknown",
        "owner_unknown",
        "busy",
        "timeout",
        "unavailable",
        "internal",
    ];

    /// The word for metrics and logs.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::UnknownOperation => "unknown_operation",
            Self::AddressNotAllowed => "address_not_allowed",
            Self::BadSignature => "bad_signature",
            Self::Stale => "stale_signature",
            Self::TooLarge => "too_large",
            Self::BadRequest(_) => "bad_request",
            Self::CurrencyUnknown(_) => "currency_unknown",
            Self::OwnerUnknown(_) => "owner_unknown",
            Self::Refused(reason) => reason.as_str(),
            Self::Busy => "busy",
            Self::Timeout => "timeout",
            Self::Unavailable => "unavailable",
            Self::Internal => "internal",
        }
    }
}
