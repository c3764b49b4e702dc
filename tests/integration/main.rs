//! What needs more than a function: real servers, real processes, real sockets.

mod bad_input;
mod cache;
mod decide_properties;
mod kills;
mod operator;
mod races;
mod redis_faults;
mod store_properties;
mod support;
