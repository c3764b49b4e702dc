//! The report: Markdown for people, JSON for programs, charts.

use std::fmt::Write;
use std::path::Path;

use serde::Serialize;

use super::callgrind::{Instructions, Way};
use super::integrity::Integrity;
use super::machine::Machine;
use super::plots;
use super::sample::{Metric, Sample, Spread};
use super::servers::Contender;
use super::verdict::Verdict;
use super::workloads::Workload;

/// Everything that is known at the end.
#[derive(Serialize)]
pub struct Report<'a> {
    pub machine: Machine,
    pub rounds: usize,
    pub seconds: u64,
    pub players: u64,
    pub grown_rows: u64,
    pub contenders: Vec<String>,
    pub verdicts: Vec<Verdict>,
    pub samples: &'a [Sample],
    pub integrity: &'a [Integrity],
    /// Damages that the integrity check has not noticed when it was put to the test.
    pub missed_damages: &'a Option<Vec<&'static str>>,
    pub instructions: Vec<Instructions>,
    #[serde(skip)]
    pub workloads: &'a [&'a Workload],
}

impl Report<'_> {
    /// Writes everything into a directory.
    pub fn write(&self, dir: &Path) -> anyhow::Result<()> {
        std::fs::create_dir_all(dir)?;
        for old in ["latency.svg", "throughput.svg", "batch.svg"] {
            let _ = std::fs::remove_file(dir.join(old));
        }
        let charts = plots::all(self.samples);
        for (name, svg) in &charts {
            std::fs::write(dir.join(name), svg)?;
        }
        std::fs::write(dir.join("report.json"), serde_json::to_string_pretty(self)? + "\n")?;
        let names: Vec<&str> = charts.iter().map(|(name, _)| *name).collect();
        std::fs::write(dir.join("report.md"), self.markdown(&names))?;
        Ok(())
    }

    fn markdown(&self, charts: &[&str]) -> String {
        let mut text = String::from("# Measured\n\n");
        self.write_introduction(&mut text);
        text.push_str("\n## Targets\n\n");
        text.push_str(&self.targets());
        for chart in charts {
            let name = chart.trim_end_matches(".svg");
            let _ = write!(text, "\n![{name}]({chart})\n");
        }
        if self.contenders.len() > 1 {
            self.write_comparison(&mut text);
        }
        text.push_str(
            "\n## All figures\n\nMedians of the rounds, with the smallest and the largest \
             throughput. Latencies in microseconds, from the request (open loop: from when it \
             was due) to the whole reply. The processor's time is that of all processes of a \
             kind, in microseconds for each call; *client* is the load generator or pgbench. \
             pgbench tells percentiles only with one client.\n",
        );
        for workload in self.workloads {
            self.write_workload(&mut text, workload);
        }
        self.write_instructions(&mut text);
        self.write_integrity(&mut text);
        text.push_str(HOW);
        text
    }

    fn write_introduction(&self, text: &mut String) {
        let machine = &self.machine;
        let settings: Vec<String> =
            machine.postgres.iter().map(|(name, value)| format!("`{name}` {value}")).collect();
        let _ = write!(
            text,
            "{}, commit `{}`: {} rounds, {} seconds for each figure, {} players.\n\n\
             {} ({} cores, {:.0} GiB, Linux {}); everything runs on these cores: PostgreSQL, \
             Redis, the wallet and what loads it. Writing 8 KiB to the disk durably takes \
             {:.0} µs. Redis {}. PostgreSQL: {}.\n",
            machine.at,
            machine.commit,
            self.rounds,
            self.seconds,
            thousands(self.players as f64),
            machine.processor,
            machine.cores,
            machine.memory_gib,
            machine.kernel,
            machine.sync_us,
            machine.redis,
            settings.join(", ")
        );
        if self.contenders.len() > 1 {
            text.push('\n');
            for contender in &self.contenders {
                let _ = writeln!(text, "- {contender}");
            }
        }
    }

    /// The table of targets; also printed at the end of a run.
    pub fn targets(&self) -> String {
        let mut text = String::from(
            "| workload | number | target | median (min … max) | |\n|---|---|---|---|---|\n",
        );
        for verdict in &self.verdicts {
            let Verdict { workload, contender, what, bound, number, is_met } = verdict;
            let of =
                if self.contenders.len() > 1 { format!(" ({contender})") } else { String::new() };
            let is_met = if *is_met { "met" } else { "**missed**" };
            let number = spread(*number);
            let _ = writeln!(text, "| {workload}{of} | {what} | {bound} | {number} | {is_met} |");
        }
        text
    }

    /// What each further contender did beside the first, in the same rounds.
    fn write_comparison(&self, text: &mut String) {
        text.push_str(
            "\n## Compared with A\n\nMedian (min … max) of the ratios in each round.\n\n",
        );
        text.push_str(&self.comparison());
    }

    pub fn comparison(&self) -> String {
        let mut text = String::from(
            "| workload | variant | | throughput | p50 | p99 | cpu of the wallet | cpu in all |\n\
             |---|---|---|---|---|---|---|---|\n",
        );
        let mut seen: Vec<(&str, &str, &str)> = Vec::new();
        for sample in self.samples {
            let name = (sample.workload, &*sample.variant, &*sample.contender);
            if matches!(name.2, "" | "A") || seen.contains(&name) {
                continue;
            }
            seen.push(name);
            let ratio = |of: &dyn Fn(&Sample) -> f64| {
                let ratios = self.of(name.0, name.1, name.2).filter_map(|sample| {
                    let first = self.of(name.0, name.1, "A").find(|s| s.round == sample.round)?;
                    Some(of(sample) / of(first)).filter(|ratio| ratio.is_finite())
                });
                Spread::of(ratios).map_or_else(String::new, spread)
            };
            let _ = writeln!(
                text,
                "| {} | {} | {} | {} | {} | {} | {} | {} |",
                name.0,
                name.1,
                name.2,
                ratio(&|sample| Metric::Throughput.of(sample)),
                ratio(&|sample| Metric::P50.of(sample)),
                ratio(&|sample| Metric::P99.of(sample)),
                ratio(&|sample| sample.cpu.wallet / sample.throughput),
                ratio(&|sample| sample.cpu.total() / sample.throughput),
            );
        }
        text
    }

    fn of<'s>(
        &'s self,
        workload: &'s str,
        variant: &'s str,
        contender: &'s str,
    ) -> impl Iterator<Item = &'s Sample> {
        self.samples.iter().filter(move |sample| sample.is_of(workload, variant, contender))
    }

    fn write_workload(&self, text: &mut String, workload: &Workload) {
        let _ = write!(
            text,
            "\n### `{}`: {}\n\n\
             | | per second | p50 | p99 | p99.9 | postgres | wallet | redis | client | batch | redone | MiB |\n\
             |---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n",
            workload.name, workload.title
        );
        let mut seen: Vec<(&str, &str)> = Vec::new();
        for sample in self.samples.iter().filter(|sample| sample.workload == workload.name) {
            let name = (&*sample.variant, &*sample.contender);
            if seen.contains(&name) {
                continue;
            }
            seen.push(name);
            self.write_line(text, workload.name, name);
        }
    }

    fn write_line(&self, text: &mut String, workload: &str, (variant, contender): (&str, &str)) {
        let all = || self.of(workload, variant, contender);
        let median = |number: &dyn Fn(&Sample) -> f64| {
            Spread::of(all().map(number)).map_or(0.0, |spread| spread.median)
        };
        let filled = |number: f64, digits: usize| match number {
            number if number.is_finite() && number > 0.0 => format!("{number:.digits$}"),
            _ => String::new(),
        };
        let throughput = Spread::of(all().map(|sample| sample.throughput)).unwrap_or_default();
        let per_call = |part: &dyn Fn(&Sample) -> f64| {
            filled(median(&|sample| part(sample) / sample.throughput * 1e6), 0)
        };
        let shown = if self.contenders.len() > 1 && !contender.is_empty() {
            format!("{variant} ({contender})")
        } else {
            variant.to_owned()
        };
        let rate = match throughput.median {
            0.0 => String::new(),
            _ => format!(
                "{} ({} … {})",
                thousands(throughput.median),
                thousands(throughput.min),
                thousands(throughput.max)
            ),
        };
        let _ = writeln!(
            text,
            "| {shown} | {rate} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |",
            filled(median(&|sample| sample.p50_us), 0),
            filled(median(&|sample| sample.p99_us), 0),
            filled(median(&|sample| sample.p999_us), 0),
            per_call(&|sample| sample.cpu.postgres),
            per_call(&|sample| sample.cpu.wallet),
            per_call(&|sample| sample.cpu.redis),
            per_call(&|sample| sample.cpu.client),
            filled(median(&|sample| sample.batch.unwrap_or_default()), 1),
            filled(median(&|sample| sample.redone), 0),
            filled(median(&|sample| sample.memory_mib.unwrap_or_default()), 0),
        );
    }

    fn write_instructions(&self, text: &mut String) {
        if self.instructions.is_empty() {
            return;
        }
        text.push_str(
            "\n## Instructions for a bet\n\nOf the service's process alone, as callgrind counts \
             them: the difference between two runs that differ only in the number of bets. Code of \
             the kernel is not in it, and a block move counts as one instruction for each byte.\n\n\
             | | over | at once | instructions |\n|---|---|--:|--:|\n",
        );
        for Instructions { contender, way: Way { over, at_once }, per_bet } in &self.instructions {
            let count = thousands(*per_bet);
            let _ = writeln!(text, "| {contender} | {over} | {at_once} | {count} |");
        }
    }

    fn write_integrity(&self, text: &mut String) {
        text.push_str(
            "\n## Integrity\n\nAfter each workload: every player's rows form a chain without \
             gaps, their sum is the balance, and there are exactly as many rows as movements \
             were acknowledged.\n\n\
             | workload | database | players | rows | acknowledged | faults | |\n\
             |---|---|--:|--:|--:|--:|---|\n",
        );
        for check in self.integrity {
            let faults =
                check.gaps + check.breaks + check.versions_off + check.balances_off + check.strays;
            let _ = writeln!(
                text,
                "| {} | {} | {} | {} | {} | {faults} | {} |",
                check.workload,
                check.database,
                thousands(check.players as f64),
                thousands(check.rows as f64),
                thousands(check.acknowledged as f64),
                if check.holds() { "holds" } else { "**does not hold**" },
            );
        }
        match self.missed_damages.as_deref() {
            None => {}
            Some([]) => text.push_str(
                "\nThe check itself was put to the test: it has noticed a lost row, a forged \
                 amount, a forged balance, a forged version, a wallet that was gone, and an \
                 acknowledgement without a row.\n",
            ),
            Some(missed) => {
                let _ = write!(text, "\n**The check has not noticed: {}.**\n", missed.join(", "));
            }
        }
    }
}

/// What a reader has to know to believe it.
const HOW: &str = include_str!("how.md");

impl From<&Contender> for String {
    fn from(contender: &Contender) -> Self {
        let env: Vec<String> =
            contender.env.iter().map(|(name, value)| format!(" `{name}={value}`")).collect();
        format!("{}: `{}`{}", contender.name, contender.binary.display(), env.concat())
    }
}

fn spread(Spread { median, min, max }: Spread) -> String {
    let digits = if max < 0.01 && max > 0.0 { 5 } else { 2 };
    format!("{median:.digits$} ({min:.digits$} … {max:.digits$})")
}

/// A whole number, thousands apart.
pub fn thousands(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
