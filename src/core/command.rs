//! What the core executes.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::ids::{
    Currency, GameId, Key, PlayerId, ProviderId, RoundId, TokenHash, TransactionId, TxId,
};
use super::money::{Amount, Micros};
use super::policy::Policy;
use super::row::{Category, Kind, PlayerStatus};

/// One player, one or more movements, all or nothing, in order.
#[derive(Clone, Debug)]
pub struct Command {
    /// Who says it.
    pub provider: ProviderId,
    /// Whose wallet.
    pub player: PlayerId,
    /// The currency named, where the protocol names one; it must be the wallet's.
    pub currency: Option<Currency>,
    /// The session token sent, hashed. Only debits look at it.
    pub token: Option<TokenHash>,
    /// The game.
    pub game: Option<GameId>,
    /// The game round.
    pub round: Option<RoundId>,
    /// At least one.
    pub movements: Vec<Movement>,
    /// How this provider's protocol settles what protocols settle differently.
    pub policy: Policy,
    /// The provider's clock.
    pub occurred_at: Option<DateTime<Utc>>,
}

/// One step of a command.
#[derive(Clone, Debug)]
pub struct Movement {
    /// The idempotency key, unique per provider.
    pub tx_id: TxId,
    /// What to do.
    pub action: Action,
    /// Why, for statements and reports.
    pub category: Category,
    /// What else the provider said, in its own words.
    pub detail: Option<Box<str>>,
}

/// What a movement does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Takes money.
    Debit(Amount),
    /// Gives money.
    Credit {
        /// How much.
        amount: Amount,
        /// The key of the one debit that it is paid for, where the provider names it: then that
        /// debit alone decides whether it is paid, whatever else is known of the round.
        settles: Option<TxId>,
    },
    /// Undoes another movement of the same provider and player, once.
    Reverse {
        /// The key of the movement to undo.
        target: TxId,
        /// What the target may be.
        of: Reversible,
        /// Undo no more than this.
        at_most: Option<Amount>,
    },
    /// A signed correction. A negative one needs the balance, but no active player.
    Adjust(Micros),
    /// No money, remembered; may change what the player may do.
    Note(Option<PlayerStatus>),
    /// What is parked under the key was decided elsewhere, by a person: it is remembered as done,
    /// and moves nothing. The only movement of its command.
    DecidedElsewhere {
        /// What it reverses, where it is a reversal.
        target: Option<TxId>,
    },
}

/// What a reversal may undo.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reversible {
    /// Debits alone.
    Debit,
    /// Credits alone.
    Credit,
    /// Both.
    Any,
    /// Debits, and credits as long as they are not paid: what nobody calls for takes no money.
    Unpaid,
}

/// How the detail of a credit begins that was too fine to be booked.
const CUT_OFF: &str = "cut_off=";

/// The detail of a credit that was too fine to be booked: how many of the currency's smallest units
/// were cut off, and what else the provider said.
pub fn cut_off_detail(units: i128, said: Option<&str>) -> Box<str> {
    let said = said.map_or_else(String::new, |said| format!(" {said}"));
    format!("{CUT_OFF}{units}{said}").into()
}

impl Movement {
    /// The word for what [`Self::is_cut_off`], in metrics and logs.
    pub const CUT_OFF: &'static str = "cut_off";

    /// True for a credit of which a part was too fine to be booked. It is kept in the detail, so
    /// that it is known of a parked one, too.
    pub fn is_cut_off(&self) -> bool {
        let said = self.detail.as_deref().is_some_and(|detail| detail.starts_with(CUT_OFF));
        said && matches!(self.action, Action::Credit { .. })
    }
}

impl Action {
    /// A credit that names no debit.
    pub const fn credit(amount: Amount) -> Self {
        Self::Credit { amount, settles: None }
    }

    /// The debit that a credit names.
    pub const fn settles(&self) -> Option<&TxId> {
        match self {
            Self::Credit { settles, .. } => settles.as_ref(),
            _ => None,
        }
    }

