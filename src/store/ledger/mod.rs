//! Reading the ledger for people and for streams: searches, statements, rounds, exports.

mod chunks;
pub mod currency;
pub mod entries;
pub mod free_rounds;
pub mod log;
pub mod mismatches;
pub mod provider_rows;
pub mod rounds;
pub mod search;
pub mod statement;
