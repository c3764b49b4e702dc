//! A provider's callback: found by its path, answered in the words of the provider's adapter.

use std::sync::{Arc, OnceLock};

use axum::body::Body;
use axum::http::{HeaderValue, Request, Response, StatusCode, header};
use axum::response::IntoResponse;
use tokio::time::Instant;

use super::problem::Problem;
use crate::app::App;
use crate::edge::call::{Api, Call, ProviderCall};
use crate::edge::prove::Echoes;
use crate::edge::record::{CallOutcome, Status, stranger};
use crate::provider::Provider;
use crate::providers::{self, Answer, Asked, Failure, Reply};

/// The callbacks of every provider.
#[derive(Clone)]
pub struct Callbacks(pub Arc<App>);

/// One of them.
#[derive(Clone)]
pub struct Callback(Arc<Known>);

/// What is known of it by now.
struct Known {
    call: ProviderCall,
    /// What its caller calls it.
    echo: OnceLock<String>,
    /// What it asks for.
    request: OnceLock<providers::Request>,
}

impl Api<Body> for Callbacks {
    type Call = Callback;

    fn identify(
        &self,
        request: &mut Request<Body>,
        started: Instant,
    ) -> Result<Callback, Response<Body>> {
        let path = request.uri().path().trim_start_matches('/');
        let (slug, below) = path.split_once('/').unwrap_or((path, ""));
        let Some(provider) = self.0.providers.get(slug) else {
            return Err(nobody(request, started));
        };
        let operations = provider.adapter.operations();
        let operation = operations.iter().find(|known| known.is_called_by(request.method(), below));
        let provider = Arc::clone(provider);
        let call = ProviderCall::new(&self.0.edge, provider, operation, request, started);
        let known = Known { call, echo: OnceLock::new(), request: OnceLock::new() };
        Ok(Callback(Arc::new(known)))
    }
}

/// There is no provider in whose words it could be refused.
fn nobody(request: &Request<Body>, started: Instant) -> Response<Body> {
    let problem = Problem::new(StatusCode::NOT_FOUND, "not_found", "there is nothing at this path");
    let mut reply = problem.into_response();
    let status = Status::Http(reply.status());
    stranger("unknown_provider", status, request, started, &mut reply);
    reply
}

impl Callback {
    /// The provider that calls.
    pub fn provider(&self) -> &Provider {
        &self.0.call.provider
    }

    /// What it asks for is understood. It is kept, because some answers repeat parts of it.
    pub fn asks_for(&self, request: providers::Request) -> &providers::Request {
        if let providers::Request::Execute(command) = &request {
            let first = command.movements.first();
            self.0.call.is_about(&command.player, first.map(|movement| &movement.tx_id));
        }
        self.0.request.get_or_init(|| request)
    }

    /// The answer in the provider's own words.
    pub fn reply(&self, answer: &Answer<'_>, outcome: CallOutcome) -> Response<Body> {
        let asked = Asked {
            operation: self.0.call.operation(),
            echo: self.0.echo.get().map(String::as_str),
            request: self.0.request.get(),
        };
        let Reply { status, content_type, headers, body } =
            self.provider().adapter.encode(asked, answer);
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut reply = Response::new(Body::from(body));
        *reply.status_mut() = status;
        let content_type = HeaderValue::from_static(content_type);
        reply.headers_mut().insert(header::CONTENT_TYPE, content_type);
        reply.headers_mut().extend(headers);
        self.0.call.ended(outcome, Status::Http(status));
        reply
    }
}

impl Call for Callback {
    type Refusal = Failure;
    type Reply = Body;

    fn caller(&self) -> &str {
        self.provider().id.as_str()
    }

    fn deadline(&self) -> Instant {
        self.0.call.deadline()
    }

    fn admit(&self) -> Result<(), Failure> {
        self.0.call.admit()
    }

    fn take_place(&self) -> Result<(), Failure> {
        self.0.call.take_places(1)
    }

    fn refuse(&self, failure: Failure) -> Response<Body> {
        let detail = match &failure {
            Failure::BadRequest(detail) => Some(detail.clone()),
            Failure::CurrencyUnknown(_) | Failure::OwnerUnknown(_) => Some(failure.to_string()),
            _ => None,
        };
        let outcome = CallOutcome { word: failure.as_str(), detail, ..CallOutcome::default() };
        self.reply(&Answer::Failed(&failure), outcome)
    }

    fn sign_off(&self, reply: &mut Response<Body>) {
        self.0.call.sign_off(reply);
    }
}

impl AsRef<ProviderCall> for Callback {
    fn as_ref(&self) -> &ProviderCall {
        &self.0.call
    }
}

impl Echoes for Callback {
    fn is_called(&self, name: String) {
        let _: Result<(), String> = self.0.echo.set(name);
    }
}
