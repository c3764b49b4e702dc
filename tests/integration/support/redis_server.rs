//! A real Redis of one's own: on a socket in a temporary folder, killed by its id at the end.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::patience::PATIENCE;
use super::process::{Folder, Process};

/// Its process and the folder it lives in. Both go when it is dropped.
pub struct RedisServer {
    process: Process,
    options: Vec<String>,
    folder: Folder,
}

impl RedisServer {
    /// Starts one and waits until it answers.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts one with further options.
    pub fn start_with(options: &[&str]) -> Self {
        let folder = Folder::new("wallet-redis");
        let options: Vec<String> = options.iter().map(|option| (*option).to_owned()).collect();
        let server = Self { process: spawn(folder.path(), &options), options, folder };
        server.wait();
        server
    }

    /// Of `WALLET_TEST_REDIS_SERVER`, or of the search path.
    pub fn program() -> String {
        std::env::var("WALLET_TEST_REDIS_SERVER").unwrap_or_else(|_| "redis-server".to_owned())
    }

    /// The address for the cache.
    pub fn url(&self) -> String {
        format!("redis+unix://{}", self.socket().display())
    }

    /// The socket that it listens on.
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("redis.sock")
    }

    /// Runs a command and gives back the raw reply.
    pub fn command(&self, words: &[&[u8]]) -> String {
        self.try_command(words).unwrap()
    }

    /// The text under a key.
    pub fn get(&self, key: &str) -> Option<String> {
        let reply = self.command(&[b"GET", key.as_bytes()]);
        let (head, rest) = reply.split_once("\r\n").unwrap();
        (head != "$-1").then(|| rest.trim_end_matches("\r\n").to_owned())
    }

    /// What it says about its place among others; nothing while it changes that.
    pub fn replication(&self) -> String {
        self.try_command(&[b"INFO", b"replication"]).unwrap_or_default()
    }

    /// Waits until a replica leads; empties it then, and waits until somebody writes to it.
    pub async fn wait_until_it_leads_and_is_used(&self) {
        let started = Instant::now();
        let wait = async |what: &str, holds: &dyn Fn() -> bool| {
            while !holds() {
                assert!(started.elapsed() < PATIENCE, "{what}");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        wait("it does not take over", &|| self.replication().contains("role:master")).await;
        self.flush();
        wait("nobody uses it", &|| self.command(&[b"DBSIZE"]) != ":0\r\n").await;
    }

    /// Ends it at once, as a crash would.
    pub fn kill(&mut self) {
        self.process.kill9();
    }

    /// Starts it again, empty, on the same socket.
    pub fn restart(&mut self) {
        self.process = spawn(self.folder.path(), &self.options);
        self.wait();
    }

    /// Stops it: connections stay open and nothing answers.
    pub fn freeze(&self) {
        self.process.signal("STOP");
    }

    /// Forgets everything.
    pub fn flush(&self) {
        self.command(&[b"FLUSHALL"]);
    }

    /// Lets it run on.
    pub fn thaw(&self) {
        self.process.signal("CONT");
    }

    fn wait(&self) {
        let started = Instant::now();
        while !self.try_command(&[b"PING"]).is_ok_and(|reply| reply.starts_with("+PONG")) {
            assert!(started.elapsed() < PATIENCE, "Redis does not start");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn try_command(&self, words: &[&[u8]]) -> std::io::Result<String> {
        let mut stream = UnixStream::connect(self.socket())?;
        stream.set_read_timeout(Some(Duration::from_secs(2)))?;
        write!(stream, "*{}\r\n", words.len())?;
        for word in words {
            write!(stream, "${}\r\n", word.len())?;
            stream.write_all(word)?;
            stream.write_all(b"\r\n")?;
        }
        stream.shutdown(std::net::Shutdown::Write)?;
        let mut reply = Vec::new();
        stream.read_to_end(&mut reply)?;
        Ok(String::from_utf8_lossy(&reply).into_owned())
    }
}

fn spawn(folder: &Path, options: &[String]) -> Process {
    let mut command = Command::new(RedisServer::program());
    command
        .args(["--unixsocket", "redis.sock", "--save", "", "--appendonly", "no"])
        .args(if options.is_empty() { &["--port", "0"][..] } else { &[] })
        .args(options)
        .current_dir(folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    Process::start(&mut command)
}
