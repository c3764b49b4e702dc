//! What happened to one command on its way, for the spans of its call. Whoever has the command in
//! hand writes down what it has timed anyway; the spans are made in one place, once the call is
//! answered. A command that is not traced has no trail, and costs the look at that.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::time::Instant;

/// The legs of one command.
#[derive(Debug, Default)]
pub struct Trail(Mutex<Vec<Leg>>);

/// A command's trail, where it has one.
pub type Traced = Option<Arc<Trail>>;

/// Something that took time.
#[derive(Clone, Copy, Debug)]
pub struct Leg {
    /// What was done.
    pub what: What,
    /// When it was begun.
    pub from: Instant,
    /// When it had come to its end.
    pub to: Instant,
    /// What came of it, in one word.
    pub result: &'static str,
}

/// A leg of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// Redis was asked about it, together with so many others.
    Claim {
        /// Itself included.
        commands: usize,
    },
    /// A lane tried it in a batch.
    Batch {
        /// Itself included.
        commands: usize,
        /// How carefully.
        care: &'static str,
    },
    /// The batch was written and committed.
    Commit,
    /// Redis was told of it, together with so many others.
    Publish {
        /// Itself included.
        commands: usize,
    },
}

impl Trail {
    /// Writes a leg down.
    pub fn add(&self, leg: Leg) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(leg);
    }

    /// What has been written down so far.
    pub fn legs(&self) -> Vec<Leg> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Writes one leg into the trails of all that took it. It is made only if there are any.
pub fn note<'a>(commands: impl IntoIterator<Item = &'a Traced>, leg: impl FnOnce() -> Leg) {
    let mut trails = commands.into_iter().flatten();
    let Some(first) = trails.next() else { return };
    let leg = leg();
    first.add(leg);
    trails.for_each(|trail| trail.add(leg));
}
