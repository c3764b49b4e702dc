//! A batch: the commands of several players, each player's decided together and written together
//! or not at all.

use std::borrow::Cow;
use std::collections::HashMap;

use sqlx::PgConnection;
use tokio::time::Instant;

use super::ExecuteError;
use super::job::{Job, Settled};
use crate::core::{
    Assumed, Attempt, Decision, Key, PlayerId, Standing, WalletState, assume, assume_on, decide,
    park_without_wallet, refuse_on,
};
use crate::store::LookupError;
use crate::store::money::WriteError;
use crate::store::money::read::{self, Facts};
use crate::store::money::write::{self, Basis, Change};
use crate::store::money::written::{Moved, Written};
use crate::telemetry::trail::Traced;

/// The commands of one player that are decided together, in the order of their arrival.
pub(super) struct Group {
    pub(super) player: PlayerId,
    pub(super) jobs: Vec<Job>,
    pub(super) known: Known,
    /// How often it was left out because somebody else was at the wallet in the same moment.
    pub(super) contended: u8,
}

/// What is known of a player before the commands are decided.
pub(super) enum Known {
    /// Nothing: the usual is taken for granted.
    Nothing,
    /// The wallet, as a statement has found it; all else was as usual.
    Wallet(WalletState),
    /// The wallet and what stands beside it for a lone stake, as a statement has found them.
    Standing(Box<(WalletState, Standing)>),
    /// That it does not do: what was before has to be read.
    Unusual,
}

/// What the commands of a player come to.
pub(super) struct Decided {
    group: Group,
    decisions: Decisions,
}

enum Decisions {
    Usual(Assumed),
    Wallet(Assumed),
    Facts {
        start: WalletState,
        decisions: Vec<Decision>,
    },
    /// There is no wallet, and what gives money waits for one.
    Parked {
        start: WalletState,
        decisions: Vec<Decision>,
    },
}

/// What comes of a player's part of a batch.
pub(super) enum Outcome {
    /// Committed, or nothing to be written.
    Settled(Vec<Settled>),
    /// It is tried again, with what is known now.
    Again(Group),
    /// A key was taken that had been thought to be new: somebody looks it up.
    Repeat(Group),
    /// There is no wallet; what gives money is parked.
    NoWallet(Group),
    /// What is stored cannot be read.
    Broken(Group),
}

impl Group {
    pub(super) fn of(job: Job) -> Self {
        let player = job.attempt.command.player.clone();
        let known = if job.unusual { Known::Unusual } else { Known::Nothing };
        Self { player, jobs: vec![job], known, contended: 0 }
    }

    /// Puts one more behind the others.
    fn push(&mut self, job: Job) {
        if job.unusual {
            self.known = Known::Unusual;
        }
        self.jobs.push(job);
    }

    /// Puts another group of the same player behind this one.
    pub(super) fn merge(&mut self, other: Self) {
        if !matches!(other.known, Known::Nothing) {
            self.known = Known::Unusual;
        }
        self.contended = self.contended.max(other.contended);
        self.jobs.extend(other.jobs);
    }

    /// The same after somebody else was at the wallet in the same moment.
    pub(super) fn contended_once_more(self) -> Self {
        Self { contended: self.contended.saturating_add(1), ..self }
    }

    /// The keys of its movements.
    pub(super) fn keys(&self) -> impl Iterator<Item = Key> {
        self.jobs.iter().flat_map(|job| {
            let command = &job.attempt.command;
            command.movements.iter().map(|movement| command.key(&movement.tx_id))
        })
    }

    /// Answers the jobs that nobody waits for any more. A debit is never begun after its own
    /// call's deadline, whoever shares the batch.
    pub(super) fn drop_late(&mut self, now: Instant) {
        if self.jobs.iter().any(|job| job.is_late(now)) {
            let (late, timely) = self.jobs.drain(..).partition(|job| job.is_late(now));
            self.jobs = timely;
            late_ones(late);
        }
    }

    pub(super) fn fail(self, error: ExecuteError) {
        self.jobs.into_iter().for_each(|job| job.fail(error));
    }

    pub(super) fn attempts(&self) -> Vec<&Attempt> {
        self.jobs.iter().map(|job| &*job.attempt).collect()
    }

