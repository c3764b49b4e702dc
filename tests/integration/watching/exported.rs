//! What a node's `/metrics` says.

use std::collections::{BTreeMap, BTreeSet};

use super::promql::Selector;

/// Labels that Prometheus adds to whatever it collects, and those of histograms and alerts.
const GIVEN: [&str; 4] = ["instance", "job", "le", "alertname"];

/// The wallet's metrics.
pub struct Exported {
    /// By name, without what a histogram adds to it.
    pub families: BTreeMap<String, Family>,
    series: Vec<Series>,
}

/// One metric.
#[derive(Default)]
pub struct Family {
    /// What it says of itself.
    pub help: String,
    /// The names of its labels, without a histogram's `le`.
    pub labels: BTreeSet<String>,
}

struct Series {
    metric: String,
    labels: BTreeMap<String, String>,
}

impl Exported {
    /// Reads Prometheus' text format.
    pub fn read(text: &str) -> Self {
        let mut families: BTreeMap<String, Family> = BTreeMap::new();
        for line in text.lines() {
            let Some((name, rest)) = comment(line, "# TYPE ").or_else(|| comment(line, "# HELP "))
            else {
                continue;
            };
            let family = families.entry(name.to_owned()).or_default();
            if line.starts_with("# HELP ") {
                rest.clone_into(&mut family.help);
            }
        }
        let series: Vec<Series> = text.lines().filter_map(Series::read).collect();
        for Series { metric, labels } in &series {
            let plain = ["_bucket", "_sum", "_count"]
                .iter()
                .filter_map(|ending| metric.strip_suffix(ending))
                .find(|name| families.contains_key(*name))
                .unwrap_or(metric);
            let family = families.get_mut(plain).unwrap_or_else(|| panic!("{metric} has no type"));
            family.labels.extend(labels.keys().filter(|label| *label != "le").cloned());
        }
        families.retain(|name, _| name.starts_with("wallet_"));
        assert!(families.len() > 20, "{text}");
        Self { families, series }
    }

    /// What a selector wants that no series has.
    pub fn misses(&self, selector: &Selector) -> impl Iterator<Item = String> {
        let metric = &selector.metric;
        let of_metric: Vec<&Series> =
            self.series.iter().filter(|series| series.metric == *metric).collect();
        let mut missing = Vec::new();
        if of_metric.is_empty() {
            missing.push(format!("{metric} is not exported"));
        }
        for (label, operator, value) in &selector.matchers {
            // What somebody chooses in the dashboard.
            let alternatives = if value.starts_with('$') { "" } else { value.as_str() };
            if !GIVEN.contains(&label.as_str())
                && !of_metric.iter().any(|series| series.labels.contains_key(label))
            {
                missing.push(format!("{metric} has no label {label}"));
            }
            for word in alternatives.split('|').filter(|word| !word.is_empty()) {
                let fits = |found: &String| match word.strip_suffix(".*") {
                    Some(beginning) if operator == "=~" => found.starts_with(beginning),
                    _ => found == word,
                };
                if !of_metric.iter().any(|series| series.labels.get(label).is_some_and(fits)) {
                    missing.push(format!("{metric} has no {label}={word}"));
                }
            }
        }
        missing.into_iter()
    }

    /// True when some series has the label.
    pub fn has_label(&self, label: &str) -> bool {
        GIVEN.contains(&label) || self.families.values().any(|family| family.labels.contains(label))
    }
}

fn comment<'a>(line: &'a str, beginning: &str) -> Option<(&'a str, &'a str)> {
    line.strip_prefix(beginning)?.split_once(' ')
}

impl Series {
    fn read(line: &str) -> Option<Self> {
        let (series, _value) = line.rsplit_once(' ').filter(|_| !line.starts_with('#'))?;
        let (metric, labels) = series.split_once('{').unwrap_or((series, ""));
        let labels = labels
            .trim_end_matches('}')
            .split("\",")
            .filter_map(|label| label.split_once("=\""))
            .map(|(name, value)| (name.to_owned(), value.trim_end_matches('"').to_owned()))
            .collect();
        Some(Self { metric: metric.to_owned(), labels })
    }
}
