//! One measurement, and what many of them say.

use hdrhistogram::Histogram;
use serde::Serialize;

use super::cpu::Cpu;

/// What one run of one variant gave.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Sample {
    pub workload: &'static str,
    pub variant: String,
    pub contender: String,
    /// From 0. A run of pgbench at the very end counts as the beginning of one round more.
    pub round: usize,
    /// Calls, or transactions of pgbench, in a second.
    pub throughput: f64,
    pub calls: u64,
    pub wrong: u64,
    /// Calls that the node has turned away because there was too much.
    pub shed: u64,
    pub mean_us: f64,
    pub p50_us: f64,
    pub p90_us: f64,
    pub p99_us: f64,
    pub p999_us: f64,
    pub max_us: f64,
    /// Cores in use.
    pub cpu: Cpu,
    /// Commands in one commit, on average.
    pub batch: Option<f64>,
    /// Batches that were tried again.
    pub redone: f64,
    /// Transactions that PostgreSQL committed for each call.
    pub commits_per_call: f64,
    /// Resident memory of a node.
    pub memory_mib: Option<f64>,
    #[serde(skip)]
    pub latencies: Option<Histogram<u64>>,
}

impl Sample {
    /// Takes over what a histogram of microseconds says.
    pub fn learn(&mut self, latencies: Histogram<u64>, seconds: f64) {
        self.calls = latencies.len();
        self.throughput = self.calls as f64 / seconds;
        self.mean_us = latencies.mean();
        let at = |quantile| latencies.value_at_quantile(quantile) as f64;
        (self.p50_us, self.p90_us) = (at(0.5), at(0.9));
        (self.p99_us, self.p999_us, self.max_us) = (at(0.99), at(0.999), latencies.max() as f64);
        self.latencies = Some(latencies);
    }

    pub fn is_of(&self, workload: &str, variant: &str, contender: &str) -> bool {
        self.workload == workload && self.variant == variant && self.contender == contender
    }
}

/// What is read from a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    Throughput,
    P50,
    P99,
    Memory,
    /// Replies that were wrong, and calls that were shed.
    Errors,
    CommitsPerCall,
}

impl Metric {
    /// No number, and no target met, where nothing was answered.
    pub fn of(self, sample: &Sample) -> f64 {
        if sample.calls == 0 && self != Self::Memory {
            return f64::NAN;
        }
        match self {
            Self::Throughput => sample.throughput,
            Self::P50 => sample.p50_us,
            Self::P99 => sample.p99_us,
            Self::Memory => sample.memory_mib.unwrap_or_default(),
            Self::Errors => (sample.wrong + sample.shed) as f64,
            Self::CommitsPerCall => sample.commits_per_call,
        }
    }
}

/// The middle of some numbers, with the ends.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Spread {
    pub median: f64,
    pub min: f64,
    pub max: f64,
}

impl Spread {
    pub fn of(numbers: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut numbers: Vec<f64> = numbers.into_iter().collect();
        numbers.sort_by(f64::total_cmp);
        let (min, max) = (*numbers.first()?, *numbers.last()?);
        let middle = numbers.len() / 2;
        let median = match numbers.len() % 2 {
            1 => numbers[middle],
            _ => f64::midpoint(numbers[middle - 1], numbers[middle]),
        };
        Some(Self { median, min, max })
    }
}
