//! `wallet reconcile-provider`: a provider's own list of transactions against the ledger.

use std::time::Duration;

use anyhow::Context;

use super::arguments::ProviderList;
use super::print::print;
use crate::app::database_config;
use crate::config::Config;
use crate::core::ProviderId;
use crate::feed::{self, List};
use crate::store::{DatabaseMonitor, Standby, connect_back_office};

/// The longest that one of the comparison's statements may take.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(60);

/// The provider's list and the ledger were compared, and are not the same.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the provider's list and the ledger are not the same")]
pub(super) struct NotTheSame;

/// Compares, and prints the report.
///
/// # Errors
/// [`NotTheSame`], and whatever stands in the way of comparing.
pub(super) async fn run(config: &Config, arguments: ProviderList) -> anyhow::Result<()> {
    let id = ProviderId::parse(&arguments.provider).context("--provider")?;
    let provider = config.providers.get(&id);
    let provider = provider.with_context(|| format!("there is no [providers.{id}]"))?;
    let format = provider.feed.as_ref();
    let format = format.with_context(|| {
        format!("[providers.{id}.feed] is missing: it says what the provider's list looks like")
    })?;
    let database = database_config(&config.database);
    let no_url = |_| anyhow::anyhow!("database.url is no URL");
    let monitor = DatabaseMonitor::start(&database, Standby::Read).map_err(no_url)?;
    let pool = connect_back_office(&database, 1, STATEMENT_TIMEOUT, &monitor).map_err(no_url)?;
    let list = List { file: arguments.file, from: arguments.from, to: arguments.to };
    let report = feed::compare(&pool, &id, format, &list).await?;
    if let Some(path) = &arguments.html {
        std::fs::write(path, report.to_html()?)
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    print(if arguments.run.json { serde_json::to_string(&report)? } else { report.to_text() })?;
    if !report.agrees {
        return Err(NotTheSame.into());
    }
    Ok(())
}
