//! One call on its way: whose it is, how long it may take, the places that it holds, and what is
//! counted and logged of it when it is over.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use axum::http::HeaderMap;
use tokio::time::Instant;
use tonic::Code;

use super::refusal::Refusal;
use crate::app::{App, Provider};
use crate::core::{PlayerId, TxId};
use crate::http::layers::{Told, request_id, whole_micros};
use crate::providers::{Failure, Operation};

/// A call, as long as it lasts: that of a stream until the stream ends.
pub struct Call {
    app: Arc<App>,
    /// Whose.
    pub client: Arc<Provider>,
    /// Which; `None` for what is no method.
    pub operation: Option<&'static Operation>,
    /// The caller's id for it, or ours.
    pub request_id: String,
    /// When its headers had arrived.
    pub started: Instant,
    places: AtomicU32,
    said: Mutex<Vec<(Told, Code)>>,
}

impl Call {
    /// A call that holds no place yet.
    pub fn new(
        app: &Arc<App>,
        client: Arc<Provider>,
        operation: Option<&'static Operation>,
        headers: &HeaderMap,
        started: Instant,
    ) -> Self {
        Self {
            app: Arc::clone(app),
            client,
            operation,
            request_id: request_id(headers),
            started,
            places: AtomicU32::new(0),
            said: Mutex::default(),
        }
    }

    /// Takes places among the calls in progress, of the node and of the client.
    ///
    /// # Errors
    /// [`Failure::Busy`] where there are not so many.
    pub fn take_places(&self, count: u32) -> Result<(), Failure> {
        let node = self.app.in_flight.try_acquire_many(count);
        let (Ok(node), Ok(own)) = (node, self.client.in_flight.try_acquire_many(count)) else {
            return Err(Failure::Busy);
        };
        node.forget();
        own.forget();
        self.places.fetch_add(count, Ordering::Relaxed);
        Ok(())
    }

    /// What came of it; of a batch, of each command.
    pub fn tell(&self, told: Told) {
        self.note(told, Code::Ok);
    }

    /// It, or a command of it, came to nothing.
    pub fn tell_refused(&self, refusal: &Refusal) {
        let told = Told { outcome: refusal.outcome(), detail: refusal.detail(), ..Told::default() };
        self.note(told, refusal.code());
    }

    fn note(&self, told: Told, code: Code) {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).push((told, code));
    }

    /// True when anybody has said what came of it.
    pub fn is_told(&self) -> bool {
        !self.said.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }
}

/// One metric and one log line for each call, and for each command of a batch.
impl Drop for Call {
    fn drop(&mut self) {
        let places = usize::try_from(*self.places.get_mut()).unwrap_or_default();
        self.app.in_flight.add_permits(places);
        self.client.in_flight.add_permits(places);
        let operation = self.operation.map_or("unknown", |operation| operation.name);
        let elapsed = self.started.elapsed();
        let said = self.said.get_mut().unwrap_or_else(PoisonError::into_inner);
        if said.is_empty() {
            // The caller went away before it had its answer.
            said.push((Told { outcome: "abandoned", ..Told::default() }, Code::Cancelled));
        }
        for (told, code) in said {
            self.client.meters.note(operation, told.outcome, elapsed);
            tracing::info!(
                provider = self.client.id.as_str(),
                operation,
                outcome = told.outcome,
                player = told.player.as_ref().map(PlayerId::as_str),
                tx_id = told.tx_id.as_ref().map(TxId::as_str),
                transaction_id = told.transaction_id.map(tracing::field::display),
                detail = told.detail.as_deref(),
                grpc_status = i32::from(*code),
                latency_us = whole_micros(elapsed),
                request_id = self.request_id.as_str(),
                "call"
            );
        }
    }
}
