//! What needs more than a function: real servers, real processes, real sockets.

mod cache;
mod races;
mod support;
