//! What happened to one command on its way, for the spans of its call. Whoever has the command in
//! hand writes down what it has timed anyway; the spans are made in one place, once the call is
//! answered. A command that is not traced has no timeline, and costs the look at that.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::time::Instant;

/// The stages of one command.
#[derive(Debug, Default)]
pub struct Timeline(Mutex<Vec<Stage>>);

/// A command's timeline, where it has one.
pub type Traced = Option<Arc<Timeline>>;

/// Something that took time.
#[derive(Clone, Copy, Debug)]
pub struct Stage {
    /// What was done.
    pub kind: Kind,
    /// When it was begun.
    pub from: Instant,
    /// When it had come to its end.
    pub to: Instant,
    /// What came of it, in one word.
    pub result: &'static str,
}

/// A stage of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Redis was asked about it, together with so many others.
    Claim {
        /// Itself included.
        commands: usize,
    },
    /// A lane tried it in a batch.
    Batch {
        /// Itself included.
        commands: usize,
        /// What it was decided on: assumptions, or what was read.
        basis: &'static str,
    },
    /// The batch was written and committed.
    Commit,
    /// Redis was told of it, together with so many others.
    Publish {
        /// Itself included.
        commands: usize,
    },
}

impl Timeline {
    /// Writes a stage down.
    pub fn add(&self, stage: Stage) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(stage);
    }

    /// What has been written down so far.
    pub fn stages(&self) -> Vec<Stage> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Writes one stage into the timelines of all that took it. It is made only if there are any.
pub fn note<'a>(commands: impl IntoIterator<Item = &'a Traced>, stage: impl FnOnce() -> Stage) {
    let mut timelines = commands.into_iter().flatten();
    let Some(first) = timelines.next() else { return };
    let stage = stage();
    first.add(stage);
    timelines.for_each(|timeline| timeline.add(stage));
}
