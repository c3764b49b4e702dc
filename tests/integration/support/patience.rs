//! How long a test waits for what has to come: for as long as a machine takes that is ten times
//! slower than a developer's. A test that passes does not notice.

use std::time::{Duration, Instant};

/// The longest wait for anything that has to come.
pub const PATIENCE: Duration = Duration::from_secs(120);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(20);

/// Waits until it holds.
pub async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let started = Instant::now();
    while !holds().await {
        assert!(started.elapsed() < PATIENCE, "in vain for {PATIENCE:?}: {what}");
        tokio::time::sleep(PAUSE).await;
    }
}
