//! What stands under an idempotency key, and what may be answered from it.
//!
//! `p:<token>`: an attempt is on its way, or died on it.
//! `d:<fingerprint>:<version>:<outcomes>`: decided, as the wallet reached that version.

use std::fmt::Write as _;

use chrono::DateTime;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::balances::CachedBalance;
use crate::core::{Entry, Outcome, Reason, Receipt, RowOutcome};

/// What Redis knows of a command. A hint, except for [`Claimed::Finished`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claimed {
    /// Nobody has come with it within the claim's lifetime, as far as Redis remembers.
    New,
    /// Somebody has. The database knows what came of it; expect a repeat.
    Seen,
    /// It was decided and nothing was decided for this player since: the outcomes as a repeat
    /// gets them, with the current balance.
    Finished(Receipt),
    /// Redis is not there.
    Unavailable,
}

/// One outcome as a repeat will get it.
#[derive(Serialize, Deserialize)]
enum Remembered {
    #[serde(rename = "r")]
    Replayed(Kept),
    #[serde(rename = "c")]
    Cancelled(Kept),
    #[serde(rename = "m")]
    Mismatch(Kept),
    #[serde(rename = "f")]
    Refused(Reason, Option<Kept>),
}

/// An entry without the names of its fields, in their order: half the bytes.
#[derive(Serialize, Deserialize)]
struct Kept(Uuid, RowOutcome, Option<Reason>, i64, i64, Option<i64>, i64, bool);

impl Kept {
    const fn of(entry: Entry) -> Self {
        Self(
            entry.transaction_id,
            entry.outcome,
            entry.reason,
            entry.amount_micros,
            entry.shortfall_micros,
            entry.balance_after_micros,
            entry.created_at.timestamp_micros(),
            entry.reversed,
        )
    }

    fn entry(self) -> Option<Entry> {
        Some(Entry {
            transaction_id: self.0,
            outcome: self.1,
            reason: self.2,
            amount_micros: self.3,
            shortfall_micros: self.4,
            balance_after_micros: self.5,
            created_at: DateTime::from_timestamp_micros(self.6)?,
            reversed: self.7,
        })
    }
}

impl Remembered {
    /// `None` for what is not decided, or would be decided afresh if it came again.
    fn of(outcome: &Outcome) -> Option<Self> {
        match *outcome {
            Outcome::Applied(entry) | Outcome::NoEffect(entry) | Outcome::Replayed(entry) => {
                Some(Self::Replayed(Kept::of(entry)))
            }
            Outcome::Cancelled(entry) => Some(Self::Cancelled(Kept::of(entry))),
            Outcome::Mismatch(entry) => Some(Self::Mismatch(Kept::of(entry))),
            Outcome::Refused { reason, entry, .. } if reason.is_remembered() => {
                Some(Self::Refused(reason, entry.map(Kept::of)))
            }
            Outcome::Refused { .. } | Outcome::Parked(_) => None,
        }
    }

    /// `None` for a time that is none.
    fn outcome(self) -> Option<Outcome> {
        Some(match self {
            Self::Replayed(kept) => Outcome::Replayed(kept.entry()?),
            Self::Cancelled(kept) => Outcome::Cancelled(kept.entry()?),
            Self::Mismatch(kept) => Outcome::Mismatch(kept.entry()?),
            Self::Refused(reason, None) => Outcome::Refused { reason, entry: None, replayed: true },
            Self::Refused(reason, Some(kept)) => {
                Outcome::Refused { reason, entry: Some(kept.entry()?), replayed: true }
            }
        })
    }
}

/// The value of a finished command. `None` when a repeat has to be decided by the database:
/// something is parked, or was refused without being remembered.
pub(super) fn encode(fingerprint: i64, receipt: &Receipt) -> Option<String> {
    let outcomes: Vec<Remembered> =
        receipt.outcomes.iter().map(Remembered::of).collect::<Option<_>>()?;
    let json = serde_json::to_string(&outcomes).ok()?;
    let mut value = String::with_capacity(48 + json.len());
    write!(value, "d:{fingerprint}:{}:{json}", receipt.version).ok()?;
    Some(value)
}

/// What follows from the value that stood under the key, and the balance beside it.
pub(super) fn read(
    value: &str,
    own_token: &str,
    fingerprint: i64,
    balance: Option<&str>,
) -> Claimed {
    if value == own_token {
        // The client sent its claim twice and the first one arrived.
        return Claimed::New;
    }
    finished(value, fingerprint, balance).map_or(Claimed::Seen, Claimed::Finished)
}

