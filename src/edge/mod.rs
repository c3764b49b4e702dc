//! What strangers meet first, over HTTP and gRPC alike: who calls, how much one address may take,
//! and how long a connection may take to say what it wants. It knows no provider's word, no money
//! and no database.
//!
//! - `address`: the caller's address, behind proxies too;
//! - `shares`: what one address may take of something that everybody needs;
//! - `patience`: a connection that takes too long to ask for anything; `leftover`: one that still
//!   sends when it has its reply;
//! - `path`: one way of spelling a path;
//! - `record`: the one log line and the one count of every call; `advice`: what it says to do about
//!   a mistake.

pub mod address;
pub mod advice;
pub mod leftover;
pub mod path;
pub mod patience;
pub mod record;
pub mod shares;
