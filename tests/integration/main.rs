//! What needs more than a function: real servers, real sockets.

mod cache;
mod redis_server;
