//! The statements of the engine, and its connections.

pub mod change;
mod columns;
pub mod connection;
pub mod culprits;
pub mod error;
pub mod facts;
pub mod read;
pub mod repeats;
mod settlements;
mod statement;
pub mod write;
pub mod written;

pub use error::WriteError;
