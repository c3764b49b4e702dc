//! How the process is asked to end.

use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

/// The signal that asked for the end.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// SIGTERM: by whatever runs the process.
    Terminate,
    /// SIGINT: by a person at a terminal, who waits.
    Interrupt,
}

/// Waits until the process is asked to end.
///
/// # Errors
/// Where signals cannot be received.
pub(super) async fn end() -> anyhow::Result<End> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(tokio::select! {
        _ = terminate.recv() => End::Terminate,
        _ = interrupt.recv() => End::Interrupt,
    })
}

/// The time in which a load balancer notices that this node is not ready any more. A person at
/// a terminal has none in front of the node, and a second signal means at once.
///
/// # Errors
/// As of [`end`].
pub(super) async fn drained(asked_by: End, drain: Duration) -> anyhow::Result<()> {
    if asked_by == End::Terminate && !drain.is_zero() {
        tokio::select! {
            () = tokio::time::sleep(drain) => {}
            again = end() => {
                again?;
            }
        }
    }
    Ok(())
}
