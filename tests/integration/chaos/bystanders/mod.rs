//! What one party does wrong is that party's trouble: everybody else plays on. Each fault here is
//! measured by its bystanders, honest players on the same nodes, who play in turns without the
//! fault and beside it ([`measure`]). PostgreSQL commits as slowly as on a busy disk ([`stand`]),
//! so that what makes others wait for a commit of its own shows.
//!
//! The short form asks what holds on the slowest machine: everybody is answered in time, whoever
//! cannot be served is told so, and the money adds up. The long form asks for the share of their
//! rate that bystanders must keep, too.

mod batches;
mod behind;
mod flood;
mod keys;
mod locks;
mod measure;
mod nodes;
mod parked;
mod providers;
mod refused;
mod rounds;
mod stand;
mod strangers;
mod waiting;
