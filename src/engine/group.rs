//! The commands of one player that are decided together.

use std::collections::HashMap;

use tokio::time::Instant;

use super::ExecuteError;
use super::job::Job;
use crate::core::{Attempt, Key, PlayerId, Standing, WalletState};

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

    /// As [`Self::drop_late`]; gives back what belongs to the jobs that are left.
    pub(super) fn drop_late_with(&mut self, now: Instant, standings: &[Standing]) -> Vec<Standing> {
        let of_jobs = self.jobs.iter().zip(standings);
        let kept = of_jobs.filter(|(job, _)| !job.is_late(now)).map(|(_, of)| of.clone()).collect();
        self.drop_late(now);
        kept
    }
}

fn late_ones(late: Vec<Job>) {
    late.into_iter().for_each(|job| job.fail(ExecuteError::Timeout));
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
