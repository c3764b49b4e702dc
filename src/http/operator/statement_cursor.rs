//! Where a statement by pages goes on.
//!
//! A page names the period as the first page found it: rows that arrive meanwhile change neither
//! its closing balance nor where it ends, and no page has to look for either again.

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};

use crate::core::{Micros, PlayerId};
use crate::store::ledger::statement::{Mark, Period};

/// What a statement is asked of: a cursor goes on with the same alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatementRequest {
    /// Whose.
    pub player: PlayerId,
    /// Not before this millisecond.
    pub from: Option<DateTime<Utc>>,
    /// Before this millisecond.
    pub to: Option<DateTime<Utc>>,
    /// Also entries that moved nothing.
    pub all: bool,
}

/// A place in a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The version of the last entry before it.
    pub after: i64,
    /// As the first page found it.
    pub period: Period,
}

impl Cursor {
    /// As a reply shows it.
    pub fn text(&self, request: &StatementRequest) -> String {
        let Self { after, period: Period { opening, closing } } = self;
        let text = format!(
            "{after}.{}.{}.{}.{}",
            opening.version,
            opening.balance.get(),
            closing.version,
            closing.balance.get()
        );
        let check = check(&text, request);
        format!("{text}.{check}")
    }

    /// As a call names it.
    ///
    /// # Errors
    /// Words for the caller, also for a cursor of another statement.
    pub fn parse(text: &str, request: &StatementRequest) -> Result<Self, &'static str> {
        Self::read(text, request).ok_or("is not the `next_cursor` of a page of this statement")
    }

    fn read(text: &str, request: &StatementRequest) -> Option<Self> {
        let (text, sum) = text.rsplit_once('.')?;
        if sum != check(text, request) {
            return None;
        }
        let mut parts = text.split('.');
        let after = parts.next()?.parse().ok()?;
        let mut mark = || {
            let version = parts.next()?.parse().ok()?;
            Some(Mark { version, balance: Micros::new(parts.next()?.parse().ok()?) })
        };
        let period = Period { opening: mark()?, closing: mark()? };
        parts.next().is_none().then_some(Self { after, period })
    }
}

/// No secret: it tells a cursor of another statement, or one that lost a digit on its way.
fn check(text: &str, StatementRequest { player, from, to, all }: &StatementRequest) -> String {
    let time = |at: &Option<DateTime<Utc>>| at.map(|at| at.timestamp_millis());
    let whole = format!("{text} {:?} {:?} {all} {player}", time(from), time(to));
    let mut sum = hex::encode(Sha256::digest(whole));
    sum.truncate(16);
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(player: &str) -> StatementRequest {
        let player = PlayerId::parse(player).expect("an id");
        StatementRequest { player, from: None, to: DateTime::from_timestamp_millis(1), all: false }
    }

    #[test]
    fn a_cursor_goes_on_with_its_own_statement_alone() {
        let mark = |version, micros| Mark { version, balance: Micros::new(micros) };
        let period = Period { opening: mark(1, 100_000_000), closing: mark(9, 98_500_000) };
        let cursor = Cursor { after: 5, period };
        let ann = request("ann");
        let text = cursor.text(&ann);
        assert_eq!(Cursor::parse(&text, &ann), Ok(cursor));
        for other in [
            request("bob"),
            StatementRequest { from: ann.to, ..ann.clone() },
            StatementRequest { to: None, ..ann.clone() },
            StatementRequest { all: true, ..ann.clone() },
        ] {
            assert!(Cursor::parse(&text, &other).is_err(), "{other:?}");
        }
        let altered = text.replacen("98500000", "99500000", 1);
        for bad in ["", "57", "a.b", &altered, &text[1..], &format!("{text}.")] {
            assert!(Cursor::parse(bad, &ann).is_err(), "{bad}");
        }
    }
}
