//! What is counted of one provider's calls. The handles are kept, because finding a counter by
//! its labels costs more than counting.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use chrono::{DateTime, Utc};
use metrics::{Counter, Histogram, counter, histogram};

use crate::core::ProviderId;

/// The counters of one provider, made as its calls come in.
pub struct CallMeters {
    provider: String,
    operations: RwLock<Vec<OperationMeters>>,
    /// In milliseconds since 1970; zero before the first.
    last_call: AtomicI64,
}

#[derive(Clone)]
struct OperationMeters {
    name: &'static str,
    duration: Histogram,
    /// By outcome. There are a handful, so a list is searched faster than a map.
    outcomes: Vec<(&'static str, Counter, Arc<AtomicU64>)>,
}

/// What was counted of one operation since the node's start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperationCount {
    /// The operation.
    pub operation: &'static str,
    /// Calls by outcome.
    pub outcomes: Vec<(&'static str, u64)>,
}

impl CallMeters {
    /// Of a provider's calls.
    pub fn of(provider: &ProviderId) -> Self {
        Self {
            provider: provider.to_string(),
            operations: RwLock::default(),
            last_call: AtomicI64::new(0),
        }
    }

    /// A call came to its end.
    pub fn note(&self, operation: &'static str, outcome: &'static str, elapsed: Duration) {
        self.last_call.store(Utc::now().timestamp_millis(), Ordering::Relaxed);
        let known = self.operations.read().unwrap_or_else(PoisonError::into_inner);
        if known.iter().any(|meters| meters.name == operation && meters.note(outcome, elapsed)) {
            return;
        }
        drop(known);
        self.learn(operation, outcome).note(outcome, elapsed);
    }

    /// When the last call came to its end; `None` before the first.
    pub fn last_call(&self) -> Option<DateTime<Utc>> {
        let millis = self.last_call.load(Ordering::Relaxed);
        (millis > 0).then(|| DateTime::from_timestamp_millis(millis)).flatten()
    }

    /// What was counted since the node's start, for people: Prometheus has its own figures.
    pub fn counted(&self) -> Vec<OperationCount> {
        let known = self.operations.read().unwrap_or_else(PoisonError::into_inner);
        let mut counted: Vec<_> = known.iter().map(OperationMeters::counted).collect();
        counted.sort_by_key(|operation| operation.operation);
        counted
    }

    /// A copy of an operation's meters that knows the outcome.
    fn learn(&self, operation: &'static str, outcome: &'static str) -> OperationMeters {
        let mut all = self.operations.write().unwrap_or_else(PoisonError::into_inner);
        let provider = &self.provider;
        let mut meters = match all.iter().position(|meters| meters.name == operation) {
            Some(at) => all.swap_remove(at),
            None => OperationMeters {
                name: operation,
                duration: histogram!(
                    "wallet_call_duration_seconds",
                    "provider" => provider.clone(), "operation" => operation,
                ),
                outcomes: Vec::new(),
            },
        };
        if !meters.knows(outcome) {
            let count = counter!(
                "wallet_calls_total",
                "provider" => provider.clone(), "operation" => operation, "outcome" => outcome,
            );
            meters.outcomes.push((outcome, count, Arc::default()));
        }
        all.push(meters.clone());
        meters
    }
}

impl OperationMeters {
    fn knows(&self, outcome: &str) -> bool {
        self.outcomes.iter().any(|(name, ..)| *name == outcome)
    }

    fn counted(&self) -> OperationCount {
        let load = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let mut outcomes: Vec<_> =
            self.outcomes.iter().map(|(name, _, count)| (*name, load(count))).collect();
        outcomes.sort_unstable();
        OperationCount { operation: self.name, outcomes }
    }

    /// False where the outcome is a new one: then nothing was counted.
    fn note(&self, outcome: &str, elapsed: Duration) -> bool {
        let found = self.outcomes.iter().find(|(name, ..)| *name == outcome);
        let Some((_, count, own)) = found else { return false };
        count.increment(1);
        own.fetch_add(1, Ordering::Relaxed);
        self.duration.record(elapsed.as_secs_f64());
        true
    }
}
