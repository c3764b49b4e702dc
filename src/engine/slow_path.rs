//! Where commands go that would hold a lane up: of players whose wallets somebody keeps locked or
//! is always at in the same moment, and of rounds that are long. It has a connection of its own,
//! waits for no lock, and takes a part of the database's time only. A player's later commands
//! follow here until nothing of the player's is left.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use metrics::{Gauge, counter, gauge};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout};

use super::ExecuteError;
use super::batch::{Batch, Why};
use super::decided::Outcome;
use super::faults::unreadable;
use super::group::{Group, Known};
use super::job::{Outbox, Settled};
use crate::core::PlayerId;
use crate::store::money::connection::Connection;
use crate::store::money::written::Written;
use crate::store::money::{WriteError, culprits};

/// The most commands that are here.
const COMMANDS_MAX: usize = 4096;
/// The most players that are tried together.
const TOGETHER: usize = 64;
/// Between two looks at locked wallets.
const PAUSE: Duration = Duration::from_millis(20);
/// After what took long, the database has five times as long for others.
const LONG: Duration = Duration::from_millis(20);
/// The longest such rest.
const REST_MAX: Duration = Duration::from_secs(2);
/// A player whose wallet was found locked stays here for so long, also with no command: the next
/// one would only find out again, with a whole batch.
const STAY: Duration = Duration::from_secs(2);
/// So many such players are remembered.
const STAYING_MAX: usize = 10_000;
/// So often a command may be left out for somebody else's sake.
const CONTENDED_MAX: u8 = 50;

/// Where a lane hands commands in. Dropping it ends the work when everything is answered.
pub(super) struct SlowPath(Arc<Shared>);

/// What does the work.
pub(super) struct Working {
    shared: Arc<Shared>,
    connection: Connection,
    outbox: Arc<dyn Outbox>,
    time_limit: Duration,
}

struct Shared {
    waiting: Mutex<Waiting>,
    arrived: Notify,
    commands: Gauge,
}

#[derive(Default)]
struct Waiting {
    groups: VecDeque<Group>,
    /// How many commands of each player are here, those in hand included.
    players: HashMap<PlayerId, usize>,
    /// Who stays although nothing may be here, and until when.
    staying: HashMap<PlayerId, Instant>,
    commands: usize,
    closed: bool,
}

impl SlowPath {
    /// The slow path of one lane, and the work that it does.
    pub(super) fn new(
        number: usize,
        connection: Connection,
        outbox: Arc<dyn Outbox>,
        time_limit: Duration,
    ) -> (Self, Working) {
        let shared = Arc::new(Shared {
            waiting: Mutex::default(),
            arrived: Notify::new(),
            commands: gauge!("wallet_slow_path_commands", "lane" => number.to_string()),
        });
        (Self(Arc::clone(&shared)), Working { shared, connection, outbox, time_limit })
    }

    /// True while commands of the player are here, or would only come here again.
    pub(super) fn has(&self, player: &PlayerId) -> bool {
        let waiting = self.0.waiting();
        waiting.players.contains_key(player)
            || waiting.staying.get(player).is_some_and(|until| Instant::now() < *until)
    }

    /// Takes a player's commands.
    pub(super) fn push(&self, group: Group) {
        counter!("wallet_slow_path_total").increment(u64::try_from(group.jobs.len()).unwrap_or(1));
        let mut waiting = self.0.waiting();
        if waiting.commands + group.jobs.len() > COMMANDS_MAX {
            drop(waiting);
            return group.fail(ExecuteError::Busy);
        }
        waiting.add(group);
        self.0.commands.set(f64::from(u32::try_from(waiting.commands).unwrap_or(u32::MAX)));
        drop(waiting);
        self.0.arrived.notify_one();
    }
}

impl Drop for SlowPath {
    fn drop(&mut self) {
        self.0.waiting().closed = true;
        self.0.arrived.notify_one();
    }
}

impl Shared {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Some players' commands; `None` when there will be none.
    async fn take(&self) -> Option<Vec<Group>> {
        loop {
            let arrived = self.arrived.notified();
            {
                let mut waiting = self.waiting();
                if !waiting.groups.is_empty() {
                    let some = waiting.groups.len().min(TOGETHER);
                    return Some(waiting.groups.drain(..some).collect());
                }
                if waiting.closed {
                    return None;
                }
            }
            arrived.await;
        }
    }

    /// These players' wallets were found locked.
    fn stay(&self, locked: &[PlayerId]) {
        let now = Instant::now();
        let mut waiting = self.waiting();
        waiting.staying.retain(|_, until| now < *until);
        for player in locked {
            if waiting.staying.len() < STAYING_MAX {
                waiting.staying.insert(player.clone(), now + STAY);
            }
        }
    }

    /// Ends a round: these commands are not in hand any more, and those go on waiting.
    fn end_round(&self, in_hand: Vec<(PlayerId, usize)>, back: Vec<Group>) {
        let mut waiting = self.waiting();
        for group in back {
            waiting.add(group);
        }
        for (player, commands) in in_hand {
            waiting.remove(&player, commands);
        }
        self.commands.set(f64::from(u32::try_from(waiting.commands).unwrap_or(u32::MAX)));
    }
}

