//! What is kept with a parked row, so that its command can be decided later by its own terms:
//! everything that the columns of the row do not say.

use serde::{Deserialize, Serialize};

use super::command::{Action, Command, Movement, Reversible};
use super::ids::{Currency, TxId};
use super::money::{Amount, Micros};
use super::policy::Policy;
use super::row::{Kind, Row};

/// A part of a parked command: one of its movements, by what is not in the row, and the terms.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParkedPart {
    /// How this is written; one that is not known is not read.
    version: u32,
    /// The keys of all movements that were parked together, in order, where there are several: in
    /// the first of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    together: Vec<String>,
    /// In the others, the key of the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    first: Option<String>,
    /// The currency that the command names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    currency: Option<String>,
    /// Of a reversal: what it may undo …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    of: Option<Reversible>,
    /// … and how much of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    at_most: Option<Amount>,
    policy: Policy,
}

/// How parts are written now.
const VERSION: u32 = 1;

/// A parked row with what was kept with it.
#[derive(Clone, Debug)]
pub struct ParkedRow {
    /// The row.
    pub row: Row,
    /// What was kept.
    pub part: ParkedPart,
}

impl ParkedPart {
    /// What is kept of one of the movements of a command; `together` are those that are parked.
    pub(super) fn text(
        command: &Command,
        movement: &Movement,
        together: &[&TxId],
    ) -> Option<String> {
        let first = together.first().copied().filter(|first| **first != movement.tx_id);
        let is_first_of_several = first.is_none() && together.len() > 1;
        let keys = together.iter().map(|tx_id| tx_id.as_str().to_owned());
        let (of, at_most) = match &movement.action {
            Action::Reverse { of, at_most, .. } => (Some(*of), *at_most),
            _ => (None, None),
        };
        let part = Self {
            version: VERSION,
            together: if is_first_of_several { keys.collect() } else { Vec::new() },
            first: first.map(|first| first.as_str().to_owned()),
            currency: command.currency.as_ref().map(|code| code.as_str().to_owned()),
            of,
            at_most,
            policy: command.policy.clone(),
        };
        serde_json::to_string(&part).ok()
    }

    /// Reads what was kept; `None` for what this version does not know.
    pub fn parse(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok().filter(|part: &Self| part.version == VERSION)
    }

    /// The key of the first movement of the command, unless this is it.
    pub fn first(&self) -> Option<TxId> {
        TxId::parse(self.first.as_ref()?).ok()
    }

    /// The keys of all that were parked together, where this is the first of several.
    pub fn together(&self) -> Vec<TxId> {
        self.together.iter().filter_map(|tx_id| TxId::parse(tx_id).ok()).collect()
    }
}

/// The command that was parked as these rows, in their order, as far as nobody needs to call for
/// it: it takes back no win that was paid. `None` where that is not all that is left of it, or
/// where it takes money.
pub fn parked_command(rows: &[ParkedRow]) -> Option<Command> {
    let ParkedRow { row: first, part } = rows.first()?;
    let currency = part.currency.as_ref().map(Currency::parse).transpose().ok()?;
    let mut movements = Vec::with_capacity(rows.len());
    for ParkedRow { row, part } in rows {
        movements.push(Movement {
            tx_id: row.key.tx_id.clone(),
            action: action(row, part)?,
            category: row.category,
            detail: row.detail.clone(),
        });
    }
    Some(Command {
        provider: first.key.provider.clone(),
        player: first.player.clone(),
        currency,
        token: None,
        game: first.game.clone(),
        round: first.round.clone(),
        movements,
        policy: part.policy.clone(),
        occurred_at: first.occurred_at,
    })
}

fn action(row: &Row, part: &ParkedPart) -> Option<Action> {
    match row.kind {
        Kind::Credit => {
            let amount = Amount::try_from(row.requested).ok()?;
            Some(Action::Credit { amount, settles: row.settles.clone() })
        }
        Kind::Adjust if row.requested >= Micros::ZERO => Some(Action::Adjust(row.requested)),
        Kind::Reverse => Some(Action::Reverse {
            target: row.reverses.clone()?,
            of: match part.of? {
                Reversible::Any | Reversible::Unpaid => Reversible::Unpaid,
                only @ (Reversible::Debit | Reversible::Credit) => only,
            },
            at_most: part.at_most,
        }),
        // What takes money is done when it is called for, or never.
        Kind::Debit | Kind::Adjust | Kind::Note => None,
    }
}
