//! Game providers: one folder for each protocol, each a pure translator between a wire
//! format and the core's words. Nothing outside a folder knows its protocol.
//!
//! Adding a protocol is one folder with the same file names, and one line in [`PROTOCOLS`].

pub mod adapter;
mod call;
pub mod evolution;
mod examples;
pub mod exponents;
mod failure;
pub mod grpc;
pub mod issues;
mod json;
pub mod pragmatic;
pub mod signature;
pub mod softswiss;
pub mod spribe;

use std::collections::BTreeSet;
use std::fmt;

use crate::core::ProviderId;
pub use adapter::{
    Adapter, Answer, Asked, FreeRoundsTotal, PlayerView, Reply, Request, Terms, Unnamed,
};
pub use call::{Opened, Operation, RawCall, Signed, Verb};
pub use failure::Failure;

/// A way to speak: what the configuration's `protocol = "…"` names.
pub struct Protocol {
    /// As configured.
    pub name: &'static str,
    /// Makes the adapter of one provider.
    pub build: fn(Setup) -> Result<Box<dyn Adapter>, String>,
    /// What the integrators' page shows; `None` where nothing is called over HTTP.
    pub page: Option<Page>,
}

impl fmt::Debug for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// A provider as configured, for its protocol to say what is wrong with it.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Its slug.
    pub provider: ProviderId,
    /// Its `settings` table.
    pub settings: toml::Table,
    /// The secrets that have a name; see [`signature::Proof::secret`].
    pub named_secrets: BTreeSet<String>,
    /// True where only some addresses may call: a protocol that leaves amounts unsigned can demand
    /// that.
    pub is_walled: bool,
}

/// A protocol on the integrators' page.
pub struct Page {
    /// The paths and shapes.
    pub openapi: fn() -> utoipa::openapi::OpenApi,
    /// A JavaScript module with which that page signs a call before it is tried out. It exports
    /// `asks`, what the secret is called, and `sign(request, secret)`, which changes the request
    /// and resolves to the text that was signed and the signature.
    pub sign_js: &'static str,
}

/// Every protocol that this build speaks.
pub const PROTOCOLS: &[Protocol] = &[
    pragmatic::PROTOCOL,
    softswiss::PROTOCOL,
    evolution::PROTOCOL,
    spribe::PROTOCOL,
    grpc::PROTOCOL,
];

/// The protocol of that name.
pub fn protocol(name: &str) -> Option<&'static Protocol> {
    PROTOCOLS.iter().find(|protocol| protocol.name == name)
}

/// Those that have a page.
pub fn pages() -> impl Iterator<Item = (&'static str, &'static Page)> {
    PROTOCOLS.iter().filter_map(|protocol| Some((protocol.name, protocol.page.as_ref()?)))
}

/// The page of that protocol.
pub fn page(name: &str) -> Option<&'static Page> {
    protocol(name)?.page.as_ref()
}
