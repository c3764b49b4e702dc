//! The tables of a report, for a terminal and for a page.

use super::report::{Kind, Report, at, shown};

/// Columns of numbers, which stand at the right so that they can be compared.
const NUMBERS: [&str; 8] = [
    "rows there",
    "sum there",
    "rows here",
    "sum here",
    "difference",
    "movements",
    "there",
    "here",
];

/// A table. What a list of somebody else's says moves no cursor: control characters are replaced.
pub struct Table {
    /// What it shows.
    pub title: &'static str,
    /// The names of its columns.
    pub head: &'static [&'static str],
    /// A cell for each column.
    pub rows: Vec<Vec<String>>,
}

impl Table {
    fn new(
        title: &'static str,
        head: &'static [&'static str],
        rows: impl Iterator<Item = Vec<String>>,
    ) -> Self {
        let rows = rows.map(|row| row.iter().map(|cell| printable(cell)).collect()).collect();
        Self { title, head, rows }
    }

    /// Whether the cells of a column are numbers.
    pub fn is_number(&self, column: usize) -> bool {
        self.head.get(column).is_some_and(|name| NUMBERS.contains(name))
    }
}

/// Every table of a report.
pub fn all(report: &Report) -> [Table; 5] {
    [totals(report), kinds(report), rounds(report), findings(report), unreadable(report)]
}

/// One line: whose list, which, of what time.
pub fn title(report: &Report) -> String {
    let time = match (report.from, report.to) {
        (Some(from), Some(to)) => format!("from {} to {}", at(from), at(to)),
        _ => "of no time".to_owned(),
    };
    let Report { provider, file, rows, left_out, unreadable, .. } = report;
    printable(&format!(
        "{provider}: {file}, {time}: {rows} rows, {left_out} left out, {unreadable} unreadable"
    ))
}

fn printable(text: &str) -> String {
    text.replace(char::is_control, "\u{fffd}")
}

fn totals(report: &Report) -> Table {
    let head = &["currency", "rows there", "sum there", "rows here", "sum here", "difference"];
    let rows = report.currencies.iter().map(|(currency, total)| {
        vec![
            currency.clone(),
            total.theirs.count.to_string(),
            shown(total.theirs.amount),
            total.ours.count.to_string(),
            shown(total.ours.amount),
            shown(total.difference),
        ]
    });
    Table::new("In total", head, rows)
}

fn kinds(report: &Report) -> Table {
    let rows = Kind::ALL.into_iter().flat_map(|kind| {
        report.currencies.iter().filter_map(move |(currency, total)| {
            let sum = total.findings.get(&kind)?;
            let (count, amount) = (sum.count.to_string(), shown(sum.amount));
            Some(vec![kind.as_str().to_owned(), currency.clone(), count, amount])
        })
    });
    Table::new("Not the same", &["what", "currency", "movements", "difference"], rows)
}

fn rounds(report: &Report) -> Table {
    let head = &["round", "player", "currency", "movements", "sum there", "sum here", "difference"];
    let rows = report.rounds.iter().map(|total| {
        vec![
            total.round.clone(),
            total.player.clone(),
            total.currency.clone(),
            total.findings.to_string(),
            shown(total.theirs),
            shown(total.ours),
            shown(total.difference),
        ]
    });
    Table::new("Rounds", head, rows)
}

fn findings(report: &Report) -> Table {
    let head = &["what", "time", "key", "player", "round", "currency", "there", "here", "note"];
    let rows = report.findings.iter().map(|finding| {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        vec![
            finding.kind.as_str().to_owned(),
            at(finding.at),
            finding.tx_id.clone(),
            text(&finding.player),
            text(&finding.round),
            text(&finding.currency),
            finding.theirs.map(shown).unwrap_or_default(),
            finding.ours.map(shown).unwrap_or_default(),
            text(&finding.detail),
        ]
    });
    Table::new("Movements", head, rows)
}

fn unreadable(report: &Report) -> Table {
    let rows = report.unreadable_rows.iter();
    let rows = rows.map(|row| vec![row.line.to_string(), row.error.clone()]);
    Table::new("Rows that cannot be read", &["line", "what is wrong"], rows)
}
