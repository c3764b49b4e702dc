//! The OpenAPI documents that are checked in are the ones that the program prints, and what
//! they say about signing can be pasted into a shell.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::support::node::program;
use crate::support::tool;

/// Every document: everything, and what one kind of integrator needs.
pub const NAMES: [&str; 6] =
    ["wallet", "operator", "pragmatic", "softswiss", "evolution", "spribe"];

/// What the program prints.
pub fn printed(name: &str) -> String {
    let output = program().args(["openapi", "--only", name]).output().expect("the program");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[test]
fn the_documents_are_what_the_program_prints() {
    for name in NAMES {
        let printed = printed(name);
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("openapi/{name}.json"));
        let stored = std::fs::read_to_string(path).unwrap_or_default();
        let mut lines = printed.lines().zip(stored.lines());
        let differs = lines.find(|(printed, stored)| printed != stored);
        assert!(
            printed == stored,
            "openapi/{name}.json is not what the program prints ({differs:?}). This mends it:\n\
             cargo run -- openapi --only {name} > openapi/{name}.json"
        );
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi");
    let files = std::fs::read_dir(folder).expect("documents").count();
    assert_eq!(files, NAMES.len(), "a document of openapi/ is no document of the program");
}

#[test]
fn a_name_that_is_no_document_is_told_which_there_are() {
    let output = program().args(["openapi", "--only", "other"]).output().expect("the program");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(NAMES.iter().all(|name| said.contains(name)), "{said}");
}

#[test]
fn the_document_of_everything_is_the_others_together() {
    let parse = |name| serde_json::from_str::<Value>(&printed(name)).expect("JSON");
    let mut paths = parse("wallet")["paths"].as_object().expect("paths").clone();
    for name in &NAMES[1..] {
        for (path, item) in parse(name)["paths"].as_object().expect("paths") {
            assert_eq!(paths.remove(path).as_ref(), Some(item), "{path}");
        }
    }
    assert!(paths.is_empty(), "{paths:?}");
}

#[test]
fn every_call_and_every_answer_with_a_body_has_an_example_and_no_two_calls_share_a_name() {
    for name in NAMES {
        let document: Value = serde_json::from_str(&printed(name)).expect("JSON");
        let mut names = Vec::new();
        for (path, item) in document["paths"].as_object().expect("paths") {
            for (method, call) in item.as_object().expect("calls") {
                // It is shown as it is written.
                let summary = call["summary"].as_str().expect("a summary");
                assert!(!summary.contains('`'), "{name}: {summary}");
                names.push(call["operationId"].as_str().expect("a name").to_owned());
                let answers = call["responses"].as_object().expect("answers").values();
                let bodies = answers.chain(call.get("requestBody"));
                for content in bodies.filter_map(|body| body["content"].as_object()) {
                    for (kind, media) in content {
                        let has = media.get("example").or(media.get("examples")).is_some();
                        assert!(has, "{name}: {method} {path}: no example of {kind}: {media}");
                    }
                }
            }
        }
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count, "{name}: two calls have one name");
    }
}

#[test]
fn calls_stand_in_the_order_of_a_game_so_that_each_can_be_tried_after_the_last() {
    let text = printed("pragmatic");
    let order = ["authenticate", "balance", "bet", "result", "adjustment", "refund"];
    let places = order.map(|call| text.find(&format!("\"/pragmatic/{call}.html\": {{")));
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{places:?}");
}

/// What stands between fences of a kind in the part about signing.
fn fenced<'t>(text: &'t str, kind: &str) -> Vec<&'t str> {
    let open = format!("```{kind}\n");
    text.split(&open).skip(1).filter_map(|rest| rest.split("\n```").next()).collect()
}

#[test]
fn the_worked_examples_of_signing_print_what_they_say() {
    for name in &NAMES[1..] {
        let document: Value = serde_json::from_str(&printed(name)).expect("JSON");
        let text = document["info"]["description"].as_str().expect("a description");
        let commands = fenced(text, "sh");
        let [command] = commands[..] else { panic!("{name}: {text}") };
        let promised = *fenced(text, "text").last().expect("what it prints");
        if command.contains("openssl") && tool::optional("openssl").is_none() {
            continue;
        }
        let output = Command::new("sh").args(["-c", command]).output().expect("sh");
        let said = String::from_utf8_lossy(&output.stdout);
        assert_eq!(said.trim_end(), promised, "{name}: {command}");
    }
}
