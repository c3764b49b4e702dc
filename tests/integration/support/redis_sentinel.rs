//! A Redis with a replica, and a sentinel that puts the one in the place of the other.

use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::ports::free_address;
use super::process::{Folder, Process};
use super::redis_server::RedisServer;

/// All of them. They go when it is dropped.
pub struct RedisSentinel {
    /// Where commands go at first.
    pub primary: RedisServer,
    /// What follows it.
    pub replica: RedisServer,
    sentinel: SocketAddr,
    _process: Process,
    _folder: Folder,
}

impl RedisSentinel {
    /// Starts all three and waits until the replica follows.
    pub async fn start() -> Self {
        let (first, second, sentinel) = (free_address(), free_address(), free_address());
        let primary = server(first, &[]);
        let port = first.port().to_string();
        let replica = server(second, &["--replicaof", "127.0.0.1", &port]);
        let folder = Folder::new("wallet-sentinel");
        let config = format!(
            "bind 127.0.0.1\nport {}\nsentinel monitor wallet 127.0.0.1 {port} 1\n\
             sentinel down-after-milliseconds wallet 500\nsentinel failover-timeout wallet 3000\n",
            sentinel.port()
        );
        let path = folder.path().join("sentinel.conf");
        std::fs::write(&path, config).expect("a file");
        let mut command = Command::new(RedisServer::program());
        command.arg(&path).arg("--sentinel").current_dir(folder.path());
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let process = Process::start(&mut command);
        let all = Self { primary, replica, sentinel, _process: process, _folder: folder };
        all.wait().await;
        all
    }

    /// The address for the cache.
    pub fn url(&self) -> String {
        format!("redis-sentinel://{}/0?sentinelServiceName=wallet", self.sentinel)
    }

    /// Until the replica follows, and the primary's word of it has reached the sentinel.
    async fn wait(&self) {
        let started = Instant::now();
        while !self.replica.replication().contains("master_link_status:up") {
            assert!(started.elapsed() < Duration::from_secs(20), "the replica does not follow");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

fn server(address: SocketAddr, further: &[&str]) -> RedisServer {
    let port = address.port().to_string();
    let usual = ["--bind", "127.0.0.1", "--port", &port, "--repl-diskless-sync-delay", "0"];
    RedisServer::start_with(&[&usual, further].concat())
}
