//! The statements of the background jobs: leases, parked movements, reconciliation, expiry.
//!
//! `parked` has the movements that are due, `retry_schedule` plans which are, `parked_list` is for
//! people.

pub mod audit;
pub mod expiry;
pub mod lease;
pub mod parked;
pub mod parked_list;
pub mod reconciliation;
pub mod retry_schedule;
