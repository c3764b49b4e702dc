//! The yardstick: pgbench running the plain transaction, each statement prepared, ids bound as
//! parameters of the length of ours.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, ensure};

use super::calls::FIRST_PLAYER;
use super::cpu::{self, Pids};
use super::database::Postgres;
use super::ids::since_epoch;
use super::sample::Sample;

/// One run of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pgbench {
    pub clients: u32,
    /// Among how many players; 1 is the hot wallet.
    pub players: u64,
}

/// The transaction. `:p`, twelve hexadecimal digits, is the time of the run; with `:b`, twelve
/// digits that grow, it makes references of 24 digits in the order of time. pgbench cannot join
/// texts itself, so the statement joins two parameters. Columns that the plain transaction
/// cannot know before its UPDATE hold constants.
fn script(players: u64) -> String {
    let last = FIRST_PLAYER + players - 1;
    format!(
        "\\set player random({FIRST_PLAYER}, {last})\n\
         \\set n :n + 1\n\
         \\set b 100000000000 + :n * 1000 + :client_id\n\
         \\set micros random(1, 100) * 10000\n\
         BEGIN;\n\
         INSERT INTO trx_log (provider, tx_id, player_id, transaction_id, kind, category, \
         outcome, requested_micros, amount_micros, balance_after_micros, wallet_version, \
         round_id, game_id, fingerprint, occurred_at, created_at) \
         VALUES ('pragmatic', :p::text || :b::text, :player, \
         (:p::text || '70008000' || :b::text)::uuid, 'debit', 'bet', 'applied', -:micros::bigint, \
         -:micros::bigint, 0, 1, :b, 'vs20olympgate', :n, now(), now()) ON CONFLICT DO NOTHING;\n\
         UPDATE wallet SET balance_micros = balance_micros - :micros, version = version + 1, \
         updated_at = now() WHERE player_id = :player AND balance_micros >= :micros \
         RETURNING balance_micros, version;\n\
         COMMIT;\n"
    )
}

impl Pgbench {
    /// Runs it for some seconds.
    pub fn run(
        self,
        postgres: &Postgres,
        database: &str,
        seconds: u64,
        dir: &Path,
    ) -> anyhow::Result<Sample> {
        let dir = dir.join("pgbench");
        let _ = std::fs::remove_dir_all(&dir);
        std::fs::create_dir_all(&dir)?;
        std::fs::write(dir.join("plain.sql"), script(self.players))?;
        let time = since_epoch().as_millis() as u64 & 0xffff_ffff_ffff;
        let mut command = Command::new(postgres.programs.join("pgbench"));
        command
            .args(["-n", "-M", "prepared", "-f", "plain.sql", "-U", "postgres"])
            .args(["-D", "n=0", "-D", &format!("p={time:012x}")])
            .args(["-c", &self.clients.to_string(), "-j", &self.clients.min(2).to_string()])
            .args(["-T", &seconds.to_string(), "-h"])
            .arg(&postgres.sockets)
            .current_dir(&dir);
        if self.clients == 1 {
            // Every transaction's time is only asked for where it cannot disturb.
            command.args(["-l", "--log-prefix=times"]);
        }
        command.arg(database);
        let pids = Pids { postmaster: postgres.pid()?, ..Pids::default() };
        let (before, own) = (pids.sample(), cpu::of_ended_children());
        let output = command.output().context("pgbench")?;
        // Its sessions are about to end.
        std::thread::sleep(Duration::from_millis(100));
        let after = pids.sample();
        let text = String::from_utf8_lossy(&output.stdout);
        let words = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "pgbench: {words}");
        let number = |label: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(label));
            let number = line.and_then(|rest| rest.split_whitespace().next()?.parse::<f64>().ok());
            number.with_context(|| format!("pgbench does not say `{label}`: {text}"))
        };
        ensure!(number("number of failed transactions: ")? == 0.0, "pgbench: {text}");
        let mut cpu = after.since(&before, seconds as f64);
        cpu.client = (cpu::of_ended_children() - own) / seconds as f64;
        let mut sample = Sample {
            throughput: number("tps = ")?,
            calls: number("number of transactions actually processed: ")? as u64,
            cpu,
            ..Sample::default()
        };
        if self.clients == 1 {
            let mut micros = times(&dir)?;
            micros.sort_unstable();
            let at = |share: f64| micros[((micros.len() - 1) as f64 * share) as usize] as f64;
            (sample.p50_us, sample.p90_us) = (at(0.5), at(0.9));
            (sample.p99_us, sample.p999_us, sample.max_us) = (at(0.99), at(0.999), at(1.0));
        } else {
            sample.mean_us = number("latency average = ")? * 1000.0;
        }
        Ok(sample)
    }
}

/// The third column of pgbench's own log, in microseconds.
fn times(dir: &Path) -> anyhow::Result<Vec<u64>> {
    let mut times = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("times")) {
            let log = std::fs::read_to_string(path)?;
            times
                .extend(log.lines().filter_map(|line| line.split(' ').nth(2)?.parse::<u64>().ok()));
        }
    }
    ensure!(!times.is_empty(), "pgbench has logged nothing");
    Ok(times)
}
