//! What needs more than a function: real servers, real processes, real sockets.

mod bad_input;
mod cache;
mod decide_properties;
mod kills;
mod operator;
mod pragmatic;
mod races;
mod redis_faults;
mod softswiss;
mod store_properties;
mod support;
