//! What a run of `make chaos` publishes: a line of JSON for each fault, and tables made from all
//! of the lines; faults that are measured by their bystanders have lines and a table of their own.
//! Only a fault that ended well has a line, and `make chaos` publishes nothing
//! unless all of them did.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};

use super::Intensity;
use crate::support::provider::Tally;

/// Adds a fault to the report in the folder `WALLET_CHAOS_REPORT`; does nothing without one.
pub fn add((how, took): (Intensity, Duration), [fault, done, result]: [&str; 3], tally: &Tally) {
    let line = json!({
        "fault": fault,
        "done": done,
        "result": result,
        "intensity": how.pick("short", "long"),
        "took_ms": millis(took),
        "acknowledged": tally.acknowledged.len(),
        "put_off": tally.put_off,
        "unanswered": tally.unanswered,
        "slowest_ms": millis(tally.slowest),
        "longest_without_success_ms": millis(tally.longest_gap),
    });
    let Some((folder, faults)) = publish("report.jsonl", &line) else { return };
    std::fs::write(folder.join("table.md"), table(&faults, false)).expect("the table");
    std::fs::write(folder.join("details.md"), table(&faults, true)).expect("the table");
}

/// What bystanders noticed of a fault that is one party's alone.
pub struct Beside<'a> {
    /// What that party does.
    pub fault: &'a str,
    /// Calls a second without it.
    pub control: f64,
    /// Calls a second beside it.
    pub beside: f64,
    /// The share of their rate that they keep.
    pub share: f64,
    /// Ninety-nine of a hundred calls took no longer, in milliseconds, without it.
    pub p99_control_ms: f64,
    /// The same beside it.
    pub p99_beside_ms: f64,
    /// The share of their calls that was answered at the first attempt.
    pub in_time: f64,
    /// What must hold.
    pub must: &'a str,
    /// Whether it does.
    pub verdict: &'a str,
}

/// Adds a fault to the table of bystanders.
pub fn add_bystanders(how: Intensity, seen: &Beside<'_>) {
    let line = json!({
        "fault": seen.fault,
        "intensity": how.pick("short", "long"),
        "control_per_s": round(seen.control, 1.0),
        "beside_per_s": round(seen.beside, 1.0),
        "share": round(seen.share, 100.0),
        "p99_control_ms": round(seen.p99_control_ms, 10.0),
        "p99_beside_ms": round(seen.p99_beside_ms, 10.0),
        "in_time": round(seen.in_time, 1000.0),
        "must": seen.must,
        "verdict": seen.verdict,
    });
    let Some((folder, faults)) = publish("bystanders.jsonl", &line) else { return };
    std::fs::write(folder.join("bystanders.md"), bystanders(&faults)).expect("the table");
}

/// Says a line and adds it to a file of the report; gives back the report's folder and all lines
/// of that file, in order.
fn publish(file: &str, line: &Value) -> Option<(PathBuf, Vec<Value>)> {
    eprintln!("{line}");
    let folder = std::env::var("WALLET_CHAOS_REPORT").map(PathBuf::from).ok()?;
    let path = folder.join(file);
    let mut lines = std::fs::read_to_string(&path).unwrap_or_default();
    lines.push_str(&format!("{line}\n"));
    std::fs::write(&path, &lines).expect("the report");
    let mut faults: Vec<Value> =
        lines.lines().map(|line| serde_json::from_str(line).expect("a line of ours")).collect();
    faults.sort_by_key(|fault| fault["fault"].to_string());
    Some((folder, faults))
}

fn round(number: f64, parts: f64) -> f64 {
    (number * parts).round() / parts
}

/// The table of bystanders in Markdown.
fn bystanders(faults: &[Value]) -> String {
    let mut text = String::from(
        "| what one party does | others' calls/s without it | beside it | share | p99 without it \
         | beside it | in time | must | verdict |\n|---|---:|---:|---:|---:|---:|---:|---|---|\n",
    );
    for fault in faults {
        let word = |name: &str| fault[name].as_str().unwrap_or_default().to_owned();
        let number = |name: &str| fault[name].as_f64().unwrap_or(f64::NAN);
        let cells = [
            word("fault"),
            format!("{:.0}", number("control_per_s")),
            format!("{:.0}", number("beside_per_s")),
            format!("{:.2}", number("share")),
            format!("{:.0} ms", number("p99_control_ms")),
            format!("{:.0} ms", number("p99_beside_ms")),
            format!("{:.1} %", number("in_time") * 100.0),
            word("must"),
            word("verdict"),
        ];
        text.push_str(&format!("| {} |\n", cells.join(" | ")));
    }
    text
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).expect("not that long")
}

/// A table in Markdown, with or without what exactly was done.
fn table(faults: &[Value], whole: bool) -> String {
    let mut text = String::from("| fault |");
    text.push_str(if whole { " what is done |" } else { "" });
    text.push_str(" calls acknowledged | told to try again | no answer |");
    text.push_str(" longest time without a success | result |\n|---|");
    text.push_str(if whole { "---|" } else { "" });
    text.push_str("---:|---:|---:|---:|---|\n");
    for fault in faults {
        let word = |name: &str| fault[name].as_str().unwrap_or_default().to_owned();
        let mut cells = vec![word("fault")];
        if whole {
            cells.push(word("done"));
        }
        for name in ["acknowledged", "put_off", "unanswered"] {
            cells.push(thousands(fault[name].as_u64().unwrap_or_default()));
        }
        let gap = fault["longest_without_success_ms"].as_u64().unwrap_or_default();
        cells.push(format!("{} ms", thousands(gap)));
        cells.push(word("result"));
        text.push_str(&format!("| {} |\n", cells.join(" | ")));
    }
    text
}

fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[test]
fn a_fault_is_a_row_of_both_tables() {
    let fault = json!({
        "fault": "a fault", "done": "something", "result": "well", "acknowledged": 1234567,
        "put_off": 0, "unanswered": 12, "longest_without_success_ms": 1000,
    });
    let row = "| a fault | 1,234,567 | 0 | 12 | 1,000 ms | well |\n";
    assert!(table(std::slice::from_ref(&fault), false).ends_with(row));
    let row = "| a fault | something | 1,234,567 | 0 | 12 | 1,000 ms | well |\n";
    assert!(table(&[fault], true).ends_with(row));
}

#[test]
fn a_fault_with_bystanders_is_a_row_of_their_table() {
    let fault = json!({
        "fault": "a fault", "control_per_s": 1234.0, "beside_per_s": 1111.0, "share": 0.9,
        "p99_control_ms": 9.6, "p99_beside_ms": 12.0, "in_time": 0.995, "must": "share ≥ 0.8",
        "verdict": "holds",
    });
    let row = "| a fault | 1234 | 1111 | 0.90 | 10 ms | 12 ms | 99.5 % | share ≥ 0.8 | holds |\n";
    assert!(bystanders(&[fault]).ends_with(row));
}
