//! What bystanders notice: honest callers in a closed loop, for a slice of time without the fault
//! and for one beside it, in turns, so that what else goes on on the machine is in both alike.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::{Instant, sleep};

use super::super::{Intensity, report};
use super::flood::{Flood, Tally};
use crate::support::http::Endpoint;
use crate::support::patience::PATIENCE;
use crate::support::pragmatic::Call;

/// Between two attempts at one call.
const PAUSE: Duration = Duration::from_millis(20);

/// What a provider waits for an answer at most: a node's deadline, and the way.
const IN_TIME: Duration = Duration::from_secs(3);

/// Somebody honest who always has a next call, and sends it when the last one is answered.
pub trait Caller: Send + 'static {
    /// The next call, and where it goes. It is repeated until it is answered for good.
    fn next(&mut self) -> (Call, Endpoint);
}

/// One call that was answered for good.
struct Answered {
    at: Instant,
    /// From the first attempt on.
    took: Duration,
    /// The first attempt was answered so, and soon enough.
    at_once: bool,
}

/// What a crowd has seen in one slice of time.
#[derive(Clone, Copy, Debug)]
pub struct Slice {
    /// Calls a second.
    pub rate: f64,
    /// Ninety-nine of a hundred calls took no longer.
    pub p99: Duration,
    /// The share of the calls whose first attempt was answered for good, and in time.
    pub in_time: f64,
}

/// Callers that play at the same time, each on a connection of its own.
pub struct Crowd<C> {
    /// Those who play.
    pub callers: Vec<C>,
}

impl<C: Caller> Crowd<C> {
    /// Lets everybody play for a while. What was begun is played to its end, and counts for the
    /// times, but not for the rate.
    pub async fn play(&mut self, lasting: Duration) -> Slice {
        let end = Instant::now() + lasting;
        let playing: Vec<_> =
            self.callers.drain(..).map(|caller| tokio::spawn(play(caller, end))).collect();
        let mut calls = Vec::new();
        for played in join_all(playing).await {
            let (caller, answered) = played.expect("a caller that ends well");
            self.callers.push(caller);
            calls.extend(answered);
        }
        assert!(!calls.is_empty(), "a slice without a call");
        let within = count(calls.iter().filter(|call| call.at <= end).count());
        let at_once = count(calls.iter().filter(|call| call.at_once).count());
        let mut times: Vec<Duration> = calls.iter().map(|call| call.took).collect();
        times.sort();
        Slice {
            rate: within / lasting.as_secs_f64(),
            p99: times[(times.len() * 99).div_ceil(100) - 1],
            in_time: at_once / count(calls.len()),
        }
    }
}

async fn play<C: Caller>(mut caller: C, end: Instant) -> (C, Vec<Answered>) {
    let mut answered = Vec::new();
    while Instant::now() < end {
        let (call, node) = caller.next();
        let (begun, mut attempts) = (Instant::now(), 0);
        loop {
            let answer = call.send(&node).await;
            attempts += 1;
            if answer.error != 100 {
                assert_eq!(answer.error, 0, "{call:?}: {}", answer.json);
                break;
            }
            assert!(begun.elapsed() < PATIENCE, "{call:?} is never answered");
            sleep(PAUSE).await;
        }
        let took = begun.elapsed();
        let at_once = attempts == 1 && took < IN_TIME;
        answered.push(Answered { at: Instant::now(), took, at_once });
    }
    (caller, answered)
}

/// One fault, and what bystanders have seen of it.
pub struct Measured {
    fault: &'static str,
    how: Intensity,
    control: Vec<Slice>,
    beside: Vec<Slice>,
    rules: Vec<Rule>,
}

/// What must hold.
struct Rule {
    what: String,
    holds: bool,
    /// On the slowest machine, too: it does not depend on how fast anything is.
    always: bool,
}

/// What was measured is published; whether it is as it must be is still to be said.
#[must_use]
pub struct Verdict {
    fault: &'static str,
    broken: Vec<String>,
}

impl Verdict {
    /// Panics where a rule is broken.
    pub fn must_hold(self) {
        assert!(self.broken.is_empty(), "{}: broken: {}", self.fault, self.broken.join(", "));
    }
}

impl Measured {
    /// Nothing is measured yet.
    pub fn of(fault: &'static str, how: Intensity) -> Self {
        Self { fault, how, control: Vec::new(), beside: Vec::new(), rules: Vec::new() }
    }

    /// How often there is a slice without the fault and one beside it.
    pub fn turns(&self) -> usize {
        self.how.pick(1, 3)
    }

    /// How long a slice is.
    pub fn slice(&self) -> Duration {
        self.how.pick(Duration::from_millis(700), Duration::from_secs(3))
    }

    /// A slice without the fault.
    pub async fn control<C: Caller>(&mut self, crowd: &mut Crowd<C>) {
        self.control.push(crowd.play(self.slice()).await);
    }

