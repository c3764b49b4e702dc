//! Working a part of the time, so that callbacks have the rest.

use std::time::Duration;

use tokio::time::{Instant, sleep};

/// After each piece of work a pause in proportion to it.
pub struct Throttle {
    busy_percent: u32,
    since: Instant,
}

impl Throttle {
    /// Works this much of the time, 1 to 100 percent.
    pub fn of(busy_percent: u32) -> Self {
        Self { busy_percent: busy_percent.clamp(1, 100), since: Instant::now() }
    }

    /// Pauses for the work since the last pause.
    pub async fn pause(&mut self) {
        sleep(pause_for(self.since.elapsed(), self.busy_percent)).await;
        self.since = Instant::now();
    }
}

fn pause_for(work: Duration, busy_percent: u32) -> Duration {
    work * (100 - busy_percent.min(100)) / busy_percent.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quarter_of_the_time_is_work_when_the_pause_is_three_times_as_long() {
        let work = Duration::from_millis(10);
        assert_eq!(pause_for(work, 25), Duration::from_millis(30));
        assert_eq!(pause_for(work, 50), work);
        assert_eq!(pause_for(work, 100), Duration::ZERO);
    }
}
