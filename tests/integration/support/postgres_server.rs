//! A real PostgreSQL of one's own, on a socket in a temporary folder: to be stopped, killed and
//! frozen. Data that a test has made is gone with it.

use std::fs::File;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::str::FromStr as _;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _};

use super::patience::PATIENCE;
use super::process::{Folder, Process, children, signal};

/// Only the name of the socket depends on it.
pub(super) const PORT: u16 = 5432;

/// Its process and the folder it lives in. Both go when it is dropped.
pub struct PostgresServer {
    process: Process,
    folder: Folder,
    surroundings: Surroundings,
}

/// What a server finds whenever it is started.
#[derive(Default)]
struct Surroundings {
    variables: Vec<(String, String)>,
    /// `name=value`, each; a later one counts.
    settings: Vec<String>,
}

impl PostgresServer {
    /// Starts one and waits until it answers.
    pub async fn start() -> Self {
        Self::begin(folder(), Surroundings::default()).await
    }

    /// Starts one with further variables in its environment, which may name its folder.
    pub async fn start_with(variables: impl FnOnce(&Path) -> Vec<(String, String)>) -> Self {
        let folder = folder();
        let variables = variables(folder.path());
        Self::begin(folder, Surroundings { variables, settings: Vec::new() }).await
    }

    /// Starts one with further settings, such as `commit_delay=4000`.
    pub async fn tuned(settings: &[&str]) -> Self {
        let settings = settings.iter().map(|setting| (*setting).to_owned()).collect();
        Self::begin(folder(), Surroundings { variables: Vec::new(), settings }).await
    }

    async fn begin(folder: Folder, surroundings: Surroundings) -> Self {
        let copied = as_server("cp")
            .args(["-a", "--", &initialised().display().to_string()])
            .arg(folder.path().join("data"))
            .status();
        assert!(copied.expect("cp").success(), "the new data folder cannot be copied");
        let process = spawn(folder.path(), &surroundings);
        let server = Self { process, folder, surroundings };
        server.wait().await;
        server
    }

