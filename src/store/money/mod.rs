//! The statements of the engine, and the connection of a lane.

pub mod connection;
pub mod read;
pub mod write;
