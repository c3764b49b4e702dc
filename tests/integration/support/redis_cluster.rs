//! A real Redis Cluster of three nodes, put together by hand.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::ports::free_address;
use super::redis_server::RedisServer;

/// The parts of the slots.
const SLOTS: [(&str, &str); 3] = [("0", "5460"), ("5461", "10922"), ("10923", "16383")];

/// Its nodes. All go when it is dropped.
pub struct RedisCluster {
    /// Each with a third of the slots, and no replica.
    pub nodes: Vec<RedisServer>,
    addresses: Vec<SocketAddr>,
}

impl RedisCluster {
    /// Starts one and waits until all nodes agree about it.
    pub async fn start() -> Self {
        let (mut nodes, mut addresses) = (Vec::new(), Vec::new());
        let mut buses = Vec::new();
        for (first, last) in SLOTS {
            let (address, bus) = (free_address(), free_address().port().to_string());
            let node = RedisServer::start_with(&[
                "--bind",
                "127.0.0.1",
                "--port",
                &address.port().to_string(),
                "--cluster-enabled",
                "yes",
                "--cluster-port",
                &bus,
                "--cluster-node-timeout",
                "1000",
                // What is lost with one node is that node's part alone.
                "--cluster-require-full-coverage",
                "no",
            ]);
            let range: [&[u8]; 4] =
                [b"CLUSTER", b"ADDSLOTSRANGE", first.as_bytes(), last.as_bytes()];
            assert!(node.command(&range).starts_with("+OK"), "the slots are given");
            nodes.push(node);
            addresses.push(address);
            buses.push(bus);
        }
        let cluster = Self { nodes, addresses };
        for (address, bus) in cluster.addresses.iter().zip(&buses).skip(1) {
            let port = address.port().to_string();
            let meet: [&[u8]; 5] =
                [b"CLUSTER", b"MEET", b"127.0.0.1", port.as_bytes(), bus.as_bytes()];
            assert!(cluster.nodes[0].command(&meet).starts_with("+OK"), "they meet");
        }
        cluster.wait().await;
        cluster
    }

    /// The address for the cache.
    pub fn url(&self) -> String {
        let mut addresses = self.addresses.iter().map(ToString::to_string);
        let first = addresses.next().expect("a node");
        let others: Vec<String> = addresses.map(|address| format!("node={address}")).collect();
        format!("redis-cluster://{first}?{}", others.join("&"))
    }

    /// The keys that a node holds.
    pub fn keys(&self, number: usize) -> u64 {
        let reply = self.nodes[number].command(&[b"DBSIZE"]);
        reply.trim_start_matches(':').trim().parse().expect("a number")
    }

    async fn wait(&self) {
        let started = Instant::now();
        let agrees = |node: &RedisServer| {
            let info = node.command(&[b"CLUSTER", b"INFO"]);
            info.contains("cluster_state:ok") && info.contains("cluster_slots_ok:16384")
        };
        while !self.nodes.iter().all(agrees) {
            assert!(started.elapsed() < Duration::from_secs(20), "the cluster does not come to be");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}