fn finished(value: &str, fingerprint: i64, balance: Option<&str>) -> Option<Receipt> {
    let (named, rest) = value.strip_prefix("d:")?.split_once(':')?;
    let (version, outcomes) = rest.split_once(':')?;
    if named.parse() != Ok(fingerprint) {
        return None;
    }
    let current = CachedBalance::decode(balance?)?;
    // Anything decided since, such as a refund of this very bet, has raised the version.
    if version.parse() != Ok(current.version) {
        return None;
    }
    let outcomes: Vec<Remembered> = serde_json::from_str(outcomes).ok()?;
    if outcomes.is_empty() {
        return None;
    }
    Some(Receipt {
        currency: current.currency,
        balance: current.balance,
        version: current.version,
        status: current.status,
        outcomes: outcomes.into_iter().map(Remembered::outcome).collect::<Option<_>>()?,
    })
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};
    use uuid::Uuid;

    use super::*;
    use crate::core::{Currency, Micros, PlayerStatus, RowOutcome};

    fn entry() -> Entry {
        Entry {
            transaction_id: Uuid::from_u128(7),
            outcome: RowOutcome::Applied,
            reason: Some(Reason::Unmatched),
            amount_micros: -5_000_000,
            shortfall_micros: 0,
            balance_after_micros: Some(i64::MAX),
            created_at: DateTime::<Utc>::from_timestamp_micros(1_700_000_000_123_456).unwrap(),
            reversed: false,
        }
    }

    fn receipt(outcomes: Vec<Outcome>) -> Receipt {
        Receipt {
            currency: Currency::parse("EUR").unwrap(),
            balance: Micros::new(95_000_000),
            version: 3,
            status: PlayerStatus::Active,
            outcomes,
        }
    }

    fn refused(reason: Reason, replayed: bool) -> Outcome {
        Outcome::Refused { reason, entry: Some(entry()), replayed }
    }

    const BALANCE: Option<&str> = Some("3|95000000|EUR|active");

    #[test]
    fn outcomes_come_back_in_their_replayed_form() {
        let first = receipt(vec![
            Outcome::Applied(entry()),
            Outcome::NoEffect(entry()),
            Outcome::Replayed(entry()),
            Outcome::Cancelled(entry()),
            Outcome::Mismatch(entry()),
            refused(Reason::InsufficientFunds, false),
        ]);
        let again = receipt(vec![
            Outcome::Replayed(entry()),
            Outcome::Replayed(entry()),
            Outcome::Replayed(entry()),
            Outcome::Cancelled(entry()),
            Outcome::Mismatch(entry()),
            refused(Reason::InsufficientFunds, true),
        ]);
        let value = encode(-9, &first).unwrap();
        assert_eq!(read(&value, "p:1", -9, BALANCE), Claimed::Finished(again));
    }

    #[test]
    fn what_would_be_decided_afresh_is_not_kept() {
        for outcome in [
            Outcome::Parked(entry()),
            refused(Reason::PlayerUnknown, false),
            refused(Reason::DebitUnknown, false),
            refused(Reason::CurrencyMismatch, false),
        ] {
            assert_eq!(encode(1, &receipt(vec![Outcome::Applied(entry()), outcome])), None);
        }
    }

    #[test]
    fn a_finished_command_is_answered_only_with_its_fingerprint_and_an_equal_version() {
        let value = encode(1, &receipt(vec![Outcome::Applied(entry())])).unwrap();
        assert!(matches!(read(&value, "p:1", 1, BALANCE), Claimed::Finished(_)));
        assert_eq!(read(&value, "p:1", 2, BALANCE), Claimed::Seen);
        assert_eq!(read(&value, "p:1", 1, None), Claimed::Seen);
        assert_eq!(read(&value, "p:1", 1, Some("4|95000000|EUR|active")), Claimed::Seen);
        assert_eq!(read(&value, "p:1", 1, Some("2|95000000|EUR|active")), Claimed::Seen);
        assert_eq!(read(&value, "p:1", 1, Some("3")), Claimed::Seen);
    }

    #[test]
    fn an_attempts_own_token_is_no_repeat() {
        assert_eq!(read("p:1", "p:1", 1, None), Claimed::New);
        assert_eq!(read("p:12", "p:1", 1, None), Claimed::Seen);
    }

    #[test]
    fn what_cannot_be_read_is_seen() {
        for value in ["", "d:", "d:1", "d:1:3", "d:1:3:", "d:1:3:[]", "d:1:3:{}", "d:x:3:[]", "?"] {
            assert_eq!(read(value, "p:1", 1, BALANCE), Claimed::Seen, "{value}");
        }
    }
}
