//! The processes around the measurement: nodes of the wallet, and Redis.

use std::collections::BTreeMap;
use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};

use super::calls::SECRET;
use super::{http, plain};

/// A program to measure: a binary with its environment.
#[derive(Clone, Debug)]
pub struct Contender {
    pub name: String,
    pub binary: PathBuf,
    pub env: Vec<(String, String)>,
}

/// Everything a node gets to know.
pub struct NodeSpec<'a> {
    pub contender: &'a Contender,
    pub database_url: &'a str,
    pub redis_url: &'a str,
    /// Settings of this run, over the contender's own.
    pub env: &'a [(&'a str, &'a str)],
    /// Whether the provider calls over gRPC.
    pub grpc: bool,
    /// What the program is run by, valgrind for one.
    pub wrapper: &'a [String],
}

/// A running node. It ends with this.
pub struct Node {
    child: Child,
    pub api: SocketAddr,
    /// Where gRPC is served, if it is.
    pub grpc: SocketAddr,
    ops: SocketAddr,
    files: PathBuf,
}

impl Node {
    /// Starts a node in a directory of its own and waits until it is ready.
    pub async fn start(spec: &NodeSpec<'_>, dir: &Path) -> anyhow::Result<Self> {
        let (api, grpc, ops) = (free_port()?, free_port()?, free_port()?);
        let files = dir.join(format!("node-{}", api.port()));
        std::fs::create_dir_all(&files)?;
        let config = files.join("wallet.toml");
        // The sessions of all players are those of one provider, however it calls.
        let provider = if spec.grpc {
            format!("protocol = \"grpc\"\n[grpc]\nlisten = \"{grpc}\"\n")
        } else {
            "protocol = \"pragmatic\"\nsettings = { provider_id = \"PragmaticPlay\" }\n".to_owned()
        };
        std::fs::write(
            &config,
            format!(
                "[http]\nlisten = \"{api}\"\n[ops]\nlisten = \"{ops}\"\n\
                 [providers.pragmatic]\nsecrets = [\"env:BENCH_SECRET\"]\n{provider}"
            ),
        )?;
        let log = File::create(files.join("log"))?;
        let mut command = wallet(spec);
        command.arg("serve").arg("--config").arg(&config).current_dir(&files);
        command.stdout(log.try_clone()?).stderr(log);
        let child = command.spawn().with_context(|| format!("{command:?}"))?;
        let mut node = Self { child, api, grpc, ops, files };
        node.wait_until_ready().await?;
        Ok(node)
    }

    async fn wait_until_ready(&mut self) -> anyhow::Result<()> {
        let patience = Instant::now() + Duration::from_secs(60);
        while Instant::now() < patience {
            if let Some(status) = self.child.try_wait()? {
                bail!("the wallet ended with {status}: {}", self.last_words());
            }
            if matches!(http::get(self.ops, "/readyz").await, Ok((200, _))) {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        bail!("the wallet was not ready within a minute: {}", self.last_words())
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The sums of all series of each name.
    pub async fn metrics(&self) -> anyhow::Result<BTreeMap<String, f64>> {
        let (_, text) = http::get(self.ops, "/metrics").await.context("/metrics")?;
        let mut sums = BTreeMap::new();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let Some((series, value)) = line.rsplit_once(' ') else { continue };
            let value: f64 = value.parse().unwrap_or_default();
            let name = series.split('{').next().unwrap_or_default();
            *sums.entry(name.to_owned()).or_default() += value;
            if name != series {
                sums.insert(series.to_owned(), value);
            }
        }
        Ok(sums)
    }

    /// Ends it as a person at a terminal would, with no load balancer to wait for.
    pub fn stop(mut self) -> anyhow::Result<()> {
        Command::new("kill").arg("-INT").arg(self.pid().to_string()).status()?;
        let status = self.child.wait()?;
        ensure!(status.success(), "the wallet ended with {status}: {}", self.last_words());
        Ok(())
    }

    fn last_words(&self) -> String {
        let log = std::fs::read(self.files.join("log")).unwrap_or_default();
        String::from_utf8_lossy(&log[log.len().saturating_sub(2000)..]).into_owned()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.files);
    }
}

/// Brings a database to the schema of a contender.
pub fn migrate(contender: &Contender, database_url: &str) -> anyhow::Result<()> {
    let spec =
        NodeSpec { contender, database_url, redis_url: "", env: &[], grpc: false, wrapper: &[] };
    let output = wallet(&spec).arg("migrate").output()?;
    let words = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{} migrate: {words}", contender.binary.display());
    Ok(())
}

/// The program with nothing of the caller's environment.
fn wallet(spec: &NodeSpec<'_>) -> Command {
    let plain = spec.env.iter().any(|(name, _)| *name == plain::SWITCH);
    let own = std::env::current_exe().ok().filter(|_| plain);
    let binary = own.as_ref().unwrap_or(&spec.contender.binary);
    let mut command = match spec.wrapper {
        [] => Command::new(binary),
        [program, arguments @ ..] => {
            let mut command = Command::new(program);
            command.args(arguments).arg(binary);
            command
        }
    };
    command.env_clear().stdin(Stdio::null());
    command.env("DATABASE_URL", spec.database_url).env("REDIS_URL", spec.redis_url);
    command.env("BENCH_SECRET", SECRET);
    command.envs(spec.contender.env.iter().map(|(name, value)| (name, value)));
    command.envs(spec.env.iter().copied());
    command
}

/// A port below the ephemeral ones, which the connections of the generator use.
fn free_port() -> anyhow::Result<SocketAddr> {
    let mut rng = super::ids::Rng::new();
    for _ in 0..100 {
        let port = 20_000 + u16::try_from(rng.below(12_000))?;
        if let Ok(listener) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            return Ok(listener.local_addr()?);
        }
    }
    bail!("no port is free")
}

/// A Redis that keeps nothing. It ends with this.
pub struct Redis {
    child: Child,
    socket: PathBuf,
}

impl Redis {
    /// Starts one on a socket in `dir`, which must be short.
    pub fn start(server: &Path, dir: &Path, name: &str) -> anyhow::Result<Self> {
        let socket = dir.join(name);
        let child = Command::new(server)
            .args(["--port", "0", "--save", "", "--appendonly", "no", "--unixsocket"])
            .arg(&socket)
            .arg("--dir")
            .arg(dir)
            .stdout(Stdio::null())
            .stdin(Stdio::null())
            .spawn()
            .context("redis-server")?;
        let redis = Self { child, socket };
        for _ in 0..100 {
            if redis.command("PING").is_ok() {
                return Ok(redis);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        bail!("Redis does not answer on {}", redis.socket.display())
    }

    pub fn url(&self) -> String {
        format!("redis+unix://{}", self.socket.display())
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// An inline command; its answer's first bytes.
    pub fn command(&self, command: &str) -> std::io::Result<String> {
        use std::io::{Read, Write};
        let mut stream = std::os::unix::net::UnixStream::connect(&self.socket)?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        stream.write_all(format!("{command}\r\n").as_bytes())?;
        let mut answer = vec![0; 16 * 1024];
        let read = stream.read(&mut answer)?;
        Ok(String::from_utf8_lossy(&answer[..read]).into_owned())
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
