//! The wallet's program as a process of its own, with a configuration of its own.

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Output};
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use sha2::{Digest as _, Sha256};
use toml::Table;

use super::database::Database;
use super::http::Endpoint;
use super::patience::PATIENCE;
use super::process::{Folder, Process};
use super::redis_server::RedisServer;
use super::{evolution, grpc, operator, pragmatic, softswiss, spribe};

/// What a node is started with. Small pools, because many nodes share one server.
const CONFIG: &str = r#"
    [http]
    listen = "127.0.0.1:0"
    # Most tests have no load balancer that would have to notice.
    drain_ms = 0
    [ops]
    listen = "127.0.0.1:0"
    [database]
    pool_max = 4
    # What nobody calls for happens in those tests alone that want it.
    [jobs]
    enabled = false
    [providers.pragmatic]
    protocol = "pragmatic"
    secrets = ["env:PRAGMATIC_SECRET"]
    settings = { provider_id = "PragmaticPlay" }
    [providers.softswiss]
    protocol = "softswiss"
    secrets = ["env:SOFTSWISS_TOKEN"]
"#;

/// The environment that [`Setup`] refers to.
pub const SECRETS: [(&str, &str); 7] = [
    ("PRAGMATIC_SECRET", pragmatic::SECRET),
    ("SOFTSWISS_TOKEN", softswiss::TOKEN),
    ("SPRIBE_SECRET", spribe::SECRET),
    ("EVOLUTION_TOKEN", evolution::TOKEN),
    ("ARCADE_KEY", grpc::KEY),
    ("ARCADE_NEXT_KEY", grpc::NEXT_KEY),
    ("BINGO_KEY", grpc::OTHER_KEY),
];

/// How to start a node.
#[derive(Clone)]
pub struct Setup {
    table: Table,
    variables: Vec<(String, String)>,
}

impl Setup {
    /// On this database, without Redis.
    pub fn on(database: &Database) -> Self {
        let mut table: Table = CONFIG.parse().expect("TOML");
        let keys = [(operator::KEY, "write"), (operator::READER_KEY, "read")].map(|(key, role)| {
            let hash = hex::encode(Sha256::digest(key));
            format!("{{ name = \"{role}r\", role = \"{role}\", sha256 = \"{hash}\" }}")
        });
        merge(&mut table, &format!("operator.keys = [{}]", keys.join(", ")));
        let variables = SECRETS.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let setup = Self { table, variables };
        setup.with(&format!("database.url = \"{}\"", database.url()))
    }

    /// With this Redis, too.
    pub fn with_redis(self, redis: &RedisServer) -> Self {
        let url = redis.url();
        self.with(&format!("cache.url = \"{url}\""))
    }

    /// Written into a folder; what it refers to is in [`SECRETS`].
    pub fn write(&self, folder: &Folder) -> PathBuf {
        let path = folder.path().join("wallet.toml");
        std::fs::write(&path, toml::to_string(&self.table).expect("TOML")).expect("a file");
        path
    }

    /// Runs one of the program's other commands to its end.
    pub async fn run(&self, arguments: &[&str]) -> Output {
        let folder = Folder::new("wallet-hand");
        let mut command = self.command(&folder, arguments);
        let output = tokio::task::spawn_blocking(move || {
            let output = command.output().expect("the program");
            drop(folder);
            output
        });
        output.await.expect("it ends")
    }

    /// One of the program's other commands, as yet not run; its configuration is in the folder.
    pub fn command(&self, folder: &Folder, arguments: &[&str]) -> Command {
        let mut command = program();
        command.args(arguments).arg("--config").arg(self.write(folder)).envs(SECRETS);
        command
    }

    /// With further lines of TOML, such as `database.lanes = 4`.
    #[must_use]
    pub fn with(mut self, toml: &str) -> Self {
        merge(&mut self.table, toml);
        self
    }

    /// With one more variable in its environment.
    #[must_use]
    pub fn with_variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    fn variables(&self) -> Vec<(&str, &str)> {
        self.variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }
}

