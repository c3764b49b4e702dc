//! PostgreSQL: the only authority on money and on what has been done, and the only SQL.
//!
//! - `config`, [`hosts`], [`pool`]: how connections are made; `monitor`: the health of the database,
//!   which the pools follow; `migrate`: the schema;
//! - [`money`]: what the engine's lanes write and read;
//! - [`ledger`]: searches, statements, rounds and exports, for people;
//! - [`jobs`]: leases, parked movements, reconciliation, expiry;
//! - [`directory`]: players, sessions, games, issues of free rounds, the audit of the operator's
//!   calls;
//! - `rows`: rows of the tables as the core knows them; `error`: what can go wrong.
//!
//! Nothing here knows a provider, HTTP or Redis.

mod config;
pub mod directory;
mod error;
pub mod hosts;
pub mod jobs;
pub mod ledger;
mod migrate;
pub mod money;
mod monitor;
pub mod pool;
mod rows;

pub use config::DatabaseConfig;
pub use error::LookupError;
pub(crate) use error::is_transient;
pub use migrate::{MIGRATOR, SchemaError};
pub use monitor::{DatabaseMonitor, Health, Standby};
pub use pool::{begin_transaction, connect_back_office, connect_leases, connect_pool};
pub use sqlx::PgPool;
