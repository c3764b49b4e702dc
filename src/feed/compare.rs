//! The comparison, in three passes of bounded memory: the list against the ledger by key, the
//! ledger of the same time onto disk, and what of it the list does not name.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{BufRead, BufReader};

use anyhow::Context;
use chrono::{DateTime, TimeDelta, Utc};
use csv::{Reader, ReaderBuilder, StringRecord};

use super::List;
use super::entry::{Entry, Mapping};
use super::report::{Draft, Finding, Kind, Report, UNKNOWN};
use super::spill::Spill;
use crate::config::Feed;
use crate::core::{Micros, ProviderId};
use crate::store::PgPool;
use crate::store::ledger::provider_rows::{self, ProviderRow, Walk};

/// Rows of the list that are looked up together.
const TOGETHER: usize = 1000;
/// Rows of the ledger that are looked at in one statement.
const EXAMINE: u32 = 20_000;
/// How much earlier than the provider says a row may have come to us: its clock may be ahead.
const EARLIER: TimeDelta = TimeDelta::hours(1);
/// How much later: what was not answered is sent again for a day.
const LATER: TimeDelta = TimeDelta::hours(48);

/// Compares a list with the ledger.
///
/// # Errors
/// Where one of them cannot be read.
pub async fn compare(
    pool: &PgPool,
    provider: &ProviderId,
    feed: &Feed,
    list: &List,
) -> anyhow::Result<Report> {
    let mut comparison = Comparison {
        pool,
        provider,
        draft: Draft::new(provider.as_str(), list.file.display().to_string()),
        keys: Spill::new()?,
        seen: None,
    };
    comparison.read_list(feed, list).await?;
    let Some((first, last)) = comparison.seen else {
        // A list without rows says something only about a period that is named.
        let named = list.from.is_some() && list.to.is_some();
        if !named && comparison.draft.is_readable() {
            anyhow::bail!(
                "the list has no movement: say of which time it is, with --from and --to"
            );
        }
        return comparison.of_period(list.from, list.to).await;
    };
    // What happened in the list's last moment may have happened after it was made.
    let (from, to) = (list.from.unwrap_or(first), list.to.unwrap_or(last));
    comparison.of_period(Some(from), Some(to)).await
}

struct Comparison<'a> {
    pool: &'a PgPool,
    provider: &'a ProviderId,
    draft: Draft,
    /// The keys that the list names.
    keys: Spill,
    /// The times of its first and its last row.
    seen: Option<(DateTime<Utc>, DateTime<Utc>)>,
}