    /// Decides on what is taken for granted. Gives the group back where that does not do.
    pub(super) fn assume(self) -> Result<Decided, Self> {
        let attempts = self.attempts();
        let decisions = match &self.known {
            Known::Nothing => assume(&attempts).map(Decisions::Usual),
            Known::Wallet(wallet) => assume_on(wallet, &attempts).map(Decisions::Wallet),
            Known::Standing(found) => {
                let (wallet, standing) = &**found;
                refuse_on(wallet, standing, &attempts).map(Decisions::Wallet)
            }
            Known::Unusual => None,
        };
        match decisions {
            Some(decisions) => Ok(Decided { group: self, decisions }),
            None => Err(Self { known: Known::Unusual, ..self }),
        }
    }

    /// As [`Self::drop_late`]; gives back what belongs to the jobs that are left.
    fn drop_late_with(&mut self, now: Instant, standings: &[Standing]) -> Vec<Standing> {
        let of_jobs = self.jobs.iter().zip(standings);
        let kept = of_jobs.filter(|(job, _)| !job.is_late(now)).map(|(_, of)| of.clone()).collect();
        self.drop_late(now);
        kept
    }

    /// Without a wallet: what is to be parked. Gives the group back where that is nothing.
    fn park(self, facts: &Facts) -> Result<Decided, Self> {
        let Some(start) = WalletState::none(&self.player) else { return Err(self) };
        let mut decisions = Vec::with_capacity(self.jobs.len());
        let mut history = Cow::Borrowed(&facts.history);
        for job in &self.jobs {
            let inserts = park_without_wallet(&history, &job.attempt);
            if self.jobs.len() > 1 {
                inserts.iter().for_each(|row| history.to_mut().append(row.clone()));
            }
            let (wallet, outcomes, promotions) = (start.clone(), Vec::new(), Vec::new());
            decisions.push(Decision { wallet, outcomes, inserts, promotions });
        }
        let decided = Decided { group: self, decisions: Decisions::Parked { start, decisions } };
        if decided.writes() { Ok(decided) } else { Err(decided.group) }
    }

    /// Decides on what was read. Gives the group back where there is no wallet.
    fn decide(self, standings: &[Standing], facts: &Facts) -> Result<Decided, Self> {
        let Some(start) = facts.wallets.get(&self.player).cloned() else { return Err(self) };
        // What this batch decides is known to its own player's later commands alone: it may come to
        // nothing.
        let mut history = Cow::Borrowed(&facts.history);
        let mut decisions: Vec<Decision> = Vec::with_capacity(self.jobs.len());
        for (job, standing) in self.jobs.iter().zip(standings) {
            let now = decisions.last().map_or(&start, |before| &before.wallet);
            let decision = decide(now, standing, &history, &job.attempt);
            if self.jobs.len() > 1 {
                for row in decision.inserts.iter().chain(&decision.promotions) {
                    history.to_mut().append(row.clone());
                }
            }
            decisions.push(decision);
        }
        Ok(Decided { group: self, decisions: Decisions::Facts { start, decisions } })
    }
}

fn late_ones(late: Vec<Job>) {
    late.into_iter().for_each(|job| job.fail(ExecuteError::Timeout));
}

impl Decided {
    fn decisions(&self) -> &[Decision] {
        match &self.decisions {
            Decisions::Usual(assumed) | Decisions::Wallet(assumed) => &assumed.decisions,
            Decisions::Facts { decisions, .. } | Decisions::Parked { decisions, .. } => decisions,
        }
    }

    /// True when something is to be written.
    pub(super) fn writes(&self) -> bool {
        let writes = |of: &Decision| !of.inserts.is_empty() || !of.promotions.is_empty();
        self.decisions().iter().any(writes)
    }

    /// True for a refusal that is not remembered, on what a statement has found.
    fn is_answered(&self) -> bool {
        matches!(self.decisions, Decisions::Wallet(_)) && !self.writes()
    }

