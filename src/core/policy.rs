//! Where providers contradict each other: data that an adapter fills in, not `if`s in the core.

use chrono::TimeDelta;

use super::money::Amount;

/// What one provider's protocol demands in the cases that protocols settle differently.
///
/// A reversal of an unknown target always leaves a tombstone, and a repeat always replays;
/// whether either is *worded* as a success is the adapter's `encode`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Which session a debit needs. Credits and reversals never need one.
    pub session: SessionRule,
    /// How several debits and credits of one command are tested against the balance.
    pub funds: FundsTest,
    /// What a credit (or a correction) does when no debit of its round is known.
    pub credit_without_debit: CreditWithoutDebit,
    /// What a credit does when every known debit of its round was reversed.
    pub credit_after_reversal: CreditAfterReversal,
    /// What the original does that arrives after its own reversal.
    pub late_original: LateOriginal,
    /// What the reversal of a debit does once a credit of its round was paid.
    pub reversal_after_settlement: ReversalAfterSettlement,
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
        max_bet: None,
    };

    /// True when a credit's fate depends on what is known of its round.
    pub fn looks_at_round(&self) -> bool {
        self.credit_without_debit != CreditWithoutDebit::Pay
            || self.credit_after_reversal != CreditAfterReversal::Pay
    }
}

/// Which session a debit needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionRule {
    /// None; a token that is sent means nothing.
    Ignore,
    /// None, but a token that is sent must be a valid one of this player.
    ValidIfGiven,
    /// A valid one of this player.
    Required,
}

/// How the debits of one command are tested against the balance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FundsTest {
    /// All debits together must fit into the balance from before the command.
    Gross,
    /// Each debit must fit at its own place in the list.
    InOrder,
}

/// What a credit does when no debit of its round is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CreditWithoutDebit {
    /// It is paid.
    Pay,
    /// It is refused, and not remembered: the debit may still arrive.
    Refuse,
    /// It is parked, and paid by the first attempt after the grace period.
    Park {
        /// Counted from the moment it was parked.
        grace: TimeDelta,
    },
}

/// What a credit does when every known debit of its round was reversed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CreditAfterReversal {
    /// It is paid.
    Pay,
    /// It is refused and remembered.
    Refuse,
}

/// What the original does that arrives after its own reversal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LateOriginal {
    /// It moves nothing, and the rest of its command goes on.
    Succeed,
    /// It refuses the whole command.
    Refuse,
}

/// What the reversal of a debit does once a credit of its round was paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReversalAfterSettlement {
    /// It pays the stake back; the row is flagged for review.
    Allow,
    /// It is refused and remembered.
    Refuse,
    /// It is remembered without effect.
    NoEffect,
}