impl Comparison<'_> {
    // ---- The list against the ledger ----

    async fn read_list(&mut self, feed: &Feed, list: &List) -> anyhow::Result<()> {
        let mut rows = open(feed, list)?;
        let mapping = Mapping::new(feed, rows.headers()?).map_err(anyhow::Error::msg)?;
        let skipped = u64::try_from(feed.skip_lines)?;
        let mut record = StringRecord::new();
        let mut together = Vec::with_capacity(TOGETHER);
        loop {
            match rows.read_record(&mut record) {
                Ok(true) => {}
                Ok(false) => break,
                // What is no UTF-8 is one row's fault; anything else is the end of the list.
                Err(error) if matches!(error.kind(), csv::ErrorKind::Utf8 { .. }) => {
                    self.draft.count_row(false);
                    let line = error.position().map_or(0, csv::Position::line);
                    self.draft.note_unreadable(line + skipped, "it is no UTF-8".to_owned());
                    continue;
                }
                Err(error) => return Err(error.into()),
            }
            let line = record.position().map_or(0, csv::Position::line) + skipped;
            let entry = mapping.read(&record);
            let wanted = matches!(&entry, Ok(Some(entry)) if is_within(entry, list));
            self.draft.count_row(entry.is_ok() && !wanted);
            match entry {
                Ok(Some(entry)) if wanted => together.push(entry),
                Ok(_) => {}
                Err(error) => self.draft.note_unreadable(line, error),
            }
            if together.len() >= TOGETHER {
                self.look_up(&std::mem::take(&mut together)).await?;
            }
        }
        self.look_up(&together).await
    }

    async fn look_up(&mut self, entries: &[Entry]) -> anyhow::Result<()> {
        if entries.is_empty() {
            return Ok(());
        }
        let keys: Vec<&str> = entries.iter().map(|entry| entry.tx_id.as_str()).collect();
        let rows = provider_rows::under_keys(self.pool, self.provider, &keys).await?;
        let rows: HashMap<&str, &ProviderRow> =
            rows.iter().map(|row| (row.tx_id.as_str(), row)).collect();
        for entry in entries {
            let (first, last) = self.seen.unwrap_or((entry.at, entry.at));
            self.seen = Some((first.min(entry.at), last.max(entry.at)));
            let known = rows.get(entry.tx_id.as_str()).copied();
            self.remember(entry, known)?;
            self.judge(entry, known)?;
        }
        Ok(())
    }

    /// Keeps the key, and what the ledger has under it.
    fn remember(&mut self, entry: &Entry, known: Option<&ProviderRow>) -> anyhow::Result<()> {
        let ours = known.map(|row| row.amount.get().to_string()).unwrap_or_default();
        let at = entry.at.timestamp_millis().to_string();
        let cell = |text: &Option<String>| text.clone().unwrap_or_default();
        let currency = known.map(|row| row.currency.clone()).or(entry.currency.clone());
        let currency = currency.unwrap_or_else(|| UNKNOWN.to_owned());
        let (player, round) = (cell(&entry.player), cell(&entry.round));
        self.keys.push(&[&entry.tx_id, &ours, &currency, &player, &round, &at])
    }

    fn judge(&mut self, entry: &Entry, known: Option<&ProviderRow>) -> anyhow::Result<()> {
        let currency = entry.currency.clone().or(known.map(|row| row.currency.clone()));
        self.draft.add_theirs(currency.as_deref().unwrap_or(UNKNOWN), entry.amount)?;
        let Some(row) = known else {
            let missing = finding(entry, None, currency, Kind::MissingHere, None);
            return self.draft.note(missing);
        };
        self.draft.add_ours(&row.currency, row.amount)?;
        let same_amount = row.amount == entry.amount;
        let kind = if same_amount { Kind::DetailDiffers } else { Kind::AmountDiffers };
        let detail = differences(entry, row);
        if same_amount && detail.is_none() {
            return Ok(());
        }
        // One movement is one finding, so that it counts once in every sum …
        let differs = finding(entry, known, currency, kind, detail);
        let Some(theirs) = entry.currency.as_ref().filter(|theirs| **theirs != row.currency) else {
            return self.draft.note(differs);
        };
        // … but money of two currencies has no difference: each has its own half of it.
        let (theirs, ours) = (Some(theirs.clone()), Some(row.currency.clone()));
        self.draft.note(Finding { currency: theirs, ours: None, ..differs.clone() })?;
        self.draft.note(Finding { currency: ours, theirs: None, ..differs })
    }

    // ---- The ledger against the list ----

    async fn of_period(
        mut self,
        from: Option<DateTime<Utc>>,
        to: Option<DateTime<Utc>>,
    ) -> anyhow::Result<Report> {
        let mut ours = Spill::new()?;
        if let (Some(from), Some(to)) = (from, to) {
            let mut walk = Walk::over(from - EARLIER, to + LATER);
            while let Some(rows) =
                provider_rows::step(self.pool, self.provider, &mut walk, EXAMINE).await?
            {
                for row in rows.iter().filter(|row| from <= row.at && row.at < to) {
                    let (amount, at) =
                        (row.amount.get().to_string(), row.at.timestamp_millis().to_string());
                    let round = row.round.as_deref().unwrap_or_default();
                    let cells = [&row.tx_id, &amount, &row.currency, &row.player, round, &at];
                    ours.push(&cells)?;
                }
            }
        }
        let theirs = self.keys.read()?;
        for (theirs, ours) in theirs.zip(ours.read()?) {
            let mut named = HashSet::new();
            for row in theirs?.rows() {
                let row = row?;
                let key = row.get(0).unwrap_or_default();
                if !named.insert(key.to_owned()) {
                    let row = Stored::read(&row)?;
                    let once_more = row.amount;
                    if let Some(ours) = once_more {
                        self.draft.take_back_ours(&row.currency, ours)?;
                    }
                    self.draft.note(row.finding(Kind::ListedTwice, once_more, None))?;
                }
            }
            for row in ours?.rows() {
                let row = row?;
                if named.contains(row.get(0).unwrap_or_default()) {
                    continue;
                }
                let row = Stored::read(&row)?;
                let amount = row.amount;
                self.draft.add_ours(&row.currency, amount.unwrap_or_default())?;
                self.draft.note(row.finding(Kind::MissingThere, None, amount))?;
            }
        }
        self.draft.finish((from, to))
    }
}

