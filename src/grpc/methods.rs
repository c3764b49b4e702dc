//! The innermost service: a call's method, by tonic's own server for it.

use std::sync::Arc;

use axum::http::{Request, Response};
use hyper::body::Incoming;
use tonic::body::Body;
use tonic::{Code, Status};
use tower::Service;
use tower::layer::util::Identity;

use super::call::{Call, Clients};
use super::proto::wallet_service_server::WalletServiceServer;
use super::refusal::Refusal;
use super::service;
use crate::app::App;
use crate::edge::call::Arrival;
use crate::edge::stack::{self, Serve};
use crate::providers::Failure;

/// Every client's calls, in their layers. Their keys have proven them, so nothing else is to be
/// proven.
pub fn service(app: &Arc<App>, clients: Clients) -> impl Serve<Incoming, Body> {
    let app = Arc::clone(app);
    let handler = move |arrival| run(Arc::clone(&app), arrival);
    stack::around(clients, Identity::new(), tower::service_fn(handler))
}

async fn run(
    app: Arc<App>,
    Arrival { call, request }: Arrival<Call, Request<Incoming>>,
) -> Result<Response<Body>, Refusal> {
    let longest_message = call.client().body_max;
    let service = service::Service { app, call: call.clone() };
    let mut server = WalletServiceServer::new(service).max_decoding_message_size(longest_message);
    let response = match server.call(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    // A method says what came of it. Where none did, there was no message for it.
    if call.common().has_ended() || response.extensions().get::<Status>().is_none() {
        return Ok(response);
    }
    Err(unread(&response))
}

fn unread(response: &Response<Body>) -> Refusal {
    let status = response.extensions().get::<Status>();
    let failure = match status.map(Status::code) {
        Some(Code::OutOfRange) => Failure::TooLarge,
        // Other services and methods have been turned away before.
        Some(Code::Unimplemented) => return Refusal::Compressed,
        _ => Failure::BadRequest(status.map_or("no message", Status::message).to_owned()),
    };
    failure.into()
}
