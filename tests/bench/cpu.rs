//! Processor time by process, from /proc.

use serde::Serialize;

/// Clock ticks in a second; Linux has shown this value to programs for decades.
const TICKS: f64 = 100.0;

/// Seconds of processor time so far, or cores in use over a time.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Cpu {
    pub postgres: f64,
    pub wallet: f64,
    pub redis: f64,
    /// The load generator, or pgbench.
    pub client: f64,
}

/// Whose time is counted.
#[derive(Clone, Debug, Default)]
pub struct Pids {
    pub postmaster: u32,
    pub wallets: Vec<u32>,
    pub redis: Option<u32>,
}

impl Pids {
    pub fn sample(&self) -> Cpu {
        Cpu {
            postgres: with_children(self.postmaster),
            wallet: self.wallets.iter().map(|pid| of(*pid).map_or(0.0, |stat| stat.own)).sum(),
            redis: self.redis.and_then(of).map_or(0.0, |stat| stat.own),
            client: of(std::process::id()).map_or(0.0, |stat| stat.own),
        }
    }
}

impl Cpu {
    /// Cores in use between two samples.
    pub fn since(&self, before: &Self, seconds: f64) -> Self {
        Self {
            postgres: (self.postgres - before.postgres) / seconds,
            wallet: (self.wallet - before.wallet) / seconds,
            redis: (self.redis - before.redis) / seconds,
            client: (self.client - before.client) / seconds,
        }
    }

    pub fn total(&self) -> f64 {
        self.postgres + self.wallet + self.redis + self.client
    }
}

struct Stat {
    parent: u32,
    own: f64,
    /// Of children that have ended and were waited for.
    gone: f64,
}

fn of(pid: u32) -> Option<Stat> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // After the name, which may hold anything but ends with the last parenthesis.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |at: usize| fields.get(at)?.parse::<f64>().ok().map(|ticks| ticks / TICKS);
    Some(Stat {
        parent: fields.get(1)?.parse().ok()?,
        own: ticks(11)? + ticks(12)?,
        gone: ticks(13)? + ticks(14)?,
    })
}

/// A process, those of its children that live, and those that have ended.
fn with_children(pid: u32) -> f64 {
    loop {
        let Some(before) = of(pid) else { return 0.0 };
        let living: f64 = std::fs::read_dir("/proc")
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
            .filter_map(of)
            .filter(|stat| stat.parent == pid)
            .map(|stat| stat.own)
            .sum();
        // A child that has ended meanwhile may have been counted twice, or not at all.
        if of(pid).is_some_and(|after| after.gone == before.gone) {
            return before.own + before.gone + living;
        }
    }
}

/// Processor time of the children of this process that have ended.
pub fn of_ended_children() -> f64 {
    of(std::process::id()).map_or(0.0, |stat| stat.gone)
}

/// A line of /proc/PID/status in MiB, `VmRSS` for one.
pub fn memory_mib(pid: u32, line: &str) -> Option<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|text| text.strip_prefix(line)?.strip_prefix(':'))?;
    line.trim().strip_suffix(" kB")?.trim().parse::<f64>().ok().map(|kib| kib / 1024.0)
}
