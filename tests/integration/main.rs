//! What needs more than a function: real servers, real processes, real sockets.

mod cache;
mod decide_properties;
mod kills;
mod pragmatic;
mod races;
mod redis_faults;
mod softswiss;
mod support;
