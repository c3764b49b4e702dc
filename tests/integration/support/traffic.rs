//! Providers that play rounds while something breaks: they repeat every call until it is
//! answered for good, as the real ones do, and know what each player must have in the end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

use super::http::Endpoint;
use super::pragmatic::{self, Answer, Call};
use super::world::World;

/// A deadline of a node's, with room for a machine that is busy with other tests.
pub const IN_TIME: Duration = Duration::from_secs(6);
/// Longer than any outage that a test makes.
const PATIENCE: Duration = Duration::from_secs(60);
/// A provider gives a bet up after so many attempts and refunds it.
const BET_ATTEMPTS: u32 = 3;
/// Between two attempts.
const PAUSE: Duration = Duration::from_millis(20);
/// What each player starts with, in euro: enough for every round.
const START: &str = "100000.00";

/// Traffic in progress.
pub struct Traffic {
    shared: Arc<Shared>,
    players: Vec<(String, JoinHandle<Tally>)>,
}

struct Shared {
    nodes: Vec<Endpoint>,
    stopping: AtomicBool,
    rounds: AtomicU64,
}

/// What one player's provider has seen.
#[derive(Debug, Default)]
pub struct Tally {
    /// What the player has won and lost, in cents.
    pub change: i64,
    /// Rounds that were played to their end.
    pub rounds: u64,
    /// Calls that had to be repeated.
    pub repeats: u64,
    /// Attempts that were not answered at all.
    pub unanswered: u64,
    /// The longest wait for a reply.
    pub slowest: Duration,
}

impl Traffic {
    /// Opens so many players and lets them play over all nodes of the world.
    pub async fn start(world: &World, players: usize) -> Self {
        let shared = Arc::new(Shared {
            nodes: world.apis(),
            stopping: AtomicBool::new(false),
            rounds: AtomicU64::new(0),
        });
        let mut playing = Vec::new();
        for number in 0..players {
            let name = format!("player-{number}");
            world.bank.open(&name, START).await;
            let provider = Provider {
                shared: Arc::clone(&shared),
                player: name.clone(),
                turn: number,
                tally: Tally::default(),
            };
            playing.push((name, tokio::spawn(provider.play())));
        }
        Self { shared, players: playing }
    }

    /// Waits until so many rounds more were played, over all players.
    pub async fn rounds(&self, more: u64) {
        let goal = self.shared.rounds.load(Ordering::Relaxed) + more;
        let started = Instant::now();
        while self.shared.rounds.load(Ordering::Relaxed) < goal {
            assert!(started.elapsed() < PATIENCE, "the traffic stands still");
            assert!(self.players.iter().all(|(_, task)| !task.is_finished()), "a player gave up");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Lets every round in progress end, and checks each player's balance in the database and
    /// at every node that is still there, and the whole ledger. Gives back the sums.
    pub async fn stop(self, world: &World) -> Tally {
        self.shared.stopping.store(true, Ordering::Relaxed);
        let mut all = Tally::default();
        for (player, task) in self.players {
            let tally = task.await.expect("a provider that ends well");
            let expected = 10_000_000 + tally.change;
            assert_eq!(world.balance(&player).await, expected, "{player}: {tally:?}");
            all.change += tally.change;
            all.rounds += tally.rounds;
            all.repeats += tally.repeats;
            all.unanswered += tally.unanswered;
            all.slowest = all.slowest.max(tally.slowest);
        }
        world.check().await;
        eprintln!("{all:?}");
        all
    }
}

/// One player's provider.
struct Provider {
    shared: Arc<Shared>,
    player: String,
    /// Whose turn it is to be called.
    turn: usize,
    tally: Tally,
}

impl Provider {
    async fn play(mut self) -> Tally {
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
    /// answered.
    async fn round(&mut self, number: u64) {
        let player = self.player.clone();
        let round = format!("{player}-{number}");
        let reference = format!("bet-{round}");
        let bet = pragmatic::bet(&player, &reference, &round, "1.00");
        let Some(placed) = self.insist(&bet, BET_ATTEMPTS).await else {
            self.refund(&reference).await;
            return;
        };
        let id = placed.id().to_owned();
        self.tally.change -= 100;
        if number.is_multiple_of(4) {
            let again = self.until_answered(&bet).await;
            assert_eq!(again.id(), id, "a repeat has the first id");
        }
        if number % 5 == 3 {
            self.refund(&reference).await;
            self.tally.change += 100;
            let late = self.until_answered(&bet).await;
            assert_eq!(late.error, 120, "a refunded bet does not look like one that stands");
            return;
        }
        let (win, cents) = if number.is_multiple_of(2) { ("1.70", 170) } else { ("0.00", 0) };
        let result = pragmatic::result(&player, &format!("win-{round}"), &round, win);
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
            let node = &self.shared.nodes[self.turn % self.shared.nodes.len()];
            match call.attempt(node).await {
                Err(_) => self.tally.unanswered += 1,
                Ok(reply) => {
                    let answer = Answer::of(&reply);
                    self.tally.slowest = self.tally.slowest.max(answer.took);
                    if answer.error != 100 {
                        return Some(answer);
                    }
                }
            }
        }
        None
    }
}
