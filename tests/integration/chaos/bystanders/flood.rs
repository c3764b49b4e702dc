//! The one party whose calls are the fault.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

use crate::support::http::Endpoint;
use crate::support::pragmatic::Answer;
use crate::support::traffic::IN_TIME;
use crate::support::{pragmatic, softswiss};

/// A call of either protocol.
pub enum Call {
    /// Of Pragmatic Play's.
    Pragmatic(pragmatic::Call),
    /// Of SOFTSWISS'.
    Softswiss(softswiss::Call),
}

/// What was heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Heard {
    /// Done.
    Done,
    /// Not now.
    TryAgain,
    /// No, with the protocol's code.
    Refused(i64),
}

/// What all callers of a flood have heard.
#[derive(Debug, Default)]
pub struct Tally {
    heard: BTreeMap<Heard, usize>,
    /// The longest wait for an answer.
    pub slowest: Duration,
}

impl Tally {
    /// How often that was heard.
    pub fn of(&self, heard: Heard) -> usize {
        self.heard.get(&heard).copied().unwrap_or_default()
    }

    /// All that was heard.
    pub fn all(&self) -> usize {
        self.heard.values().sum()
    }

    /// Takes another one in.
    pub fn add(&mut self, other: Self) {
        for (heard, count) in other.heard {
            *self.heard.entry(heard).or_default() += count;
        }
        self.slowest = self.slowest.max(other.slowest);
    }

    /// Whatever they are told, they are told it, and before they would hang up.
    pub fn is_heard_in_time(&self) {
        assert!(self.all() > 0, "nobody has called");
        assert!(self.slowest < IN_TIME, "{self:?}");
    }
}

impl Call {
    /// Sends it to a node that has to answer.
    pub async fn send(&self, to: &Endpoint) -> (Heard, Duration) {
        let reply = match self {
            Self::Pragmatic(call) => call.attempt(to).await,
            Self::Softswiss(call) => call.attempt(to).await,
        };
        let reply = reply.unwrap_or_else(|error| panic!("no answer: {error}"));
        let heard = match self {
            Self::Pragmatic(_) => match Answer::of(&reply).error {
                0 => Heard::Done,
                100 => Heard::TryAgain,
                code => Heard::Refused(code),
            },
            Self::Softswiss(_) => match reply.status.as_u16() {
                200 => Heard::Done,
                500.. => Heard::TryAgain,
                _ => Heard::Refused(reply.json()["code"].as_i64().unwrap_or_default()),
            },
        };
        (heard, reply.took)
    }
}

/// Callers that send what they have, whatever they hear, until they are stopped.
pub struct Flood {
    stop: Arc<AtomicBool>,
    callers: Vec<JoinHandle<Tally>>,
}

/// How many callers there are, and how fast they are at most.
#[derive(Clone, Copy)]
pub struct Force {
    /// Connections.
    pub callers: usize,
    /// Calls a second over all of them.
    pub pace: Option<f64>,
}

impl Force {
    /// So many connections, each as fast as it is answered.
    pub const fn of(callers: usize) -> Self {
        Self { callers, pace: None }
    }

    /// So many calls a second, if the answers allow it.
    pub const fn paced(callers: usize, pace: f64) -> Self {
        Self { callers, pace: Some(pace) }
    }

    /// From one call of a connection to its next.
    fn pause(self) -> Duration {
        let callers = super::measure::count(self.callers);
        self.pace.map_or(Duration::ZERO, |pace| Duration::from_secs_f64(callers / pace))
    }
}

impl Flood {
    /// Begins. The calls are made from the number of the caller and that of the call, which is
    /// counted from `first` on over all callers.
    pub fn start(
        force: Force,
        first: usize,
        to: &Endpoint,
        make: impl Fn(usize, usize) -> Call + Send + Sync + 'static,
    ) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (make, next) = (Arc::new(make), Arc::new(AtomicUsize::new(first)));
        let begun = Instant::now();
        let callers = (0..force.callers).map(|caller| {
            let (stop, make, next, to) =
                (Arc::clone(&stop), Arc::clone(&make), Arc::clone(&next), to.clone());
            tokio::spawn(async move {
                let mut tally = Tally::default();
                // Not all of them at the same moment.
                let mut due = begun + force.pause().mul_f64(part(caller, force.callers));
                sleep_until(due).await;
                while !stop.load(Ordering::Relaxed) {
                    let call = make(caller, next.fetch_add(1, Ordering::Relaxed));
                    let (heard, took) = call.send(&to).await;
                    *tally.heard.entry(heard).or_default() += 1;
                    tally.slowest = tally.slowest.max(took);
                    due = (due + force.pause()).max(Instant::now() - force.pause());
                    sleep_until(due).await;
                }
                tally
            })
        });
        let callers = callers.collect();
        Self { stop, callers }
    }

    /// Waits for the last answers, and says what was heard.
    pub async fn stop(self) -> Tally {
        self.stop.store(true, Ordering::Relaxed);
        let mut all = Tally::default();
        for tally in join_all(self.callers).await {
            all.add(tally.expect("a caller that is always answered"));
        }
        all
    }
}

fn part(number: usize, of: usize) -> f64 {
    super::measure::count(number) / super::measure::count(of.max(1))
}
