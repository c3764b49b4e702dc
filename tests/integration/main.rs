//! What needs more than a function: real servers, real processes, real sockets.

mod bad_input;
mod cache;
mod captures;
mod chaos;
mod currencies;
mod decide_properties;
mod deployment;
mod docs;
mod feed;
mod grpc;
mod houserules;
mod jobs;
mod kills;
mod many_nodes;
mod migrations;
mod money_path;
mod operator;
mod pragmatic;
mod races;
mod redis_faults;
mod softswiss;
mod statements;
mod store_properties;
mod support;
mod transactions;
mod watching;
