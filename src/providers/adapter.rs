//! The seam between a provider's wire format and the core. An adapter is synchronous and
//! pure: bytes in, command out; outcome in, bytes out. It has no clock, no store, no await.

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use chrono::{DateTime, TimeDelta, Utc};

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

    /// The answer in the provider's own words.
    fn encode(&self, asked: Asked<'_>, answer: &Answer<'_>) -> Reply;
}

/// What is known of a call when it is answered.
#[derive(Clone, Copy, Debug, Default)]
pub struct Asked<'a> {
    /// Which operation; `None` for a path that is not the provider's.
    pub operation: Option<&'static Operation>,
    /// What the caller calls its call, where the adapter said so: for protocols whose every reply
    /// repeats it, refusals as well.
    pub echo: Option<&'a str>,
    /// What it asks for; `None` where the call failed before that was believed.
    pub request: Option<&'a Request>,
}

impl Asked<'_> {
    /// The operation's name; empty for none.
    pub fn name(&self) -> &'static str {
        self.operation.map_or("", |operation| operation.name)
    }
}

/// A call taken apart, and not believed yet.
pub struct Opened<'c> {
    /// Which operation it is: the one of its path, unless its contents say.
    pub operation: &'static Operation,
    /// What the caller offers, each the scheme, the signed bytes, and the signature. All of them must
    /// hold, and there is at least one.
    pub proofs: Vec<Proof<'c>>,
    /// When it was signed, in a protocol that says so.
    pub signed: Option<Signed>,
    /// What the caller calls it; see [`Asked::echo`].
    pub echo: Option<String>,
    decode: Decode<'c>,
}

/// When a call was signed, and for how long that is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signed {
    /// By the caller's clock.
    pub at: DateTime<Utc>,
    /// How far that may be from ours, in the past and in the future.
    pub within: TimeDelta,
}

/// Reads a call whose proof holds: it fails with [`Failure::BadRequest`] and what is wrong.
type Decode<'c> = Box<dyn FnOnce() -> Result<Request, Failure> + Send + 'c>;

impl<'c> Opened<'c> {
    /// A call of this operation with this proof, which says what `decode` reads.
    pub fn new(
        operation: &'static Operation,
        proof: Proof<'c>,
        decode: impl FnOnce() -> Result<Request, Failure> + Send + 'c,
    ) -> Self {
        Self { operation, proofs: vec![proof], signed: None, echo: None, decode: Box::new(decode) }
    }

    /// With one proof more, which must hold as well.
    #[must_use]
    pub fn and(mut self, proof: Proof<'c>) -> Self {
        self.proofs.push(proof);
        self
    }

    /// Good for a time only.
    #[must_use]
    pub const fn signed(mut self, at: DateTime<Utc>, within: TimeDelta) -> Self {
        self.signed = Some(Signed { at, within });
        self
    }

    /// Called this by its caller.
    #[must_use]
    pub fn called(mut self, echo: Option<String>) -> Self {
        self.echo = echo;
        self
    }

    /// What the call says, if every proof holds under one of the secrets, and is not stale by the
    /// clock.
    ///
    /// # Errors
    /// [`Failure::BadSignature`], [`Failure::Stale`]; [`Failure::BadRequest`] with what is wrong, for
    /// the reply and the log.
    pub fn believed(
        self,
        secrets: &Secrets,
        now: impl FnOnce() -> DateTime<Utc>,
    ) -> Result<Request, Failure> {
        if self.proofs.is_empty() || !self.proofs.iter().all(|proof| secrets.verify(proof)) {
            return Err(Failure::BadSignature);
        }
        if self.signed.is_some_and(|signed| (now() - signed.at).abs() > signed.within) {
            return Err(Failure::Stale);
        }
        (self.decode)()
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

/// One kind of call. Several may have one path: which it is, the adapter says when it opens the
/// call.
#[derive(Debug, PartialEq, Eq)]
pub struct Operation {
    /// For metrics, logs and the adapter's own dispatch.
    pub name: &'static str,
    /// How it is called.
    pub verb: Verb,
    /// Every spelling of the path below the provider's prefix, without a leading slash.
    pub paths: &'static [&'static str],
}

impl Operation {
    /// One that is called by `POST`.
    pub const fn post(name: &'static str, paths: &'static [&'static str]) -> Self {
        Self { name, verb: Verb::Post, paths }
    }

    /// One that is called by `GET`.
    pub const fn get(name: &'static str, paths: &'static [&'static str]) -> Self {
        Self { name, verb: Verb::Get, paths }
    }

    /// True for a call of it, or of another that has the same path.
    pub fn is_called_by(&self, method: &Method, path: &str) -> bool {
        let verb = match self.verb {
            Verb::Post => Method::POST,
            Verb::Get => Method::GET,
        };
        verb == *method && self.paths.contains(&path)
    }
}

/// The methods by which protocols call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// With a body.
    Post,
    /// With a query alone.
    Get,
}

/// A call as it came in, with its whole body.
#[derive(Debug)]
pub struct RawCall<'a> {
    /// Which one, or one of those with the same path.
    pub operation: &'static Operation,
    /// The path with its query, as received.
    pub path_and_query: &'a str,
    /// As received.
    pub headers: &'a HeaderMap,
    /// As received, within the body limit.
    pub body: &'a [u8],
}

impl<'a> RawCall<'a> {
    /// The query, as received; empty where there is none.
    pub fn query(&self) -> &'a str {
        self.path_and_query.split_once('?').map_or("", |(_, query)| query)
    }

    /// A header that is text; `None` where it is missing or is no text.
    pub fn header(&self, name: &str) -> Option<&'a str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
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

/// What goes back over HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The media type.
    pub content_type: &'static str,
    /// What the protocol wants in the head beside it.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The body.
    pub body: String,
}

impl Reply {
    /// A JSON body.
    pub fn json(status: u16, body: &impl serde::Serialize) -> Self {
        // The bodies are plain structs of text and numbers: nothing in them can fail.
        let body = serde_json::to_string(body).unwrap_or_else(|_| "{}".to_owned());
        Self { status, content_type: "application/json", headers: Vec::new(), body }
    }
}

/// When the provider says it happened, from Unix milliseconds; `None` before 1970 and after
/// 9999, where it is no time of day any more and not every store could keep it.
pub fn from_unix_ms(ms: i64) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp_millis(ms).filter(|_| (0..=253_402_300_799_999).contains(&ms))
}
