//! The services that every gRPC tool expects: health, which follows the node's readiness, and
//! reflection. They need no key and say nothing that is anybody's secret.

use std::convert::Infallible;
use std::sync::{Arc, Weak};
use std::time::Duration;

use anyhow::Context;
use axum::http::{Request, Response};
use hyper::body::Incoming;
use tokio::sync::watch;
use tonic::body::Body;
use tonic::server::NamedService;
use tonic_health::ServingStatus;
use tonic_health::server::{HealthReporter, health_reporter};
use tower::util::BoxCloneSyncService;

use super::proto::wallet_service_server::SERVICE_NAME;
use crate::app::App;
use crate::http::ops::is_ready;
use crate::http::server::Stage;

/// How often readiness is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// The largest message to any of these services, in bytes.
const MESSAGE_MAX: usize = 16 * 1024;
/// What the reflection service tells.
const DESCRIPTORS: &[u8] = tonic::include_file_descriptor_set!("wallet");

/// A service, called with [`tower::ServiceExt::oneshot`].
pub type Any = BoxCloneSyncService<Request<Incoming>, Response<Body>, Infallible>;

/// The standard services, by name.
pub struct Standard(Vec<(&'static str, Any)>);

/// One of them, whatever its type.
fn named<S>(service: S) -> (&'static str, Any)
where
    S: tower::Service<Request<Incoming>, Response = Response<Body>, Error = Infallible>
        + NamedService
        + Clone
        + Send
        + Sync
        + 'static,
    S::Future: Send + 'static,
{
    (S::NAME, BoxCloneSyncService::new(service))
}

impl Standard {
    /// Health, and reflection where it is wanted.
    ///
    /// # Errors
    /// Never, unless the build has left broken descriptors.
    pub async fn start(app: &Arc<App>, stage: watch::Receiver<Stage>) -> anyhow::Result<Self> {
        let (reporter, health) = health_reporter();
        say(&reporter, false).await;
        tokio::spawn(report(Arc::downgrade(app), reporter, stage));
        let mut all = vec![named(health.max_decoding_message_size(MESSAGE_MAX))];
        if app.grpc.reflection {
            let builder = || {
                tonic_reflection::server::Builder::configure()
                    .register_encoded_file_descriptor_set(DESCRIPTORS)
                    .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
            };
            let one = builder().build_v1().context("reflection")?;
            all.push(named(one.max_decoding_message_size(MESSAGE_MAX)));
            // What most tools still ask for.
            let alpha = builder().build_v1alpha().context("reflection")?;
            all.push(named(alpha.max_decoding_message_size(MESSAGE_MAX)));
        }
        Ok(Self(all))
    }

    /// The service that a path names, if it is one of these.
    pub fn find(&self, path: &str) -> Option<Any> {
        let (called, _) = path.strip_prefix('/')?.split_once('/')?;
        let (_, service) = self.0.iter().find(|(name, _)| *name == called)?;
        Some(service.clone())
    }
}

/// Looks whether the node is ready, until it ends.
async fn report(app: Weak<App>, mut reporter: HealthReporter, mut stage: watch::Receiver<Stage>) {
    let mut said = false;
    loop {
        let now = *stage.borrow_and_update();
        let Some(app) = app.upgrade().filter(|_| now != Stage::Stopping) else { break };
        let is_ready = is_ready(&app, now != Stage::Serving).await;
        // Whoever watches is told of a change, and of nothing else.
        if is_ready != said {
            say(&reporter, is_ready).await;
            said = is_ready;
        }
        drop(app);
        // Whoever no longer says where the process is has ended.
        if let Ok(Err(_)) = tokio::time::timeout(LOOK_EVERY, stage.changed()).await {
            break;
        }
    }
    if said {
        say(&reporter, false).await;
    }
    // Whoever watches is let go: a watch is no call that an end would have to wait for.
    for service in ["", SERVICE_NAME] {
        reporter.clear_service_status(service).await;
    }
}

/// Of the node as a whole, which is the empty name, and of its one service.
async fn say(reporter: &HealthReporter, is_ready: bool) {
    let status = if is_ready { ServingStatus::Serving } else { ServingStatus::NotServing };
    for service in ["", SERVICE_NAME] {
        reporter.set_service_status(service, status).await;
    }
}