    /// A slice while a flood goes on, once it has had a moment to show. It ends with the slice,
    /// so that whoever it has kept waiting is answered in the end; gives back what it heard.
    pub async fn beside<C: Caller>(&mut self, crowd: &mut Crowd<C>, flood: Flood) -> Tally {
        let lasting = self.slice();
        sleep(self.moment()).await;
        let ended = async {
            sleep(lasting).await;
            flood.stop().await
        };
        let ((), tally) = tokio::join!(self.beside_for(crowd, lasting), ended);
        tally
    }

    /// Until a fault shows.
    fn moment(&self) -> Duration {
        self.how.pick(Duration::from_millis(100), Duration::from_millis(500))
    }

    /// All slices without the fault, for one that cannot be taken back.
    pub async fn controls<C: Caller>(&mut self, crowd: &mut Crowd<C>) {
        for _ in 0..self.turns() {
            self.control(crowd).await;
        }
    }

    /// All slices beside one that cannot be taken back.
    pub async fn besides<C: Caller>(&mut self, crowd: &mut Crowd<C>) {
        sleep(self.moment()).await;
        for _ in 0..self.turns() {
            self.beside_for(crowd, self.slice()).await;
        }
    }

    /// A slice beside the fault, from its first moment on.
    pub async fn beside_for<C: Caller>(&mut self, crowd: &mut Crowd<C>, lasting: Duration) {
        self.beside.push(crowd.play(lasting).await);
    }

    /// The median share of their usual rate that bystanders have beside the fault.
    pub fn share(&self) -> f64 {
        self.median(|control, beside| beside.rate / control.rate.max(1.0))
    }

    fn p99_ratio(&self) -> f64 {
        self.median(|control, beside| beside.p99.as_secs_f64() / control.p99.as_secs_f64())
    }

    /// Of each slice beside the fault and the one before it.
    fn median(&self, of: impl Fn(&Slice, &Slice) -> f64) -> f64 {
        let pairs = self.control.iter().zip(&self.beside);
        middle(pairs.map(|(control, beside)| of(control, beside)).collect())
    }

    /// Others keep that share of their rate.
    pub fn others_keep(&mut self, least: f64) {
        let share = self.share();
        self.rule(&format!("share ≥ {least}"), share >= least);
    }

    /// Others get on at all, on however slow a machine: for faults that would stop them all.
    pub fn others_get_on(&mut self) {
        let share = self.share();
        self.demand("others get on", share >= 0.1);
    }

    /// Their calls take no longer than so many times as long.
    pub fn p99_within(&mut self, times: f64) {
        let ratio = self.p99_ratio();
        self.rule(&format!("p99 ≤ {times} ×"), ratio <= times);
    }

    /// That share of the others' calls was answered at the first attempt, and in time.
    pub fn others_in_time(&mut self, least: f64) {
        let share = middle(self.beside.iter().map(|slice| slice.in_time).collect());
        let percent = least * 100.0;
        self.rule(&format!("{percent} % of the others' calls in time"), share >= least);
    }

    /// Something that must hold in the long form.
    pub fn rule(&mut self, what: &str, holds: bool) {
        self.rules.push(Rule { what: what.to_owned(), holds, always: false });
    }

    /// Something that must hold in both forms.
    pub fn demand(&mut self, what: &str, holds: bool) {
        self.rules.push(Rule { what: what.to_owned(), holds, always: true });
    }

    /// Publishes what was measured.
    pub fn end(self) -> Verdict {
        let whole = self.rules.iter().all(|rule| rule.holds);
        let rules: Vec<&str> = self.rules.iter().map(|rule| rule.what.as_str()).collect();
        let typical =
            |slices: &[Slice], of: fn(&Slice) -> f64| middle(slices.iter().map(of).collect());
        report::add_bystanders(
            self.how,
            &report::Beside {
                fault: self.fault,
                control: typical(&self.control, |slice| slice.rate),
                beside: typical(&self.beside, |slice| slice.rate),
                share: self.share(),
                p99_control_ms: typical(&self.control, |slice| slice.p99.as_secs_f64() * 1e3),
                p99_beside_ms: typical(&self.beside, |slice| slice.p99.as_secs_f64() * 1e3),
                in_time: typical(&self.beside, |slice| slice.in_time),
                must: &rules.join(", "),
                verdict: if whole { "holds" } else { "broken" },
            },
        );
        let long = self.how == Intensity::Long;
        let broken = self.rules.into_iter().filter(|rule| !rule.holds && (rule.always || long));
        Verdict { fault: self.fault, broken: broken.map(|rule| rule.what).collect() }
    }
}

fn middle(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied().unwrap_or(f64::NAN)
}

/// A number of things, to be divided.
pub fn count(things: usize) -> f64 {
    f64::from(u32::try_from(things).expect("not that many"))
}
