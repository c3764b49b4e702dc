//! What a run of `make chaos` publishes: a line of JSON for each fault, and tables made from all
//! of the lines. Only a fault that ended well has a line, and `make chaos` publishes nothing
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
    eprintln!("{line}");
    let Ok(folder) = std::env::var("WALLET_CHAOS_REPORT").map(PathBuf::from) else { return };
    let path = folder.join("report.jsonl");
    let mut lines = std::fs::read_to_string(&path).unwrap_or_default();
    lines.push_str(&format!("{line}\n"));
    std::fs::write(&path, &lines).expect("the report");
    let mut faults: Vec<Value> =
        lines.lines().map(|line| serde_json::from_str(line).expect("a line of ours")).collect();
    faults.sort_by_key(|fault| fault["fault"].to_string());
    std::fs::write(folder.join("table.md"), table(&faults, false)).expect("the table");
    std::fs::write(folder.join("details.md"), table(&faults, true)).expect("the table");
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
