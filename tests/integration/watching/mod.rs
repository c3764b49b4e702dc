//! What people watch the nodes with: every metric that an alert, the dashboard or the documents
//! names is exported, under those labels, and the other way round.

mod collector;
mod exported;
mod promql;
mod traces;

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use seamless_wallet::jobs::Job;

use self::exported::Exported;
use self::promql::{grouped_by, selectors};
use crate::support::patience::PATIENCE;
use crate::support::world::World;
use crate::support::{operator, pragmatic, softswiss};

/// Jobs that run at once and often.
const JOBS: &str = "
    [jobs]
    enabled = true
    reconcile_every_s = 1
    reconcile_grace_ms = 50
    reapply_every_s = 1
    cleanup_every_s = 1
";

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What a node exports that has done a bit of everything.
async fn exported() -> (World, Exported) {
    let world = World::tuned(1, JOBS).await;
    let (node, api) = (&world.nodes[0], world.api(0));
    world.bank.open("ann", "10.00").await;
    let bet = pragmatic::bet("ann", "b1", "r1", "1.00");
    let first = bet.send(api).await;
    assert_eq!(bet.send(api).await.id(), first.id());
    pragmatic::bet("ann", "b2", "r2", "1000.00").send(api).await;
    pragmatic::result("ann", "early", "r3", "1.00").send(api).await;
    pragmatic::balance("ann").send(api).await;
    softswiss::play("ann", "r4", &[softswiss::bet("b4", 100)]).send(api).await;
    operator::get(api, "/players/ann").await;
    let started = Instant::now();
    for job in Job::ALL {
        let ran = [("job_name", job.as_str()), ("result", "ok")];
        while node.metric("wallet_job_runs_total", &ran).await < 1.0 {
            assert!(started.elapsed() < PATIENCE, "{job:?} does not run");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    let text = node.ops.get("/metrics").await.text();
    lint(&text);
    (world, Exported::read(&text))
}

/// Prometheus' own opinion of names and types, where its program is here.
fn lint(metrics: &str) {
    let Some(promtool) = std::env::var_os("WALLET_TEST_PROMTOOL") else { return };
    let mut command = Command::new(promtool);
    command.args(["check", "metrics"]).stdin(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("promtool");
    let mut input = child.stdin.take().expect("its input");
    input.write_all(metrics.as_bytes()).expect("room for the metrics");
    drop(input);
    let output = child.wait_with_output().expect("its end");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && said.is_empty(), "{said}");
}

/// The queries of the dashboard, those of its variables and its legends' labels included.
fn of_dashboard() -> (Vec<String>, BTreeSet<String>) {
    fn walk(value: &serde_json::Value, queries: &mut Vec<String>, legends: &mut BTreeSet<String>) {
        match value {
            serde_json::Value::Object(fields) => {
                for (name, value) in fields {
                    match (name.as_str(), value.as_str()) {
                        ("expr" | "query", Some(text)) => queries.push(text.to_owned()),
                        ("legendFormat", Some(text)) => {
                            legends.extend(text.split("{{").skip(1).filter_map(|rest| {
                                Some(rest.split_once("}}")?.0.trim().to_owned())
                            }))
                        }
                        _ => walk(value, queries, legends),
                    }
                }
            }
            serde_json::Value::Array(values) => {
                values.iter().for_each(|value| walk(value, queries, legends));
            }
            _ => {}
        }
    }
    let text = read("deploy/grafana/dashboards/wallet.json");
    let dashboard: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let (mut queries, mut legends) = (Vec::new(), BTreeSet::new());
    walk(&dashboard, &mut queries, &mut legends);
    assert!(queries.len() > 40, "where are its panels?");
    (queries, legends)
}

/// The rules, without comments.
fn of_alerts() -> String {
    let text = read("deploy/prometheus/alerts.yml");
    text.lines().filter(|line| !line.trim_start().starts_with('#')).collect::<Vec<_>>().join("\n")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_metric_that_is_watched_is_exported_and_every_one_that_is_exported_is_documented() {
    let (_world, exported) = exported().await;
    let mut wrong = Vec::new();

    let (queries, legends) = of_dashboard();
    for text in queries.iter().chain([&of_alerts()]) {
        for selector in selectors(text) {
            wrong.extend(exported.misses(&selector).map(|fault| format!("{fault} in {text:.200}")));
        }
        for label in grouped_by(text).iter().chain(&legends) {
            if !exported.has_label(label) {
                wrong.push(format!("nothing has the label {label} in {text:.200}"));
            }
        }
    }
    let alerts = of_alerts();
    assert!(alerts.matches("expr:").count() > 20 && selectors(&alerts).len() > 20, "{alerts}");

    let documented = documented();
    for (name, labels) in &documented {
        match exported.families.get(name) {
            None => wrong.push(format!("docs/metrics.md names {name}, which is not exported")),
            Some(family) if family.labels != *labels => wrong.push(format!(
                "docs/metrics.md gives {name} the labels {labels:?}, it has {:?}",
                family.labels
            )),
            Some(_) => {}
        }
    }
    for (name, family) in &exported.families {
        if !documented.iter().any(|(named, _)| named == name) {
            wrong.push(format!("{name} is exported, and docs/metrics.md does not know it"));
        }
        if family.help.is_empty() {
            wrong.push(format!("/metrics does not say what {name} is"));
        }
    }
    wrong.sort();
    wrong.dedup();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The metrics of the documented table, each with its labels.
fn documented() -> Vec<(String, BTreeSet<String>)> {
    let page = read("docs/metrics.md");
    let cells = page
        .lines()
        .filter(|line| line.starts_with("| `wallet_"))
        .filter_map(|line| line.split('|').nth(1));
    let metrics: Vec<(String, BTreeSet<String>)> = cells
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .map(|metric| {
            let (name, labels) = metric.split_once('{').unwrap_or((metric, ""));
            let labels = labels.trim_end_matches('}').split(',').filter(|label| !label.is_empty());
            (name.to_owned(), labels.map(str::to_owned).collect())
        })
        .collect();
    assert!(metrics.len() > 20, "where is the table?");
    metrics
}

#[test]
fn every_alert_is_severe_to_some_degree_says_what_it_is_and_what_to_do_and_is_tested_both_ways() {
    let (alerts, tests) = (of_alerts(), read("deploy/prometheus/alerts_test.yml"));
    let runbook = read("deploy/prometheus/README.md");
    let rules: Vec<&str> = alerts.split("- alert: ").skip(1).collect();
    assert!(rules.len() > 20, "where are the rules?");
    for rule in rules {
        let name = rule.lines().next().unwrap_or_default().trim();
        assert!(name.starts_with("Wallet"), "{name}");
        let severe =
            ["critical", "warning"].iter().any(|word| rule.contains(&format!("severity: {word}")));
        assert!(severe, "{name} needs a severity");
        for key in ["summary:", "description:"] {
            assert!(rule.contains(key), "{name} needs a {key}");
        }
        let anchor = format!("runbook: deploy/prometheus/README.md#{}", name.to_lowercase());
        assert!(rule.contains(&anchor), "{name} needs its {anchor}");
        assert!(runbook.contains(&format!("\n### {name}\n")), "what is to be done about {name}?");
        for way in ["fires", "does not fire"] {
            let test = format!("- name: {name} {way}\n");
            let test = tests.split_once(&test).map(|(_, rest)| rest.split("- name:").next());
            let test = test.flatten().unwrap_or_else(|| panic!("no test in which {name} {way}"));
            assert_eq!(test.contains("exp_alerts:"), way == "fires", "{name} {way}");
            assert!(test.contains(&format!("alertname: {name}\n")), "{name} {way}");
        }
    }
}
