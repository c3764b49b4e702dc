//! Moments at which the tests stop a node, to kill it there: a process that ends between two
//! steps of a command is what the rules about money are made for, and no timing hits it reliably.
//!
//! They are there in builds with debug assertions, which is what `cargo test` builds and starts,
//! and are nothing at all in a release. A cargo feature would say the same less well: it could be
//! left on in a release, and CI would build everything a second time for it.

/// A moment in the course of a command.
#[derive(Clone, Copy, Debug)]
pub enum Moment {
    /// Claimed and decided, and nothing written yet.
    Claimed,
    /// Committed, and neither Redis nor the caller knows.
    Committed,
    /// Committed and published, and the caller does not know.
    Published,
}

/// Costs nothing.
#[cfg(not(debug_assertions))]
pub const fn reached(_: Moment) {}

/// Stops here for good when the environment says so: `WALLET_FAULT_POINT=committed:3` stops the
/// process the third time that it has committed something. It says so on standard error.
#[cfg(debug_assertions)]
pub fn reached(moment: Moment) {
    if stop_here::is_due(moment) {
        eprintln!("stopped at the fault point {moment:?}");
        loop {
            std::thread::park();
        }
    }
}

#[cfg(debug_assertions)]
mod stop_here {
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::Moment;

    static WANTED: LazyLock<Option<(String, u64)>> = LazyLock::new(|| {
        let text = std::env::var("WALLET_FAULT_POINT").ok()?;
        let (moment, count) = text.split_once(':')?;
        Some((moment.to_owned(), count.parse().ok()?))
    });
    static TIMES: AtomicU64 = AtomicU64::new(0);

    pub(super) fn is_due(moment: Moment) -> bool {
        let Some((wanted, count)) = &*WANTED else { return false };
        format!("{moment:?}").eq_ignore_ascii_case(wanted)
            && TIMES.fetch_add(1, Ordering::Relaxed) + 1 == *count
    }
}
