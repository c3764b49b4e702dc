//! One line of the ledger and the words that it is written in.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::ids::{GameId, Key, PlayerId, RoundId, TransactionId, TxId};
use super::money::Micros;

macro_rules! word {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$vdoc])* #[serde(rename = $text)] $variant,)+
        }

        impl $name {
            /// Every word, in the order of the definition.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word as stored, logged and shown.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            /// Reads the stored word.
            pub fn parse(text: &str) -> Option<Self> {
                match text { $($text => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}

word!(
    /// What a movement is.
    Kind {
        /// Takes money.
        Debit = "debit",
        /// Gives money.
        Credit = "credit",
        /// Undoes a debit or a credit.
        Reverse = "reverse",
        /// A signed correction.
        Adjust = "adjust",
        /// No money, remembered.
        Note = "note",
    }
);

word!(
    /// Why the money moves, for statements and reports.
    Category {
        /// A stake.
        Bet = "bet",
        /// A tip to a dealer.
        Tip = "tip",
        /// A win of a round.
        Win = "win",
        /// A jackpot's payout.
        Jackpot = "jackpot",
        /// A campaign's prize.
        Promo = "promo",
        /// A prize drop inside a round.
        PrizeDrop = "prize_drop",
        /// Free rounds' winnings or their notice.
        FreeRound = "free_round",
        /// A provider's correction.
        Adjustment = "adjustment",
        /// Money from outside.
        Deposit = "deposit",
        /// Money to outside.
        Withdrawal = "withdrawal",
        /// The end of a round.
        RoundEnd = "round_end",
        /// A round's details, kept for the regulator.
        RoundDetails = "round_details",
        /// A change of the player's status.
        Status = "status",
    }
);

word!(
    /// What became of a row.
    RowOutcome {
        /// It took effect (of zero, where the amount is zero).
        Applied = "applied",
        /// Remembered without effect: a note, or a reversal that found nothing to undo.
        Noted = "noted",
        /// A business reason stood against it; a repeat gets the same answer.
        Refused = "refused",
        /// Written by a reversal under the key of an original that was not there yet.
        Tombstone = "tombstone",
        /// Not decided yet, and not to be lost.
        Parked = "parked",
    }
);

word!(
    /// What a player may do.
    PlayerStatus {
        /// Everything.
        Active = "active",
        /// No debits; wins and reversals are paid.
        Frozen = "frozen",
        /// Nothing; wins and reversals are parked.
        Closed = "closed",
    }
);

word!(
    /// Why a movement was refused, parked, left without effect, or flagged for review.
    Reason {
        /// No wallet has this id.
        PlayerUnknown = "player_unknown",
        /// A debit of a frozen player.
        PlayerFrozen = "player_frozen",
        /// A debit of a closed player.
        PlayerClosed = "player_closed",
        /// The session token is not known, or missing where it must be there.
        SessionUnknown = "session_unknown",
        /// The session is over.
        SessionExpired = "session_expired",
        /// The session is another player's, another provider's or another game's.
        SessionMismatch = "session_mismatch",
        /// The game is off.
        GameDisabled = "game_disabled",
        /// The stake is above the player's own limit.
        PlayerLimit = "player_limit",
        /// The stake is above the provider's limit.
        MaxBet = "max_bet",
        /// The balance is too small.
        InsufficientFunds = "insufficient_funds",
        /// The balance would leave the range that can be stored.
        BalanceLimit = "balance_limit",
        /// The command names another currency than the wallet's.
        CurrencyMismatch = "currency_mismatch",
        /// No debit of the credit's round is known, or not the one that it names.
        DebitUnknown = "debit_unknown",
        /// Every debit of the credit's round was reversed, or the one that it names.
        DebitReversed = "debit_reversed",
        /// The original arrived after its reversal.
        Cancelled = "cancelled",
        /// The key of a debit was used for something else, so nothing of its command moves.
        KeyReused = "key_reused",
        /// The target is not a movement that this reversal may undo.
        TargetNotReversible = "target_not_reversible",
        /// The target is a win that was paid: only a call of its provider's takes it back.
        TargetPaid = "target_paid",
        /// The target, or the debit that a credit names, was paid for already.
        AlreadySettled = "already_settled",
        /// The target is not known (a tombstone was left).
        TargetUnknown = "target_unknown",
        /// The target was reversed before.
        AlreadyReversed = "already_reversed",
        /// The target had been refused: nothing to undo.
        TargetRefused = "target_refused",
        /// The target was parked: it is cancelled before it was paid.
        TargetParked = "target_parked",
        /// A person has decided it elsewhere, for whoever comes with it again.
        DecidedElsewhere = "decided_elsewhere",
        /// A credit of a closed wallet.
        WalletClosed = "wallet_closed",
        /// Flag: paid after the grace period although no debit is known.
        Unmatched = "unmatched",
        /// Flag: reversed although the round had been paid.
        SettledBefore = "settled_before",
        /// Flag: the reversal names another amount than its target.
        AmountDiffers = "amount_differs",
        /// Flag: the balance was too small for the reversal of a credit.
        Shortfall = "shortfall",
    }
);

impl Category {
    /// True for what a player stakes: the money that a reversal gives back.
    pub const fn is_stake(self) -> bool {
        matches!(self, Self::Bet | Self::Tip)
    }

    /// True for what is paid because a round was staked on: with such a credit it matters
    /// whether the stake is known. Prizes and jackpots need no stake.
    pub const fn settles_a_round(self) -> bool {
        matches!(self, Self::Win | Self::Adjustment)
    }
}

impl Reason {
    /// False where the refusal says nothing about the movement itself, so that the same
    /// call may succeed later: such a refusal writes no row.
    pub const fn is_remembered(self) -> bool {
        !matches!(
            self,
            Self::PlayerUnknown
                | Self::CurrencyMismatch
                | Self::DebitUnknown
                | Self::BalanceLimit
                | Self::KeyReused
                | Self::TargetPaid
        )
    }

    /// True for a flag that a person should look at.
    pub const fn is_flag(self) -> bool {
        matches!(
            self,
            Self::Unmatched | Self::SettledBefore | Self::AmountDiffers | Self::Shortfall
        )
    }
}

/// One line of the ledger (`trx_log`), as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The idempotency key.
    pub key: Key,
    /// Whose money.
    pub player: PlayerId,
    /// The operator's own id.
    pub transaction_id: TransactionId,
    /// What it is.
    pub kind: Kind,
    /// Why it is.
    pub category: Category,
    /// What became of it.
    pub outcome: RowOutcome,
    /// Why, where there is more to say.
    pub reason: Option<Reason>,
    /// What was asked for, signed by its effect on the balance.
    pub requested: Micros,
    /// What moved: zero unless applied.
    pub amount: Micros,
    /// What a reversal of a credit could not take.
    pub shortfall: Micros,
    /// Its place in the player's chain; `None` while parked.
    pub link: Option<Link>,
    /// The target of a reversal.
    pub reverses: Option<TxId>,
    /// The debit that a credit names.
    pub settles: Option<TxId>,
    /// The game round.
    pub round: Option<RoundId>,
    /// The game.
    pub game: Option<GameId>,
    /// What the movement said, hashed; a tombstone's is zero and is never compared.
    pub fingerprint: i64,
    /// What else the provider said, in its own words.
    pub detail: Option<Box<str>>,
    /// The provider's clock.
    pub occurred_at: Option<DateTime<Utc>>,
    /// Our clock when the row was first written.
    pub created_at: DateTime<Utc>,
    /// The database's clock when it was parked, if it ever was.
    pub parked_at: Option<DateTime<Utc>>,
    /// Of a row that is being parked, what is kept to decide it later.
    pub parked_command: Option<Box<str>>,
}

impl Row {
    /// True for a reversal whose target was not there to be undone, and can never come to be.
    pub fn forestalls(&self) -> bool {
        use Reason::{DecidedElsewhere, TargetParked, TargetUnknown};
        self.outcome == RowOutcome::Noted
            && matches!(self.reason, Some(TargetUnknown | TargetParked | DecidedElsewhere))
    }

    /// The debit that it settles: of a credit that names one and was paid, here or elsewhere.
    pub fn settled_debit(&self) -> Option<&TxId> {
        let paid = matches!(self.outcome, RowOutcome::Applied | RowOutcome::Noted);
        self.settles.as_ref().filter(|_| paid && self.kind == Kind::Credit)
    }
}

/// A decided row's place in the player's chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// `wallet.version` after it: 1 for the first decided row, without gaps.
    pub version: i64,
    /// The balance after it, in micros.
    pub balance_after: i64,
}
