//! A call as it comes in: which operation it is, what its sender offers as proof, and what it says once
//! that holds.

use axum::http::{HeaderMap, Method};
use chrono::{DateTime, TimeDelta, Utc};

use super::signature::{Proof, Secrets};
use super::{Failure, Request};

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

/// A call taken apart, and not believed yet.
pub struct Opened<'c> {
    /// Which operation it is: the one of its path, unless its contents say.
    pub operation: &'static Operation,
    /// What the caller offers, each the scheme, the signed bytes, and the signature. All of them must
    /// hold, and there is at least one, except where the address says enough.
    pub proofs: Vec<Proof<'c>>,
    /// When it was signed, in a protocol that says so.
    pub signed: Option<Signed>,
    /// What the caller calls it; see [`Asked::echo`].
    pub echo: Option<String>,
    by_address: bool,
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
        Self {
            operation,
            proofs: vec![proof],
            signed: None,
            echo: None,
            by_address: false,
            decode: Box::new(decode),
        }
    }

    /// A call that offers no proof and is believed because of where it comes from. Only for a
    /// provider whose settings say so and that is walled ([`Setup::is_walled`]): whoever calls from
    /// elsewhere was refused before.
    ///
    /// [`Setup::is_walled`]: super::Setup::is_walled
    pub fn by_address(
        operation: &'static Operation,
        decode: impl FnOnce() -> Result<Request, Failure> + Send + 'c,
    ) -> Self {
        Self {
            operation,
            proofs: Vec::new(),
            signed: None,
            echo: None,
            by_address: true,
            decode: Box::new(decode),
        }
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
        let offers_nothing = self.proofs.is_empty() && !self.by_address;
        if offers_nothing || !self.proofs.iter().all(|proof| secrets.verify(proof)) {
            return Err(Failure::BadSignature);
        }
        if self.signed.is_some_and(|signed| (now() - signed.at).abs() > signed.within) {
            return Err(Failure::Stale);
        }
        (self.decode)()
    }
}
