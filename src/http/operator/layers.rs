//! What every operator's call goes through: the layers of `edge`, with the operator's own proof, a
//! key, and own words, problem documents.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{FromRequestParts, MatchedPath};
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderValue, Method, Request, Response, header};
use axum::response::IntoResponse;
use axum::routing::Route;
use futures_util::future::Either;
use futures_util::future::{MapErr, TryFutureExt};
use metrics::{counter, histogram};
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::OnceLock;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tower::layer::layer_fn;
use tower::{Layer, Service};

use super::auth::{Caller, Keys};
use super::error;
use crate::app::App;
use crate::config::Role;
use crate::edge;
use crate::edge::call::{Api, Arrival};
use crate::edge::record::{ABANDONED, echo_request_id, request_id, whole_micros};
use crate::edge::stack;
use crate::http::problem::{Problem, ProblemCode};
use crate::providers::Failure;

/// Who may come in, and how much at once.
pub struct Limits {
    /// Every key.
    pub keys: Keys,
    /// The longest that a call may take.
    pub deadline: Duration,
    /// The largest body, in bytes.
    pub body_max: usize,
    /// Places for calls in progress.
    pub in_flight: Arc<Semaphore>,
}

impl Limits {
    /// As configured.
    pub fn of(app: &App) -> Self {
        Self {
            keys: Keys::new(&app.operator_keys),
            deadline: app.operator_deadline,
            body_max: app.operator_body_max,
            in_flight: Arc::new(Semaphore::new(app.operator_in_flight_max)),
        }
    }
}

/// Puts the layers around the routes.
pub fn around(limits: Limits, routes: Router) -> Router {
    let api = Operator(Arc::new(limits));
    let layers = layer_fn(move |route| stack::around(api.clone(), RequireKey, Routed(route)));
    routes
        .method_not_allowed_fallback(|| async { error::wrong_method() })
        .fallback(|| async { error::no_such_path() })
        .layer(layers)
}

/// The operator's API.
#[derive(Clone)]
struct Operator(Arc<Limits>);

impl Api<Body> for Operator {
    type Call = Call;

    fn identify(
        &self,
        request: &mut Request<Body>,
        started: Instant,
    ) -> Result<Call, Response<Body>> {
        let route = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
        Ok(Call(Arc::new(Known {
            caller: self.0.keys.holder(request.headers()),
            request_id: request_id(request.headers()),
            method: known_method(request.method()),
            route: route.unwrap_or("unmatched").to_owned(),
            limits: Arc::clone(&self.0),
            started,
            place: OnceLock::new(),
            reply: OnceLock::new(),
        })))
    }
}

/// One call on its way through the layers.
#[derive(Clone)]
pub struct Call(Arc<Known>);

struct Known {
    limits: Arc<Limits>,
    /// Whose; `None` without a key that is known.
    caller: Option<Caller>,
    started: Instant,
    request_id: String,
    method: &'static str,
    route: String,
    place: OnceLock<OwnedSemaphorePermit>,
    /// The status and, of a refusal, the code.
    reply: OnceLock<(u16, Option<&'static str>)>,
}

impl Call {
    /// The name of the key that it came with; nobody comes further without one.
    pub fn key_name(&self) -> &str {
        self.0.caller.as_ref().map_or("", |caller| &caller.name)
    }

    /// After it the caller is told that it took too long.
    pub fn deadline(&self) -> Instant {
        self.0.started + self.0.limits.deadline
    }

    /// The largest body, in bytes.
    pub fn body_max(&self) -> usize {
        self.0.limits.body_max
    }

    /// The call that a request is.
    ///
    /// # Errors
    /// Outside the layers: a fault of ours.
    pub fn of(extensions: &Extensions) -> Result<Self, Problem> {
        extensions.get::<Self>().cloned().ok_or_else(error::internal)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Call {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Self::of(&parts.extensions)
    }
}

/// Why a call came to nothing before it reached its handler.
pub enum Refusal {
    /// As in every API.
    Failed(Failure),
    /// In the operator's words.
    Problem(Problem),
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl edge::call::Call for Call {
    type Refusal = Refusal;
    type Reply = Body;

    fn caller(&self) -> &'static str {
        "operator"
    }

