//! A casino operator's seamless wallet: what game providers call back over HTTP becomes one
//! core command, takes effect exactly once, and is answered in the provider's own words.
//!
//! The map, in reading order:
//!
//! - [`core`]: the rules of money. Pure.
//! - [`engine`]: the money path, from a command's arrival to its answer.
//! - [`store`]: PostgreSQL, the authority. The only SQL.
//! - [`cache`]: Redis, which makes repeats and balances cheap and may vanish. The only Redis.
//! - [`providers`]: one folder for each protocol, each a pure translator.
//! - [`jobs`]: reconciliation, parked movements, cleaning up; on one node at a time.
//! - [`feed`]: a provider's own list of transactions against our ledger.
//! - [`free_rounds`]: their totals against what single spins paid.
//! - [`edge`]: what strangers meet first, over HTTP and gRPC.
//! - [`currencies`]: what a node says of them at its start.
//! - [`http`]: callbacks, the operator's API, the API page, the ops port.
//! - [`grpc`]: the same door for in-house games, with a protocol of our own.
//! - [`config`], [`app`], [`telemetry`], [`meters`]: a node around it; [`cli`]: the commands of
//!   the program; [`fault_point`]: where the tests kill it.
//!
//! `ARCHITECTURE.md` beside this file says what each part must not know, and walks a bet and
//! a lost reply through the code.

pub mod app;
pub mod cache;
pub mod cli;
pub mod config;
pub mod core;
pub mod currencies;
pub mod edge;
pub mod engine;
pub mod fault_point;
pub mod feed;
pub mod free_rounds;
pub mod grpc;
pub mod http;
pub mod jobs;
pub mod meters;
pub mod provider;
pub mod providers;
pub mod store;
pub mod telemetry;
