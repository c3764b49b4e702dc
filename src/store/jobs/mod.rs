//! What the background jobs say: leases, parked movements, reconciliation, expiry.

pub mod audit;
pub mod expiry;
pub mod lease;
pub mod parked;
pub mod parked_list;
pub mod reconciliation;
pub mod retry_schedule;
