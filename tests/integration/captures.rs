//! The calls in `tests/captures/`, replayed in order against what `make run` starts: the
//! development profile with the demo data. Once as they are through curl, once through our
//! own client.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::process::Command;

use axum::http::Method;
use seamless_wallet::providers::{PROTOCOLS, Protocol};
use serde_json::Value;

use crate::support::database::Database;
use crate::support::ledger;
use crate::support::node::{Node, program};
use crate::support::redis_server::RedisServer;

/// Every protocol whose calls curl can send.
fn protocols() -> impl Iterator<Item = &'static Protocol> {
    PROTOCOLS.iter().filter(|protocol| protocol.page.is_some())
}

/// Protocols whose replies do not say the operator's transaction ids.
const WITHOUT_IDS: &[&str] = &["evolution"];

/// Where every capture goes.
const DEMO_NODE: &str = "http://127.0.0.1:8080";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// One call with the answer to expect.
struct Capture {
    curl: PathBuf,
    expected: String,
}

impl Capture {
    /// Those of a protocol, in the order of their names. Each has to be whole.
    fn all(protocol: &str) -> Vec<Self> {
        let folder = root().join("tests/captures").join(protocol);
        let mut halves: BTreeMap<PathBuf, Vec<String>> = BTreeMap::new();
        let entries = std::fs::read_dir(&folder)
            .unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        for entry in entries {
            let path = entry.expect("an entry").path();
            let extension = path.extension().unwrap_or_default().to_string_lossy().into_owned();
            halves.entry(path.with_extension("")).or_default().push(extension);
        }
        assert!(!halves.is_empty(), "{protocol} has no captures");
        let captures = halves.into_iter().map(|(path, mut halves)| {
            halves.sort();
            assert_eq!(halves, ["curl", "expected"], "{} is not whole", path.display());
            let expected = std::fs::read_to_string(path.with_extension("expected"));
            Self { curl: path.with_extension("curl"), expected: expected.expect("a file") }
        });
        captures.collect()
    }

    fn name(&self) -> String {
        self.curl.strip_prefix(root()).unwrap_or(&self.curl).display().to_string()
    }
}

/// What a replay has learnt: which id stands for which name.
#[derive(Default)]
struct Replay {
    ids: HashMap<String, String>,
    wrong: Vec<String>,
}

impl Replay {
    fn compare(&mut self, capture: &Capture, came: &str) {
        if let Err(why) = self.matches(capture.expected.trim_end(), came.trim_end()) {
            self.wrong.push(format!(
                "{}: {why}\n  expected {}\n  came     {}",
                capture.name(),
                capture.expected.trim_end().replace('\n', "\n           "),
                came.trim_end().replace('\n', "\n           "),
            ));
        }
    }

    /// Character by character, but for `"<…>"`, which stands for one JSON value.
    fn matches(&mut self, expected: &str, came: &str) -> Result<(), String> {
        let mut parts = expected.split("\"<");
        let start = parts.next().unwrap_or_default();
        let mut rest = came.strip_prefix(start).ok_or_else(|| format!("no {start:?}"))?;
        for part in parts {
            let (placeholder, literal) =
                part.split_once(">\"").ok_or("a placeholder without its end")?;
            let mut values = serde_json::Deserializer::from_str(rest).into_iter::<Value>();
            let value = values.next().and_then(Result::ok).ok_or("no value for a placeholder")?;
            rest = &rest[values.byte_offset()..];
            self.learn(placeholder, &value)?;
            rest = rest.strip_prefix(literal).ok_or_else(|| format!("no {literal:?}"))?;
        }
        if rest.is_empty() { Ok(()) } else { Err(format!("too much: {rest:?}")) }
    }

    fn learn(&mut self, placeholder: &str, value: &Value) -> Result<(), String> {
        let Some(name) = placeholder.strip_prefix("tx:") else {
            let known = ["time", "balance", "message"].contains(&placeholder);
            return if known { Ok(()) } else { Err(format!("what is <{placeholder}>?")) };
        };
        let id = value.as_str().filter(|id| !id.is_empty());
        let id = id.ok_or_else(|| format!("{value} for <tx:{name}>"))?;
        let other = self.ids.iter().find(|(known, bound)| *known != name && *bound == id);
        if let Some((other, _)) = other {
            return Err(format!("<tx:{name}> is the id of <tx:{other}>"));
        }
        let bound = self.ids.entry(name.to_owned()).or_insert_with(|| id.to_owned());
        if bound == id { Ok(()) } else { Err(format!("<tx:{name}> was {bound} before")) }
    }

