//! A real HAProxy with the project's own configuration, in front of nodes.

use std::fs::File;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use super::http::Endpoint;
use super::node::Node;
use super::patience::PATIENCE;
use super::ports::free_address;
use super::process::{Folder, Process};
use super::tool;

/// What docker-compose.yml runs, too.
const CONFIG: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/haproxy/haproxy.cfg");

/// Its process and the folder it lives in. Both go when it is dropped.
pub struct Haproxy {
    _process: Process,
    /// Where providers call.
    pub api: Endpoint,
    folder: Folder,
}

impl Haproxy {
    /// Starts one in front of two nodes; `None` where there is no HAProxy, which is said.
    pub async fn before(nodes: &[Node]) -> Option<Self> {
        let program = tool::optional("haproxy")?;
        let folder = Folder::new("wallet-haproxy");
        let address = free_address();
        let mut config = std::fs::read_to_string(CONFIG).expect(CONFIG);
        replace(&mut config, "maxconn 20000", "maxconn 200");
        replace(&mut config, "bind :8080", &format!("bind {address}"));
        for (number, node) in (1..).zip(nodes) {
            let (api, ops) = (node.api.address, node.ops.address);
            let shipped = format!("wallet-{number}:8080 port 9090");
            replace(&mut config, &shipped, &format!("{api} port {}", ops.port()));
        }
        assert!(!config.contains("port 9090"), "a node is missing: {config}");
        let process = start(&program, &folder, &config);
        let proxy = Self { _process: process, api: Endpoint::at(address), folder };
        proxy.wait_until_it_serves().await;
        Some(proxy)
    }

    async fn wait_until_it_serves(&self) {
        let started = Instant::now();
        loop {
            // Nodes have nothing at this path; the proxy itself says 503 while it knows of none.
            let reply = self.api.try_get("/nothing").await;
            if reply.is_ok_and(|reply| reply.status.as_u16() == 404) {
                return;
            }
            assert!(started.elapsed() < PATIENCE, "no HAProxy: {}", self.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Everything that it has said.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

fn start(program: &Path, folder: &Folder, config: &str) -> Process {
    let path = folder.path().join("haproxy.cfg");
    std::fs::write(&path, config).expect("a file");
    let log = File::create(folder.path().join("log")).expect("a file");
    // In the foreground, as one process.
    let mut command = Command::new(program);
    command.arg("-db").arg("-f").arg(&path).stdout(log.try_clone().expect("a handle")).stderr(log);
    Process::start(&mut command)
}

/// The file is the shipped one but for addresses and size, and those have to be there.
fn replace(config: &mut String, shipped: &str, ours: &str) {
    assert!(config.contains(shipped), "{CONFIG} does not say `{shipped}`");
    *config = config.replace(shipped, ours);
}
