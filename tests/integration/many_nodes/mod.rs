//! What takes several servers: nodes behind a proxy, a PostgreSQL with a standby, a Redis
//! Cluster, a pooler in front of PostgreSQL.

mod failover;
mod pgbouncer;
mod redis_cluster;
mod redis_sentinel;
mod redis_tls;
mod rolling;