    /// Copies it to a second one, which follows it from then on. Whoever commits here waits
    /// until it is there, too.
    pub async fn standby(&self) -> Self {
        let folder = folder();
        let copied = as_server(&tool("pg_basebackup"))
            .args(["-h".as_ref(), self.folder.path().as_os_str()])
            .args(["-p", &PORT.to_string(), "-U", "postgres", "-D"])
            .arg(folder.path().join("data"))
            .args(["--write-recovery-conf", "--checkpoint=fast", "--no-sync"])
            .output()
            .expect("pg_basebackup");
        assert!(copied.status.success(), "{}", String::from_utf8_lossy(&copied.stderr));
        let surroundings = Surroundings::default();
        let process = spawn(folder.path(), &surroundings);
        let standby = Self { process, folder, surroundings };
        standby.wait().await;
        self.ask("ALTER SYSTEM SET synchronous_standby_names = '*'").await;
        self.ask("SELECT pg_reload_conf()::text").await;
        let started = Instant::now();
        let state = "SELECT coalesce(max(sync_state), '') FROM pg_stat_replication";
        while self.ask(state).await.as_deref() != Some("sync") {
            assert!(started.elapsed() < PATIENCE, "the standby does not follow: {}", standby.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        standby
    }

    /// Makes a standby a primary.
    pub async fn promote(&self) {
        self.ask("SELECT pg_promote()::text").await;
    }

    /// Runs a statement as its superuser; gives back the text that it answers, if any.
    async fn ask(&self, sql: &'static str) -> Option<String> {
        let mut connection = self.options().connect().await.expect("a connection");
        let answer = sqlx::query_scalar(sql).fetch_optional(&mut connection).await;
        let _ = connection.close().await;
        answer.unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    /// How to connect as its superuser, to the database `postgres`.
    pub fn options(&self) -> PgConnectOptions {
        let socket = self.folder.path().display();
        PgConnectOptions::from_str(&format!("postgres://postgres@localhost:{PORT}/postgres"))
            .expect("a URL")
            .socket(socket.to_string())
    }

    /// Lets statements in progress go, ends everything else, and is there again.
    pub async fn restart(&mut self) {
        self.process.signal("INT");
        assert!(self.process.wait(PATIENCE).is_some(), "PostgreSQL does not stop");
        self.start_again().await;
    }

    /// Ends at once as after a loss of power, recovers, and is there again.
    pub async fn crash(&mut self) {
        self.kill9();
        self.start_again().await;
    }

    /// Ends every process of it, as a loss of power would.
    pub fn kill9(&self) {
        let backends = children(self.process.id());
        self.process.kill9();
        for id in backends {
            signal(id, "KILL");
        }
    }

    /// Starts it again on the data that it has.
    pub async fn start_again(&mut self) {
        // A backend that still ends holds on to the shared memory.
        let started = Instant::now();
        loop {
            self.process = spawn(self.folder.path(), &self.surroundings);
            if self.process.wait(Duration::from_millis(300)).is_none() {
                break;
            }
            assert!(started.elapsed() < PATIENCE, "PostgreSQL does not start: {}", self.log());
        }
        self.wait().await;
    }

    /// Stops it with everything in progress: connections stay open and nothing answers.
    pub fn freeze(&self) {
        self.process.signal("STOP");
        for id in children(self.process.id()) {
            signal(id, "STOP");
        }
    }

    /// Lets it run on.
    pub fn thaw(&self) {
        for id in children(self.process.id()) {
            signal(id, "CONT");
        }
        self.process.signal("CONT");
    }

    async fn wait(&self) {
        let started = Instant::now();
        loop {
            let attempt = tokio::time::timeout(PATIENCE, self.options().connect()).await;
            if let Ok(Ok(connection)) = attempt {
                let _ = connection.close().await;
                return;
            }
            assert!(started.elapsed() < PATIENCE, "PostgreSQL does not answer: {}", self.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Where its data and its socket are.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The socket that it listens on.
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join(format!(".s.PGSQL.{PORT}"))
    }

    /// False when it has ended by itself.
    pub fn is_there(&self) -> bool {
        self.process.ended().is_none()
    }

    /// Everything that it has said.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        self.thaw();
        // Its own way of ending at once: the backends go with it.
        self.process.signal("QUIT");
        let _ = self.process.wait(Duration::from_secs(10));
    }
}

fn spawn(folder: &Path, surroundings: &Surroundings) -> Process {
    let log = File::options().create(true).append(true).open(folder.join("log")).expect("a log");
    let mut command = as_server(&tool("postgres"));
    command
        .arg("-D")
        .arg(folder.join("data"))
        .args(["-k".as_ref(), folder.as_os_str()])
        .args(["-h", "", "-p", &PORT.to_string()])
        // Killing processes loses nothing that the kernel has; only a loss of power would.
        .args(["-c", "fsync=off", "-c", "full_page_writes=off", "-c", "max_connections=80"])
        .args(["-c", "shared_buffers=16MB"])
        .args(surroundings.settings.iter().flat_map(|setting| ["-c", setting]))
        .envs(surroundings.variables.iter().cloned())
        .stdout(Stdio::null())
        .stderr(log);
    Process::start(&mut command)
}

/// A data folder that is made once, to be copied.
fn initialised() -> PathBuf {
    static MADE: OnceLock<(Folder, PathBuf)> = OnceLock::new();
    let (_, data) = MADE.get_or_init(|| {
        let folder = folder();
        let data = folder.path().join("data");
        let output = as_server(&tool("initdb"))
            .arg("-D")
            .arg(&data)
            .args(["-U", "postgres", "--auth=trust", "--no-sync"])
            .args(["--locale=C.UTF-8", "--encoding=UTF8"])
            .output()
            .expect("initdb");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        (folder, data)
    });
    data.clone()
}

fn folder() -> Folder {
    folder_of_the_server("wallet-pg")
}

/// A folder that belongs to whom the server runs as.
pub(super) fn folder_of_the_server(what: &str) -> Folder {
    let folder = Folder::new(what);
    if let Some((user, group)) = server_user() {
        std::os::unix::fs::chown(folder.path(), Some(*user), Some(*group)).expect("as root");
    }
    folder
}

/// PostgreSQL refuses to run as root: then it runs as `WALLET_TEST_PG_USER`, or `postgres`.
fn server_user() -> Option<&'static (u32, u32)> {
    static USER: OnceLock<Option<(u32, u32)>> = OnceLock::new();
    let found = USER.get_or_init(|| {
        let is_root = std::fs::metadata("/proc/self").is_ok_and(|me| me.uid() == 0);
        is_root.then(|| {
            let name = std::env::var("WALLET_TEST_PG_USER").unwrap_or_default();
            let name = if name.is_empty() { "postgres" } else { &name };
            (id("-u", name), id("-g", name))
        })
    });
    found.as_ref()
}

fn id(which: &str, user: &str) -> u32 {
    let output = Command::new("id").args([which, user]).output().expect("id");
    let text = String::from_utf8_lossy(&output.stdout);
    text.trim().parse().unwrap_or_else(|_| panic!("no user {user}: set WALLET_TEST_PG_USER"))
}

/// A program run as whom the server runs as.
pub(super) fn as_server(program: &str) -> Command {
    let mut command = match server_user() {
        None => Command::new(program),
        Some((user, group)) => {
            let mut command = Command::new("setpriv");
            command.args([format!("--reuid={user}"), format!("--regid={group}")]);
            command.args(["--clear-groups", program]);
            command
        }
    };
    // That user may have no way into the current folder.
    command.current_dir("/").env_remove("PGOPTIONS").env_remove("PGDATA");
    command
}

/// A program of `WALLET_TEST_PG_BIN`, or of the newest PostgreSQL where Debian puts them, or of
/// the search path.
fn tool(name: &str) -> String {
    let given = std::env::var("WALLET_TEST_PG_BIN").ok().filter(|folder| !folder.is_empty());
    let folder = given.map(PathBuf::from).or_else(|| {
        let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
        let newest = versions
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok())
            .max()?;
        Some(PathBuf::from(format!("/usr/lib/postgresql/{newest}/bin")))
    });
    folder.map_or_else(|| name.to_owned(), |folder| folder.join(name).display().to_string())
}
