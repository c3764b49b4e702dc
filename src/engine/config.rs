//! The bounds of the engine.

use std::time::Duration;

/// The bounds of the engine.
#[derive(Clone, Copy, Debug)]
pub struct EngineConfig {
    /// Players are spread over this many lanes, each with its own connection.
    pub lanes: usize,
    /// The most commands that are committed together.
    pub batch_max: usize,
    /// The most commands of one provider that wait in one lane; one more is told that the node is
    /// busy.
    pub queue_max: usize,
    /// The longest that one batch may take before its connection is given up, and that each
    /// step of making a new one may take.
    pub batch_timeout: Duration,
}

impl EngineConfig {
    /// The longest that the database works on one batch: it gives up before the lane does, so that
    /// the connection outlives it.
    pub(super) fn statement_timeout(&self) -> Duration {
        self.batch_timeout * 3 / 4
    }

    /// The longest that a batch waits for a row that somebody else has locked.
    pub(super) fn lock_timeout(&self) -> Duration {
        (self.batch_timeout / 6).min(Duration::from_millis(100))
    }
}
