//! What a player's commands come to, on what is taken for granted or on what was read, and what
//! follows once that was written or left out.

use std::borrow::Cow;

use super::group::{Group, Known};
use super::job::Settled;
use crate::core::{
    Assumed, Decision, Standing, WalletState, assume, assume_on, decide, park_without_wallet,
    refuse_on,
};
use crate::store::money::change::{Basis, Change};
use crate::store::money::facts::Facts;
use crate::store::money::written::{Moved, Written};

/// What the commands of a player come to.
pub(super) struct Decided {
    pub(super) group: Group,
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

    /// Without a wallet: what is to be parked. Gives the group back where that is nothing.
    pub(super) fn park(self, facts: &Facts) -> Result<Decided, Self> {
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
    pub(super) fn decide(self, standings: &[Standing], facts: &Facts) -> Result<Decided, Self> {
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

impl Decided {
    pub(super) fn decisions(&self) -> &[Decision] {
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
    pub(super) fn is_answered(&self) -> bool {
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