/// The wallet's program, with nothing of the environment of the tests: none of it is meant
/// for it.
pub fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wallet"));
    command.env_clear();
    command
}

/// A running node. It is killed when it is dropped; when a test fails, its last words are shown.
pub struct Node {
    process: Process,
    /// Where providers and the operator call.
    pub api: Endpoint,
    /// Where the metrics are.
    pub ops: Endpoint,
    /// Where gRPC clients call, if it is served.
    pub grpc: Option<SocketAddr>,
    folder: Folder,
    /// What reads its log and writes it down, where that is a process of its own.
    reader: Option<Process>,
}

impl Node {
    /// Starts one and waits until it is ready.
    pub async fn start(setup: &Setup) -> Self {
        let node = Self::launch(setup).await;
        node.wait_until_ready().await;
        node
    }

    /// Starts one and waits until it listens.
    pub async fn launch(setup: &Setup) -> Self {
        let folder = Folder::new("wallet-node");
        let config = setup.write(&folder);
        Self::run(folder, &config, &setup.variables()).await
    }

    /// Starts one that only runs the jobs.
    pub async fn worker(setup: &Setup) -> Self {
        let folder = Folder::new("wallet-worker");
        let config = setup.write(&folder);
        Self::run_task("worker", folder, &config, &setup.variables()).await
    }

    /// Starts one with a configuration that is there already, and with nothing but these
    /// variables around it.
    pub async fn configured(config: &Path, variables: &[(&str, &str)]) -> Self {
        Self::run(Folder::new("wallet-node"), config, variables).await
    }

    async fn run(folder: Folder, config: &Path, variables: &[(&str, &str)]) -> Self {
        Self::run_task("serve", folder, config, variables).await
    }

    async fn run_task(
        task: &str,
        folder: Folder,
        config: &Path,
        variables: &[(&str, &str)],
    ) -> Self {
        let log = File::create(folder.path().join("log")).expect("a file");
        Self::spawn(task, folder, config, variables, (log, None)).await
    }

    /// Starts one whose log goes through a pipe, and waits until it is ready.
    pub async fn piped(setup: &Setup) -> Self {
        let folder = Folder::new("wallet-piped");
        let log = File::create(folder.path().join("log")).expect("a file");
        let (out, into) = std::io::pipe().expect("a pipe");
        let reader = Process::reading(Command::new("cat").stdout(log), out);
        let into = File::from(std::os::fd::OwnedFd::from(into));
        let (config, variables) = (setup.write(&folder), setup.variables());
        let node = Self::spawn("serve", folder, &config, &variables, (into, Some(reader))).await;
        node.wait_until_ready().await;
        node
    }

    async fn spawn(
        task: &str,
        folder: Folder,
        config: &Path,
        variables: &[(&str, &str)],
        (log, reader): (File, Option<Process>),
    ) -> Self {
        let mut command = program();
        command
            .arg(task)
            .arg("--config")
            .arg(config)
            .envs(variables.iter().copied())
            .env("RUST_BACKTRACE", "1")
            .stdout(log.try_clone().expect("a handle"))
            .stderr(log);
        let process = Process::start(&mut command);
        let nowhere = Endpoint::at(SocketAddr::from(([127, 0, 0, 1], 9)));
        let mut node =
            Self { process, api: nowhere.clone(), ops: nowhere, grpc: None, folder, reader };
        node.learn_addresses().await;
        node
    }

