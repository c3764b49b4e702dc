//! Names of things, parsed once at the edge: none is empty, over-long or holds a control
//! character, so each can be stored, logged and compared as it is.

use std::fmt;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use uuid::Uuid;

/// Why a text is no id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Nothing there.
    #[error("empty")]
    Empty,
    /// More bytes than the id may have.
    #[error("longer than {0} bytes")]
    TooLong(usize),
    /// A control character, such as a line break or NUL.
    #[error("has a control character")]
    Control,
    /// What means another place wherever it stands in a path.
    #[error("is `.` or `..`")]
    Dots,
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $max:literal $(, $dots:pat)?) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The most bytes it may have.
            pub const MAX_BYTES: usize = $max;

            /// Checks and keeps the text.
            ///
            /// # Errors
            /// [`IdError`] when the text is empty, too long or has a control character, or means
            /// another place in a path that it stands in.
            pub fn parse(text: impl AsRef<str>) -> Result<Self, IdError> {
                let text = text.as_ref();
                match text {
                    "" => Err(IdError::Empty),
                    $($dots => Err(IdError::Dots),)?
                    _ if text.len() > $max => Err(IdError::TooLong($max)),
                    _ if text.chars().any(char::is_control) => Err(IdError::Control),
                    _ => Ok(Self(Arc::from(text))),
                }
            }

            /// The text as it came.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_id!(
    /// The slug of one configured counterparty, such as `pragmatic` or `pragmatic-brand2`.
    ProviderId, 64
);
text_id!(
    /// The operator's id of a player, case-sensitive.
    PlayerId, 100, "." | ".."
);
text_id!(
    /// The idempotency key of a movement, unique per provider; built by the adapter.
    TxId, 400
);
text_id!(
    /// The provider's id of a game round, which may stay open without limit.
    RoundId, 255
);
text_id!(
    /// The provider's id of a game.
    GameId, 255, "." | ".."
);

text_id!(
    /// The provider's id of an issue of free rounds.
    IssueId, 255
);

/// A currency code, ISO 4217 or a crypto ticker: 3 to 10 capital letters or digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency(Arc<str>);

impl Currency {
    /// Checks and keeps the code, exactly as written.
    ///
    /// # Errors
    /// [`CurrencyError`] when it is not 3 to 10 capital letters or digits.
    pub fn parse(text: impl AsRef<str>) -> Result<Self, CurrencyError> {
        let text = text.as_ref();
        let fits = (3..=10).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
        if fits { Ok(Self(Arc::from(text))) } else { Err(CurrencyError) }
    }

    /// The code.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A text that is no currency code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a currency code of 3 to 10 capital letters or digits")]
pub struct CurrencyError;

/// Where a movement is remembered: unique over the whole ledger.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// Whose movement it is.
    pub provider: ProviderId,
    /// The movement's own idempotency key.
    pub tx_id: TxId,
}

/// The operator's id of a movement: a UUIDv7, 32 hex characters on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TransactionId(Uuid);

impl TransactionId {
    /// Takes a UUID that was made for this purpose.
    pub const fn new(id: Uuid) -> Self {
        Self(id)
    }

    /// The id as stored.
    pub const fn uuid(self) -> Uuid {
        self.0
    }
}

impl fmt::Display for TransactionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0.simple(), f)
    }
}

/// SHA-256 of a session token. The token itself is never kept, logged or shown.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    /// Hashes a token as it came over the wire.
    pub fn of(token: &str) -> Self {
        Self(Sha256::digest(token.as_bytes()).into())
    }

    /// The hash as stored.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash(…)")
    }
}
