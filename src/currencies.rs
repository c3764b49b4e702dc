//! What a node says at its start about currencies: which are counted finer than they are booked,
//! and which of its wallets cannot play at a provider.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use sqlx::PgPool;

use crate::core::Currency;
use crate::provider::Provider;
use crate::store::directory::players;

/// Between two looks at a database that is not there yet.
const PAUSE: Duration = Duration::from_secs(5);

/// Says which known currencies have a smallest unit that is finer than a micro.
pub fn log_finer_than_booked(provider: &Provider) {
    let finer = provider.adapter.counted_finer_than_booked();
    if finer.is_empty() {
        return;
    }
    let currencies: Vec<&str> = finer.iter().map(Currency::as_str).collect();
    tracing::info!(
        provider = %provider.id, currencies = currencies.join(" "),
        "amounts of these currencies may be finer than a micro: of credits the rest is cut off and \
         flagged, debits that do not fit are refused"
    );
}

/// Warns of the currencies of wallets that providers cannot count, as soon as the database says
/// which there are.
pub async fn warn_of_unknown(pool: PgPool, providers: HashMap<String, Arc<Provider>>) {
    let currencies = loop {
        match players::currencies(&pool).await {
            Ok(currencies) => break currencies,
            Err(error) => tracing::debug!(%error, "the wallets' currencies are not known yet"),
        }
        tokio::time::sleep(PAUSE).await;
    };
    for currency in currencies.iter().filter_map(|code| Currency::parse(code).ok()) {
        for provider in providers.values() {
            if !provider.adapter.can_count(&currency) {
                tracing::warn!(
                    provider = %provider.id, %currency,
                    "there are wallets of a currency whose decimals are not known at this \
                     provider: their calls are refused until its settings have them (`exponents`)"
                );
            }
        }
    }
}
