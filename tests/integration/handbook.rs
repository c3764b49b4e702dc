//! The README and the pages of docs/: short where people begin, each thing said once, and every
//! link leading somewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The most lines that somebody reads who only wants to know what this is.
const README_LINES: usize = 200;
/// Lines shorter than this may well stand twice: a heading, the frame of a table.
const SAID: usize = 40;
/// A page of so few lines is seen at once.
const SHORT: usize = 40;
/// Written by `make bench`, with figures of its own.
const WRITTEN: &str = "docs/bench/report.md";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The README, and every page below docs/.
fn pages() -> BTreeMap<String, String> {
    let mut found = BTreeMap::from([("README.md".to_owned(), read("README.md"))]);
    let mut folders = vec!["docs".to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(root().join(&folder)).expect("a folder") {
            let entry = entry.expect("an entry");
            let path = format!("{folder}/{}", entry.file_name().to_string_lossy());
            if entry.path().is_dir() {
                folders.push(path);
            } else if path.ends_with(".md") {
                found.insert(path.clone(), read(&path));
            }
        }
    }
    assert!(found.len() > 8, "where are the pages? {:?}", found.keys());
    found
}

/// A page's lines outside its blocks of code.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut is_code = false;
    text.lines().filter(move |line| {
        let fence = line.starts_with("```");
        is_code ^= fence;
        !is_code && !fence
    })
}

/// What a heading is called in a link, as GitHub does it.
fn anchor(heading: &str) -> String {
    let kept = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
    heading.to_lowercase().chars().filter(kept).collect::<String>().replace(' ', "-")
}

fn headings<'t>(text: &'t str, level: &str) -> Vec<&'t str> {
    prose(text).filter_map(|line| line.strip_prefix(level)).collect()
}

fn anchors(text: &str) -> BTreeSet<String> {
    ["# ", "## ", "### "].iter().flat_map(|level| headings(text, level)).map(anchor).collect()
}

/// Where the links of a page lead, those to other sites left out.
fn links(text: &str) -> Vec<String> {
    let targets = prose(text).flat_map(|line| line.split("](").skip(1));
    let targets = targets.filter_map(|rest| Some(rest.split_once(')')?.0.to_owned()));
    targets.filter(|target| !target.contains("://")).collect()
}

#[test]
fn the_readme_is_short() {
    let lines = read("README.md").lines().count();
    assert!(lines <= README_LINES, "{lines} lines: what is for some readers stands in docs/");
}

#[test]
fn every_page_begins_with_what_is_in_it_and_the_readme_leads_to_it() {
    let readme = links(&read("README.md"));
    for (path, text) in pages() {
        if path == "README.md" {
            continue;
        }
        assert!(readme.contains(&path), "README.md does not lead to {path}");
        let sections = headings(&text, "## ");
        let listed: Vec<String> =
            sections.iter().map(|heading| format!("- [{heading}](#{})", anchor(heading))).collect();
        let contents: Vec<&str> = text.lines().filter(|line| line.starts_with("- [")).collect();
        let is_short = sections.is_empty() && text.lines().count() <= SHORT;
        if path != WRITTEN && !is_short {
            assert!(sections.len() > 1, "{path} has no sections");
            assert_eq!(contents, listed, "the contents of {path}");
        }
    }
}

#[test]
fn every_link_leads_to_something_that_is_there() {
    let mut wrong = Vec::new();
    for (path, text) in pages() {
        let folder = Path::new(&path).parent().expect("a folder");
        for link in links(&text) {
            let (file, part) = link.split_once('#').unwrap_or((&link, ""));
            let target: PathBuf =
                if file.is_empty() { root().join(&path) } else { root().join(folder).join(file) };
            let is_there = target.exists();
            let has_part = part.is_empty()
                || std::fs::read_to_string(&target).is_ok_and(|text| anchors(&text).contains(part));
            if !is_there || !has_part {
                wrong.push(format!("{path}: {link}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn nothing_is_said_on_two_pages() {
    let mut said: BTreeMap<String, String> = BTreeMap::new();
    let mut twice = Vec::new();
    for (path, text) in pages() {
        for line in text.lines().map(str::trim).filter(|line| line.len() >= SAID) {
            match said.insert(line.to_owned(), path.clone()) {
                Some(other) if other != path => twice.push(format!("{other}, {path}: {line}")),
                _ => {}
            }
        }
    }
    assert!(twice.is_empty(), "{}", twice.join("\n"));
}
