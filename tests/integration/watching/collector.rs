//! A collector of traces, as small as one can be: OTLP over HTTP, protobuf.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use tokio::net::TcpListener;

/// It takes what nodes send for as long as the test runs.
pub struct Collector {
    address: SocketAddr,
    taken: Taken,
}

type Taken = Arc<Mutex<Vec<Bytes>>>;

impl Collector {
    /// Starts one.
    pub async fn start() -> Self {
        let taken = Taken::default();
        let router = Router::new().route("/v1/traces", post(take)).with_state(Arc::clone(&taken));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, taken }
    }

    /// The lines of TOML that make a node send its traces here.
    pub fn toml(&self) -> String {
        format!("telemetry.otlp_endpoint = \"http://{}\"\n", self.address)
    }

    /// All that was sent, as it came.
    pub fn bytes(&self) -> Vec<u8> {
        self.taken.lock().expect("the taken").concat()
    }

    /// Every span that has come.
    pub fn spans(&self) -> Vec<Span> {
        let scopes = self.requests().into_iter().flat_map(|request| request.resource_spans);
        let spans = scopes.flat_map(|of_resource| of_resource.scope_spans);
        spans.flat_map(|of_scope| of_scope.spans).collect()
    }

    /// What the senders say of themselves.
    pub fn resource(&self, name: &str) -> Vec<String> {
        let resources = self.requests().into_iter().flat_map(|request| request.resource_spans);
        let attributes = resources.filter_map(|of| of.resource).map(|of| of.attributes);
        attributes.filter_map(|attributes| text(&attributes, name)).collect()
    }

    fn requests(&self) -> Vec<ExportTraceServiceRequest> {
        let taken = self.taken.lock().expect("the taken");
        taken
            .iter()
            .map(|body| ExportTraceServiceRequest::decode(body.clone()).expect("protobuf"))
            .collect()
    }
}

async fn take(State(taken): State<Taken>, headers: HeaderMap, body: Bytes) {
    assert_eq!(headers["content-type"], "application/x-protobuf");
    taken.lock().expect("the taken").push(body);
}

/// An attribute, as text.
pub fn text(attributes: &[KeyValue], name: &str) -> Option<String> {
    let found = attributes.iter().find(|attribute| attribute.key == name)?;
    match found.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => Some(text.clone()),
        Value::IntValue(number) => Some(number.to_string()),
        other => Some(format!("{other:?}")),
    }
}
