//! `[providers.<slug>.feed]`: what a provider's own list of transactions looks like.

use std::collections::BTreeMap;

use chrono::{DateTime, FixedOffset, NaiveDateTime, Utc};
use serde::Deserialize;

/// A provider's list, as configured; the meanings stand in `defaults.toml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "every key is explained in defaults.toml")]
pub struct Feed {
    #[serde(default)]
    pub skip_lines: usize,
    #[serde(default = "comma")]
    pub delimiter: char,
    #[serde(default = "rfc3339")]
    pub time_format: String,
    #[serde(default = "utc")]
    pub utc_offset: String,
    #[serde(default)]
    pub minor_digits: u32,
    #[serde(default)]
    pub sign: Sign,
    #[serde(default)]
    pub zero_amounts: bool,
    pub columns: Columns,
    pub types: BTreeMap<String, FeedType>,
}

/// The names of the columns.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "every key is explained in defaults.toml")]
pub struct Columns {
    pub tx_id: String,
    #[serde(rename = "type")]
    pub kind: String,
    pub amount: String,
    pub time: String,
    pub currency: Option<String>,
    pub player: Option<String>,
    pub round: Option<String>,
}

/// What one of the feed's words means.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeedType {
    /// What such a row is to us.
    pub kind: FeedKind,
    /// The key in the ledger, of the feed's columns in braces.
    #[serde(default = "as_it_is")]
    pub tx_id: String,
}

/// What a feed's row is to us.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum FeedKind {
    /// Takes from the player.
    Debit,
    /// Gives to the player.
    Credit,
    /// Gives a stake back.
    Reverse,
    /// A correction, which has a sign of its own.
    Adjust,
    /// Nothing that moves money.
    Ignore,
}

/// How the feed writes which way money goes.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Sign {
    /// Not at all: debits take, all others give. A correction has its sign.
    #[default]
    ByKind,
    /// As the player's balance moves.
    Player,
    /// The other way round.
    House,
}

const fn comma() -> char {
    ','
}

fn rfc3339() -> String {
    "rfc3339".to_owned()
}

fn utc() -> String {
    "+00:00".to_owned()
}

fn as_it_is() -> String {
    "{tx_id}".to_owned()
}

impl Feed {
    /// What is wrong with it.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        for (good, what) in [
            (self.delimiter.is_ascii(), "delimiter: must be one ASCII character"),
            (self.minor_digits <= 18, "minor_digits: must be 0 to 18"),
            (self.offset().is_some(), "utc_offset: must be such as \"+00:00\""),
            (!self.types.is_empty(), "types: must name the feed's words"),
        ] {
            if !good {
                faults.push(format!("feed.{what}"));
            }
        }
        for (word, kind) in &self.types {
            let named = ["{tx_id}", "{player_length}", "{player}", "{round}"];
            let rest = named.iter().fold(kind.tx_id.clone(), |text, name| text.replace(name, ""));
            if rest.contains(['{', '}']) || rest == kind.tx_id {
                let known = "has to be made of {tx_id}, {player}, {player_length} and {round}";
                faults.push(format!("feed.types.{word}.tx_id: {known}"));
            }
        }
        faults
    }

    fn offset(&self) -> Option<FixedOffset> {
        self.utc_offset.parse().ok()
    }

    /// A time as the feed writes it.
    pub fn time(&self, text: &str) -> Option<DateTime<Utc>> {
        match self.time_format.as_str() {
            "unix_ms" => DateTime::from_timestamp_millis(text.parse().ok()?),
            "unix_s" => DateTime::from_timestamp(text.parse().ok()?, 0),
            "rfc3339" => Some(DateTime::parse_from_rfc3339(text).ok()?.to_utc()),
            format if format.contains("%z") || format.contains("%:z") => {
                Some(DateTime::parse_from_str(text, format).ok()?.to_utc())
            }
            format => {
                let local = NaiveDateTime::parse_from_str(text, format).ok()?;
                Some(local.and_local_timezone(self.offset()?).single()?.to_utc())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feed(more: &str) -> Feed {
        let text = format!(
            "columns = {{ tx_id = \"id\", type = \"t\", amount = \"a\", time = \"at\" }}\n\
             types = {{ B = {{ kind = \"debit\" }} }}\n{more}"
        );
        toml::from_str(&text).expect("a feed")
    }

    #[test]
    fn a_feeds_times_are_read_in_its_own_zone() {
        let local = feed("time_format = \"%Y-%m-%d %H:%M:%S\"\nutc_offset = \"+02:00\"");
        let at = local.time("2026-10-01 09:30:00").expect("a time");
        assert_eq!(at.to_rfc3339(), "2026-10-01T07:30:00+00:00");
        assert_eq!(feed("").time("2026-10-01T09:30:00+02:00"), Some(at));
        assert_eq!(feed("time_format = \"unix_ms\"").time("1790839800000"), Some(at));
        assert_eq!(feed("time_format = \"unix_s\"").time("1790839800"), Some(at));
        assert_eq!(feed("").time("yesterday"), None);
    }

    #[test]
    fn a_mapping_that_cannot_be_used_is_refused() {
        assert!(feed("").faults().is_empty());
        assert_eq!(feed("utc_offset = \"here\"\nminor_digits = 19").faults().len(), 2);
        let mut odd = feed("");
        let kind = FeedType { kind: FeedKind::Reverse, tx_id: "~refund:{reference}".to_owned() };
        odd.types.insert("R".to_owned(), kind);
        assert_eq!(odd.faults().len(), 1);
    }
}
