//! What is counted about Redis. The handles are made once, so that counting costs no look-up.

use std::time::Duration;

use metrics::{Counter, Gauge, Histogram, Unit};

const COMMANDS: &str = "wallet_cache_commands_total";
const DURATION: &str = "wallet_cache_command_duration_seconds";
const UP: &str = "wallet_cache_up";
const REFUTED: &str = "wallet_cache_refuted_total";

/// Tells the recorder what the cache's metrics mean. Call it once, after the recorder is
/// installed and before the first [`Cache::connect`](super::Cache::connect).
pub fn describe_metrics() {
    metrics::describe_counter!(
        COMMANDS,
        "Redis commands by result: ok, timeout, error, or skipped by the open circuit breaker"
    );
    metrics::describe_histogram!(
        DURATION,
        Unit::Seconds,
        "How long a Redis command took, also when it failed"
    );
    metrics::describe_counter!(
        REFUTED,
        "Balances in Redis that the database knew nothing of, found by a call and put right"
    );
    metrics::describe_gauge!(UP, "1 while Redis is used, 0 while the circuit breaker is open");
}

/// One handle for each thing that is asked of Redis.
pub(super) struct Meters {
    pub(super) claim: CommandMeters,
    pub(super) publish: CommandMeters,
    pub(super) balance: CommandMeters,
    pub(super) fill: CommandMeters,
    pub(super) put_right: CommandMeters,
    pub(super) forget: CommandMeters,
    pub(super) probe: CommandMeters,
    pub(super) inspect: CommandMeters,
    pub(super) sweep: CommandMeters,
    pub(super) up: Gauge,
    /// Balances that the database knew nothing of.
    pub(super) refuted: Counter,
}

/// The counters of one command.
pub(super) struct CommandMeters {
    pub(super) ok: Counter,
    pub(super) timeout: Counter,
    pub(super) error: Counter,
    pub(super) skipped: Counter,
    duration: Histogram,
}

impl Meters {
    pub(super) fn new() -> Self {
        Self {
            claim: CommandMeters::new("claim"),
            publish: CommandMeters::new("publish"),
            balance: CommandMeters::new("balance"),
            fill: CommandMeters::new("fill"),
            put_right: CommandMeters::new("put_right"),
            forget: CommandMeters::new("forget"),
            probe: CommandMeters::new("probe"),
            inspect: CommandMeters::new("inspect"),
            sweep: CommandMeters::new("sweep"),
            up: metrics::gauge!(UP),
            refuted: metrics::counter!(REFUTED),
        }
    }
}

impl CommandMeters {
    fn new(command: &'static str) -> Self {
        let count = |result| metrics::counter!(COMMANDS, "command" => command, "result" => result);
        Self {
            ok: count("ok"),
            timeout: count("timeout"),
            error: count("error"),
            skipped: count("skipped"),
            duration: metrics::histogram!(DURATION, "command" => command),
        }
    }

    /// A command came to an end of some kind.
    pub(super) fn took(&self, time: Duration) {
        self.duration.record(time.as_secs_f64());
    }
}
