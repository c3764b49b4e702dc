//! What the tests stand on: real servers, real processes, real sockets.
//!
//! - [`world`]: everything at once: a database, a Redis, nodes, players. Start here.
//! - [`bank`]: the library's own door, for players and money to start with.
//! - [`database`]: a fresh database for each test, on a server that all of them share.
//! - [`postgres_server`], [`redis_server`], [`redis_cluster`], [`redis_sentinel`]: servers of
//!   one's own, to be broken.
//! - [`node`]: the wallet's program as a process.
//! - [`http`]: calling a node, in whole requests or byte by byte.
//! - [`pragmatic`], [`softswiss`], [`evolution`], [`spribe`], [`operator`]: callers that speak and sign
//!   like the real ones.
//! - [`mod@grpc`]: an in-house game, with the client that is generated.
//! - [`proxy`]: a wire to a server that is slow, is cut, or loses what comes back.
//! - [`traffic`]: providers that play rounds and repeat themselves until they are answered; one
//!   of them is a [`provider`].
//! - [`ledger`]: does the money add up?
//! - [`log`]: what this process itself has logged.
//! - [`model`]: a wallet in memory, and commands of every kind for it.
//! - [`haproxy`], [`pgbouncer`]: what stands in front of many nodes, and behind them.
//! - [`chromium`]: what stands in front of a person.
//! - [`certificates`]: an authority for servers that encrypt.
//! - [`patience`]: how long a test waits for what has to come.
//! - [`tool`], [`ports`]: programs that only some tests need, and ports of one's own.
//! - [`process`]: child processes and folders that never outlive the tests.

pub mod bank;
pub mod certificates;
pub mod chromium;
pub mod database;
pub mod evolution;
pub mod grpc;
pub mod haproxy;
pub mod http;
pub mod ledger;
pub mod log;
pub mod model;
pub mod node;
pub mod operator;
pub mod patience;
pub mod pgbouncer;
pub mod ports;
pub mod postgres_server;
pub mod pragmatic;
pub mod process;
pub mod provider;
pub mod proxy;
pub mod redis_cluster;
pub mod redis_sentinel;
pub mod redis_server;
pub mod softswiss;
pub mod spribe;
pub mod tool;
pub mod traffic;
pub mod world;
