//! One call on its way: whose it is, how long it may take, the places that it holds, and what is
//! counted and logged of it when it is over.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use axum::http::HeaderMap;
use tokio::time::Instant;
use tonic::Code;

use super::refusal::Refusal;
use crate::app::{App, Provider};
use crate::edge::record::{ABANDONED, Record, Status, Told, request_id};
use crate::providers::{Failure, Operation};

/// A call, as long as it lasts: that of a stream until the stream ends.
pub struct Call {
    app: Arc<App>,
    /// Whose.
    pub client: Arc<Provider>,
    /// Which; `None` for what is no method.
    pub operation: Option<&'static Operation>,
    /// What is written down of it.
    pub record: Record,
    places: AtomicU32,
    /// The address, where it may not call from there.
    from: OnceLock<String>,
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
            record: Record {
                provider: Arc::clone(&client),
                operation: operation.map_or("unknown", |operation| operation.name),
                request_id: request_id(headers),
                started,
            },
            client,
            operation,
            places: AtomicU32::new(0),
            from: OnceLock::new(),
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
        let detail = refusal.detail().or_else(|| self.from.get().cloned());
        let told = Told { outcome: refusal.outcome(), detail, ..Told::default() };
        self.note(told, refusal.code());
    }

    /// Where from, for the log.
    pub fn comes_from(&self, address: String) {
        let _: Result<(), String> = self.from.set(address);
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
        let said = self.said.get_mut().unwrap_or_else(PoisonError::into_inner);
        if said.is_empty() {
            said.push((Told { outcome: ABANDONED, ..Told::default() }, Code::Cancelled));
        }
        for (told, code) in said {
            self.record.write(told, Status::Grpc(*code), None);
        }
    }
}
