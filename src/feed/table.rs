//! A report for a terminal.

use std::fmt::Write as _;

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
/// Findings that a terminal shows; JSON and the page have all that are named.
const SHOWN_MAX: usize = 50;

/// Whether what stands below this head are numbers.
pub fn is_number(head: &str) -> bool {
    NUMBERS.contains(&head)
}

/// The report as text.
pub fn text(report: &Report) -> String {
    let mut text = String::new();
    let mut part = |title: &str, rows: Vec<Vec<String>>| {
        if rows.len() > 1 {
            // Writing to a string does not fail.
            let _: std::fmt::Result = write!(text, "\n{title}\n{}", grid(&rows));
        }
    };
    part("In total", totals(report));
    part("Not the same", kinds(report));
    part("Rounds", rounds(report).into_iter().take(SHOWN_MAX + 1).collect());
    part("Movements", findings(report).into_iter().take(SHOWN_MAX + 1).collect());
    part("Rows that cannot be read", unreadable(report).into_iter().take(SHOWN_MAX + 1).collect());
    let verdict = if report.agrees { "The same." } else { "NOT the same." };
    let more = report.findings.len().max(report.rounds.len()) > SHOWN_MAX || report.not_named > 0;
    let more = if more { "\nNot everything is shown: --json and --html name more.\n" } else { "" };
    format!("{}\n{verdict}\n{text}{more}", title(report))
}

/// One line: whose list, which, of what time.
pub fn title(report: &Report) -> String {
    let time = match (report.from, report.to) {
        (Some(from), Some(to)) => format!("from {} to {}", at(from), at(to)),
        _ => "of no time".to_owned(),
    };
    let Report { provider, file, rows, left_out, unreadable, .. } = report;
    format!("{provider}: {file}, {time}: {rows} rows, {left_out} left out, {unreadable} unreadable")
}

/// The sums of each currency, with a head.
pub fn totals(report: &Report) -> Vec<Vec<String>> {
    let head = ["currency", "rows there", "sum there", "rows here", "sum here", "difference"];
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
    headed(&head, rows)
}

/// How the two differ, with a head.
pub fn kinds(report: &Report) -> Vec<Vec<String>> {
    let rows = Kind::ALL.into_iter().flat_map(|kind| {
        report.currencies.iter().filter_map(move |(currency, total)| {
            let sum = total.findings.get(&kind)?;
            let (count, amount) = (sum.count.to_string(), shown(sum.amount));
            Some(vec![kind.as_str().to_owned(), currency.clone(), count, amount])
        })
    });
    headed(&["what", "currency", "movements", "difference"], rows)
}

/// The rounds, with a head.
pub fn rounds(report: &Report) -> Vec<Vec<String>> {
    let head = ["round", "player", "currency", "movements", "sum there", "sum here", "difference"];
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
    headed(&head, rows)
}

/// The findings, with a head.
pub fn findings(report: &Report) -> Vec<Vec<String>> {
    let head = ["what", "time", "key", "player", "round", "currency", "there", "here", "note"];
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
    headed(&head, rows)
}

/// The rows that cannot be read, with a head.
pub fn unreadable(report: &Report) -> Vec<Vec<String>> {
    let rows = report.unreadable_rows.iter();
    let rows = rows.map(|row| vec![row.line.to_string(), row.error.clone()]);
    headed(&["line", "what is wrong"], rows)
}

fn headed(head: &[&str], rows: impl Iterator<Item = Vec<String>>) -> Vec<Vec<String>> {
    let head = head.iter().map(|text| (*text).to_owned()).collect();
    std::iter::once(head).chain(rows).collect()
}

/// Columns side by side. What a list of somebody else's says must not move the cursor.
fn grid(rows: &[Vec<String>]) -> String {
    let plain = |cell: &String| cell.replace(char::is_control, "\u{fffd}");
    let rows: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(plain).collect()).collect();
    let columns = rows.first().map_or(0, Vec::len);
    let width = |at: usize| {
        rows.iter().filter_map(|row| row.get(at)).map(|cell| cell.chars().count()).max()
    };
    let head = rows.first().cloned().unwrap_or_default();
    let columns: Vec<(usize, bool)> = (0..columns)
        .map(|at| width(at).unwrap_or_default())
        .zip(head.iter().map(|head| is_number(head)))
        .collect();
    let mut text = String::new();
    for row in &rows {
        let cells = row.iter().zip(&columns).map(|(cell, (width, is_number))| {
            if *is_number { format!("{cell:>width$}") } else { format!("{cell:width$}") }
        });
        let cells: Vec<String> = cells.collect();
        text += cells.join("  ").trim_end();
        text.push('\n');
    }
    text
}
