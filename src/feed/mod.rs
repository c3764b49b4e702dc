//! A provider's own list of transactions against our ledger: `wallet reconcile-provider`.
//!
//! - `entry`: a row of the list in our words, by the configured mapping;
//! - `compare`: the list against the ledger, then the ledger against the list;
//! - `spill`: keys and rows on disk, so that a list of any length fits;
//! - `report`: what came of it; `table` and `html` show it to people.
//!
//! Nothing here knows SQL, Redis, HTTP or any protocol's word.

mod compare;
mod entry;
mod html;
mod report;
mod spill;
mod table;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use chrono::{DateTime, Utc};

use crate::app::database_config;
use crate::cli;
use crate::config::Config;
use crate::core::ProviderId;
use crate::store::{Lookout, Standby, connect_office};

/// The longest that one of the comparison's statements may take.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(60);

/// What is to be compared, and how to say what came of it.
#[derive(Clone, Debug)]
pub struct Errand {
    /// Whose list it is.
    pub provider: String,
    /// Where it is.
    pub file: PathBuf,
    /// Leave out what is older; the list's first row where it is `None`.
    pub from: Option<DateTime<Utc>>,
    /// Leave out this and what is younger; the list's last row where it is `None`.
    pub to: Option<DateTime<Utc>>,
    /// Print JSON instead of a table.
    pub json: bool,
    /// Also write a page here.
    pub html: Option<PathBuf>,
}

/// The provider's list and the ledger were compared, and are not the same.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the provider's list and the ledger are not the same")]
pub struct NotTheSame;

/// Compares, and prints what came of it.
///
/// # Errors
/// [`NotTheSame`], and whatever stands in the way of comparing.
pub async fn run(config: Config, errand: Errand) -> anyhow::Result<()> {
    let id = ProviderId::parse(&errand.provider).context("--provider")?;
    let provider = config.providers.get(&id);
    let provider = provider.with_context(|| format!("there is no [providers.{id}]"))?;
    let feed = provider.feed.as_ref();
    let feed = feed.with_context(|| {
        format!("[providers.{id}.feed] is missing: it says what the provider's list looks like")
    })?;
    let database = database_config(&config.database);
    let no_url = |_| anyhow::anyhow!("database.url is no URL");
    let lookout = Lookout::start(&database, Standby::Read).map_err(no_url)?;
    let pool = connect_office(&database, 1, STATEMENT_TIMEOUT, &lookout).map_err(no_url)?;
    let report = compare::run(&pool, &id, feed, &errand).await?;
    if let Some(path) = &errand.html {
        std::fs::write(path, html::page(&report))
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    if errand.json {
        cli::print(serde_json::to_string(&report)?)?;
    } else {
        cli::print(table::text(&report))?;
    }
    if !report.agrees {
        return Err(NotTheSame.into());
    }
    Ok(())
}