    /// What is to be written.
    pub(super) fn change(&self) -> Change<'_> {
        let (start, basis) = match &self.decisions {
            Decisions::Usual(assumed) => (&assumed.start, Basis::Usual(assumed)),
            Decisions::Wallet(assumed) => (&assumed.start, Basis::Wallet(assumed)),
            Decisions::Facts { start, .. } => (start, Basis::Facts),
            Decisions::Parked { start, .. } => (start, Basis::NoWallet),
        };
        Change { start, decisions: self.decisions(), basis }
    }

    /// What follows from what was written.
    pub(super) fn end(self, written: Written) -> Outcome {
        match written {
            Written::Moved(moved) => Outcome::Settled(self.settled_at(&moved)),
            Written::KeyTaken => Outcome::Repeat(self.with(Known::Unusual)),
            Written::Round | Written::Debit | Written::NoWallet => {
                Outcome::Again(self.with(Known::Unusual))
            }
            Written::Standing(wallet, standing) => {
                Outcome::Again(self.with(Known::Standing(Box::new((wallet, standing)))))
            }
            Written::Wallet(wallet) => Outcome::Again(self.left_out(wallet)),
            Written::Parked => Outcome::NoWallet(self.group),
            Written::Unreadable => Outcome::Broken(self.group),
        }
    }

    /// The group after it was left out for its wallet, which was found to be so.
    fn left_out(self, wallet: WalletState) -> Group {
        match &self.decisions {
            // What was taken for granted does not hold.
            Decisions::Usual(assumed) if !assumed.bounds.hold_for(&wallet) => {
                self.with(Known::Wallet(wallet))
            }
            // Somebody else was at it between the look and the write.
            Decisions::Usual(_) | Decisions::Wallet(_) => self.with_contention(Known::Nothing),
            Decisions::Facts { .. } | Decisions::Parked { .. } => {
                self.with_contention(Known::Unusual)
            }
        }
    }

    fn with(self, known: Known) -> Group {
        Group { known, ..self.group }
    }

    fn with_contention(self, known: Known) -> Group {
        self.with(known).contended_once_more()
    }

    /// The answers, where nothing has to be written for them.
    pub(super) fn settled(self) -> Vec<Settled> {
        let decisions = match self.decisions {
            Decisions::Usual(assumed) | Decisions::Wallet(assumed) => assumed.decisions,
            Decisions::Facts { decisions, .. } | Decisions::Parked { decisions, .. } => decisions,
        };
        let jobs = self.group.jobs.into_iter().zip(decisions);
        jobs.map(|(job, decision)| job.settled(decision.into_receipt())).collect()
    }

    fn settled_at(self, moved: &Moved) -> Vec<Settled> {
        let Decisions::Usual(Assumed { start, decisions, .. }) = self.decisions else {
            return self.settled();
        };
        let end = decisions.last().map_or(start, |decision| decision.wallet.clone());
        let is = WalletState {
            currency: moved.currency.clone(),
            balance: moved.balance,
            version: moved.version,
            status: moved.status,
            ..end.clone()
        };
        let jobs = self.group.jobs.into_iter().zip(decisions);
        jobs.map(|(job, decision)| job.settled(decision.into_receipt_at(&end, &is))).collect()
    }
}

/// A batch on its way: it is whole at every moment, so that whoever gives it up in the middle has
/// every command in hand.
#[derive(Default)]
pub(super) struct Batch {
    /// Not decided yet; what was before has to be read.
    pub(super) unusual: Vec<Group>,
    /// Decided, to be written.
    pub(super) decided: Vec<Decided>,
    /// Decided, and nothing is to be written.
    pub(super) known: Vec<Decided>,
    /// Left out of the batch after reading.
    pub(super) set_aside: Vec<(Group, Why)>,
}

/// Why a group was left out after reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// There is no wallet.
    NoWallet,
    /// A row was decided between two looks.
    Torn,
    /// A round is too long to be judged in passing.
    LongRound,
    /// Something stored is not one that this version knows.
    Unreadable,
}

impl Batch {
    /// Takes the usual for granted where that does.
    pub(super) fn of(groups: Vec<Group>) -> Self {
        let mut batch = Self::default();
        groups.into_iter().for_each(|group| batch.assume(group));
        batch
    }

    fn assume(&mut self, mut group: Group) {
        group.drop_late(Instant::now());
        if group.jobs.is_empty() {
            return;
        }
        match group.assume() {
            Ok(decided) if decided.is_answered() => self.known.push(decided),
            Ok(decided) => self.decided.push(decided),
            Err(group) => self.unusual.push(group),
        }
    }

