//! What a lane does when a batch failed as a whole: who it failed for is taken out, and the others are
//! tried again at once.

use metrics::counter;
use tokio::time::Instant;

use super::ExecuteError;
use super::faults::damaged;
use super::group::{Group, Known};
use super::lane::{DAMAGED_MAX, DAMAGED_PAUSE, Lane, Part, RETRY_PAUSE};
use crate::store::money::{WriteError, culprits};

impl Lane {
    /// After a part that failed as a whole: takes out those that it failed for, and has the others
    /// tried again at once.
    pub(super) async fn resolve(&mut self, part: Part, error: WriteError, parts: &mut Vec<Part>) {
        counter!("wallet_redo_total", "cause" => error.as_str()).increment(1);
        let culprits = match &error {
            WriteError::Lost(sqlx::Error::PoolTimedOut) => return self.give_up(part, parts).await,
            WriteError::Lost(error) => return self.reconnect(part, error, parts).await,
            WriteError::TooSlow(_) => {
                self.movements = (self.movements / 2).max(1);
                return self.halve(part, &error, parts);
            }
            WriteError::Other(_) => return self.halve(part, &error, parts),
            WriteError::Taken(_) => self.take_out_taken(part).await,
            WriteError::Locked(_) => self.take_out_locked(part).await,
        };
        match culprits {
            // Somebody who is gone by now.
            Ok(Part { groups, failures: 0 }) => parts.push(Part { groups, failures: 1 }),
            Ok(part) => self.halve(part, &error, parts),
            Err((part, lost)) => self.reconnect(part, &lost, parts).await,
        }
    }

    /// The database did not say anything in time, not even that it had given up by itself: perhaps
    /// there is too much in the batch, perhaps somebody holds a wallet locked.
    async fn give_up(&mut self, part: Part, parts: &mut Vec<Part>) {
        self.movements = (self.movements / 2).max(1);
        self.reconnect(part, &sqlx::Error::PoolTimedOut, parts).await;
        let Some(part) = parts.pop() else { return };
        match self.take_out_locked(part).await {
            Ok(part) | Err((part, _)) => parts.push(part),
        }
    }

    /// The connection is lost, and with it the answer whether the batch was committed: its keys
    /// tell.
    async fn reconnect(&mut self, part: Part, error: &sqlx::Error, parts: &mut Vec<Part>) {
        if !std::mem::replace(&mut self.interrupted, true) {
            tracing::warn!(lane = self.name, %error, "interrupted, trying again");
        }
        self.outbox.database_lost();
        self.connection.disconnect();
        tokio::time::sleep(RETRY_PAUSE).await;
        let mut part = part;
        for group in &mut part.groups {
            group.known = Known::Unusual;
        }
        parts.push(part);
    }

    /// Whoever the fault is, half of the others are rid of it.
    fn halve(&mut self, part: Part, error: &WriteError, parts: &mut Vec<Part>) {
        let mut groups = part.groups;
        if groups.len() > 1 {
            let rest = groups.split_off(groups.len() / 2);
            parts.push(Part { groups: rest, failures: part.failures });
            parts.push(Part { groups, failures: part.failures });
            return;
        }
        let Some(group) = groups.pop() else { return };
        match error {
            WriteError::Other(error) => {
                tracing::error!(
                    lane = self.name, player = %group.player, error, "a player's commands failed"
                );
                group.fail(ExecuteError::Internal);
            }
            _ => self.slow_path.push(group),
        }
    }

    /// Those whose keys are in the ledger are read for; those whose chain is damaged get nothing.
    async fn take_out_taken(&mut self, part: Part) -> Result<Part, (Part, sqlx::Error)> {
        let found = {
            let with_place = |(place, group): (usize, &Group)| {
                group.keys().map(|key| (place, key)).collect::<Vec<_>>()
            };
            let keys: Vec<_> = part.groups.iter().enumerate().flat_map(with_place).collect();
            let of_keys: Vec<_> = keys.iter().map(|(_, key)| key).collect();
            let players: Vec<_> = part.groups.iter().map(|group| &group.player).collect();
            let look = async {
                let connection = self.connection.get().await?;
                let taken = culprits::taken(connection, &of_keys).await?;
                let damaged = culprits::damaged(connection, &players).await?;
                Ok::<_, WriteError>((taken, damaged))
            };
            look.await.map(|(taken, damaged)| {
                let taken: Vec<usize> =
                    taken.iter().filter_map(|at| keys.get(*at)).map(|(group, _)| *group).collect();
                (taken, damaged)
            })
        };
        let (taken, damaged) = match found {
            Ok(found) => found,
            Err(error) => return Err((part, error.into_sqlx())),
        };
        let mut rest = Part { groups: Vec::new(), failures: part.failures };
        if !taken.is_empty() || !damaged.is_empty() {
            rest.failures = 0;
        }
        for (place, mut group) in part.groups.into_iter().enumerate() {
            if damaged.contains(&group.player) {
                self.set_aside_damaged(group);
            } else if taken.contains(&place) {
                group.known = Known::Unusual;
                group.contended = group.contended.saturating_add(1);
                self.again(group);
            } else {
                rest.groups.push(group);
            }
        }
        Ok(rest)
    }

    /// Those whose wallets somebody holds locked go on on the slow path.
    async fn take_out_locked(&mut self, part: Part) -> Result<Part, (Part, sqlx::Error)> {
        let found = {
            let players: Vec<_> = part.groups.iter().map(|group| &group.player).collect();
            let look = async {
                let connection = self.connection.get().await?;
                Ok::<_, WriteError>(culprits::locked(connection, &players).await?)
            };
            look.await
        };
        let locked = match found {
            Ok(locked) => locked,
            Err(error) => return Err((part, error.into_sqlx())),
        };
        let mut rest = Part { groups: Vec::new(), failures: part.failures };
        if !locked.is_empty() {
            rest.failures = 0;
        }
        for group in part.groups {
            if locked.contains(&group.player) {
                self.slow_path.push(group);
            } else {
                rest.groups.push(group);
            }
        }
        Ok(rest)
    }

    fn set_aside_damaged(&mut self, group: Group) {
        damaged(&group.player);
        if self.damaged.len() < DAMAGED_MAX {
            self.damaged.insert(group.player.clone(), Instant::now() + DAMAGED_PAUSE);
        }
        group.fail(ExecuteError::Unavailable);
    }
}
