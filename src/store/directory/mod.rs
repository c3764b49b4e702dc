//! Who and what is known: players, sessions, games, and what people did to them.

pub mod games;
pub mod operator_audit;
pub mod players;
pub mod sessions;
