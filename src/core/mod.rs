//! The rules of money, pure: no async, no IO, no clock, no provider's word.
//!
//! An adapter says a [`Command`]; the node adds what it alone knows and makes it an
//! [`Attempt`]; the store reads the [`Standing`] and the [`History`] that the decision
//! needs; [`decide`] says what follows; the store writes exactly that.

pub mod assume;
pub mod command;
pub mod decide;
mod decimal;
pub mod history;
pub mod ids;
pub mod iso4217;
pub mod issue;
pub mod money;
pub mod outcome;
pub mod parked;
pub mod player;
pub mod policy;
pub mod row;

pub use assume::{Assumed, Bounds, Conditions, NamedDebit, assume, assume_on, refuse_on};
pub use command::{Action, Attempt, Command, Movement, Reversible};
pub use decide::{Decision, decide, park_without_wallet};
pub use history::{GameState, History, RoundFacts, SessionFact, Standing, WalletState};
pub use ids::{
    Currency, GameId, IssueId, Key, PlayerId, ProviderId, RoundId, TokenHash, TransactionId, TxId,
};
pub use issue::{IssueCall, IssueOwner, IssueState};
pub use money::{Amount, Micros};
pub use outcome::{Entry, Outcome, Receipt};
pub use parked::{ParkedPart, ParkedRow, parked_command};
pub use player::{Checks, Exchange, PlayerView};
pub use policy::Policy;
pub use row::{Category, Kind, PlayerStatus, Reason, Row, RowOutcome};
