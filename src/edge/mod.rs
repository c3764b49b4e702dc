//! What every call goes through, over HTTP and gRPC alike, and what strangers meet first. It knows no
//! provider's word, no money and no database.
//!
//! - `stack`: the layers, from the outside in, in one function. Each is a tower layer with a file of
//!   its own: `identify`, `observe`, `refuse`, `panic`, `deadline`, `admit`; and, for callbacks,
//!   `body` and `prove` (the signature);
//! - `call`: a call on its way through them, and what differs between the APIs;
//! - `record`: the one log line and the one count of every call; `trace`: its span; `advice`: what
//!   the line says to do about a mistake;
//! - `address`: the caller's address, behind proxies too; `shares`: what one address may take of
//!   something that everybody needs;
//! - `patience`: a connection that takes too long to ask for anything; `leftover`: one that still
//!   sends when it has its reply; `begun`: one that ends with its request;
//! - `path`: one way of spelling a path.

pub mod address;
pub mod admit;
pub mod advice;
pub mod begun;
pub mod body;
pub mod call;
pub mod deadline;
pub mod identify;
pub mod leftover;
pub mod observe;
pub mod panic;
pub mod path;
pub mod patience;
pub mod prove;
pub mod record;
pub mod refuse;
pub mod shares;
pub mod stack;
mod trace;

use std::sync::Arc;

use ipnet::IpNet;
use tokio::sync::Semaphore;

use self::shares::Shares;
use crate::telemetry::Traces;

/// What all calls of providers share at the edge of a node.
pub struct Edge {
    /// Proxies whose word about the caller's address is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Places for calls in progress, over all providers.
    pub in_flight: Semaphore,
    /// Bytes of bodies whose senders have not proven who they are.
    pub unproven_bytes: Arc<Shares>,
    /// Where traces are made; `None` where nobody wants any.
    pub traces: Option<Traces>,
}
