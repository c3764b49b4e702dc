//! Who and what is known: players, sessions, games, issues of free rounds, and what people did to them.

pub mod games;
pub mod issues;
pub mod operator_audit;
pub mod players;
pub mod sessions;
