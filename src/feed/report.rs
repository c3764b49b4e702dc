//! What came of a comparison.

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat, SubsecRound as _, Utc};
use serde::{Serialize, Serializer};

use crate::core::Micros;

/// The most findings of one kind, rounds and unreadable rows that are named; all are counted.
const NAMED_MAX: usize = 10_000;
const UNREADABLE_NAMED_MAX: usize = 100;

/// How the two are not the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// In the provider's list, not in the ledger.
    MissingHere,
    /// In the ledger, not in the provider's list.
    MissingThere,
    /// In both, with another amount: nothing, where the movement was refused or waits.
    AmountDiffers,
    /// In both, with another player, currency or round.
    DetailDiffers,
    /// Twice in the provider's list.
    ListedTwice,
}

impl Kind {
    /// Every kind, in the order of the report.
    pub const ALL: [Self; 5] = [
        Self::MissingHere,
        Self::MissingThere,
        Self::AmountDiffers,
        Self::DetailDiffers,
        Self::ListedTwice,
    ];

    /// For people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MissingHere => "missing here",
            Self::MissingThere => "missing there",
            Self::AmountDiffers => "amount differs",
            Self::DetailDiffers => "detail differs",
            Self::ListedTwice => "listed twice",
        }
    }
}

/// One movement that is not the same.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    /// How.
    pub kind: Kind,
    /// The key in the ledger.
    pub tx_id: String,
    /// Whose.
    pub player: Option<String>,
    /// Where it is known.
    pub round: Option<String>,
    /// Where it is known.
    pub currency: Option<String>,
    /// By the provider's list, signed by its effect on the balance. Of one that is listed twice,
    /// what the second time makes of the difference.
    #[serde(serialize_with = "money_or_none")]
    pub theirs: Option<Micros>,
    /// By the ledger, signed likewise.
    #[serde(serialize_with = "money_or_none")]
    pub ours: Option<Micros>,
    /// The provider's clock where it is known, otherwise ours.
    #[serde(serialize_with = "moment")]
    pub at: DateTime<Utc>,
    /// What there is to say.
    pub detail: Option<String>,
}

/// So many movements and so much.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Sum {
    /// How many.
    pub count: u64,
    /// How much, signed by its effect on the balances.
    #[serde(serialize_with = "money")]
    pub amount: Micros,
}

impl Sum {
    fn add(&mut self, amount: Micros) -> anyhow::Result<()> {
        self.count += 1;
        self.amount = sum(self.amount, amount)?;
        Ok(())
    }
}

/// What there is of one currency.
#[derive(Clone, Debug, Default, Serialize)]
pub struct CurrencyTotal {
    /// In the provider's list.
    pub theirs: Sum,
    /// In the ledger: what the list names, and what it should have named.
    pub ours: Sum,
    /// Ours less theirs.
    #[serde(serialize_with = "money")]
    pub difference: Micros,
    /// Of each kind, how many and how much it makes of the difference.
    pub findings: BTreeMap<Kind, Sum>,
}

/// A round that is not the same.
#[derive(Clone, Debug, Default, Serialize)]
pub struct RoundTotal {
    /// Which; empty for movements without one.
    pub round: String,
    /// Whose.
    pub player: String,
    /// Of the money.
    pub currency: String,
    /// Of its findings, by the provider's list.
    #[serde(serialize_with = "money")]
    pub theirs: Micros,
    /// Of its findings, by the ledger.
    #[serde(serialize_with = "money")]
    pub ours: Micros,
    /// Ours less theirs.
    #[serde(serialize_with = "money")]
    pub difference: Micros,
    /// How many findings there are.
    pub findings: u64,
}

/// A row of the list that cannot be read.
#[derive(Clone, Debug, Serialize)]
pub struct Unreadable {
    /// Its line in the file, from 1.
    pub line: u64,
    /// What is wrong with it.
    pub error: String,
}

/// What came of a comparison. Money is in major units of its currency.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Whose list.
    pub provider: String,
    /// Which file.
    pub file: String,
    /// The period: from here …
    #[serde(serialize_with = "moment_or_none")]
    pub from: Option<DateTime<Utc>>,
    /// … to before this.
    #[serde(serialize_with = "moment_or_none")]
    pub to: Option<DateTime<Utc>>,
    /// When it was compared.
    #[serde(serialize_with = "moment")]
    pub compared_at: DateTime<Utc>,
    /// True when nothing was found and everything could be read.
    pub agrees: bool,
    /// Rows of the list.
    pub rows: u64,
    /// Of these, rows that move no money, or are outside the period.
    pub left_out: u64,
    /// Of these, rows that cannot be read.
    pub unreadable: u64,
    /// By currency.
    pub currencies: BTreeMap<String, CurrencyTotal>,
    /// Rounds with findings, the first of them.
    pub rounds: Vec<RoundTotal>,
    /// The first findings of each kind.
    pub findings: Vec<Finding>,
    /// Findings and rounds that are counted but not named.
    pub not_named: u64,
    /// The first rows that cannot be read.
    pub unreadable_rows: Vec<Unreadable>,
}

/// A report in the making.
pub struct Draft {
    report: Report,
    named: BTreeMap<Kind, usize>,
    rounds: BTreeMap<(String, String, String), RoundTotal>,
}

impl Draft {
    /// An empty one.
    pub fn new(provider: &str, file: String) -> Self {
        let report = Report {
            provider: provider.to_owned(),
            file,
            from: None,
            to: None,
            compared_at: Utc::now().trunc_subsecs(0),
            agrees: false,
            rows: 0,
            left_out: 0,
            unreadable: 0,
            currencies: BTreeMap::new(),
            rounds: Vec::new(),
            findings: Vec::new(),
            not_named: 0,
            unreadable_rows: Vec::new(),
        };
        Self { report, named: BTreeMap::new(), rounds: BTreeMap::new() }
    }

