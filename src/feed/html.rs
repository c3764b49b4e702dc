//! A report as one page that can be sent on: nothing is fetched from elsewhere, and it prints.

use askama::Template;

use super::report::{Report, at};
use super::tables::{self, Table};

#[derive(Template)]
#[template(path = "feed.html")]
struct Page<'a> {
    report: &'a Report,
    title: String,
    compared_at: String,
    tables: [Table; 5],
}

/// The page. Whatever a list of somebody else's says becomes text in it.
///
/// # Errors
/// A fault of ours.
pub fn page(report: &Report) -> askama::Result<String> {
    let page = Page {
        report,
        title: tables::title(report),
        compared_at: at(report.compared_at),
        tables: tables::all(report),
    };
    page.render()
}
