//! Where providers contradict each other: data that an adapter fills in, not `if`s in the core.

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use super::money::Amount;

/// What one provider's protocol demands in the cases that protocols settle differently.
///
/// A reversal of an unknown target always leaves a tombstone, and a repeat always replays;
/// whether either is *worded* as a success is the adapter's `encode`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// Which session a debit needs. Credits and reversals never need one.
    pub session: SessionRule,
    /// How several debits and credits of one command are tested against the balance.
    pub funds: FundsTest,
    /// What a credit (or a correction) does when no debit of its round is known or, where it names one,
    /// when that is not.
    pub credit_without_debit: CreditWithoutDebit,
    /// What a credit does when every known debit of its round was reversed.
    pub credit_after_reversal: CreditAfterReversal,
    /// What the original does that arrives after its own reversal.
    pub late_original: LateOriginal,
    /// What the reversal of a debit does once that was settled.
    pub reversal_after_settlement: ReversalAfterSettlement,
    /// What settles a debit, and how often.
    #[serde(default)]
    pub settlement: Settlement,
    /// Whether a refusal is for good.
    #[serde(default)]
    pub refusals: Refusals,
    /// The largest single stake at this provider.
    pub max_bet: Option<Amount>,
}

impl Policy {
    /// Pays and reverses without conditions; debits need no session.
    pub const PERMISSIVE: Self = Self {
        session: SessionRule::Ignore,
        funds: FundsTest::Gross,
        credit_without_debit: CreditWithoutDebit::Pay,
        credit_after_reversal: CreditAfterReversal::Pay,
        late_original: LateOriginal::Succeed,
        reversal_after_settlement: ReversalAfterSettlement::Allow,
        settlement: Settlement::ByRound,
        refusals: Refusals::Remembered,
        max_bet: None,
    };

    /// True when a credit's fate depends on what is known of the debits of its round or, where it
    /// names one, of that.
    pub fn looks_at_debits(&self) -> bool {
        self.credit_without_debit != CreditWithoutDebit::Pay
            || self.credit_after_reversal != CreditAfterReversal::Pay
    }
}

/// Which session a debit needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionRule {
    /// None; a token that is sent means nothing.
    Ignore,
    /// None, but a token that is sent must be a valid one of this player.
    ValidIfGiven,
    /// A valid one of this player.
    Required,
}

/// How the debits of one command are tested against the balance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FundsTest {
    /// All debits together must fit into the balance from before the command.
    Gross,
    /// Each debit must fit at its own place in the list.
    InOrder,
}

/// What a credit does when no debit of its round is known.
///
/// As long as the debit may still arrive, nothing here is for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CreditWithoutDebit {
    /// It is paid.
    Pay,
    /// It is refused, and not remembered: the debit may still arrive.
    Refuse,
    /// It is parked, and paid by the first attempt after the grace period.
    Park {
        /// Counted from the moment it was parked.
        #[serde(rename = "grace_ms", with = "in_milliseconds")]
        grace: TimeDelta,
    },
}

/// What a credit does when every known debit of its round was reversed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CreditAfterReversal {
    /// It is paid.
    Pay,
    /// It is refused. Where it names the debit, for good. Otherwise another debit of the round may
    /// be on its way, so where credits wait for theirs, it waits for the grace period first and is
    /// remembered after it, and where they do not, it is not remembered.
    Refuse,
}

/// What the original does that arrives after its own reversal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LateOriginal {
    /// It moves nothing, and the rest of its command goes on.
    Succeed,
    /// It refuses the whole command.
    Refuse,
}

/// What settles a debit, and how often.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Settlement {
    /// Any credit of its round, however many there are.
    #[default]
    ByRound,
    /// Any credit that names it. One that was reversed counts no longer.
    ByDebit,
    /// As [`Self::ByDebit`], and only one of them: another one is refused as long as the first
    /// stands.
    OncePerDebit,
}

/// Whether a refusal for a business reason is for good.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusals {
    /// It is a row under the key: the same call again is refused again, whatever has changed.
    #[default]
    Remembered,
    /// It leaves nothing: the same call again is decided anew. What was parked has its row already,
    /// so there it is for good all the same.
    Forgotten,
}

/// What the reversal of a debit does once that was settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReversalAfterSettlement {
    /// It pays the stake back; the row is flagged for review.
    Allow,
    /// It is refused and remembered.
    Refuse,
    /// It is remembered without effect.
    NoEffect,
}

/// A duration as it is kept with a parked row.
mod in_milliseconds {
    use chrono::TimeDelta;
    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(time: &TimeDelta, to: S) -> Result<S::Ok, S::Error> {
        time.num_milliseconds().serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<TimeDelta, D::Error> {
        let time = TimeDelta::try_milliseconds(i64::deserialize(from)?);
        time.ok_or_else(|| D::Error::custom("a time out of range"))
    }
}
