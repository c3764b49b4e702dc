//! What is counted of one provider's calls. The handles are kept, because finding a counter by
//! its labels costs more than counting.

use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use metrics::{Counter, Histogram, counter, histogram};

use crate::core::ProviderId;

/// The counters of one provider, made as its calls come in.
pub struct CallMeters {
    provider: String,
    operations: RwLock<Vec<OperationMeters>>,
}

#[derive(Clone)]
struct OperationMeters {
    name: &'static str,
    duration: Histogram,
    /// By outcome. There are a handful, so a list is searched faster than a map.
    outcomes: Vec<(&'static str, Counter)>,
}

impl CallMeters {
    /// Of a provider's calls.
    pub fn of(provider: &ProviderId) -> Self {
        Self { provider: provider.to_string(), operations: RwLock::default() }
    }

    /// A call came to its end.
    pub fn note(&self, operation: &'static str, outcome: &'static str, elapsed: Duration) {
        let known = self.operations.read().unwrap_or_else(PoisonError::into_inner);
        if known.iter().any(|meters| meters.name == operation && meters.note(outcome, elapsed)) {
            return;
        }
        drop(known);
        self.learn(operation, outcome).note(outcome, elapsed);
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
            meters.outcomes.push((outcome, count));
        }
        all.push(meters.clone());
        meters
    }
}

impl OperationMeters {
    fn knows(&self, outcome: &str) -> bool {
        self.outcomes.iter().any(|(name, _)| *name == outcome)
    }

    /// False where the outcome is a new one: then nothing was counted.
    fn note(&self, outcome: &str, elapsed: Duration) -> bool {
        let Some((_, count)) = self.outcomes.iter().find(|(name, _)| *name == outcome) else {
            return false;
        };
        count.increment(1);
        self.duration.record(elapsed.as_secs_f64());
        true
    }
}
