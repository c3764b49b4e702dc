//! A call on its way through the layers, and what differs between the APIs that are called.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use axum::http::{Request, Response};
use tokio::time::Instant;

use super::record::{ABANDONED, CallOutcome, Line, Status, echo_request_id, request_id};
use super::trace;
use super::{Edge, address};
use crate::core::{PlayerId, TxId};
use crate::provider::Provider;
use crate::providers::{Failure, Operation};
use crate::telemetry::timeline::Traced;
use crate::telemetry::traces::CallSpan;

/// One of the APIs that a node serves: how it is found out whose a call is.
pub trait Api<B>: Clone {
    /// Its calls.
    type Call: Call;

    /// Whose call a request is.
    ///
    /// # Errors
    /// The reply to somebody who is nobody's.
    fn identify(
        &self,
        request: &mut Request<B>,
        started: Instant,
    ) -> Result<Self::Call, Response<<Self::Call as Call>::Reply>>;
}

/// A call of one API, as the layers see it. Clones are the same call; when the last of them goes,
/// the call is over: it is counted and logged, and its places are free.
pub trait Call: Clone + Send + 'static {
    /// Why it comes to nothing.
    type Refusal: From<Failure> + Send;
    /// The body of a reply.
    type Reply: Send;

    /// Who calls, for the log.
    fn caller(&self) -> &str;

    /// Until when there must be a reply.
    fn deadline(&self) -> Instant;

    /// Whether there is such a call, and whether it may come from where it comes from.
    ///
    /// # Errors
    /// The refusal.
    fn admit(&self) -> Result<(), Self::Refusal>;

    /// Takes a place among the calls in progress, for as long as the call lasts.
    ///
    /// # Errors
    /// [`Failure::Busy`] where there is none.
    fn take_place(&self) -> Result<(), Failure>;

    /// A refusal in the words of the API.
    fn refuse(&self, refusal: Self::Refusal) -> Response<Self::Reply>;

    /// What every reply says, whatever came of the call.
    fn sign_off(&self, reply: &mut Response<Self::Reply>);
}

/// A call with what is left of its request by now.
pub struct Arrival<C, R> {
    /// Which call.
    pub call: C,
    /// The request at first; what it asks for, once that is proven.
    pub request: R,
}

/// A call of a provider, over HTTP or gRPC: whose it is, how long it may take, the places that it
/// holds, and what came of it.
pub struct ProviderCall {
    edge: Arc<Edge>,
    /// Whose.
    pub provider: Arc<Provider>,
    /// Which, as far as the path tells.
    by_path: Option<&'static Operation>,
    /// Which, where the request's contents tell.
    by_contents: OnceLock<&'static Operation>,
    /// The caller's id for it, or ours.
    request_id: String,
    started: Instant,
    deadline: Instant,
    /// Where it comes from, if that can be told.
    from: Option<IpAddr>,
    /// Who is at the other end of the connection.
    peer: Option<SocketAddr>,
    places: AtomicU32,
    /// The player and the first key, as soon as they are known: for the log of a call that is
    /// abandoned.
    about: OnceLock<(PlayerId, Option<TxId>)>,
    outcomes: Mutex<Vec<(CallOutcome, Status)>>,
    span: Option<Box<CallSpan>>,
}

impl ProviderCall {
    /// A call that has just arrived.
    pub fn new<B>(
        edge: &Arc<Edge>,
        provider: Arc<Provider>,
        operation: Option<&'static Operation>,
        request: &Request<B>,
        started: Instant,
    ) -> Self {
        let headers = request.headers();
        let peer = request.extensions().get::<SocketAddr>().copied();
        let name = operation.map_or(UNKNOWN, |operation| operation.name);
        let begin = |traces| trace::begin(traces, &provider.id, name, headers, started);
        Self {
            span: edge.traces.as_ref().map(begin),
            edge: Arc::clone(edge),
            by_path: operation,
            by_contents: OnceLock::new(),
            request_id: request_id(headers),
            started,
            deadline: started + provider.deadline,
            provider,
            from: peer.and_then(|peer| address::caller(&edge.trusted_proxies, peer, headers)),
            peer,
            places: AtomicU32::new(0),
            about: OnceLock::new(),
            outcomes: Mutex::default(),
        }
    }

    /// With another deadline than the provider's.
    pub const fn until(mut self, deadline: Instant) -> Self {
        self.deadline = deadline;
        self
    }

