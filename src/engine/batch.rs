//! A batch: the commands of several players, each player's decided together and written together
//! or not at all.

use sqlx::PgConnection;
use tokio::time::Instant;

use super::decided::Decided;
use super::group::Group;
use crate::core::{Attempt, Standing};
use crate::store::LookupError;
use crate::store::money::change::Change;
use crate::store::money::facts::Facts;
use crate::store::money::written::Written;
use crate::store::money::{WriteError, read, write};
use crate::telemetry::timeline::Traced;

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
    pub(super) fn timelines(&self) -> impl Iterator<Item = &Traced> {
        let decided = self.decided.iter().chain(&self.known).map(|of| &of.group);
        let groups = self.unusual.iter().chain(decided);
        groups.flat_map(|group| &group.jobs).map(|job| &job.timeline)
    }
}