    async fn finish(self, demo: &Demo, protocol: &str) {
        let Self { ids, wrong } = self;
        assert!(wrong.is_empty(), "{} answers differ:\n{}", wrong.len(), wrong.join("\n"));
        let sql = "SELECT count(*) FROM trx_log WHERE provider = $1 AND outcome = 'applied'";
        let moved = sqlx::query_scalar(sql).bind(protocol).fetch_one(&demo.database.pool);
        let moved: i64 = moved.await.expect("a count");
        assert!(moved > 10, "{moved} transactions are hardly a day");
        let least = if WITHOUT_IDS.contains(&protocol) { 0 } else { 11 };
        assert!(ids.len() >= least, "{protocol}: replies name {} transactions", ids.len());
    }
}

/// What `make run` starts, on ports of its own.
struct Demo {
    node: Node,
    database: Database,
    _redis: RedisServer,
}

impl Demo {
    async fn start() -> Self {
        let (database, redis) = (Database::fresh().await, RedisServer::start());
        let (database_url, redis_url) = (database.url(), redis.url());
        let variables = [
            ("DATABASE_URL", database_url.as_str()),
            ("REDIS_URL", redis_url.as_str()),
            ("PORT", "0"),
            ("OPS_PORT", "0"),
            ("DEMO_PRAGMATIC_SECRET", "demo-pragmatic-secret"),
            ("DEMO_SOFTSWISS_TOKEN", "demo-softswiss-token"),
            ("DEMO_SPRIBE_SECRET", "demo-spribe-secret"),
            ("DEMO_EVOLUTION_TOKEN", "demo-evolution-token"),
            ("DEMO_ARCADE_KEY", "demo-arcade-key"),
            // What is signed with its time goes stale; what was signed in 1970 has to stay so.
            ("WALLET__PROVIDERS__SPRIBE__SETTINGS__TIMESTAMP_TOLERANCE_S", "1700000000"),
        ];
        let (config, data) = (root().join("deploy/dev.toml"), root().join("deploy/demo.toml"));
        // The second time as by a second `make run`, which changes nothing.
        for _ in 0..2 {
            for (task, file) in [("migrate", None), ("seed", Some(&data))] {
                let mut command = program();
                command.arg(task).arg("--config").arg(&config).envs(variables);
                if let Some(file) = file {
                    command.arg("--file").arg(file);
                }
                let output = command.output().expect("the program");
                let said = String::from_utf8_lossy(&output.stderr);
                assert!(output.status.success(), "wallet {task}: {said}");
            }
        }
        Self { node: Node::configured(&config, &variables).await, database, _redis: redis }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_capture_through_curl_is_answered_as_it_says() {
    for protocol in protocols() {
        let demo = Demo::start().await;
        let to = format!("127.0.0.1:8080:{}", demo.node.api.address);
        let mut replay = Replay::default();
        for capture in Capture::all(protocol.name) {
            // As `curl -K file`, but for what a developer may have set up.
            let output = Command::new("curl")
                .args(["-q", "--noproxy", "*", "--max-time", "10", "--connect-to", &to, "-K"])
                .arg(&capture.curl)
                .output()
                .expect("curl");
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{}: {said}", capture.name());
            replay.compare(&capture, &String::from_utf8_lossy(&output.stdout));
        }
        replay.finish(&demo, protocol.name).await;
        ledger::check_integrity(&demo.database.pool).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_capture_through_a_client_of_ours_is_answered_as_it_says() {
    for protocol in protocols() {
        let demo = Demo::start().await;
        let mut replay = Replay::default();
        for capture in Capture::all(protocol.name) {
            let call = parse(&capture);
            let headers: Vec<(&str, &str)> =
                call.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            let reply = demo.node.api.send(Method::POST, &call.path, &headers, call.body).await;
            let reply = reply.unwrap_or_else(|error| panic!("{}: {error}", capture.name()));
            let came = format!("{}\nHTTP {}", reply.text(), reply.status.as_u16());
            replay.compare(&capture, &came);
        }
        replay.finish(&demo, protocol.name).await;
        ledger::check_integrity(&demo.database.pool).await;
    }
}

#[test]
fn every_protocol_has_captures_and_nothing_else_has() {
    let folders = std::fs::read_dir(root().join("tests/captures")).expect("captures");
    let mut folders: Vec<String> = folders
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    folders.sort();
    let mut protocols: Vec<&str> = protocols().map(|protocol| protocol.name).collect();
    protocols.sort_unstable();
    assert_eq!(folders, protocols);
    for protocol in protocols {
        for capture in Capture::all(protocol) {
            let path = parse(&capture).path;
            assert!(path.starts_with(&format!("/{protocol}/")), "{} to {path}", capture.name());
        }
    }
}

#[test]
fn placeholders_stand_for_one_value_each_and_a_name_for_one_id() {
    let mut replay = Replay::default();
    let mut told = |expected: &str, came: &str| replay.matches(expected, came).is_ok();
    assert!(told(r#"{"a":"<tx:one>","b":1.00}"#, r#"{"a":"x","b":1.00}"#));
    assert!(!told(r#"{"a":"<tx:one>"}"#, r#"{"a":"y"}"#), "another id under the name");
    assert!(!told(r#"{"a":"<tx:two>"}"#, r#"{"a":"x"}"#), "the id of another name");
    assert!(!told(r#"{"a":"<tx:two>"}"#, r#"{"a":""}"#), "no id");
    assert!(told(r#"{"a":"<tx:two>","t":"<time>"}"#, r#"{"a":"y","t":"now"}"#));
    assert!(told(r#"{"b":"<balance>","c":7}"#, r#"{"b":12,"c":7}"#));
    assert!(!told(r#"{"b":"<balance>","c":7}"#, r#"{"b":12,"c":8}"#), "what stands behind it");
    assert!(!told(r#"{"b":1.00}"#, r#"{"b":1.0}"#), "another spelling");
    assert!(!told(r#"{"b":1}"#, r#"{"b":1} "#) && !told(r#"{"b":1}"#, r#"{"b":1"#));
    assert!(!told(r#"{"b":"<anything>"}"#, r#"{"b":1}"#), "a placeholder that is none");
}

/// A capture as a call.
struct Call {
    path: String,
    headers: Vec<(String, String)>,
    body: String,
}

/// Reads what captures use of curl's configuration: `name = "value"`.
fn parse(capture: &Capture) -> Call {
    let text = std::fs::read_to_string(&capture.curl).expect("a file");
    let (mut path, mut headers, mut body) = (None, Vec::new(), None);
    for line in text.lines() {
        let (name, value) = line.split_once(" = ").unwrap_or((line, "\"\""));
        let value = unquoted(value).unwrap_or_else(|| panic!("{}: {line}", capture.name()));
        match name {
            "url" => path = value.strip_prefix(DEMO_NODE).map(str::to_owned),
            "header" => {
                let (name, value) = value.split_once(": ").expect("a header");
                headers.push((name.to_owned(), value.to_owned()));
            }
            "data-binary" => body = Some(value),
            "silent" | "show-error" | "write-out" => {}
            _ => panic!("{}: what is {name}?", capture.name()),
        }
    }
    let name = capture.name();
    Call {
        path: path.unwrap_or_else(|| panic!("{name}: no url that begins with {DEMO_NODE}")),
        headers,
        body: body.unwrap_or_else(|| panic!("{name}: no data-binary")),
    }
}

fn unquoted(text: &str) -> Option<String> {
    let mut inside = text.strip_prefix('"')?.strip_suffix('"')?.chars();
    let mut value = String::new();
    while let Some(letter) = inside.next() {
        match letter {
            '\\' => value.push(match inside.next()? {
                'n' => '\n',
                't' => '\t',
                'r' => '\r',
                other => other,
            }),
            '"' => return None,
            letter => value.push(letter),
        }
    }
    Some(value)
}
