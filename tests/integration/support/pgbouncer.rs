//! A real PgBouncer between the nodes and a PostgreSQL.

use std::fs::File;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use super::database::Database;
use super::patience::PATIENCE;
use super::postgres_server::{PostgresServer, as_server, folder_of_the_server};
use super::process::{Folder, Process};
use super::tool;

/// Only the name of the socket depends on it.
const PORT: u16 = 6432;

/// Its process and the folder it lives in. Both go when it is dropped.
pub struct PgBouncer {
    _process: Process,
    folder: Folder,
}

impl PgBouncer {
    /// Starts one in that mode; `None` where there is none, or none from that version on, which
    /// is said.
    pub async fn before(
        server: &PostgresServer,
        mode: &str,
        from: (u32, u32),
        further: &str,
    ) -> Option<Self> {
        let program = tool::optional("pgbouncer")?;
        let version = version(&program);
        if version < from {
            eprintln!("SKIPPED: {mode} mode takes PgBouncer {from:?}, and this is {version:?}");
            return None;
        }
        let folder = folder_of_the_server("wallet-pgb");
        let place = folder.path().display();
        let config = format!(
            "[databases]\n* = host={} port={} user=postgres\n[pgbouncer]\npool_mode = {mode}\n\
             unix_socket_dir = {place}\nlisten_port = {PORT}\nauth_type = any\n\
             default_pool_size = 10\nignore_startup_parameters = options,extra_float_digits\n\
             {further}\n",
            server.folder().display(),
            super::postgres_server::PORT,
        );
        let path = folder.path().join("pgbouncer.ini");
        std::fs::write(&path, config).expect("a file");
        let log = File::create(folder.path().join("log")).expect("a file");
        // It, too, refuses to run as root.
        let mut command = as_server(&program.display().to_string());
        command.arg(&path).stdout(log.try_clone().expect("a handle")).stderr(log);
        let pooler = Self { _process: Process::start(&mut command), folder };
        pooler.wait().await;
        Some(pooler)
    }

    /// The database's address through it, for a configuration.
    pub fn url(&self, database: &Database) -> String {
        let socket = self.folder.path().display().to_string().replace('/', "%2F");
        format!("postgres://postgres@{socket}:{PORT}/{}", database.name())
    }

    async fn wait(&self) {
        let socket = self.folder.path().join(format!(".s.PGSQL.{PORT}"));
        let started = Instant::now();
        while !socket.exists() {
            assert!(started.elapsed() < PATIENCE, "no PgBouncer: {}", self.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

/// `PgBouncer 1.18.0`.
fn version(program: &Path) -> (u32, u32) {
    let output = Command::new(program).arg("--version").output().expect("a program");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let number = text.split_whitespace().nth(1).unwrap_or_default();
    let mut parts = number.split('.').map(|part| part.parse().unwrap_or_default());
    (parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
}
