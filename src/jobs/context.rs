//! What the jobs of a node work with.

use std::collections::HashMap;
use std::sync::Arc;

use super::reapply;
use crate::config;
use crate::engine::Wallet;
use crate::provider::Provider;
use crate::store::PgPool;

/// What the jobs of a node work with.
pub struct Context {
    /// The one door to money.
    pub wallet: Arc<Wallet>,
    /// By slug: how long a provider's movements wait, and whose its free rounds are.
    pub providers: HashMap<String, Arc<Provider>>,
    /// Connections for leases alone.
    pub leases: PgPool,
    /// How the jobs are run.
    pub settings: config::Jobs,
    /// How far reapplying has come on this node.
    pub reapply: reapply::Position,
}