    /// A row of the list, which may be left out.
    pub const fn count_row(&mut self, left_out: bool) {
        self.report.rows += 1;
        if left_out {
            self.report.left_out += 1;
        }
    }

    /// A row that cannot be read.
    pub fn note_unreadable(&mut self, line: u64, error: String) {
        self.report.unreadable += 1;
        if self.report.unreadable_rows.len() < UNREADABLE_NAMED_MAX {
            self.report.unreadable_rows.push(Unreadable { line, error });
        }
    }

    /// True when every row so far could be read.
    pub const fn is_readable(&self) -> bool {
        self.report.unreadable == 0
    }

    /// A movement of the provider's list.
    ///
    /// # Errors
    /// Where a sum leaves its range.
    pub fn add_theirs(&mut self, currency: &str, amount: Micros) -> anyhow::Result<()> {
        self.of(currency).theirs.add(amount)
    }

    /// A movement of the ledger.
    ///
    /// # Errors
    /// Where a sum leaves its range.
    pub fn add_ours(&mut self, currency: &str, amount: Micros) -> anyhow::Result<()> {
        self.of(currency).ours.add(amount)
    }

    /// A movement of the ledger that was added once too often.
    ///
    /// # Errors
    /// Where a sum leaves its range.
    pub fn take_back_ours(&mut self, currency: &str, amount: Micros) -> anyhow::Result<()> {
        let ours = &mut self.of(currency).ours;
        ours.count = ours.count.saturating_sub(1);
        ours.amount = difference(ours.amount, amount)?;
        Ok(())
    }

    fn of(&mut self, currency: &str) -> &mut CurrencyTotal {
        self.report.currencies.entry(currency.to_owned()).or_default()
    }

    /// Something that is not the same.
    ///
    /// # Errors
    /// Where a sum leaves its range.
    pub fn note(&mut self, finding: Finding) -> anyhow::Result<()> {
        let (theirs, ours) = (finding.theirs.unwrap_or_default(), finding.ours.unwrap_or_default());
        let difference = difference(ours, theirs)?;
        let currency = finding.currency.clone().unwrap_or_else(|| UNKNOWN.to_owned());
        let kinds = &mut self.of(&currency).findings;
        kinds.entry(finding.kind).or_default().add(difference)?;
        self.note_round(&finding, currency, (theirs, ours, difference))?;
        let named = self.named.entry(finding.kind).or_default();
        if *named < NAMED_MAX {
            *named += 1;
            self.report.findings.push(finding);
        } else {
            self.report.not_named += 1;
        }
        Ok(())
    }

    fn note_round(
        &mut self,
        finding: &Finding,
        currency: String,
        (theirs, ours, difference): (Micros, Micros, Micros),
    ) -> anyhow::Result<()> {
        let round = finding.round.clone().unwrap_or_default();
        let player = finding.player.clone().unwrap_or_default();
        let key = (round, player, currency);
        if !self.rounds.contains_key(&key) && self.rounds.len() >= NAMED_MAX {
            self.report.not_named += 1;
            return Ok(());
        }
        let (round, player, currency) = key.clone();
        let empty = RoundTotal { round, player, currency, ..RoundTotal::default() };
        let total = self.rounds.entry(key).or_insert(empty);
        total.theirs = sum(total.theirs, theirs)?;
        total.ours = sum(total.ours, ours)?;
        total.difference = sum(total.difference, difference)?;
        total.findings += 1;
        Ok(())
    }

    /// The report.
    ///
    /// # Errors
    /// Where a sum leaves its range.
    pub fn finish(
        self,
        (from, to): (Option<DateTime<Utc>>, Option<DateTime<Utc>>),
    ) -> anyhow::Result<Report> {
        let Self { mut report, rounds, .. } = self;
        for total in report.currencies.values_mut() {
            total.difference = difference(total.ours.amount, total.theirs.amount)?;
        }
        report.findings.sort_by(|one, other| {
            (one.kind, one.at, &one.tx_id).cmp(&(other.kind, other.at, &other.tx_id))
        });
        report.rounds = rounds.into_values().collect();
        report.agrees = report.findings.is_empty() && report.unreadable == 0;
        Ok(Report { from, to, ..report })
    }
}

/// For a currency that neither side names.
pub const UNKNOWN: &str = "?";

fn sum(one: Micros, other: Micros) -> anyhow::Result<Micros> {
    one.checked_add(other).ok_or_else(|| anyhow::anyhow!("a sum is too large to be counted"))
}

fn difference(one: Micros, other: Micros) -> anyhow::Result<Micros> {
    one.checked_sub(other).ok_or_else(|| anyhow::anyhow!("a sum is too large to be counted"))
}

/// Money for people and programs: two decimals, and more where it has them.
pub fn shown(sum: Micros) -> String {
    let all = sum.to_decimal(6);
    let (two, more) = all.split_at_checked(all.len().saturating_sub(4)).unwrap_or((&all, ""));
    format!("{two}{}", more.trim_end_matches('0'))
}

/// A time for people and programs.
pub fn at(moment: DateTime<Utc>) -> String {
    moment.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

fn money<S: Serializer>(sum: &Micros, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&shown(*sum))
}

fn money_or_none<S: Serializer>(sum: &Option<Micros>, serializer: S) -> Result<S::Ok, S::Error> {
    sum.map(shown).serialize(serializer)
}

fn moment<S: Serializer>(moment: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&at(*moment))
}

fn moment_or_none<S: Serializer>(
    moment: &Option<DateTime<Utc>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    moment.map(at).serialize(serializer)
}
