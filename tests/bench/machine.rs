//! What was measured on, and with which settings.

use std::fs::{File, read_to_string};
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use serde::Serialize;

use super::lab::Lab;

/// Settings of PostgreSQL that decide about the figures.
const SETTINGS: [&str; 12] = [
    "server_version",
    "fsync",
    "synchronous_commit",
    "full_page_writes",
    "wal_sync_method",
    "commit_delay",
    "shared_buffers",
    "max_wal_size",
    "checkpoint_timeout",
    "autovacuum",
    "max_connections",
    "data_checksums",
];

#[derive(Clone, Debug, Serialize)]
pub struct Machine {
    pub at: String,
    pub commit: String,
    pub processor: String,
    pub cores: usize,
    pub memory_gib: f64,
    pub kernel: String,
    /// The median of writing 8 KiB and waiting for the disk, in microseconds.
    pub sync_us: f64,
    pub postgres: Vec<(String, String)>,
    pub redis: String,
}

impl Machine {
    pub async fn look(lab: &Lab<'_>) -> anyhow::Result<Self> {
        let mut postgres = Vec::new();
        for name in SETTINGS {
            let value = lab.place().postgres.setting(name).await?;
            postgres.push((name.to_owned(), value));
        }
        let info = lab.redis().command("INFO server")?;
        let redis = info.lines().find_map(|line| line.strip_prefix("redis_version:"));
        let processors = read_to_string("/proc/cpuinfo")?;
        let memory = read_to_string("/proc/meminfo")?;
        let kib = memory.split_whitespace().nth(1).and_then(|kib| kib.parse::<f64>().ok());
        Ok(Self {
            at: chrono::Utc::now().format("%Y-%m-%d %H:%M UTC").to_string(),
            commit: output("git", &["describe", "--always", "--dirty"]),
            processor: processors
                .lines()
                .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
                .map_or_else(|| "unknown".to_owned(), |(_, name)| name.to_owned()),
            cores: std::thread::available_parallelism()?.get(),
            memory_gib: kib.unwrap_or_default() / 1024.0 / 1024.0,
            kernel: read_to_string("/proc/sys/kernel/osrelease")?.trim().to_owned(),
            sync_us: sync_us(&lab.place().dir)?,
            postgres,
            redis: redis.unwrap_or("unknown").trim().to_owned(),
        })
    }
}

/// The first line that a program prints.
pub fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    text.ok().and_then(|text| text.lines().next().map(str::to_owned)).unwrap_or_default()
}

/// How long the disk takes for 8 KiB, as the log of PostgreSQL writes them.
fn sync_us(dir: &Path) -> anyhow::Result<f64> {
    let path = dir.join("sync");
    let mut file = File::create(&path)?;
    let mut times = Vec::new();
    for _ in 0..200 {
        let begun = Instant::now();
        file.write_all(&[1; 8192])?;
        file.sync_data()?;
        times.push(begun.elapsed().as_secs_f64() * 1e6);
    }
    std::fs::remove_file(path)?;
    times.sort_by(f64::total_cmp);
    Ok(times[times.len() / 2])
}
