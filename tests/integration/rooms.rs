//! The rooms of `src/ARCHITECTURE.md`, as the source has them: which other rooms each knows, that
//! nobody knows somebody who knows them, and that no file is longer than one reads.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The most lines of a file.
const LINES: usize = 400;
/// Longer ones, which are tables for the most part. None is to come in.
const LONGER: &[&str] = &["providers/pragmatic/openapi.rs"];

/// The names on the way to a module from the crate's root.
type Module = Vec<String>;

/// A module that names another one: the one, the other, and the path by which.
type Names = (Module, Module, String);

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// Every file of Rust below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let files = paths.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] });
    files.filter(|path| path.extension().is_some_and(|extension| extension == "rs")).collect()
}

/// Every module of the library with its program: without comments and tests.
fn modules() -> BTreeMap<Module, String> {
    let mut modules = BTreeMap::new();
    for path in files(&root()) {
        let relative = path.strip_prefix(root()).expect("below src").with_extension("");
        let mut module: Module =
            relative.iter().map(|name| name.to_string_lossy().into_owned()).collect();
        module.pop_if(|name| name == "mod");
        if !matches!(module.last().map(String::as_str), Some("lib" | "main" | "tests")) {
            let text = std::fs::read_to_string(&path).expect("a file");
            modules.insert(module, program(&text));
        }
    }
    assert!(modules.len() > 100, "where is the source? {:?}", modules.keys());
    modules
}

