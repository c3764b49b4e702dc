//! The money path.

mod authenticate;
mod batch;
mod claims;
mod config;
mod decided;
mod faults;
mod group;
mod job;
mod lane;
mod lane_failures;
mod lanes;
mod notes;
mod publisher;
mod queue;
mod repeat_reader;
mod slow_path;
mod token_owners;
mod wallet;

pub use authenticate::{Authenticated, Named};
pub use config::EngineConfig;
pub use job::{Answer, Directly, Job, Outbox, Seen, Settled, receipt_by};
pub use lanes::{Engine, Lanes};
pub use notes::{FreeRoundWatch, MismatchSender};
pub use publisher::Publisher;
pub use wallet::{Wallet, WalletError};

/// Why a command was not decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExecuteError {
    /// No wallet has this id; nothing was written.
    #[error("player unknown")]
    PlayerUnknown,
    /// The queue is full; nothing was done.
    #[error("queue full")]
    Busy,
    /// The deadline passed. The command may have been executed all the same.
    #[error("deadline passed")]
    Timeout,
    /// The database cannot be reached. The command may have been executed all the same.
    #[error("database unavailable")]
    Unavailable,
    /// The database refused the command for a reason that is a fault of ours.
    #[error("internal error")]
    Internal,
}