impl Waiting {
    fn add(&mut self, group: Group) {
        self.commands += group.jobs.len();
        *self.players.entry(group.player.clone()).or_default() += group.jobs.len();
        match self.groups.iter_mut().find(|other| other.player == group.player) {
            Some(other) => other.merge(group),
            None => self.groups.push_back(group),
        }
    }

    fn remove(&mut self, player: &PlayerId, commands: usize) {
        self.commands = self.commands.saturating_sub(commands);
        if let Some(left) = self.players.get_mut(player) {
            *left = left.saturating_sub(commands);
            if *left == 0 {
                self.players.remove(player);
            }
        }
    }
}

impl Working {
    /// Runs until the lane has ended and everything is answered.
    pub(super) async fn run(mut self) {
        while let Some(groups) = self.shared.take().await {
            let in_hand: Vec<_> =
                groups.iter().map(|group| (group.player.clone(), group.jobs.len())).collect();
            let started = Instant::now();
            let back = self.round(groups).await;
            let took = started.elapsed();
            let any = !back.is_empty();
            self.shared.end_round(in_hand, back);
            if took > LONG {
                sleep((took * 5).min(REST_MAX)).await;
            } else if any {
                sleep(PAUSE).await;
            }
        }
    }

    /// Tries what can be tried without waiting; gives back what has to wait.
    async fn round(&mut self, groups: Vec<Group>) -> Vec<Group> {
        let now = Instant::now();
        let mut groups = groups;
        groups.iter_mut().for_each(|group| group.drop_late(now));
        groups.retain(|group| !group.jobs.is_empty());
        let locked = match self.locked(&groups).await {
            Ok(locked) => locked,
            Err(error) => return self.after(error, groups),
        };
        self.shared.stay(&locked);
        let (mut back, free): (Vec<_>, Vec<_>) =
            groups.into_iter().partition(|group| locked.contains(&group.player));
        // Together while that goes well, and then one by one: here nobody waits behind them.
        let Err((error, groups)) = self.attempt(free, &mut back).await else { return back };
        if groups.len() < 2 || matches!(error, WriteError::Lost(_)) {
            back.extend(self.after(error, groups));
            return back;
        }
        for group in groups {
            if let Err((error, groups)) = self.attempt(vec![group], &mut back).await {
                back.extend(self.after(error, groups));
            }
        }
        back
    }

    async fn locked(&mut self, groups: &[Group]) -> Result<Vec<PlayerId>, WriteError> {
        let players: Vec<_> = groups.iter().map(|group| &group.player).collect();
        let look = async {
            let connection = self.connection.get().await?;
            Ok(culprits::locked(connection, &players).await?)
        };
        timeout(self.time_limit, look).await.unwrap_or_else(|_| Err(too_late()))
    }

    async fn attempt(
        &mut self,
        groups: Vec<Group>,
        back: &mut Vec<Group>,
    ) -> Result<(), (WriteError, Vec<Group>)> {
        let mut batch = Batch::of(groups);
        let tried = timeout(self.time_limit, async {
            if batch.unusual.is_empty() && batch.decided.is_empty() {
                return Ok(Vec::new());
            }
            let connection = self.connection.get().await?;
            batch.read(connection, None).await?;
            batch.write(connection).await
        });
        match tried.await.unwrap_or_else(|_| Err(too_late())) {
            Ok(written) => {
                self.end(batch, written, back);
                Ok(())
            }
            Err(error) => Err((error, batch.into_groups())),
        }
    }

    fn end(&self, batch: Batch, written: Vec<Written>, back: &mut Vec<Group>) {
        let mut settled: Vec<Settled> = Vec::new();
        for known in batch.known {
            settled.extend(known.settled());
        }
        for (decided, written) in batch.decided.into_iter().zip(written) {
            match decided.end(written) {
                Outcome::Settled(of_player) => settled.extend(of_player),
                Outcome::Again(group) if group.contended > CONTENDED_MAX => {
                    group.fail(ExecuteError::Busy);
                }
                Outcome::Again(group) | Outcome::Repeat(group) => back.push(group),
                Outcome::NoWallet(group) => group.fail(ExecuteError::PlayerUnknown),
                Outcome::Broken(group) => unreadable(group),
            }
        }
        for (group, why) in batch.set_aside {
            match why {
                Why::NoWallet => group.fail(ExecuteError::PlayerUnknown),
                Why::Torn | Why::LongRound => back.push(group),
                Why::Unreadable => unreadable(group),
            }
        }
        if !settled.is_empty() {
            self.outbox.settle(settled);
        }
    }

    /// What waits after a failure, and how.
    fn after(&mut self, error: WriteError, groups: Vec<Group>) -> Vec<Group> {
        counter!("wallet_redo_total", "cause" => error.as_str()).increment(1);
        if let WriteError::Lost(_) = error {
            self.outbox.database_lost();
            self.connection.disconnect();
        }
        let mut back = Vec::with_capacity(groups.len());
        for mut group in groups {
            group.known = Known::Unusual;
            group.contended = group.contended.saturating_add(1);
            match &error {
                WriteError::Other(error) => {
                    tracing::error!(player = %group.player, error, "a player's commands failed");
                    group.fail(ExecuteError::Internal);
                }
                _ if group.contended > CONTENDED_MAX => group.fail(ExecuteError::Busy),
                _ => back.push(group),
            }
        }
        back
    }
}

fn too_late() -> WriteError {
    WriteError::Lost(sqlx::Error::PoolTimedOut)
}
