//! The seam between a provider's wire format and the core. An adapter is synchronous and
//! pure: bytes in, command out; outcome in, bytes out. It has no clock, no store, no await.

use axum::http::HeaderMap;
use chrono::{DateTime, Utc};

use super::issues::Issues;
use super::signature::{Proof, Secrets};
use crate::core::{
    Amount, Command, Currency, GameId, IssueCall, IssueId, Movement, PlayerId, Policy, Reason,
    Receipt, Reversible,
};
pub use crate::core::{Checks, PlayerView};

/// One protocol, set up for one provider.
pub trait Adapter: Send + Sync + 'static {
    /// The calls that this provider may make.
    fn operations(&self) -> &'static [Operation];

    /// Takes a call apart: what the caller offers as proof of who it is, and what the call says
    /// if that holds.
    ///
    /// # Errors
    /// [`Failure::BadSignature`] where there is no proof, [`Failure::BadRequest`] where the body
    /// cannot be taken apart.
    fn open<'c>(&'c self, call: &'c RawCall<'_>) -> Result<Opened<'c>, Failure>;

    /// What every command of this provider goes by: a parked one is decided by it when the
    /// provider does not repeat it.
    fn terms(&self) -> Terms<'_>;

    /// Whether amounts of a currency can be read: where the protocol counts in smallest units, what
    /// such a unit is has to be known. A player with another currency cannot play here.
    fn can_count(&self, _currency: &Currency) -> bool {
        true
    }

    /// The known currencies whose smallest unit on the wire is finer than a micro: credits are cut
    /// off, and debits that do not fit are refused.
    fn counted_finer_than_booked(&self) -> Vec<Currency> {
        Vec::new()
    }

    /// The part about issues of free rounds; `None` for a protocol whose calls always say whose
    /// such rounds are.
    fn issues(&self) -> Option<&dyn Issues> {
        None
    }

    /// What a movement says that free rounds came to as a whole; `None` for any other movement,
    /// and for a protocol that pays free rounds in one way alone.
    fn free_rounds_total(&self, _movement: &Movement) -> Option<FreeRoundsTotal> {
        None
    }

    /// The answer in the provider's own words. `operation` is `None` for a path that is not
    /// the provider's, `request` where the call failed before it was understood.
    fn encode(
        &self,
        operation: Option<&'static Operation>,
        request: Option<&Request>,
        answer: &Answer<'_>,
    ) -> Reply;
}

/// A call taken apart, and not believed yet.
pub struct Opened<'c> {
    /// What the caller offers: the scheme, the signed bytes, the signature.
    pub proof: Proof<'c>,
    decode: Decode<'c>,
}

/// Reads a call whose proof holds: it fails with [`Failure::BadRequest`] and what is wrong.
type Decode<'c> = Box<dyn FnOnce() -> Result<Request, Failure> + Send + 'c>;

impl<'c> Opened<'c> {
    /// A call with this proof, which says what `decode` reads.
    pub fn new(
        proof: Proof<'c>,
        decode: impl FnOnce() -> Result<Request, Failure> + Send + 'c,
    ) -> Self {
        Self { proof, decode: Box::new(decode) }
    }

    /// What the call says, if its proof holds under one of the secrets.
    ///
    /// # Errors
    /// [`Failure::BadSignature`]; [`Failure::BadRequest`] with what is wrong, for the reply and
    /// the log.
    pub fn believed(self, secrets: &Secrets) -> Result<Request, Failure> {
        if secrets.verify(&self.proof) { (self.decode)() } else { Err(Failure::BadSignature) }
    }
}

/// What a provider's commands have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms<'a> {
    /// How its protocol settles what protocols settle differently.
    pub policy: &'a Policy,
    /// What its reversals may undo.
    pub undoes: Reversible,
}

/// What free rounds came to as a whole, which is more than nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FreeRoundsTotal {
    /// What is kept (`detail`) with each single spin of theirs that was paid by itself.
    pub detail_of_spins: Box<str>,
    /// How much.
    pub total: Amount,
    /// True when the total was paid, false when it was noted.
    pub paid: bool,
}

/// One kind of call.
#[derive(Debug, PartialEq, Eq)]
pub struct Operation {
    /// For metrics, logs and the adapter's own dispatch.
    pub name: &'static str,
    /// Every spelling of the path below the provider's prefix, without a leading slash.
    pub paths: &'static [&'static str],
}

/// A call as it came in, with its whole body.
#[derive(Debug)]
pub struct RawCall<'a> {
    /// Which one.
    pub operation: &'static Operation,
    /// The path with its query, as received.
    pub path_and_query: &'a str,
    /// As received.
    pub headers: &'a HeaderMap,
    /// As received, within the body limit.
    pub body: &'a [u8],
}

/// What a call asks for.
#[derive(Debug)]
pub enum Request {
    /// Who is behind a launch token?
    Authenticate {
        /// The token, for those protocols that repeat it in the answer. Never logged.
        token: secrecy::SecretString,
        /// The game that is being opened; refused when it is off.
        game: Option<GameId>,
    },
    /// What is the balance?
    Balance {
        /// Whose.
        player: PlayerId,
        /// The tests that come before it.
        checks: Checks,
        /// The games that it is asked for, where the protocol asks by game.
        games: Vec<GameId>,
        /// The round that the answer repeats, where the protocol does that.
        echo: Option<String>,
    },
    /// Something to take notice of, without money and without trace.
    Acknowledge {
        /// Who must exist.
        player: PlayerId,
    },
    /// Money, or something to remember.
    Execute(Command),
    /// Something about an issue of free rounds: what it is, [`Issues::request`] says once it is
    /// known whose the issue is.
    Issue(IssueCall),
}

/// What to tell the provider.
#[derive(Debug)]
pub enum Answer<'a> {
    /// The command was executed (which says nothing about success).
    Executed(&'a Receipt),
    /// The player behind an authenticate, a balance or an acknowledgement.
    Player(&'a PlayerView),
    /// It came to nothing.
    Failed(&'a Failure),
}

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
    pub const FAULTS: [&'static str; 11] = [
        "unknown_operation",
        "address_not_allowed",
        "bad_signature",
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

/// What goes back over HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The media type.
    pub content_type: &'static str,
    /// The body.
    pub body: String,
}

impl Reply {
    /// A JSON body.
    pub fn json(status: u16, body: &impl serde::Serialize) -> Self {
        // The bodies are plain structs of text and numbers: nothing in them can fail.
        let body = serde_json::to_string(body).unwrap_or_else(|_| "{}".to_owned());
        Self { status, content_type: "application/json", body }
    }
}

/// When the provider says it happened, from Unix milliseconds; `None` before 1970 and after
/// 9999, where it is no time of day any more and not every store could keep it.
pub fn from_unix_ms(ms: i64) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp_millis(ms).filter(|_| (0..=253_402_300_799_999).contains(&ms))
}