fn program(text: &str) -> String {
    let program = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let lines = program.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.map(|line| line.split(" // ").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

fn is_name(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

/// The paths that a program names, from `crate`, `super` or `self`; braces resolved.
fn paths(program: &str) -> Vec<String> {
    let mut paths = Vec::new();
    let starts = ["crate::", "super::", "self::"].iter();
    for (at, _) in starts.flat_map(|start| program.match_indices(start)) {
        let (before, path) = program.split_at(at);
        if !before.ends_with(|letter| is_name(letter) || letter == ':') {
            read_path(path, "", &mut paths);
        }
    }
    paths
}

/// Reads the path, or the paths in braces, that a text begins with; gives back the rest.
fn read_path<'t>(text: &'t str, before: &str, paths: &mut Vec<String>) -> &'t str {
    let end = text.find(|letter| !is_name(letter) && letter != ':').unwrap_or(text.len());
    let (path, mut rest) = text.split_at(end);
    let path = format!("{before}{path}");
    let Some(group) = rest.strip_prefix('{').filter(|_| path.ends_with("::")) else {
        paths.push(path);
        return rest;
    };
    rest = group;
    loop {
        rest = rest.trim_start();
        if let Some(after) = rest.strip_prefix('}') {
            return after;
        }
        rest = read_path(rest, &path, paths);
        // Another name for it, or the glob.
        rest = rest.trim_start_matches(|letter| !matches!(letter, ',' | '}'));
        rest = rest.strip_prefix(',').unwrap_or(rest);
    }
}

/// The module that a path leads to, or into.
fn resolve(from: &Module, path: &str, modules: &BTreeMap<Module, String>) -> Module {
    let mut names = path.split("::").filter(|name| !name.is_empty()).peekable();
    let mut at = match names.next() {
        Some("crate") => Module::new(),
        Some("super") => from.split_last().map_or_else(Module::new, |(_, parent)| parent.to_vec()),
        _ => from.clone(),
    };
    while names.next_if_eq(&"super").is_some() {
        at.pop();
    }
    for name in names {
        at.push(name.to_owned());
        if !modules.contains_key(&at) {
            at.pop();
            break;
        }
    }
    at
}

fn all_names() -> Vec<Names> {
    let modules = modules();
    let named = modules.iter().flat_map(|(from, text)| {
        let paths = paths(text).into_iter();
        paths.map(|path| (from.clone(), resolve(from, &path, &modules), path))
    });
    named.filter(|(from, to, _)| from != to).collect()
}

/// Who of a folder names whom of it.
fn within(folder: &[String], names: &[Names]) -> BTreeSet<(String, String)> {
    let child =
        |module: &Module| module.strip_prefix(folder).and_then(|rest| rest.first().cloned());
    let pairs = names.iter().filter_map(|(from, to, _)| Some((child(from)?, child(to)?)));
    pairs.filter(|(from, to)| from != to).collect()
}

/// What is left of the pairs when whoever names nobody, or is named by nobody, is taken out.
fn circle(mut pairs: BTreeSet<(String, String)>) -> BTreeSet<(String, String)> {
    loop {
        let from: BTreeSet<String> = pairs.iter().map(|(from, _)| from.clone()).collect();
        let to: BTreeSet<String> = pairs.iter().map(|(_, to)| to.clone()).collect();
        let before = pairs.len();
        pairs.retain(|(one, other)| to.contains(one) && from.contains(other));
        if pairs.len() == before {
            return pairs;
        }
    }
}

/// Each room, and the rooms that it may know: the first and the third column of the table.
fn may_know(architecture: &str) -> BTreeMap<&str, BTreeSet<&str>> {
    let table = architecture.lines().skip_while(|line| !line.starts_with("| room |")).skip(2);
    let rows = table.take_while(|line| line.starts_with('|')).map(|line| {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let known = cells.get(3).into_iter().flat_map(|known| known.split(", "));
        (cells[1].trim_matches('`'), known.collect())
    });
    rows.collect()
}

#[test]
fn a_room_knows_no_more_rooms_than_it_may() {
    let architecture = std::fs::read_to_string(root().join("ARCHITECTURE.md")).expect("a file");
    let may_know = may_know(&architecture);
    let mut wrong = BTreeSet::new();
    for (from, to, path) in all_names() {
        let (Some(room), Some(known)) = (from.first(), to.first()) else { continue };
        match may_know.get(room.as_str()) {
            None => {
                wrong.insert(format!("the room {room} is not in the table of src/ARCHITECTURE.md"));
            }
            Some(may_know) if room != known && !may_know.contains(known.as_str()) => {
                wrong
                    .insert(format!("{room} must not know {known}: {} has {path}", from.join("/")));
            }
            Some(_) => {}
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.into_iter().collect::<Vec<_>>().join("\n"));
}

#[test]
fn nobody_knows_somebody_who_knows_them() {
    let names = all_names();
    let folders: BTreeSet<&[String]> =
        names.iter().filter_map(|(from, ..)| Some(from.split_last()?.1)).collect();
    let circles = folders.into_iter().filter_map(|folder| {
        let circle = circle(within(folder, &names));
        let folder = folder.join("/");
        (!circle.is_empty()).then(|| format!("src/{folder}: {circle:?}"))
    });
    let circles: Vec<String> = circles.collect();
    assert!(circles.is_empty(), "these know each other: {circles:#?}");
}

#[test]
fn every_file_is_short_enough_to_be_read_at_once() {
    let long = files(&root()).into_iter().filter_map(|path| {
        let lines = std::fs::read_to_string(&path).expect("a file").lines().count();
        let name = path.strip_prefix(root()).expect("below src").display().to_string();
        (lines > LINES && !LONGER.contains(&name.as_str()))
            .then(|| format!("{name}: {lines} lines"))
    });
    let long: Vec<String> = long.collect();
    assert!(long.is_empty(), "these have more than {LINES} lines: {long:#?}");
}

#[test]
fn architecture_names_no_file_that_is_not_there() {
    let text = std::fs::read_to_string(root().join("ARCHITECTURE.md")).expect("a file");
    let there: Vec<String> = files(&root()).iter().map(|path| path.display().to_string()).collect();
    let named = text.split('`').skip(1).step_by(2);
    let named = named.filter(|name| name.ends_with(".rs") && !name.contains(['<', '…']));
    let gone: Vec<&str> = named
        .filter(|name| {
            let tests = root().join("..").join(name).exists();
            !tests && !there.iter().any(|path| path.ends_with(&format!("/{name}")))
        })
        .collect();
    assert!(gone.is_empty(), "{gone:?}");
}

#[test]
fn a_name_is_found_wherever_it_stands() {
    let text = "use crate::{a::b, c};\n// crate::comment::x\nlet x = crate::d::e(super::f) + \
                super::super::g::h;\nuse self::i::{self, j::{k as l, m}, n::*};\nmycrate::o();";
    let mut found = paths(&program(text));
    found.sort_unstable();
    let expected = [
        "crate::a::b",
        "crate::c",
        "crate::d::e",
        "self::i::j::k",
        "self::i::j::m",
        "self::i::n::",
        "self::i::self",
        "super::f",
        "super::super::g::h",
    ];
    assert_eq!(found, expected);
    let modules: BTreeMap<Module, String> = ["a", "a/b", "a/b/c", "d"]
        .map(|module| (module.split('/').map(str::to_owned).collect(), String::new()))
        .into();
    let from: Module = ["a", "b", "c"].map(str::to_owned).into();
    for (path, module) in [
        ("crate::d::Thing", "d"),
        ("super::Thing", "a/b"),
        ("super::super::b::thing", "a/b"),
        ("self::Thing", "a/b/c"),
    ] {
        assert_eq!(resolve(&from, path, &modules).join("/"), module, "{path}");
    }
    let pair = |one: &str, other: &str| (one.to_owned(), other.to_owned());
    let pairs = [pair("a", "b"), pair("b", "c"), pair("c", "b"), pair("c", "d")];
    assert_eq!(circle(pairs.into()), [pair("b", "c"), pair("c", "b")].into());
}
