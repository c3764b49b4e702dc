//! The cache against a real Redis: what it remembers, what it refuses to believe, and what is
//! left when Redis is killed, frozen, flushed or full of nonsense.

use crate::support::patience::eventually;
use std::time::Duration;

use seamless_wallet::cache::{Ahead, Cache, CacheConfig, CachedBalance, Claim, Claimed};
use seamless_wallet::core::{Currency, Key, Micros, PlayerId, PlayerStatus, ProviderId, TxId};

mod balances;
mod claims;
mod cluster;
mod lies;
mod lost_commits;
mod outages;

/// A machine that is busy with other tests must not look like a slow Redis.
const PATIENT: Duration = Duration::from_millis(500);

async fn cache(url: String) -> Cache {
    let config = CacheConfig { url: Some(url), command_timeout: PATIENT, ..CacheConfig::default() };
    Cache::connect(config).await.unwrap()
}

/// Short waits, for a Redis that fails.
async fn hasty_cache(url: String) -> Cache {
    let config = CacheConfig {
        url: Some(url),
        breaker_pause: Duration::from_millis(200),
        ..CacheConfig::default()
    };
    Cache::connect(config).await.unwrap()
}

/// One call at a time.
trait OneByOne {
    async fn claim(&self, key: &Key, player: &PlayerId) -> Claimed;
    async fn publish(&self, player: &str, balance: CachedBalance) -> Option<Ahead>;
}

impl OneByOne for Cache {
    async fn claim(&self, key: &Key, player: &PlayerId) -> Claimed {
        let claims = [Claim { key: key.clone(), player }];
        self.claim_all(&claims).await.pop().expect("an answer for each")
    }

    async fn publish(&self, id: &str, balance: CachedBalance) -> Option<Ahead> {
        self.publish_all(vec![(player(id), balance)]).await.pop()
    }
}

fn player(id: &str) -> PlayerId {
    PlayerId::parse(id).unwrap()
}

fn key(tx_id: &str) -> Key {
    Key { provider: ProviderId::parse("acme").unwrap(), tx_id: TxId::parse(tx_id).unwrap() }
}

fn balance(version: i64, units: i64) -> CachedBalance {
    CachedBalance {
        currency: Currency::parse("EUR").unwrap(),
        balance: Micros::new(units * 1_000_000),
        version,
        status: PlayerStatus::Active,
    }
}
