//! The seam between a provider's wire format and the core. An adapter is synchronous and
//! pure: bytes in, command out; outcome in, bytes out. It has no clock, no store, no await.

use std::fmt;

use axum::http::{HeaderName, HeaderValue};
use chrono::{DateTime, TimeDelta, Utc};
use secrecy::SecretString;

use super::call::{Opened, Operation, RawCall};
use super::failure::Failure;
use super::issues::Issues;
use crate::core::{
    Amount, Command, Currency, Exchange, GameId, IssueCall, Movement, PlayerId, Policy, Receipt,
    Reversible, TokenHash, TxId,
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

/// A call that does not name its player.
pub struct Unnamed {
    /// Whose token came with it. A token is one player's for ever, also when it has ended.
    pub token: TokenHash,
    /// Where nobody knows the token: whoever has the movement under this key.
    pub or_of: Option<TxId>,
    /// What the call asks for, now that its player is known.
    pub read: Box<dyn FnOnce(PlayerId) -> Result<Request, Failure> + Send + Sync>,
}

impl fmt::Debug for Unnamed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unnamed").field("or_of", &self.or_of).finish_non_exhaustive()
    }
}

/// What a call asks for.
#[derive(Debug)]
pub enum Request {
    /// Who is behind a launch token?
    Authenticate {
        /// The token, for those protocols that repeat it in the answer. Never logged.
        token: SecretString,
        /// Whose token it must be, where the protocol says so.
        player: Option<PlayerId>,
        /// The wallet's currency, where the protocol names it.
        currency: Option<Currency>,
        /// The game that is being opened; refused when it is off.
        game: Option<GameId>,
        /// What becomes of the token.
        exchange: Exchange,
    },
    /// A launch token for a player, where the protocol has a call for it.
    Launch {
        /// Whose.
        player: PlayerId,
        /// How long it is good.
        lifetime: TimeDelta,
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
    /// Something for a player whom the call does not name.
    Unnamed(Unnamed),
    /// Something about an issue of free rounds: what it is, [`Issues::request`] says once it is
    /// known whose the issue is.
    Issue(IssueCall),
}

/// What to tell the provider.
#[derive(Debug)]
pub enum Answer<'a> {
    /// The command was executed (which says nothing about success).
    Executed(&'a Receipt),
    /// The player behind a token.
    Authenticated {
        /// Who, and what they have.
        player: &'a PlayerView,
        /// The token that counts from now on, where it is a new one of ours.
        token: Option<&'a SecretString>,
    },
    /// The player of a balance or an acknowledgement.
    Player(&'a PlayerView),
    /// It came to nothing.
    Failed(&'a Failure),
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
