//! Traces: one span for each callback that is sampled, with its stages as children. A span is made
//! of what the call has left behind, after its answer is there.

use std::sync::Arc;
use std::time::SystemTime;

use axum::http::{HeaderMap, HeaderValue};
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{
    Span as _, SpanBuilder, SpanContext, SpanKind, Status, TraceContextExt, Tracer as _,
    TracerProvider as _,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_http::HeaderExtractor;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider, Span};
use tokio::time::Instant;

use super::otlp::{self, TracesError};
use super::timeline::{Kind, Stage, Timeline};
use crate::config::Telemetry;

/// Where callers and we name a trace, as W3C says.
const TRACEPARENT: &str = "traceparent";

/// Makes spans and sends them on. Clones share everything.
#[derive(Clone, Debug)]
pub struct Traces {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
    propagator: TraceContextPropagator,
}

/// The span of a call that is not answered yet.
#[derive(Debug)]
pub struct CallSpan {
    span: Span,
    timeline: Option<Arc<Timeline>>,
    /// One moment by both clocks: spans are dated by one, everything else is timed by the other.
    moment: (SystemTime, Instant),
    tracer: SdkTracer,
}

impl Traces {
    /// Starts to make traces, where it is configured. To be called inside the runtime, which
    /// sends them.
    ///
    /// # Errors
    /// [`TracesError`].
    pub fn start(config: &Telemetry) -> Result<Option<Self>, TracesError> {
        if config.otlp_endpoint.is_empty() {
            return Ok(None);
        }
        let provider = otlp::provider(config)?;
        let tracer = provider.tracer("seamless-wallet");
        Ok(Some(Self { provider, tracer, propagator: TraceContextPropagator::new() }))
    }

    /// A call has come in. Boxed, because a call that is not traced must not carry its room.
    pub fn begin(&self, name: String, headers: &HeaderMap, came: Instant) -> Box<CallSpan> {
        let moment = (SystemTime::now(), Instant::now());
        let parent =
            self.propagator.extract_with_context(&Context::new(), &HeaderExtractor(headers));
        let builder = SpanBuilder::from_name(name)
            .with_kind(SpanKind::Server)
            .with_start_time(dated(moment, came));
        let span = self.tracer.build_with_context(builder, &parent);
        let timeline = span.is_recording().then(Arc::default);
        Box::new(CallSpan { span, timeline, moment, tracer: self.tracer.clone() })
    }

    /// Sends what there is, and stops.
    pub async fn finish(self) {
        // It waits for its own thread, which waits for the runtime.
        let stopped = tokio::task::spawn_blocking(move || self.provider.shutdown()).await;
        if let Ok(Err(error)) = stopped {
            tracing::warn!(%error, "the last traces were not sent");
        }
    }
}

impl CallSpan {
    /// Where the stages are written down; `None` where the call is not sampled.
    pub fn timeline(&self) -> Option<Arc<Timeline>> {
        self.timeline.clone()
    }

    /// The trace that the call belongs to, for the log; `None` where it is not sampled.
    pub fn trace_id(&self) -> Option<String> {
        self.timeline.as_ref().map(|_| self.span.span_context().trace_id().to_string())
    }

    /// Tells the caller which span its call was.
    pub fn pass_on(&self, headers: &mut HeaderMap) {
        let own = self.span.span_context();
        let (trace, span) = (own.trace_id(), own.span_id());
        let flags = own.trace_flags().to_u8();
        if let Ok(value) = HeaderValue::from_str(&format!("00-{trace}-{span}-{flags:02x}")) {
            headers.insert(TRACEPARENT, value);
        }
    }

    /// The call was answered. `failed` says why, where the fault is ours.
    pub fn finish(mut self: Box<Self>, attributes: Vec<KeyValue>, failed: Option<&'static str>) {
        let Some(timeline) = &self.timeline else { return };
        let stages = timeline.stages();
        let root = self.span.span_context().clone();
        let mut batches: Vec<(Stage, SpanContext)> = Vec::new();
        // A batch is written down after its commit, and has to be there first.
        let (within, along): (Vec<Stage>, Vec<Stage>) =
            stages.into_iter().partition(|stage| stage.kind == Kind::Commit);
        for stage in along {
            let span = self.child(&root, stage);
            if matches!(stage.kind, Kind::Batch { .. }) {
                batches.push((stage, span));
            }
        }
        for stage in within {
            let batch =
                batches.iter().find(|(batch, _)| batch.from <= stage.from && stage.to <= batch.to);
            self.child(batch.map_or(&root, |(_, span)| span), stage);
        }
        self.span.set_attributes(attributes);
        if let Some(reason) = failed {
            self.span.set_status(Status::error(reason));
        }
        self.span.end_with_timestamp(dated(self.moment, Instant::now()));
    }

    fn child(&self, parent: &SpanContext, stage: Stage) -> SpanContext {
        let (name, mut attributes) = match stage.kind {
            Kind::Claim { commands } => ("claim", vec![many(commands)]),
            Kind::Batch { commands, basis } => {
                ("batch", vec![many(commands), KeyValue::new("wallet.basis", basis)])
            }
            Kind::Commit => ("commit", vec![KeyValue::new("db.system.name", "postgresql")]),
            Kind::Publish { commands } => ("publish", vec![many(commands)]),
        };
        attributes.push(KeyValue::new("wallet.result", stage.result));
        let parent = Context::new().with_remote_span_context(parent.clone());
        let span_kind = match stage.kind {
            Kind::Batch { .. } => SpanKind::Internal,
            Kind::Claim { .. } | Kind::Commit | Kind::Publish { .. } => SpanKind::Client,
        };
        let builder = SpanBuilder::from_name(name)
            .with_kind(span_kind)
            .with_start_time(dated(self.moment, stage.from))
            .with_attributes(attributes);
        let mut span = self.tracer.build_with_context(builder, &parent);
        span.end_with_timestamp(dated(self.moment, stage.to));
        span.span_context().clone()
    }
}

fn many(commands: usize) -> KeyValue {
    KeyValue::new("wallet.commands", i64::try_from(commands).unwrap_or(i64::MAX))
}

/// A time of the one clock as one of the other's.
fn dated((date, moment): (SystemTime, Instant), time: Instant) -> SystemTime {
    match time.checked_duration_since(moment) {
        Some(after) => date + after,
        None => date - moment.duration_since(time),
    }
}