    /// Which operation; `None` for what is none of the provider's.
    pub fn operation(&self) -> Option<&'static Operation> {
        self.by_contents.get().copied().or(self.by_path)
    }

    /// What it is called in logs, metrics and traces.
    pub fn operation_name(&self) -> &'static str {
        self.operation().map_or(UNKNOWN, |operation| operation.name)
    }

    /// The request says itself which operation it is.
    pub fn is_for(&self, operation: &'static Operation) {
        let _: Result<(), &Operation> = self.by_contents.set(operation);
    }

    /// The request says whom it is about.
    pub fn is_about(&self, player: &PlayerId, tx_id: Option<&TxId>) {
        let _: Result<(), _> = self.about.set((player.clone(), tx_id.cloned()));
    }

    /// When its head had arrived.
    pub const fn started(&self) -> Instant {
        self.started
    }

    /// After it the caller is told that it took too long.
    pub const fn deadline(&self) -> Instant {
        self.deadline
    }

    /// The address that is to account for it: where nobody can say who calls, whoever is at the
    /// other end of the connection.
    pub fn sender(&self) -> IpAddr {
        let peer = self.peer.map(|peer| peer.ip());
        self.from.or(peer).unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
    }

    /// Where it is written down what happens to its commands; `None` where it is not traced.
    pub fn timeline(&self) -> Traced {
        self.span.as_ref().and_then(|span| span.timeline())
    }

    /// What all calls of the node share.
    pub fn edge(&self) -> &Edge {
        &self.edge
    }

    /// Whether there is such an operation, and whether the provider may call from there.
    ///
    /// # Errors
    /// [`Failure::UnknownOperation`], [`Failure::AddressNotAllowed`].
    pub fn admit(&self) -> Result<(), Failure> {
        if self.by_path.is_none() {
            return Err(Failure::UnknownOperation);
        }
        if self.provider.may_call_from(self.from) {
            Ok(())
        } else {
            Err(Failure::AddressNotAllowed)
        }
    }

    /// Takes places among the calls in progress, of the node and of the provider.
    ///
    /// # Errors
    /// [`Failure::Busy`] where there are not so many.
    pub fn take_places(&self, count: u32) -> Result<(), Failure> {
        let node = self.edge.in_flight.try_acquire_many(count);
        let (Ok(node), Ok(own)) = (node, self.provider.in_flight.try_acquire_many(count)) else {
            return Err(Failure::Busy);
        };
        node.forget();
        own.forget();
        self.places.fetch_add(count, Ordering::Relaxed);
        Ok(())
    }

    /// What came of it; of a batch, of each command. A refused address is named.
    pub fn ended(&self, mut outcome: CallOutcome, status: Status) {
        if outcome.word == Failure::AddressNotAllowed.as_str() {
            outcome.detail = Some(match self.from {
                Some(ip) => format!("from {ip}"),
                None => "from an address that cannot be read".to_owned(),
            });
        }
        self.outcomes.lock().unwrap_or_else(PoisonError::into_inner).push((outcome, status));
    }

    /// True when anybody has said what came of it.
    pub fn has_ended(&self) -> bool {
        !self.outcomes.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// Names the request, and its span, in the reply.
    pub fn sign_off<B>(&self, reply: &mut Response<B>) {
        echo_request_id(reply, &self.request_id);
        if let Some(span) = &self.span {
            span.pass_on(reply.headers_mut());
        }
    }
}

/// What an operation is called that is none.
const UNKNOWN: &str = "unknown";

/// One metric and one log line for each call, and for each command of a batch.
impl Drop for ProviderCall {
    fn drop(&mut self) {
        let places = usize::try_from(*self.places.get_mut()).unwrap_or_default();
        if places > 0 {
            self.edge.in_flight.add_permits(places);
            self.provider.in_flight.add_permits(places);
        }
        let outcomes = self.outcomes.get_mut().unwrap_or_else(PoisonError::into_inner);
        let mut outcomes = std::mem::take(outcomes);
        if outcomes.is_empty() {
            let (player, tx_id) = self.about.take().unzip();
            let word = ABANDONED;
            let tx_id = tx_id.flatten();
            outcomes.push((
                CallOutcome { word, player, tx_id, ..CallOutcome::default() },
                Status::Unsent,
            ));
        }
        let line = Line {
            provider: &self.provider,
            operation: self.operation_name(),
            request_id: &self.request_id,
            started: self.started,
        };
        let trace_id = self.span.as_ref().and_then(|span| span.trace_id());
        for (outcome, status) in &outcomes {
            line.write(outcome, *status, trace_id.as_deref());
        }
        if let (Some(span), Some((outcome, status))) = (self.span.take(), outcomes.first()) {
            trace::finish(span, &line, outcome, *status);
        }
    }
}
