//! Whether what was expected came out.

use serde::Serialize;

use super::sample::{Metric, Sample, Spread};
use super::servers::Contender;
use super::workloads::{Target, What, Workload};

/// A target with what came out.
#[derive(Clone, Debug, Serialize)]
pub struct Verdict {
    pub workload: &'static str,
    pub contender: String,
    pub what: &'static str,
    pub bound: String,
    pub number: Spread,
    pub is_met: bool,
}

pub fn verdicts(
    workloads: &[&Workload],
    contenders: &[Contender],
    samples: &[Sample],
) -> Vec<Verdict> {
    let mut verdicts = Vec::new();
    for contender in contenders {
        for workload in workloads {
            for target in &workload.targets {
                let spread = Spread::of(numbers(workload, contender, target, samples));
                let Some(number) = spread else { continue };
                verdicts.push(Verdict {
                    workload: workload.name,
                    contender: contender.name.clone(),
                    what: target.what,
                    bound: target.bound.to_string(),
                    number,
                    is_met: target.bound.holds(number.median),
                });
            }
        }
    }
    verdicts
}

/// The target's number in each round.
fn numbers(
    workload: &Workload,
    contender: &Contender,
    target: &Target,
    samples: &[Sample],
) -> Vec<f64> {
    let (variant, metric) = target.number;
    let of_variant =
        samples.iter().filter(|sample| sample.is_of(workload.name, variant, &contender.name));
    of_variant
        .filter_map(|sample| {
            let number = metric.of(sample);
            let per = match target.per {
                None => 1.0,
                Some((variant, metric)) => {
                    yardstick(workload, contender, variant, metric, sample.round, samples)?
                }
            };
            Some(number / per)
        })
        .collect()
}

/// What a number of a round is divided by: another variant of the same contender, or the mean
/// of the pgbench runs before and after it.
fn yardstick(
    workload: &Workload,
    contender: &Contender,
    variant: &str,
    metric: Metric,
    round: usize,
    samples: &[Sample],
) -> Option<f64> {
    let is_pgbench =
        workload.variants.iter().any(|v| v.name == variant && matches!(v.what, What::Pgbench(_)));
    let (name, last) = if is_pgbench { ("", round + 1) } else { (&*contender.name, round) };
    let numbers: Vec<f64> = samples
        .iter()
        .filter(|s| s.is_of(workload.name, variant, name) && (round..=last).contains(&s.round))
        .map(|sample| metric.of(sample))
        .collect();
    let sum: f64 = numbers.iter().sum();
    (sum > 0.0).then(|| sum / numbers.len() as f64)
}
