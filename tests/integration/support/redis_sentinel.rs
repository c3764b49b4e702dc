//! A Redis with a replica, and a sentinel that puts the one in the place of the other.

use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::certificates::Certificates;
use super::patience::PATIENCE;
use super::ports::free_address;
use super::process::{Folder, Process};
use super::redis_server::RedisServer;

/// All of them. They go when it is dropped.
pub struct RedisSentinel {
    /// Where commands go at first.
    pub primary: RedisServer,
    /// What follows it.
    pub replica: RedisServer,
    url: String,
    _process: Process,
    _folder: Folder,
}

impl RedisSentinel {
    /// Starts all three and waits until the replica follows.
    pub async fn start() -> Self {
        Self::begin(&[]).await
    }

    /// Starts three who all encrypt.
    pub async fn encrypted(certificates: &Certificates) -> Self {
        Self::begin(&certificates.redis_options("yes")).await
    }

    async fn begin(tls: &[String]) -> Self {
        let (first, second, sentinel) = (free_address(), free_address(), free_address());
        let primary = server(first, &[], tls);
        let port = first.port().to_string();
        let replica = server(second, &["--replicaof", "127.0.0.1", &port], tls);
        let folder = Folder::new("wallet-sentinel");
        let monitor = format!(
            "sentinel monitor wallet 127.0.0.1 {port} 1\n\
             sentinel down-after-milliseconds wallet 500\nsentinel failover-timeout wallet 3000\n"
        );
        let path = folder.path().join("sentinel.conf");
        std::fs::write(&path, lines(&listening(sentinel, tls)) + &monitor).expect("a file");
        let mut command = Command::new(RedisServer::program());
        command.arg(&path).arg("--sentinel").current_dir(folder.path());
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let process = Process::start(&mut command);
        let scheme = if tls.is_empty() { "redis-sentinel" } else { "rediss-sentinel" };
        let url = format!("{scheme}://{sentinel}/0?sentinelServiceName=wallet");
        let all = Self { primary, replica, url, _process: process, _folder: folder };
        all.wait().await;
        all
    }

    /// The address for the cache.
    pub fn url(&self) -> String {
        self.url.clone()
    }

    /// Until the replica follows, and the primary's word of it has reached the sentinel.
    async fn wait(&self) {
        let started = Instant::now();
        while !self.replica.replication().contains("master_link_status:up") {
            assert!(started.elapsed() < PATIENCE, "the replica does not follow");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

fn server(address: SocketAddr, further: &[&str], tls: &[String]) -> RedisServer {
    let mut options = listening(address, tls);
    options.extend(["--repl-diskless-sync-delay", "0"].map(str::to_owned));
    options.extend(further.iter().map(|option| (*option).to_owned()));
    RedisServer::start_with(&options.iter().map(String::as_str).collect::<Vec<_>>())
}

/// Where it listens; with TLS, to nothing else.
fn listening(address: SocketAddr, tls: &[String]) -> Vec<String> {
    let port = address.port().to_string();
    let mut options = vec!["--bind", "127.0.0.1"];
    match tls {
        [] => options.extend(["--port", &port]),
        _ => options.extend(["--port", "0", "--tls-port", &port, "--tls-replication", "yes"]),
    }
    options.into_iter().map(str::to_owned).chain(tls.iter().cloned()).collect()
}

/// Options as a file has them.
fn lines(options: &[String]) -> String {
    let pairs = options.chunks(2).map(|pair| pair.join(" ") + "\n");
    pairs.collect::<String>().replace("--", "")
}
