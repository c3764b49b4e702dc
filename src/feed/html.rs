//! A report as one page that can be sent on: nothing is fetched from elsewhere, and it prints.

use std::fmt::Write as _;

use super::report::{Report, at};
use super::table;

const STYLE: &str = "body{font:14px/1.5 system-ui,sans-serif;color:#1b1f24;margin:2rem auto;\
    max-width:75rem;padding:0 1rem}h1{font-size:1.4rem}h2{font-size:1.1rem;margin-top:2rem}\
    table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.25rem .6rem;\
    border-bottom:1px solid #d8dee4;vertical-align:top}td{max-width:20rem;\
    overflow-wrap:break-word}th{border-bottom:2px solid #1b1f24;white-space:nowrap}\
    .wide{overflow-x:auto}.n{text-align:right;white-space:nowrap;\
    font-variant-numeric:tabular-nums}.good{color:#116329}.bad{color:#a40e26}\
    thead{display:table-header-group}tr{break-inside:avoid}@page{size:A4 landscape;margin:1.5cm}\
    @media print{.wide{overflow:visible}body{margin:0;max-width:none;font-size:10px}}";

/// The page.
pub fn page(report: &Report) -> String {
    let verdict = if report.agrees {
        "<p class=\"good\"><strong>The list and the ledger are the same.</strong></p>"
    } else {
        "<p class=\"bad\"><strong>The list and the ledger are not the same.</strong></p>"
    };
    let mut body = String::new();
    for (title, rows) in [
        ("In total", table::totals(report)),
        ("What is not the same", table::kinds(report)),
        ("Rounds", table::rounds(report)),
        ("Movements", table::findings(report)),
        ("Rows that cannot be read", table::unreadable(report)),
    ] {
        body += &section(title, &rows);
    }
    if report.not_named > 0 {
        // Writing to a string does not fail.
        let _: std::fmt::Result = write!(
            body,
            "<p>{} more movements or rounds are counted above and not named.</p>",
            report.not_named
        );
    }
    let (heading, title) = (escape(&report.provider), escape(&table::title(report)));
    let compared = escape(&at(report.compared_at));
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\">\
         <title>Reconciliation with {heading}</title><style>{STYLE}</style></head><body>\
         <h1>Reconciliation with {heading}</h1><p>{title}. Compared {compared}.</p>{verdict}\
         <p>“There” is the provider’s own list, “here” our ledger. Amounts are signed as the \
         player’s balance moves; a difference is what we have less what they have.</p>\
         {body}</body></html>\n"
    )
}

fn section(title: &str, rows: &[Vec<String>]) -> String {
    let Some((head, rows)) = rows.split_first().filter(|(_, rows)| !rows.is_empty()) else {
        return String::new();
    };
    let line = |row: &Vec<String>, tag: &str| {
        let cells = row.iter().zip(head).map(|(cell, head)| {
            let class = if table::is_number(head) { " class=\"n\"" } else { "" };
            format!("<{tag}{class}>{}</{tag}>", escape(cell))
        });
        format!("<tr>{}</tr>", cells.collect::<String>())
    };
    let rows: String = rows.iter().map(|row| line(row, "td")).collect();
    format!(
        "<h2>{title}</h2><div class=\"wide\"><table><thead>{}</thead><tbody>{rows}</tbody></table>\
         </div>",
        line(head, "th")
    )
}

/// Text of somebody else's as text, whatever it holds.
fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe += "&amp;",
            '<' => safe += "&lt;",
            '>' => safe += "&gt;",
            '"' => safe += "&quot;",
            '\'' => safe += "&#39;",
            letter if letter.is_control() => safe.push('\u{fffd}'),
            letter => safe.push(letter),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_list_becomes_markup() {
        assert_eq!(
            escape("<b a=\"1\" b='2'>&\u{1b}"),
            "&lt;b a=&quot;1&quot; b=&#39;2&#39;&gt;&amp;\u{fffd}"
        );
    }
}
