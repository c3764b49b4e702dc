//! A real Redis Cluster of three nodes, put together by hand.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::certificates::Certificates;
use super::patience::PATIENCE;
use super::ports::free_address;
use super::redis_server::RedisServer;

const PAUSE: Duration = Duration::from_millis(20);
/// The parts of the slots.
const SLOTS: [(&str, &str); 3] = [("0", "5460"), ("5461", "10922"), ("10923", "16383")];

/// Its nodes. All go when it is dropped.
pub struct RedisCluster {
    /// Each with a third of the slots, and no replica.
    pub nodes: Vec<RedisServer>,
    addresses: Vec<SocketAddr>,
    /// Options by which they encrypt.
    tls: Option<Vec<String>>,
}

impl RedisCluster {
    /// Starts one and waits until all nodes agree about it.
    pub async fn start() -> Self {
        Self::begin(None).await
    }

    /// Starts one in which everybody encrypts.
    pub async fn encrypted(certificates: &Certificates) -> Self {
        Self::begin(Some(certificates.redis_options("yes"))).await
    }

    async fn begin(tls: Option<Vec<String>>) -> Self {
        let mut cluster = Self { nodes: Vec::new(), addresses: Vec::new(), tls };
        for (first, last) in SLOTS {
            cluster.add_node().await;
            let range: [&[u8]; 4] =
                [b"CLUSTER", b"ADDSLOTSRANGE", first.as_bytes(), last.as_bytes()];
            let node = cluster.nodes.last().expect("a node");
            assert!(node.command(&range).starts_with("+OK"), "the slots are given");
        }
        cluster.wait_for("cluster_slots_ok:16384").await;
        cluster
    }

    /// One more node, which knows the others and holds nothing.
    async fn add_node(&mut self) {
        let (address, bus) = (free_address(), free_address().port().to_string());
        let port = address.port().to_string();
        let mut options = vec!["--bind", "127.0.0.1"];
        match &self.tls {
            None => options.extend(["--port", &port]),
            Some(tls) => {
                options.extend(["--port", "0", "--tls-port", &port]);
                options.extend(["--tls-cluster", "yes", "--tls-replication", "yes"]);
                options.extend(tls.iter().map(String::as_str));
            }
        }
        options.extend(["--cluster-enabled", "yes", "--cluster-port", &bus]);
        options.extend(["--cluster-node-timeout", "1000", "--repl-diskless-sync-delay", "0"]);
        // What is lost with one node is that node's part alone.
        options.extend(["--cluster-require-full-coverage", "no"]);
        let node = RedisServer::start_with(&options);
        if let Some(known) = self.nodes.first() {
            let meet: [&[u8]; 5] =
                [b"CLUSTER", b"MEET", b"127.0.0.1", port.as_bytes(), bus.as_bytes()];
            assert!(known.command(&meet).starts_with("+OK"), "they meet");
        }
        self.nodes.push(node);
        self.addresses.push(address);
        self.wait_for(&format!("cluster_known_nodes:{}", self.nodes.len())).await;
    }

    /// Gives a node a replica, the last one of the nodes from then on.
    pub async fn add_replica_of(&mut self, number: usize) {
        self.add_node().await;
        let id = self.nodes[number].command(&[b"CLUSTER", b"MYID"]);
        let id = id.split_once("\r\n").expect("an id").1.trim();
        let replica = self.nodes.last().expect("a node");
        assert!(replica.command(&[b"CLUSTER", b"REPLICATE", id.as_bytes()]).starts_with("+OK"));
        let started = Instant::now();
        while !replica.replication().contains("master_link_status:up") {
            assert!(started.elapsed() < PATIENCE, "the replica does not follow");
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// The address for the cache.
    pub fn url(&self) -> String {
        let mut addresses = self.addresses.iter().map(ToString::to_string);
        let first = addresses.next().expect("a node");
        let others: Vec<String> = addresses.map(|address| format!("node={address}")).collect();
        let scheme = if self.tls.is_some() { "rediss-cluster" } else { "redis-cluster" };
        format!("{scheme}://{first}?{}", others.join("&"))
    }

    /// The keys that a node holds.
    pub fn keys(&self, number: usize) -> u64 {
        let reply = self.nodes[number].command(&[b"DBSIZE"]);
        reply.trim_start_matches(':').trim().parse().expect("a number")
    }

    async fn wait_for(&self, word: &str) {
        let started = Instant::now();
        let agrees = |node: &RedisServer| node.command(&[b"CLUSTER", b"INFO"]).contains(word);
        while !self.nodes.iter().all(agrees) {
            assert!(started.elapsed() < PATIENCE, "the cluster does not come to be");
            tokio::time::sleep(PAUSE).await;
        }
    }
}