    /// Reads and decides what has to be read for; of a round no more rows than `window` says.
    ///
    /// # Errors
    /// [`LookupError`]; the batch is as it was.
    pub(super) async fn read(
        &mut self,
        connection: &mut PgConnection,
        window: Option<i64>,
    ) -> Result<(), LookupError> {
        if self.unusual.is_empty() {
            return Ok(());
        }
        let facts = {
            let attempts: Vec<&Attempt> = self.unusual.iter().flat_map(Group::attempts).collect();
            read::facts(connection, &attempts, window).await?
        };
        let now = Instant::now();
        let mut first = 0;
        for mut group in std::mem::take(&mut self.unusual) {
            let next = first + group.jobs.len();
            // The standings are in the order of the jobs, the late ones included.
            let standings = facts.standings.get(first..next).unwrap_or_default();
            let standings = group.drop_late_with(now, standings);
            first = next;
            if !group.jobs.is_empty() {
                self.decide(group, &standings, &facts);
            }
        }
        // Time has passed for the others, too.
        let late = |of: &Decided| of.group.jobs.iter().any(|job| job.is_late(now));
        let (late, timely) = std::mem::take(&mut self.decided).into_iter().partition(late);
        self.decided = timely;
        late.into_iter().for_each(|of: Decided| self.assume_again(of));
        Ok(())
    }

    fn decide(&mut self, group: Group, standings: &[Standing], facts: &Facts) {
        let player = &group.player;
        let why = if facts.unreadable.contains(player) {
            Some(Why::Unreadable)
        } else if facts.torn.contains(player) {
            Some(Why::Torn)
        } else if facts.undetermined.contains(player) {
            Some(Why::LongRound)
        } else {
            None
        };
        if let Some(why) = why {
            return self.set_aside.push((group, why));
        }
        match group.decide(standings, facts) {
            Ok(decided) if decided.writes() => self.decided.push(decided),
            Ok(decided) => self.known.push(decided),
            Err(group) => match group.park(facts) {
                Ok(decided) => self.decided.push(decided),
                Err(group) => self.set_aside.push((group, Why::NoWallet)),
            },
        }
    }

    /// Without those whose time is over. What was read for is read for again, another time.
    fn assume_again(&mut self, decided: Decided) {
        let mut group = decided.group;
        group.drop_late(Instant::now());
        if group.jobs.is_empty() {
            return;
        }
        match group.assume() {
            Ok(decided) if decided.is_answered() => self.known.push(decided),
            Ok(decided) => self.decided.push(decided),
            Err(group) => self.set_aside.push((group, Why::Torn)),
        }
    }

    /// Writes what was decided, in the order of the players. There is one answer for each.
    ///
    /// # Errors
    /// [`WriteError`]; the batch is as it was.
    pub(super) async fn write(
        &mut self,
        connection: &mut PgConnection,
    ) -> Result<Vec<Written>, WriteError> {
        if self.decided.is_empty() {
            return Ok(Vec::new());
        }
        self.decided.sort_by(|a, b| a.group.player.cmp(&b.group.player));
        let changes: Vec<Change<'_>> = self.decided.iter().map(Decided::change).collect();
        write::batch(connection, &changes).await
    }

    /// Every command that is in it.
    pub(super) fn into_groups(self) -> Vec<Group> {
        let decided = self.decided.into_iter().chain(self.known).map(|of| of.group);
        let aside = self.set_aside.into_iter().map(|(group, _)| group);
        self.unusual.into_iter().chain(decided).chain(aside).collect()
    }

    /// Every command that is in it, where it is written down what happens to them.
    pub(super) fn trails(&self) -> impl Iterator<Item = &Traced> {
        let decided = self.decided.iter().chain(&self.known).map(|of| &of.group);
        let groups = self.unusual.iter().chain(decided);
        groups.flat_map(|group| &group.jobs).map(|job| &job.trail)
    }
}

/// Sorts jobs into groups by player; those that a group is there for join it.
pub(super) fn join(groups: Vec<Group>, jobs: Vec<Job>) -> Vec<Group> {
    let mut groups = groups;
    let mut places: HashMap<PlayerId, usize> = HashMap::with_capacity(groups.len() + jobs.len());
    for (place, group) in groups.iter().enumerate() {
        places.insert(group.player.clone(), place);
    }
    for job in jobs {
        let player = &job.attempt.command.player;
        match places.get(player).and_then(|place| groups.get_mut(*place)) {
            Some(group) => group.push(job),
            None => {
                places.insert(player.clone(), groups.len());
                groups.push(Group::of(job));
            }
        }
    }
    groups
}
