//! What every operator's call goes through, outermost first.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{FromRequestParts, MatchedPath, Request, State};
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderValue, Method, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use metrics::{counter, histogram};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tower::ServiceBuilder;

use super::auth::{Caller, Keys};
use super::error;
use crate::app::App;
use crate::config::Role;
use crate::edge::record::{ABANDONED, echo_request_id, request_id, whole_micros};
use crate::http::layers::run_contained;
use crate::http::problem::{Problem, ProblemCode};

/// Who may come in, and how much at once.
pub struct Gate {
    /// Every key.
    pub keys: Keys,
    /// The longest that a call may take.
    pub deadline: Duration,
    /// The largest body, in bytes.
    pub body_max: usize,
    /// Calls in progress.
    pub in_flight: Semaphore,
}

impl Gate {
    /// The gate as configured.
    pub fn of(app: &App) -> Self {
        Self {
            keys: Keys::new(&app.operator_keys),
            deadline: app.operator_deadline,
            body_max: app.operator_body_max,
            in_flight: Semaphore::new(app.operator_in_flight_max),
        }
    }
}

/// One call on its way through the layers.
#[derive(Clone)]
pub struct Call {
    /// Whose; `None` without a key that is known.
    pub caller: Option<Caller>,
    /// After it the caller is told that it took too long.
    pub deadline: Instant,
    /// The largest body, in bytes.
    pub body_max: usize,
}

impl Call {
    /// The name of the key that it came with; nobody comes further without one.
    pub fn key_name(&self) -> &str {
        self.caller.as_ref().map_or("", |caller| &caller.name)
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

/// Puts the layers around the routes. The order matters:
pub fn around(gate: Arc<Gate>, routes: Router) -> Router {
    let layers = ServiceBuilder::new()
        // Knows the caller by name, because it logs everything below, refusals too.
        .layer(from_fn_with_state(Arc::clone(&gate), observe))
        // Above all that can panic, below what must see the reply.
        .layer(from_fn(contain_panic))
        // Covers a slow body as well as a slow database.
        .layer(from_fn(keep_deadline))
        // Strangers learn nothing, not even which paths there are.
        .layer(from_fn(require_key))
        // Before the body is read, so that overload costs no memory.
        .layer(from_fn_with_state(gate, shed_overload));
    routes
        .method_not_allowed_fallback(|| async { error::wrong_method() })
        .fallback(|| async { error::no_such_path() })
        .layer(layers)
}

async fn observe(State(gate): State<Arc<Gate>>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let caller = gate.keys.holder(request.headers());
    let route = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    let mut record = Record {
        started,
        request_id: request_id(request.headers()),
        method: known_method(request.method()),
        route: route.unwrap_or("unmatched").to_owned(),
        key: caller.as_ref().map(|caller| Arc::clone(&caller.name)),
        replied: None,
    };
    let deadline = started + gate.deadline;
    request.extensions_mut().insert(Call { caller, deadline, body_max: gate.body_max });
    let mut response = next.run(request).await;
    echo_request_id(&mut response, &record.request_id);
    // Balances and tokens are nobody's to keep on the way.
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let code = response.extensions().get::<ProblemCode>().map(|code| code.0);
    record.replied = Some((response.status().as_u16(), code));
    response
}

/// A call that is written down when it is over, also where its caller has gone before.
struct Record {
    started: Instant,
    request_id: String,
    method: &'static str,
    route: String,
    key: Option<Arc<str>>,
    /// The status and, of a refusal, the code.
    replied: Option<(u16, Option<&'static str>)>,
}

impl Drop for Record {
    fn drop(&mut self) {
        let elapsed = self.started.elapsed();
        let status = self.replied.map(|(status, _)| status);
        let labels = [
            ("method", self.method.to_owned()),
            ("route", self.route.clone()),
            ("status", status.map_or_else(|| ABANDONED.to_owned(), |status| status.to_string())),
        ];
        counter!("wallet_operator_calls_total", &labels).increment(1);
        histogram!("wallet_operator_call_duration_seconds", "route" => self.route.clone())
            .record(elapsed.as_secs_f64());
        let code = self.replied.map_or(Some(ABANDONED), |(_, code)| code);
        tracing::info!(
            key = self.key.as_deref(),
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

async fn contain_panic(request: Request, next: Next) -> Response {
    run_contained(request, next, "operator")
        .await
        .unwrap_or_else(|| error::internal().into_response())
}

async fn keep_deadline(call: Call, request: Request, next: Next) -> Response {
    tokio::time::timeout_at(call.deadline, next.run(request))
        .await
        .unwrap_or_else(|_| error::timeout().into_response())
}

async fn require_key(call: Call, request: Request, next: Next) -> Response {
    match call.caller.map(|caller| caller.role) {
        None => error::unauthorized().into_response(),
        Some(Role::Read) if !request.method().is_safe() => error::read_only().into_response(),
        Some(Role::Read | Role::Write) => next.run(request).await,
    }
}

async fn shed_overload(State(gate): State<Arc<Gate>>, request: Request, next: Next) -> Response {
    match gate.in_flight.try_acquire() {
        Ok(_permit) => next.run(request).await,
        Err(_) => error::busy().into_response(),
    }
}