/// A row that was on disk.
struct Stored {
    tx_id: String,
    /// By the ledger; `None` where it has no such key.
    amount: Option<Micros>,
    currency: String,
    player: String,
    round: String,
    at: DateTime<Utc>,
}

impl Stored {
    fn read(row: &StringRecord) -> anyhow::Result<Self> {
        let cell = |at: usize| row.get(at).unwrap_or_default();
        let at = DateTime::from_timestamp_millis(cell(5).parse()?);
        Ok(Self {
            tx_id: cell(0).to_owned(),
            amount: match cell(1) {
                "" => None,
                micros => Some(Micros::new(micros.parse()?)),
            },
            currency: cell(2).to_owned(),
            player: cell(3).to_owned(),
            round: cell(4).to_owned(),
            at: at.context("a time out of range")?,
        })
    }

    fn finding(self, kind: Kind, theirs: Option<Micros>, ours: Option<Micros>) -> Finding {
        let some = |text: String| (!text.is_empty()).then_some(text);
        Finding {
            kind,
            tx_id: self.tx_id,
            player: some(self.player),
            round: some(self.round),
            currency: Some(self.currency),
            theirs,
            ours,
            at: self.at,
            detail: None,
        }
    }
}

fn finding(
    entry: &Entry,
    known: Option<&ProviderRow>,
    currency: Option<String>,
    kind: Kind,
    detail: Option<String>,
) -> Finding {
    Finding {
        kind,
        tx_id: entry.tx_id.clone(),
        player: entry.player.clone().or(known.map(|row| row.player.clone())),
        round: entry.round.clone().or(known.and_then(|row| row.round.clone())),
        currency,
        theirs: Some(entry.amount),
        ours: known.map(|row| row.amount),
        at: entry.at,
        detail,
    }
}

/// What else there is to say of a movement that both know.
fn differences(entry: &Entry, row: &ProviderRow) -> Option<String> {
    let moved_nothing = row.amount != entry.amount && row.outcome != "applied";
    let outcome = moved_nothing.then(|| format!("{} here", row.outcome));
    let others = [
        ("player", &entry.player, Some(&row.player)),
        ("currency", &entry.currency, Some(&row.currency)),
        ("round", &entry.round, row.round.as_ref()),
    ];
    let others = others.into_iter().filter_map(|(name, theirs, ours)| {
        let (theirs, ours) = (theirs.as_ref()?, ours?);
        (theirs != ours).then(|| format!("{name} {theirs} there, {ours} here"))
    });
    let all: Vec<String> = outcome.into_iter().chain(others).collect();
    (!all.is_empty()).then(|| all.join("; "))
}

fn is_within(entry: &Entry, list: &List) -> bool {
    list.from.is_none_or(|from| from <= entry.at) && list.to.is_none_or(|to| entry.at < to)
}

fn open(feed: &Feed, list: &List) -> anyhow::Result<Reader<BufReader<File>>> {
    let path = &list.file;
    let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut file = BufReader::new(file);
    let mut skipped = Vec::new();
    for _ in 0..feed.skip_lines {
        skipped.clear();
        file.read_until(b'\n', &mut skipped)?;
    }
    let delimiter = u8::try_from(feed.delimiter).context("feed.delimiter")?;
    Ok(ReaderBuilder::new().delimiter(delimiter).flexible(true).from_reader(file))
}
