//! Stops asking a Redis that does not answer. Knows no clock: every call says when it is.

use std::time::{Duration, Instant};

/// Opens after some failures in a row, lets one probe through after each pause, and closes on
/// the first success.
#[derive(Debug)]
pub(super) struct Breaker {
    failures_allowed: u32,
    pause: Duration,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Commands pass.
    Closed { failures: u32 },
    /// Commands are skipped until then; the next one after it is the probe.
    Open { until: Instant },
}

impl Breaker {
    /// A closed breaker. It opens with the failure number `failures_allowed` in a row.
    pub(super) const fn new(failures_allowed: u32, pause: Duration) -> Self {
        Self { failures_allowed, pause, state: State::Closed { failures: 0 } }
    }

    /// Whether a command may be sent. A probe that never comes back (its caller went away) is
    /// followed by the next one after another pause.
    pub(super) fn admits(&mut self, now: Instant) -> bool {
        match &mut self.state {
            State::Closed { .. } => true,
            State::Open { until } if now < *until => false,
            State::Open { until } => {
                *until = now + self.pause;
                true
            }
        }
    }

    /// A command was answered. True when that closed the breaker.
    pub(super) const fn succeeded(&mut self) -> bool {
        let was_open = self.is_open();
        self.state = State::Closed { failures: 0 };
        was_open
    }

    /// A command was not answered. True when that opened the breaker.
    pub(super) fn failed(&mut self, now: Instant) -> bool {
        match &mut self.state {
            State::Closed { failures } => {
                *failures = failures.saturating_add(1);
                *failures >= self.failures_allowed && self.trip(now)
            }
            State::Open { until } => {
                *until = now + self.pause;
                false
            }
        }
    }

    /// Opens it at once. True when it was closed.
    pub(super) fn trip(&mut self, now: Instant) -> bool {
        let was_open = self.is_open();
        self.state = State::Open { until: now + self.pause };
        !was_open
    }

    /// True while commands are skipped.
    pub(super) const fn is_open(&self) -> bool {
        matches!(self.state, State::Open { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAUSE: Duration = Duration::from_secs(1);

    fn at(start: Instant, millis: u64) -> Instant {
        start + Duration::from_millis(millis)
    }

    #[test]
    fn it_opens_with_the_last_allowed_failure_and_says_so_once() {
        let (mut breaker, t) = (Breaker::new(3, PAUSE), Instant::now());
        assert!(!breaker.failed(t));
        assert!(!breaker.failed(t));
        assert!(breaker.admits(t) && !breaker.is_open());
        assert!(breaker.failed(t));
        assert!(!breaker.failed(t));
        assert!(breaker.is_open() && !breaker.admits(t));
    }

    #[test]
    fn a_success_in_between_starts_the_count_again() {
        let (mut breaker, t) = (Breaker::new(2, PAUSE), Instant::now());
        for _ in 0..10 {
            assert!(!breaker.failed(t));
            assert!(!breaker.succeeded());
        }
        assert!(!breaker.is_open());
    }

    #[test]
    fn one_probe_passes_after_each_pause() {
        let (mut breaker, t) = (Breaker::new(1, PAUSE), Instant::now());
        assert!(breaker.failed(t));
        assert!(!breaker.admits(at(t, 999)));
        assert!(breaker.admits(at(t, 1_000)));
        assert!(!breaker.admits(at(t, 1_001)));
        assert!(!breaker.failed(at(t, 1_050)));
        assert!(!breaker.admits(at(t, 2_000)));
        assert!(breaker.admits(at(t, 2_050)));
    }

    #[test]
    fn a_probe_that_is_never_heard_of_does_not_keep_it_open() {
        let (mut breaker, t) = (Breaker::new(1, PAUSE), Instant::now());
        breaker.failed(t);
        assert!(breaker.admits(at(t, 1_000)));
        assert!(breaker.admits(at(t, 2_000)));
    }

    #[test]
    fn the_first_success_closes_it() {
        let (mut breaker, t) = (Breaker::new(1, PAUSE), Instant::now());
        assert!(breaker.trip(t) && !breaker.trip(t));
        assert!(breaker.succeeded());
        assert!(breaker.admits(t) && !breaker.is_open());
        assert!(!breaker.succeeded());
    }
}
