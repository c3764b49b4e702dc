//! The rules of `src/ARCHITECTURE.md` that can be read off the source.

use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The lines of the program below a folder or in a file, each with its place; without
/// comments, and without the tests, which stand at the end of a file, or in a file or a folder of
/// their own.
fn lines(below: &str) -> Vec<(String, String)> {
    let mut files = vec![root().join("src").join(below)];
    let mut lines = Vec::new();
    while let Some(path) = files.pop() {
        if path.file_name().is_some_and(|name| name == "tests") {
            continue;
        }
        if path.is_dir() {
            let entries = std::fs::read_dir(&path).expect("a folder");
            files.extend(entries.map(|entry| entry.expect("an entry").path()));
            continue;
        }
        let is_program = path.extension().is_some_and(|extension| extension == "rs")
            && path.file_name().is_some_and(|name| name != "tests.rs");
        if is_program {
            lines.extend(program_of(&path));
        }
    }
    assert!(!lines.is_empty(), "there is nothing in src/{below}");
    lines
}

fn program_of(path: &PathBuf) -> Vec<(String, String)> {
    let text = std::fs::read_to_string(path).expect("a file");
    let program = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let name = path.strip_prefix(root()).unwrap_or(path).display();
    let lines = (1..).zip(program.lines());
    lines
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
        .map(|(number, line)| (format!("{name}:{number}"), line.to_owned()))
        .collect()
}

/// Where one of the words stands.
fn places(lines: &[(String, String)], words: &[&str]) -> Vec<String> {
    lines
        .iter()
        .filter(|(_, line)| words.iter().any(|word| line.contains(word)))
        .map(|(place, line)| format!("{place}: {}", line.trim()))
        .collect()
}

#[test]
fn no_part_knows_what_it_must_not_know() {
    const SQL: &[&str] = &["sqlx"];
    const REDIS: &[&str] = &["fred"];
    const HTTP: &[&str] = &["axum", "hyper", "tower", "crate::http"];
    const PROVIDERS: &[&str] = &["crate::providers"];
    const WORDS: &[&str] = &[
        "pragmatic",
        "Pragmatic",
        "softswiss",
        "Softswiss",
        "SOFTSWISS",
        "evolution",
        "Evolution",
        "spribe",
        "Spribe",
    ];
    const CLOCKS: &[&str] = &["Utc::now", "Instant::now", "SystemTime", "now_v7"];
    const WAITING: &[&str] = &["tokio", "async ", ".await"];
    const STORES: &[&str] = &["crate::store", "crate::cache", "crate::engine"];
    let mut wrong = Vec::new();
    for (part, unknown) in [
        ("core", &[SQL, REDIS, HTTP, PROVIDERS, WORDS, CLOCKS, WAITING, STORES][..]),
        ("store", &[REDIS, HTTP, PROVIDERS, WORDS]),
        ("cache", &[SQL, HTTP, PROVIDERS, WORDS]),
        ("jobs", &[SQL, HTTP, WORDS, REDIS]),
        ("feed", &[SQL, HTTP, PROVIDERS, WORDS, REDIS]),
        ("engine", &[HTTP, PROVIDERS, WORDS, REDIS]),
        // Its documentation may name providers as examples.
        ("http", &[SQL, REDIS, &["pragmatic::", "softswiss::", "evolution::", "spribe::"]]),
        ("grpc", &[SQL, REDIS, WORDS]),
        ("http/callback.rs", &[WORDS]),
        ("edge", &[SQL, REDIS, WORDS, STORES, &["crate::app", "crate::http", "crate::grpc"]]),
        ("providers", &[SQL, REDIS, CLOCKS, WAITING, STORES]),
        ("providers/pragmatic", &[&["softswiss", "evolution", "spribe"]]),
        ("providers/softswiss", &[&["pragmatic", "evolution", "spribe"]]),
        ("providers/evolution", &[&["pragmatic", "softswiss", "spribe"]]),
        ("providers/spribe", &[&["pragmatic", "softswiss", "evolution"]]),
    ] {
        let lines = lines(part);
        let found = unknown.iter().flat_map(|words| places(&lines, words));
        wrong.extend(found.map(|place| format!("{part} must not know this: {place}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn statements_stand_in_the_store_and_redis_in_the_cache() {
    let everywhere = lines("");
    for (words, home) in
        [(&["sqlx::query", "query!("][..], "src/store/"), (&["fred::"], "src/cache/")]
    {
        let astray: Vec<_> = places(&everywhere, words)
            .into_iter()
            .filter(|place| !place.starts_with(home))
            .collect();
        assert!(astray.is_empty(), "{words:?} belong into {home}: {astray:#?}");
    }
}

#[test]
fn transactions_of_the_pool_begin_in_one_place() {
    let begun: Vec<_> = places(&lines(""), &["pool.begin()", "pool().begin()"])
        .into_iter()
        .filter(|place| !place.starts_with("src/store/pool.rs"))
        .collect();
    assert!(begun.is_empty(), "`begin_transaction` is there for it, and says why: {begun:#?}");
}

#[test]
fn the_program_has_no_way_to_panic_on_purpose() {
    let found = places(
        &lines(""),
        &[
            ".unwrap()",
            ".expect(",
            ".unwrap_err()",
            "panic!(",
            "todo!(",
            "unimplemented!(",
            "dbg!(",
        ],
    );
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn migrations_only_go_forward_and_leave_the_old_program_what_it_uses() {
    let folder = std::fs::read_dir(root().join("migrations")).expect("migrations");
    let mut files: Vec<_> = folder.map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    for (number, path) in (1..).zip(&files) {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        assert!(name.starts_with(&format!("{number:04}_")), "{name} should be number {number}");
        let plain = name.strip_suffix(".sql").is_some_and(|stem| !stem.contains('.'));
        assert!(plain, "{name} has a way back");
        let sql = std::fs::read_to_string(path).expect("a file").to_uppercase();
        for word in ["DROP TABLE", "DROP COLUMN", "RENAME ", "TRUNCATE"] {
            assert!(!sql.contains(word), "{name}: {word} takes something away");
        }
    }
    assert!(!files.is_empty());
}
