//! Free rounds: `issues` says whose they are where the provider's calls do not; here, their totals
//! are held against what their single spins paid.
//!
//! They are paid spin by spin or as a total, as agreed with their provider; where both say
//! more than nothing, somebody has to look whether both sides agreed on the same. That is looked
//! up behind the reply to the total, and changes nothing.

pub mod issues;

use std::collections::HashMap;
use std::sync::Arc;

use metrics::counter;
use sqlx::PgPool;
use tokio::sync::mpsc;

use crate::core::{PlayerId, ProviderId, TxId};
use crate::engine::FreeRoundWatch;
use crate::provider::Provider;
use crate::providers::FreeRoundsTotal;
use crate::store::ledger::free_rounds::paid_by_spin;

/// Totals that wait to be compared.
const QUEUE: usize = 256;

/// The single spins were paid, and the total as well.
const TWICE: &str = "free_rounds_twice";
/// The single spins were paid, and the total was noted.
const NOTED: &str = "free_rounds_noted";
/// What is counted in `wallet_flagged_total`.
pub const REASONS: [&str; 2] = [TWICE, NOTED];

/// A total that was booked.
pub struct Total {
    provider: ProviderId,
    player: PlayerId,
    tx_id: TxId,
    booked: FreeRoundsTotal,
}

/// Picks the totals out of the free rounds that were booked.
pub fn watch(providers: HashMap<String, Arc<Provider>>) -> (FreeRoundWatch, mpsc::Receiver<Total>) {
    let (sender, totals) = mpsc::channel(QUEUE);
    let watch: FreeRoundWatch = Box::new(move |command, movement| {
        let provider = providers.get(command.provider.as_str());
        let booked = provider.and_then(|provider| provider.adapter.free_rounds_total(movement));
        let Some(booked) = booked else { return };
        let (provider, player) = (command.provider.clone(), command.player.clone());
        let total = Total { provider, player, tx_id: movement.tx_id.clone(), booked };
        // No reply waits for it.
        if let Err(error) = sender.try_send(total) {
            tracing::warn!(
                provider = %command.provider, player = %command.player, tx_id = %movement.tx_id,
                %error, "a total of free rounds is not compared"
            );
        }
    });
    (watch, totals)
}

/// Holds each total against what its single spins paid, as long as there are any.
pub async fn compare(pool: PgPool, mut totals: mpsc::Receiver<Total>) {
    while let Some(Total { provider, player, tx_id, booked }) = totals.recv().await {
        match paid_by_spin(&pool, &player, &provider, &booked.detail_of_spins).await {
            Ok(spins) if spins.results > 0 => {
                let reason = if booked.paid { TWICE } else { NOTED };
                counter!(
                    "wallet_flagged_total",
                    "provider" => provider.to_string(), "reason" => reason,
                )
                .increment(1);
                tracing::warn!(
                    %provider, %player, %tx_id, reason, total = %booked.total.micros(),
                    results = spins.results, paid_by_spin = %spins.amount,
                    "free rounds were paid spin by spin, and their total came as well"
                );
            }
            Ok(_) => {}
            Err(error) => tracing::warn!(
                %provider, %player, %tx_id, %error, "a total of free rounds is not compared"
            ),
        }
    }
}
