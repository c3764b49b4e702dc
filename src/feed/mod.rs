//! A provider's own list of transactions against our ledger.
//!
//! - `entry`: a row of the list in our words, by the configured mapping;
//! - `compare`: the list against the ledger, then the ledger against the list;
//! - `spill`: keys and rows on disk, so that a list of any length fits;
//! - `report`: what differs; `tables` of it, shown as `text` and as `html`.
//!
//! Nothing here knows SQL, Redis, HTTP or any protocol's word.

mod compare;
mod entry;
mod html;
mod report;
mod spill;
mod tables;
mod text;

use std::path::PathBuf;

use chrono::{DateTime, Utc};

pub use compare::compare;
pub use report::Report;

/// A provider's list, and the period that is compared.
#[derive(Clone, Debug)]
pub struct List {
    /// Where it is.
    pub file: PathBuf,
    /// Leave out what is older; the list's first row where it is `None`.
    pub from: Option<DateTime<Utc>>,
    /// Leave out this and what is younger; the list's last row where it is `None`.
    pub to: Option<DateTime<Utc>>,
}

impl Report {
    /// For a terminal.
    pub fn to_text(&self) -> String {
        text::text(self)
    }

    /// A page that can be sent on.
    ///
    /// # Errors
    /// A fault of ours.
    pub fn to_html(&self) -> anyhow::Result<String> {
        Ok(html::page(self)?)
    }
}
