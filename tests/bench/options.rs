//! The command line and what `deploy/local/bench.sh` says through the environment.

use std::path::PathBuf;

use anyhow::{Context, bail, ensure};
use clap::Parser;

use super::database::Postgres;
use super::servers::Contender;

/// Measures the wallet against pgbench on private servers; `make bench` prepares them.
#[derive(Debug, Parser)]
pub struct Options {
    /// Only these workloads, by name, with commas between them.
    #[arg(long, value_delimiter = ',')]
    pub only: Vec<String>,
    /// How often everything is measured.
    #[arg(long)]
    pub rounds: Option<usize>,
    /// How long each measurement takes.
    #[arg(long)]
    pub seconds: Option<u64>,
    /// How long the calls run before they are measured, in seconds.
    #[arg(long, default_value_t = 1.5)]
    pub warm_up: f64,
    /// About two minutes: the most important workloads, one round of five seconds.
    #[arg(long)]
    pub quick: bool,
    /// One more program to measure beside the built one, in the same rounds:
    /// PATH[,NAME=VALUE…]. A path of `.` is the built one; what follows is its environment,
    /// such as `.,WALLET__DATABASE__LANES=2`.
    #[arg(long)]
    pub wallet: Vec<String>,
    /// Players with a wallet.
    #[arg(long, default_value_t = 100_000)]
    pub players: u64,
    /// Rows of the grown table.
    #[arg(long, default_value_t = 20_000_000)]
    pub rows: u64,
    /// Where the report goes.
    #[arg(long, default_value = "target/bench")]
    pub out: PathBuf,
    /// Lists the workloads.
    #[arg(long)]
    pub list: bool,
    /// Said by `cargo bench`.
    #[arg(long, hide = true)]
    pub bench: bool,
}

impl Options {
    pub fn rounds(&self) -> usize {
        self.rounds.unwrap_or(if self.quick { 1 } else { 3 }).max(1)
    }

    pub fn seconds(&self) -> u64 {
        self.seconds.unwrap_or(if self.quick { 5 } else { 10 }).max(1)
    }

    pub fn wants(&self, name: &str, quick: bool) -> bool {
        if self.only.is_empty() {
            quick || !self.quick
        } else {
            self.only.iter().any(|n| n == name)
        }
    }

    /// The built program, and those that `--wallet` adds.
    ///
    /// # Errors
    /// Where one is not there, or a setting is none.
    pub fn contenders(&self, built: PathBuf) -> anyhow::Result<Vec<Contender>> {
        let mut contenders =
            vec![Contender { name: "A".to_owned(), binary: built.clone(), env: Vec::new() }];
        for (text, letter) in self.wallet.iter().zip('B'..='Z') {
            let mut parts = text.split(',');
            let path = parts.next().unwrap_or_default();
            let binary = if path == "." { built.clone() } else { PathBuf::from(path) };
            ensure!(binary.is_file(), "--wallet: there is no {}", binary.display());
            let env = parts.map(|part| match part.split_once('=') {
                Some((name, value)) => Ok((name.to_owned(), value.to_owned())),
                None => bail!("--wallet: `{part}` is not NAME=VALUE"),
            });
            contenders.push(Contender {
                name: letter.to_string(),
                binary: std::fs::canonicalize(binary)?,
                env: env.collect::<Result<_, _>>()?,
            });
        }
        Ok(contenders)
    }
}

/// Where everything is.
pub struct Place {
    pub postgres: Postgres,
    pub redis_server: PathBuf,
    /// The built program.
    pub wallet: PathBuf,
    /// For files of the runs.
    pub dir: PathBuf,
}

impl Place {
    /// Where `deploy/local/bench.sh` has started this; `None` anywhere else.
    ///
    /// # Errors
    /// Where only a part was said.
    pub fn from_env() -> anyhow::Result<Option<Self>> {
        if std::env::var_os("BENCH_PG_SOCKETS").is_none() {
            return Ok(None);
        }
        let path = |name: &str| {
            std::env::var_os(name).map(PathBuf::from).with_context(|| format!("{name} is not set"))
        };
        Ok(Some(Self {
            postgres: Postgres {
                sockets: path("BENCH_PG_SOCKETS")?,
                programs: path("BENCH_PG_BIN")?,
                data: path("BENCH_PG_DATA")?,
                restart: path("BENCH_PG_RESTART")?,
            },
            redis_server: path("BENCH_REDIS_SERVER")?,
            wallet: path("BENCH_WALLET")?,
            dir: path("BENCH_DIR")?,
        }))
    }
}
