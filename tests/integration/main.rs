//! What needs more than a function: real servers, real sockets.

mod cache;
mod log;
mod redis_server;
