//! What a reconciliation can find.

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use crate::core::{Micros, PlayerId};
use crate::store::jobs::audit::Mark;

/// What it is that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Redis has been holding an older balance for longer than the grace period.
    CacheStale,
    /// Redis holds a version that PostgreSQL has not reached: it lost commits, or somebody
    /// wrote into Redis.
    CacheAhead,
    /// Redis holds PostgreSQL's version with something else in it.
    CacheDiffers,
    /// Redis holds something that is no balance.
    CacheUnreadable,
    /// The balance is not the sum of what was applied.
    LedgerBalance,
    /// The version is not the number of decided rows.
    LedgerVersion,
    /// The rows do not follow from each other.
    LedgerChain,
    /// Rows without a wallet.
    LedgerOrphan,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 8] = [
        Self::CacheStale,
        Self::CacheAhead,
        Self::CacheDiffers,
        Self::CacheUnreadable,
        Self::LedgerBalance,
        Self::LedgerVersion,
        Self::LedgerChain,
        Self::LedgerOrphan,
    ];

    /// The word for metrics, logs and the table.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CacheStale => "cache_stale",
            Self::CacheAhead => "cache_ahead",
            Self::CacheDiffers => "cache_differs",
            Self::CacheUnreadable => "cache_unreadable",
            Self::LedgerBalance => "ledger_balance",
            Self::LedgerVersion => "ledger_version",
            Self::LedgerChain => "ledger_chain",
            Self::LedgerOrphan => "ledger_orphan",
        }
    }

    /// True for what happens to a Redis that was away for a moment, and mends itself.
    const fn is_ordinary(self) -> bool {
        matches!(self, Self::CacheStale | Self::CacheUnreadable)
    }
}

/// One finding.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// What it is.
    pub kind: Kind,
    /// Whose.
    pub player: PlayerId,
    /// What should be there.
    pub expected: Option<Mark>,
    /// What is there.
    pub found_balance: Option<Micros>,
    /// What is there.
    pub found_version: Option<i64>,
    /// True when it was put right.
    pub repaired: bool,
    /// What else there is to say.
    pub detail: Option<String>,
}

impl Serialize for Finding {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut json = serializer.serialize_struct("Finding", 9)?;
        json.serialize_field("kind", self.kind.as_str())?;
        json.serialize_field("player_id", self.player.as_str())?;
        json.serialize_field("expected_version", &self.expected.map(|mark| mark.version))?;
        json.serialize_field("expected_micros", &self.expected.map(|mark| mark.balance.get()))?;
        json.serialize_field("found_version", &self.found_version)?;
        json.serialize_field("found_micros", &self.found_balance.map(Micros::get))?;
        json.serialize_field("drift_micros", &self.drift().get())?;
        json.serialize_field("repaired", &self.repaired)?;
        json.serialize_field("detail", &self.detail)?;
        json.end()
    }
}

impl Finding {
    /// The absolute difference; nothing where one side cannot be read, or it is not money that
    /// differs.
    pub fn drift(&self) -> Micros {
        if matches!(self.kind, Kind::LedgerVersion | Kind::LedgerChain) {
            return Micros::ZERO;
        }
        let difference = self
            .expected
            .zip(self.found_balance)
            .map(|(expected, found)| found.get().saturating_sub(expected.balance.get()));
        Micros::new(difference.map_or(0, i64::saturating_abs))
    }

    /// Says it in the log, once.
    pub fn log(&self) {
        let (kind, player, drift_micros) = (self.kind.as_str(), &self.player, self.drift().get());
        let (expected, repaired) = (self.expected.unwrap_or_default(), self.repaired);
        let (expected_version, expected_micros) = (expected.version, expected.balance.get());
        let found_micros = self.found_balance.map(Micros::get);
        let (found_version, detail) = (self.found_version, self.detail.as_deref());
        if self.kind.is_ordinary() && repaired {
            tracing::warn!(
                kind, %player, drift_micros, expected_version, expected_micros, found_version,
                found_micros, repaired, detail, "reconciliation found a drift"
            );
        } else {
            tracing::error!(
                kind, %player, drift_micros, expected_version, expected_micros, found_version,
                found_micros, repaired, detail, "reconciliation found a drift"
            );
        }
    }
}
