//! The provider of one player: plays rounds, repeats every call until it is answered for good,
//! as the real ones do, and knows what the player must have in the end.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::http::Endpoint;
use super::patience::PATIENCE;
use super::pragmatic::{self, Answer, Call};

/// A provider gives a bet up after so many attempts and refunds it.
const BET_ATTEMPTS: u32 = 3;
/// Between two attempts.
const PAUSE: Duration = Duration::from_millis(20);

/// What all providers of a test share.
pub struct Shared {
    nodes: Mutex<Vec<Endpoint>>,
    /// True when no further round is begun.
    pub stopping: AtomicBool,
    /// Rounds that were played to their end.
    pub rounds: AtomicU64,
    /// When one of them was last answered.
    pub pulse: Pulse,
}

impl Shared {
    /// For these nodes.
    pub fn calling(nodes: Vec<Endpoint>) -> Self {
        Self {
            nodes: Mutex::new(nodes),
            stopping: AtomicBool::new(false),
            rounds: AtomicU64::new(0),
            pulse: Pulse::new(),
        }
    }

    /// Nodes have gone or come.
    pub fn call(&self, nodes: Vec<Endpoint>) {
        *self.nodes.lock().unwrap_or_else(PoisonError::into_inner) = nodes;
    }

    fn node(&self, turn: usize) -> Endpoint {
        let nodes = self.nodes.lock().unwrap_or_else(PoisonError::into_inner);
        nodes[turn % nodes.len()].clone()
    }
}

/// When somebody was last answered for good, and the longest time in which nobody was.
pub struct Pulse {
    started: Instant,
    last_us: AtomicU64,
    longest_us: AtomicU64,
}

impl Pulse {
    fn new() -> Self {
        Self { started: Instant::now(), last_us: AtomicU64::new(0), longest_us: AtomicU64::new(0) }
    }

    fn beat(&self) {
        let now = u64::try_from(self.started.elapsed().as_micros()).expect("not that long");
        let last = self.last_us.fetch_max(now, Ordering::Relaxed);
        self.longest_us.fetch_max(now.saturating_sub(last), Ordering::Relaxed);
    }

    /// The longest time between two answers.
    pub fn longest(&self) -> Duration {
        Duration::from_micros(self.longest_us.load(Ordering::Relaxed))
    }
}

/// What one player's provider has seen, or all of them together.
#[derive(Debug, Default)]
pub struct Tally {
    /// What the player has won and lost, in cents.
    pub change: i64,
    /// Rounds that were played to their end.
    pub rounds: u64,
    /// Calls that had to be repeated.
    pub repeats: u64,
    /// Attempts that were told to try again.
    pub put_off: u64,
    /// Attempts that were not answered at all.
    pub unanswered: u64,
    /// The longest wait for a reply.
    pub slowest: Duration,
    /// The longest time in which nobody was answered for good.
    pub longest_gap: Duration,
    /// The operator's ids of all movements that were acknowledged, repeats included.
    pub acknowledged: Vec<String>,
}

impl Tally {
    /// Takes another one in.
    pub fn add(&mut self, mut other: Self) {
        self.change += other.change;
        self.rounds += other.rounds;
        self.repeats += other.repeats;
        self.put_off += other.put_off;
        self.unanswered += other.unanswered;
        self.slowest = self.slowest.max(other.slowest);
        self.longest_gap = self.longest_gap.max(other.longest_gap);
        self.acknowledged.append(&mut other.acknowledged);
    }
}

/// One player's provider.
pub struct Provider {
    shared: Arc<Shared>,
    player: String,
    /// Whose turn it is to be called.
    turn: usize,
    tally: Tally,
}

impl Provider {
    /// For that player; it begins with the node of that turn.
    pub fn of(player: &str, turn: usize, shared: &Arc<Shared>) -> Self {
        let (shared, player) = (Arc::clone(shared), player.to_owned());
        Self { shared, player, turn, tally: Tally::default() }
    }

    /// Plays until it is told to stop.
    pub async fn play(mut self) -> Tally {
        let mut number = 0;
        while !self.shared.stopping.load(Ordering::Relaxed) {
            self.round(number).await;
            number += 1;
            self.tally.rounds += 1;
            self.shared.rounds.fetch_add(1, Ordering::Relaxed);
        }
        self.tally
    }

    /// A bet; then a win, a loss or a refund; now and then a call comes twice although it was
    /// answered, or the win comes first.
    async fn round(&mut self, number: u64) {
        let player = self.player.clone();
        let round = format!("{player}-{number}");
        let reference = format!("bet-{round}");
        let bet = pragmatic::bet(&player, &reference, &round, "1.00");
        let (win, cents) = if number.is_multiple_of(2) { ("1.70", 170) } else { ("0.00", 0) };
        let result = pragmatic::result(&player, &format!("win-{round}"), &round, win);
        let overtakes = number % 7 == 6;
        if overtakes {
            self.send_too_early(&result).await;
        }
        // One whose result was sent already is not given up.
        let attempts = if overtakes { u32::MAX } else { BET_ATTEMPTS };
        let Some(placed) = self.insist(&bet, attempts).await else {
            self.refund(&reference).await;
            return;
        };
        let id = placed.id().to_owned();
        self.tally.change -= 100;
        if number.is_multiple_of(4) {
            let again = self.until_answered(&bet).await;
            assert_eq!(again.id(), id, "a repeat has the first id");
        }
        if number % 5 == 3 && !overtakes {
            self.refund(&reference).await;
            self.tally.change += 100;
            let late = self.until_answered(&bet).await;
            assert_eq!(late.error, 120, "a refunded bet does not look like one that stands");
            return;
        }
        let paid = self.until_answered(&result).await.id().to_owned();
        self.tally.change += cents;
        if number % 6 == 2 {
            assert_eq!(self.until_answered(&result).await.id(), paid);
        }
    }

    async fn refund(&mut self, reference: &str) {
        let refund = pragmatic::refund(&self.player, reference);
        let answer = self.until_answered(&refund).await;
        assert_eq!(answer.error, 0, "{}", answer.json);
    }

    /// A result whose bet is not there yet, to one node, which may be gone.
    async fn send_too_early(&mut self, result: &Call) {
        self.turn += 1;
        if let Ok(reply) = result.attempt(&self.shared.node(self.turn)).await {
            assert_eq!(Answer::of(&reply).error, 100, "{}", reply.text());
        }
    }

    async fn until_answered(&mut self, call: &Call) -> Answer {
        self.insist(call, u32::MAX).await.unwrap_or_else(|| panic!("{call:?} is never answered"))
    }

    /// Repeats a call, at the next node each time, until the answer is not "try again".
    async fn insist(&mut self, call: &Call, attempts: u32) -> Option<Answer> {
        let started = Instant::now();
        for attempt in 0..attempts {
            if attempt > 0 {
                self.tally.repeats += 1;
                tokio::time::sleep(PAUSE).await;
            }
            assert!(started.elapsed() < PATIENCE, "{call:?} is never answered");
            self.turn += 1;
            let Ok(reply) = call.attempt(&self.shared.node(self.turn)).await else {
                self.tally.unanswered += 1;
                continue;
            };
            let answer = Answer::of(&reply);
            self.tally.slowest = self.tally.slowest.max(answer.took);
            if answer.error == 100 {
                self.tally.put_off += 1;
                continue;
            }
            self.shared.pulse.beat();
            if answer.error == 0 {
                self.tally.acknowledged.push(answer.id().to_owned());
            }
            return Some(answer);
        }
        None
    }
}