    /// The kind of row that it becomes.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Debit(_) => Kind::Debit,
            Self::Credit { .. } => Kind::Credit,
            Self::Reverse { .. } => Kind::Reverse,
            Self::Adjust(_) => Kind::Adjust,
            Self::Note(_) | Self::DecidedElsewhere { .. } => Kind::Note,
        }
    }

    /// The effect asked for; a reversal's is known only with its target.
    pub const fn requested(&self) -> Micros {
        match self {
            Self::Debit(amount) => amount.micros().negated(),
            Self::Credit { amount, .. } => amount.micros(),
            Self::Adjust(micros) => *micros,
            Self::Reverse { .. } | Self::Note(_) | Self::DecidedElsewhere { .. } => Micros::ZERO,
        }
    }
}

impl Command {
    /// Where a movement of this command is remembered.
    pub fn key(&self, tx_id: &TxId) -> Key {
        Key { provider: self.provider.clone(), tx_id: tx_id.clone() }
    }

    /// The keys of its movements that are such, in order, each once.
    pub(super) fn keys_once(&self, such: impl Fn(&TxId) -> bool) -> Vec<&TxId> {
        let mut keys: Vec<&TxId> = Vec::with_capacity(self.movements.len());
        for Movement { tx_id, .. } in &self.movements {
            if !keys.contains(&tx_id) && such(tx_id) {
                keys.push(tx_id);
            }
        }
        keys
    }

    /// A hash of what a movement says: kind, player, round, game, currency, amount, target, and the
    /// debit that it names, if it does.
    /// The same key with another fingerprint is a mismatch.
    pub fn fingerprint(&self, movement: &Movement) -> i64 {
        let mut hash = Sha256::new();
        let mut field = |bytes: &[u8]| {
            hash.update(bytes.len().to_le_bytes());
            hash.update(bytes);
        };
        field(movement.action.kind().as_str().as_bytes());
        field(self.player.as_str().as_bytes());
        field(self.round.as_ref().map_or("", RoundId::as_str).as_bytes());
        field(self.game.as_ref().map_or("", GameId::as_str).as_bytes());
        field(self.currency.as_ref().map_or("", Currency::as_str).as_bytes());
        match &movement.action {
            Action::Reverse { target, at_most, .. } => {
                field(target.as_str().as_bytes());
                field(&at_most.map_or(-1, |amount| amount.micros().get()).to_le_bytes());
            }
            action => field(&action.requested().get().to_le_bytes()),
        }
        if let Some(debit) = movement.action.settles() {
            field(debit.as_str().as_bytes());
        }
        let digest: [u8; 32] = hash.finalize().into();
        let [a, b, c, d, e, f, g, h, ..] = digest;
        i64::from_le_bytes([a, b, c, d, e, f, g, h])
    }
}

/// One arrival of a command at a node: the command and what only the node can add. It keeps
/// its ids through every redo, so that an attempt recognises its own committed work.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// What the provider said.
    pub command: Command,
    /// The node's clock on arrival.
    pub received_at: DateTime<Utc>,
    /// One for each movement, in order.
    pub ids: Vec<AttemptIds>,
}

/// The ids that one movement of an attempt may use.
#[derive(Clone, Copy, Debug)]
pub struct AttemptIds {
    /// The movement's own.
    pub own: TransactionId,
    /// For the tombstone that a reversal may leave; of any other movement, its own once more.
    pub tombstone: TransactionId,
    /// Of the movement.
    pub fingerprint: i64,
}

impl Attempt {
    /// Gives every movement its ids, taken from `next_id`.
    pub fn new(
        command: Command,
        received_at: DateTime<Utc>,
        mut next_id: impl FnMut() -> TransactionId,
    ) -> Self {
        let ids = command
            .movements
            .iter()
            .map(|movement| {
                let own = next_id();
                let tombstone = match movement.action {
                    Action::Reverse { .. } => next_id(),
                    _ => own,
                };
                AttemptIds { own, tombstone, fingerprint: command.fingerprint(movement) }
            })
            .collect();
        Self { command, received_at, ids }
    }

    /// A hash of everything that the attempt's movements say.
    pub fn fingerprint(&self) -> i64 {
        self.ids.iter().fold(0, |all, ids| all.rotate_left(7) ^ ids.fingerprint)
    }
}
