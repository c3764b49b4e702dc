//! Everything that most tests need, started and stopped together.

use super::bank::Bank;
use super::database::Database;
use super::http::Endpoint;
use super::ledger;
use super::node::{Node, Setup};
use super::postgres_server::PostgresServer;
use super::redis_server::RedisServer;

/// A database, a Redis of one's own, and nodes on both.
pub struct World {
    /// They all serve the same players.
    pub nodes: Vec<Node>,
    /// For players, money and sessions to start with.
    pub bank: Bank,
    /// Used by every node.
    pub redis: RedisServer,
    /// Used by every node.
    pub database: Database,
}

impl World {
    /// One with so many nodes, configured as usual.
    pub async fn with_nodes(count: usize) -> Self {
        Self::tuned(count, "").await
    }

    /// One whose nodes get further lines of TOML.
    pub async fn tuned(count: usize, toml: &str) -> Self {
        Self::of(Database::fresh().await, count, toml).await
    }

    /// One on a PostgreSQL that is going to be broken.
    pub async fn on(server: &PostgresServer, count: usize, toml: &str) -> Self {
        Self::of(Database::on(server).await, count, toml).await
    }

    async fn of(database: Database, count: usize, toml: &str) -> Self {
        let redis = RedisServer::start();
        let bank = Bank::at(&database);
        let mut world = Self { nodes: Vec::with_capacity(count), bank, redis, database };
        for _ in 0..count {
            world.add_node(toml).await;
        }
        world
    }

    /// One more node.
    pub async fn add_node(&mut self, toml: &str) {
        self.nodes.push(Node::start(&self.setup(toml)).await);
    }

    /// How a node of this world is started.
    pub fn setup(&self, toml: &str) -> Setup {
        Setup::on(&self.database).with_redis(&self.redis).with(toml)
    }

    /// Where a node is called; counted on beyond the last one, from the first again.
    pub fn api(&self, number: usize) -> &Endpoint {
        &self.nodes[number % self.nodes.len()].api
    }

    /// Where every node is called.
    pub fn apis(&self) -> Vec<Endpoint> {
        self.nodes.iter().map(|node| node.api.clone()).collect()
    }

    /// A player's balance in cents, as the database has it.
    pub async fn balance(&self, player: &str) -> i64 {
        let sql = "SELECT balance_micros / 10000 FROM wallet WHERE player_id = $1";
        let cents = sqlx::query_scalar(sql).bind(player).fetch_one(&self.database.pool).await;
        cents.expect("a wallet")
    }

    /// How often something with that tx id or about that target was written with effect.
    pub async fn applied(&self, tx_id: &str) -> i64 {
        let sql = "SELECT count(*) FROM trx_log WHERE tx_id = $1 AND outcome = 'applied'";
        let count = sqlx::query_scalar(sql).bind(tx_id).fetch_one(&self.database.pool).await;
        count.expect("a count")
    }

    /// What stands in the ledger under a provider's key: outcome, reason and what moved in cents.
    pub async fn row(&self, provider: &str, tx_id: &str) -> Option<(String, String, i64)> {
        let sql = "SELECT outcome, coalesce(reason, ''), amount_micros / 10000 FROM trx_log
                   WHERE provider = $1 AND tx_id = $2";
        let row = sqlx::query_as(sql).bind(provider).bind(tx_id);
        row.fetch_optional(&self.database.pool).await.expect("a ledger")
    }

    /// Panics when the money does not add up.
    pub async fn check(&self) {
        ledger::check_integrity(&self.database.pool).await;
    }
}
