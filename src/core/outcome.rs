//! What came of a command.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::ids::{Currency, TransactionId};
use super::money::Micros;
use super::row::{PlayerStatus, Reason, Row, RowOutcome};

/// The answer to an executed command: one outcome for each movement, and the wallet now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The wallet's currency.
    pub currency: Currency,
    /// The balance right after this command (for a repeat: the current one).
    pub balance: Micros,
    /// `wallet.version` that belongs to the balance.
    pub version: i64,
    /// What the player may do.
    pub status: PlayerStatus,
    /// In the order of the command's movements.
    pub outcomes: Vec<Outcome>,
}

impl Receipt {
    /// Why the command as a whole moved nothing, if a movement was refused.
    pub fn refusal(&self) -> Option<Reason> {
        self.outcomes.iter().find_map(|outcome| match outcome {
            Outcome::Refused { reason, .. } => Some(*reason),
            _ => None,
        })
    }

    /// True when a movement waits for something that has not arrived yet.
    pub fn is_parked(&self) -> bool {
        self.outcomes.iter().any(|outcome| matches!(outcome, Outcome::Parked(_)))
    }
}

/// What came of one movement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It took effect now.
    Applied(Entry),
    /// Remembered now, without effect: the entry's reason says why.
    NoEffect(Entry),
    /// It was decided before; the entry is the first result.
    Replayed(Entry),
    /// An original that came after its reversal: no money; the entry is the tombstone.
    Cancelled(Entry),
    /// The key was used for something else before; the entry is that. Nothing moved.
    Mismatch(Entry),
    /// Kept until it can be decided.
    Parked(Entry),
    /// A business reason stands against it, or against the command that it is part of.
    Refused {
        /// Which one.
        reason: Reason,
        /// The remembered row, where there is one.
        entry: Option<Entry>,
        /// True when it had been refused by an earlier call.
        replayed: bool,
    },
}

/// What a caller may need of a ledger row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The operator's own id.
    pub transaction_id: Uuid,
    /// What became of it.
    pub outcome: RowOutcome,
    /// Why, where there is more to say.
    pub reason: Option<Reason>,
    /// What moved, in micros, signed.
    pub amount_micros: i64,
    /// What a reversal of a credit could not take, in micros.
    pub shortfall_micros: i64,
    /// The balance after it, in micros; `None` while parked.
    pub balance_after_micros: Option<i64>,
    /// When it was first written.
    pub created_at: DateTime<Utc>,
    /// The reversal that undid it since.
    pub reversed_by: Option<TransactionId>,
    /// Of a reversal that came too late, because its target had been reversed before: the one that
    /// was first.
    pub first_reversal: Option<TransactionId>,
    /// What else the provider said when it said it first.
    pub detail: Option<Box<str>>,
}

impl Entry {
    /// The entry of a row that was not reversed; whether it was, the history knows.
    pub fn of(row: &Row) -> Self {
        Self {
            transaction_id: row.transaction_id.uuid(),
            outcome: row.outcome,
            reason: row.reason,
            amount_micros: row.amount.get(),
            shortfall_micros: row.shortfall.get(),
            balance_after_micros: row.link.map(|link| link.balance_after),
            created_at: row.created_at,
            reversed_by: None,
            first_reversal: None,
            detail: row.detail.clone(),
        }
    }

    /// The balance before it, in micros; `None` while parked.
    pub const fn balance_before_micros(&self) -> Option<i64> {
        match self.balance_after_micros {
            Some(after) => after.checked_sub(self.amount_micros),
            None => None,
        }
    }

    /// The operator's own id as it goes over the wire.
    pub const fn id(&self) -> TransactionId {
        TransactionId::new(self.transaction_id)
    }
}

impl Outcome {
    /// The ledger row behind it, where there is one.
    pub const fn entry(&self) -> Option<&Entry> {
        match self {
            Self::Applied(entry)
            | Self::NoEffect(entry)
            | Self::Replayed(entry)
            | Self::Cancelled(entry)
            | Self::Mismatch(entry)
            | Self::Parked(entry) => Some(entry),
            Self::Refused { entry, .. } => entry.as_ref(),
        }
    }

    pub(super) const fn entry_mut(&mut self) -> Option<&mut Entry> {
        match self {
            Self::Applied(entry)
            | Self::NoEffect(entry)
            | Self::Replayed(entry)
            | Self::Cancelled(entry)
            | Self::Mismatch(entry)
            | Self::Parked(entry) => Some(entry),
            Self::Refused { entry, .. } => entry.as_mut(),
        }
    }

    /// The word for metrics and logs.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Applied(_) => "applied",
            Self::NoEffect(_) => "no_effect",
            Self::Replayed(_) => "replayed",
            Self::Cancelled(_) => "cancelled",
            Self::Mismatch(_) => "mismatch",
            Self::Parked(_) => "parked",
            Self::Refused { .. } => "refused",
        }
    }

    /// True when its key had been used for something else.
    pub const fn is_mismatch(&self) -> bool {
        matches!(self, Self::Mismatch(_) | Self::Refused { reason: Reason::KeyReused, .. })
    }

    /// True when it was decided by an earlier call.
    pub const fn is_repeat(&self) -> bool {
        matches!(self, Self::Replayed(_) | Self::Mismatch(_) | Self::Refused { replayed: true, .. })
    }
}
