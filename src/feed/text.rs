//! A report for a terminal.

use std::fmt::Write as _;

use super::report::Report;
use super::tables::{self, Table};

/// Rows of a table that a terminal shows; JSON and the page have all that are named.
const SHOWN_MAX: usize = 50;

/// The report as text.
pub fn text(report: &Report) -> String {
    let mut text = String::new();
    for table in tables::all(report).iter().filter(|table| !table.rows.is_empty()) {
        // Writing to a string does not fail.
        let _: std::fmt::Result = write!(text, "\n{}\n{}", table.title, grid(table));
    }
    let verdict = if report.agrees { "The same." } else { "NOT the same." };
    let more = report.findings.len().max(report.rounds.len()) > SHOWN_MAX || report.not_named > 0;
    let more = if more { "\nNot everything is shown: --json and --html name more.\n" } else { "" };
    format!("{}\n{verdict}\n{text}{more}", tables::title(report))
}

/// Columns side by side.
fn grid(table: &Table) -> String {
    let head: Vec<String> = table.head.iter().map(ToString::to_string).collect();
    let rows: Vec<&Vec<String>> =
        std::iter::once(&head).chain(table.rows.iter().take(SHOWN_MAX)).collect();
    let widths: Vec<usize> = (0..head.len())
        .map(|column| {
            let cells = rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or_default()
        })
        .collect();
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, width))| {
            if table.is_number(column) {
                format!("{cell:>width$}")
            } else {
                format!("{cell:width$}")
            }
        });
        text += cells.collect::<Vec<_>>().join("  ").trim_end();
        text.push('\n');
    }
    text
}