    fn deadline(&self) -> Instant {
        Self::deadline(self)
    }

    /// From everywhere: who may call is a question of the key.
    fn admit(&self) -> Result<(), Refusal> {
        Ok(())
    }

    fn take_place(&self) -> Result<(), Failure> {
        let place = Arc::clone(&self.0.limits.in_flight).try_acquire_owned();
        let place = place.map_err(|_| Failure::Busy)?;
        self.0.place.set(place).map_err(|_| Failure::Internal)
    }

    fn refuse(&self, refusal: Refusal) -> Response<Body> {
        let problem = match refusal {
            Refusal::Problem(problem) => problem,
            Refusal::Failed(Failure::Busy) => error::busy(),
            Refusal::Failed(Failure::Timeout) => error::timeout(),
            Refusal::Failed(_) => error::internal(),
        };
        problem.into_response()
    }

    fn sign_off(&self, reply: &mut Response<Body>) {
        echo_request_id(reply, &self.0.request_id);
        // Balances and tokens are nobody's to keep on the way.
        reply.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        let code = reply.extensions().get::<ProblemCode>().map(|code| code.0);
        let _: Result<(), _> = self.0.reply.set((reply.status().as_u16(), code));
    }
}

/// One count and one line, also where the caller has gone before.
impl Drop for Known {
    fn drop(&mut self) {
        let elapsed = self.started.elapsed();
        let reply = self.reply.get();
        let status = reply.map(|(status, _)| *status);
        let labels = [
            ("method", self.method.to_owned()),
            ("route", self.route.clone()),
            ("status", status.map_or_else(|| ABANDONED.to_owned(), |status| status.to_string())),
        ];
        counter!("wallet_operator_calls_total", &labels).increment(1);
        histogram!("wallet_operator_call_duration_seconds", "route" => self.route.clone())
            .record(elapsed.as_secs_f64());
        let code = reply.map_or(Some(ABANDONED), |(_, code)| *code);
        tracing::info!(
            key = self.caller.as_ref().map(|caller| &*caller.name),
            method = self.method,
            route = self.route.as_str(),
            status,
            code,
            latency_us = whole_micros(elapsed),
            request_id = self.request_id.as_str(),
            "operator call"
        );
    }
}

/// A caller's own inventions do not become labels.
fn known_method(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}

/// Strangers learn nothing, not even which paths there are.
#[derive(Clone, Copy)]
struct RequireKey;

impl<S> Layer<S> for RequireKey {
    type Service = KeyRequired<S>;

    fn layer(&self, inner: S) -> Self::Service {
        KeyRequired(inner)
    }
}

#[derive(Clone)]
struct KeyRequired<S>(S);

impl<S, R> Service<Arrival<Call, Request<R>>> for KeyRequired<S>
where
    S: Service<Arrival<Call, Request<R>>, Error = Refusal>,
{
    type Response = S::Response;
    type Error = Refusal;
    type Future = Either<S::Future, Ready<Result<S::Response, Refusal>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Refusal>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, arrival: Arrival<Call, Request<R>>) -> Self::Future {
        let role = arrival.call.0.caller.as_ref().map(|caller| caller.role);
        let refused = match role {
            None => error::unauthorized(),
            Some(Role::Read) if !arrival.request.method().is_safe() => error::read_only(),
            Some(Role::Read | Role::Write) => return Either::Left(self.0.call(arrival)),
        };
        Either::Right(ready(Err(Refusal::Problem(refused))))
    }
}

/// A route, as what is inside the layers. Its handler finds the call among the request's extensions.
#[derive(Clone)]
struct Routed(Route);

type RouteFuture = <Route as Service<Request<Body>>>::Future;

impl Service<Arrival<Call, Request<Body>>> for Routed {
    type Response = Response<Body>;
    type Error = Refusal;
    type Future = MapErr<RouteFuture, fn(Infallible) -> Refusal>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Refusal>> {
        Poll::Ready(Ok(()))
    }

    fn call(
        &mut self,
        Arrival { call, mut request }: Arrival<Call, Request<Body>>,
    ) -> Self::Future {
        request.extensions_mut().insert(call);
        let never: fn(Infallible) -> Refusal = |never| match never {};
        self.0.call(request).map_err(never)
    }
}