    /// It takes whatever port is free, and says which.
    async fn learn_addresses(&mut self) {
        let started = Instant::now();
        loop {
            let mut lines = self.log_lines().into_iter();
            let starts = |line: &serde_json::Value| {
                line["message"] == "serving" || line["message"] == "working"
            };
            if let Some(line) = lines.find(starts) {
                let address = |name: &str| -> Option<SocketAddr> {
                    line[name].as_str().map(|text| text.parse().expect("an address"))
                };
                // A worker serves no API.
                self.api = address("api").map_or_else(|| self.api.clone(), Endpoint::at);
                self.ops = Endpoint::at(address("ops").expect("an ops port"));
                self.grpc = address("grpc");
                return;
            }
            assert!(self.process.ended().is_none(), "the node ended: {}", self.log());
            assert!(started.elapsed() < PATIENCE, "no node: {}", self.log());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Waits for `/readyz`.
    pub async fn wait_until_ready(&self) {
        let started = Instant::now();
        loop {
            let reply = self.ops.get("/readyz").await;
            if reply.status == StatusCode::OK {
                return;
            }
            assert!(started.elapsed() < PATIENCE, "not ready: {}", reply.text());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Ends it as a crash would.
    pub fn kill9(&self) {
        self.process.kill9();
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// True while it has not ended.
    pub fn is_there(&self) -> bool {
        self.process.ended().is_none()
    }

    /// The memory that it occupies, in KiB.
    pub fn memory_kib(&self) -> u64 {
        let path = format!("/proc/{}/status", self.process.id());
        let status = std::fs::read_to_string(path).expect("a running process");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its memory");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    }

    /// The most memory that it has ever held, in KiB.
    pub fn memory_peak(&self) -> u64 {
        let path = format!("/proc/{}/status", self.process.id());
        let status = std::fs::read_to_string(path).expect("a process");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("VmHWM");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    }

    /// Stops it: its connections stay open and it does nothing.
    pub fn freeze(&self) {
        self.process.signal("STOP");
    }

    /// Whoever reads its log falls asleep.
    pub fn leave_log_unread(&self) {
        self.reader.as_ref().expect("a reader").signal("STOP");
    }

    /// Whoever reads its log wakes up.
    pub fn read_log_on(&self) {
        self.reader.as_ref().expect("a reader").signal("CONT");
    }

    /// Lets it run on.
    pub fn thaw(&self) {
        self.process.signal("CONT");
    }

    /// Asks it to end, and says how it did.
    pub async fn stop(&self) -> ExitStatus {
        self.process.signal("TERM");
        self.ended(Duration::from_secs(30)).await
    }

    /// Waits for its end.
    pub async fn ended(&self, at_most: Duration) -> ExitStatus {
        let started = Instant::now();
        loop {
            if let Some(status) = self.process.ended() {
                return status;
            }
            assert!(started.elapsed() < at_most, "the node does not end: {}", self.log());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Everything that it has said.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Its log once every line of what has happened is written: lines wait for a moment (50 ms),
    /// to be written together.
    pub async fn settled_log(&self) -> String {
        tokio::time::sleep(Duration::from_millis(500)).await;
        self.log()
    }

    /// Its log, line by line, without what is no JSON.
    pub fn log_lines(&self) -> Vec<serde_json::Value> {
        json_lines(&self.log())
    }

    /// The sum of the samples of a metric that have all of these labels; zero when there is none.
    pub async fn metric(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let text = self.ops.get("/metrics").await.text();
        let wanted: Vec<String> =
            labels.iter().map(|(name, value)| format!("{name}=\"{value}\"")).collect();
        text.lines()
            .filter_map(|line| line.rsplit_once(' '))
            .filter(|(series, _)| {
                let (own, rest) = series.split_once('{').unwrap_or((series, ""));
                own == name && wanted.iter().all(|label| rest.contains(label.as_str()))
            })
            .filter_map(|(_, value)| value.parse::<f64>().ok())
            .sum()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.log();
            let lines: Vec<&str> = log.lines().collect();
            let tail = &lines[lines.len().saturating_sub(60)..];
            eprintln!("---- the end of a node's log ----\n{}\n----", tail.join("\n"));
        }
    }
}

/// Lays lines of TOML over a configuration.
pub fn merge(below: &mut Table, toml: &str) {
    fn lay(below: &mut Table, above: Table) {
        for (key, value) in above {
            match (below.get_mut(&key), value) {
                (Some(toml::Value::Table(below)), toml::Value::Table(above)) => lay(below, above),
                (_, value) => {
                    below.insert(key, value);
                }
            }
        }
    }
    lay(below, toml.parse().unwrap_or_else(|error| panic!("{toml}: {error}")));
}

/// The lines of a log, without what is no JSON.
pub fn json_lines(log: &str) -> Vec<serde_json::Value> {
    log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}
