//! The charts of the report.

use hdrhistogram::Histogram;

use super::sample::{Sample, Spread};
use super::svg::{Axis, Chart, Line};
use super::workloads::{PGBENCH, WALLET};

/// Lines of the latency chart: workload, variant, and what it is called.
const LATENCIES: [(&str, &str, &str); 5] = [
    ("one", WALLET, "one connection"),
    ("bets-64", WALLET, "64 connections"),
    ("bets-256", WALLET, "256 connections"),
    ("hot", WALLET, "64 connections, one player"),
    ("open-70", "open loop", "open loop at 70 %"),
];

/// File names and charts, as far as there is something to show. Of the first contender.
pub fn all(samples: &[Sample]) -> Vec<(&'static str, String)> {
    let mut charts = vec![("latency.svg", latency(samples))];
    let throughput = by_connections(samples, &[WALLET, PGBENCH], |s| Some(s.throughput));
    charts.push(("throughput.svg", sweep("Movements in a second", "per second", throughput)));
    let batches = by_connections(samples, &[WALLET], |sample| sample.batch);
    charts.push(("batch.svg", sweep("Commands in one commit, on average", "commands", batches)));
    charts.into_iter().filter_map(|(name, chart)| Some((name, chart?.draw()))).collect()
}

fn latency(samples: &[Sample]) -> Option<Chart<'static>> {
    let lines: Vec<Line> = LATENCIES
        .iter()
        .filter_map(|(workload, variant, name)| {
            let mut sum: Option<Histogram<u64>> = None;
            for sample in samples.iter().filter(|sample| sample.is_of(workload, variant, "A")) {
                let latencies = sample.latencies.as_ref()?;
                match &mut sum {
                    Some(sum) => sum.add(latencies).ok()?,
                    None => sum = Some(latencies.clone()),
                }
            }
            let sum = sum?;
            let points = (0..=80).map(|step| {
                let nines = f64::from(step) / 20.0; // 0 is the smallest, 4 is 99.99 %
                let quantile = 1.0 - 10_f64.powf(-nines);
                (nines, sum.value_at_quantile(quantile) as f64 / 1000.0)
            });
            Some(Line { name: (*name).to_owned(), points: points.collect() })
        })
        .collect();
    let marks =
        [(0.0, "0"), (0.301, "50"), (1.0, "90"), (2.0, "99"), (3.0, "99.9"), (4.0, "99.99")];
    let marks = marks.map(|(place, label)| (place, label.to_owned())).to_vec();
    (!lines.is_empty()).then_some(Chart {
        title: "Latency of a bet, from request to reply",
        x: Axis { name: "per cent of the calls are answered within", is_log: false, marks },
        y: Axis { name: "milliseconds", is_log: true, marks: Vec::new() },
        lines,
    })
}

fn sweep(title: &'static str, y: &'static str, lines: Vec<Line>) -> Option<Chart<'static>> {
    let mut marks: Vec<f64> =
        lines.iter().flat_map(|line| line.points.iter().map(|point| point.0)).collect();
    marks.sort_by(f64::total_cmp);
    marks.dedup();
    (marks.len() > 1).then(|| Chart {
        title,
        x: Axis {
            name: "connections, or clients of pgbench",
            is_log: true,
            marks: marks.into_iter().map(|mark| (mark, format!("{mark}"))).collect(),
        },
        y: Axis { name: y, is_log: false, marks: Vec::new() },
        lines,
    })
}

/// Medians of the sweep by the number that ends a variant's name.
fn by_connections(
    samples: &[Sample],
    names: &[&str],
    number: impl Fn(&Sample) -> Option<f64>,
) -> Vec<Line> {
    let lines = names.iter().map(|name| {
        let connections = |sample: &Sample| {
            let count = sample.variant.strip_prefix(name)?.trim().parse::<u32>().ok();
            count.filter(|_| sample.workload == "sweep" && sample.contender != "B")
        };
        let mut counts: Vec<u32> = samples.iter().filter_map(connections).collect();
        counts.sort_unstable();
        counts.dedup();
        let points = counts.into_iter().filter_map(|count| {
            let of_count = samples.iter().filter(|sample| connections(sample) == Some(count));
            Spread::of(of_count.filter_map(&number)).map(|s| (f64::from(count), s.median))
        });
        Line { name: (*name).to_owned(), points: points.collect() }
    });
    lines.filter(|line| !line.points.is_empty()).collect()
}
