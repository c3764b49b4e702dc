//! Traces, as a collector sees them.

use axum::http::Method;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;

use super::collector::{Collector, text};
use crate::support::http::{Endpoint, Reply};
use crate::support::pragmatic::{self, Answer, Call};
use crate::support::world::World;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";

/// Sends a call that belongs to a trace, sampled or not.
async fn send(to: &Endpoint, call: &Call, traceparent: Option<&str>) -> Reply {
    let mut headers = vec![("content-type", "application/x-www-form-urlencoded")];
    headers.extend(traceparent.map(|value| ("traceparent", value)));
    let sent = to.send(Method::POST, call.path(), &headers, call.body()).await;
    sent.unwrap_or_else(|error| panic!("{error}"))
}

fn sampled() -> String {
    format!("00-{TRACE}-{CALLER}-01")
}

/// A world with Ann in it, whose node sends its traces to the collector.
async fn traced(collector: &Collector, toml: &str) -> World {
    let world = World::tuned(1, &format!("{}{toml}", collector.toml())).await;
    world.bank.open("ann", "10.00").await;
    world
}

/// The span of that name; there has to be exactly one.
fn the<'a>(spans: &'a [Span], name: &str) -> &'a Span {
    let mut named = spans.iter().filter(|span| span.name == name);
    let found = named.next().unwrap_or_else(|| panic!("no {name} in {spans:#?}"));
    assert!(named.next().is_none(), "more than one {name}: {spans:#?}");
    found
}

fn attribute(span: &Span, name: &str) -> String {
    text(&span.attributes, name).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_is_one_span_of_its_callers_trace_with_the_claim_the_batch_and_the_commit_below() {
    let collector = Collector::start().await;
    let world = traced(&collector, "").await;
    let (node, api) = (&world.nodes[0], world.api(0));
    world.bank.session("a-secret-token", "ann", "pragmatic", 600).await;
    let bet = pragmatic::bet("ann", "b1", "r1", "1.00").with("token", "a-secret-token");
    let reply = send(api, &bet, Some(&sampled())).await;
    let answer = Answer::of(&reply);
    assert_eq!(answer.error, 0, "{}", answer.json);
    assert!(node.stop().await.success());

    let spans = collector.spans();
    let root = the(&spans, "pragmatic bet");
    assert_eq!(hex::encode(&root.parent_span_id), CALLER);
    assert_eq!(root.kind(), SpanKind::Server);
    let (trace, span) = (hex::encode(&root.trace_id), hex::encode(&root.span_id));
    assert_eq!(reply.header("traceparent"), format!("00-{trace}-{span}-01"));
    for (name, value) in [
        ("wallet.provider", "pragmatic"),
        ("wallet.operation", "bet"),
        ("wallet.outcome", "applied"),
        ("wallet.player", "ann"),
        ("wallet.tx_id", "b1"),
        ("wallet.transaction_id", answer.id()),
        ("http.response.status_code", "200"),
        ("wallet.request_id", reply.header("x-request-id")),
    ] {
        assert_eq!(attribute(root, name), value, "{name}");
    }
    for (name, above) in [
        ("claim", "pragmatic bet"),
        ("batch", "pragmatic bet"),
        ("commit", "batch"),
        ("publish", "pragmatic bet"),
    ] {
        let (step, above) = (the(&spans, name), the(&spans, above));
        assert_eq!(step.parent_span_id, above.span_id, "{name}");
        let within = above.start_time_unix_nano <= step.start_time_unix_nano
            && step.start_time_unix_nano <= step.end_time_unix_nano
            && step.end_time_unix_nano <= above.end_time_unix_nano;
        assert!(within, "{name}: {step:?} is not within {above:?}");
    }
    assert!(spans.iter().all(|span| hex::encode(&span.trace_id) == TRACE), "{spans:#?}");
    assert_eq!(spans.len(), 5, "{spans:#?}");
    assert_eq!(attribute(the(&spans, "claim"), "wallet.result"), "new");
    assert_eq!(attribute(the(&spans, "batch"), "wallet.commands"), "1");
    assert_eq!(attribute(the(&spans, "commit"), "wallet.result"), "ok");
    assert_eq!(collector.resource("service.name"), ["seamless-wallet"]);

    let line = node.log_lines().into_iter().find(|line| line["message"] == "call");
    assert_eq!(line.expect("a line for the call")["trace_id"], TRACE);
    let sent = String::from_utf8_lossy(&collector.bytes()).into_owned();
    for secret in [pragmatic::SECRET, "a-secret-token", &bet.hash()] {
        assert!(!sent.contains(secret), "{secret} is for nobody's eyes");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_came_of_a_call_can_be_seen_from_its_span() {
    let collector = Collector::start().await;
    let mut world = traced(&collector, "").await;
    let bet = pragmatic::bet("ann", "b1", "r1", "1.00");
    let win = pragmatic::result("ann", "w1", "r1", "2.00");
    for call in [&bet, &win, &win, &pragmatic::balance("ann"), &bet.clone().unsigned()] {
        send(world.api(0), call, None).await;
    }
    assert!(world.nodes[0].stop().await.success());
    let spans = collector.spans();
    let of = |outcome: &str| {
        let found = spans.iter().find(|span| attribute(span, "wallet.outcome") == outcome);
        found.unwrap_or_else(|| panic!("no {outcome}: {spans:#?}"))
    };
    let below = |root: &Span| {
        let steps = spans.iter().filter(|span| span.parent_span_id == root.span_id);
        let mut steps: Vec<String> = steps
            .map(|step| format!("{} {}", step.name, attribute(step, "wallet.result")))
            .collect();
        steps.sort();
        steps
    };
    let repeat = of("replayed");
    let steps = below(repeat);
    assert!(steps.contains(&"batch ok".to_owned()), "PostgreSQL was asked: {steps:?}");
    assert!(!steps.iter().any(|step| step.starts_with("commit")), "nothing moved: {steps:?}");
    assert_eq!(below(of("ok")), [""; 0], "a balance is no command");
    let stranger = of("bad_signature");
    assert_eq!(below(stranger), [""; 0]);
    assert_ne!(stranger.status.as_ref().map(|status| status.code()), Some(StatusCode::Error));
    assert!(stranger.parent_span_id.is_empty() && stranger.trace_id != repeat.trace_id);
    world.nodes.clear();
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_caller_says_whether_its_call_is_traced_and_the_ratio_where_it_does_not() {
    let collector = Collector::start().await;
    let world = traced(&collector, "telemetry.sample_ratio = 0.0\n").await;
    let (node, api) = (&world.nodes[0], world.api(0));
    let of = |round: &str| pragmatic::bet("ann", round, round, "1.00");
    let unasked = send(api, &of("r1"), None).await;
    assert!(unasked.header("traceparent").ends_with("-00"), "{:?}", unasked.headers);
    let unsampled = format!("00-{TRACE}-{CALLER}-00");
    let unwanted = send(api, &of("r2"), Some(&unsampled)).await;
    let passed_on = unwanted.header("traceparent");
    assert!(passed_on.contains(TRACE) && passed_on.ends_with("-00"), "{passed_on}");
    let nonsense = send(api, &of("r3"), Some("00-nonsense")).await;
    assert!(nonsense.header("traceparent").ends_with("-00"), "{:?}", nonsense.headers);
    let wanted = send(api, &of("r4"), Some(&sampled())).await;
    assert!(wanted.header("traceparent").ends_with("-01"), "{:?}", wanted.headers);
    for reply in [&unasked, &unwanted, &nonsense, &wanted] {
        assert_eq!(Answer::of(reply).error, 0);
    }
    assert!(node.stop().await.success());
    let spans = collector.spans();
    assert_eq!(attribute(the(&spans, "pragmatic bet"), "wallet.tx_id"), "r4");
    let lines = node.log_lines();
    let named = lines.iter().filter(|line| line.get("trace_id").is_some());
    assert_eq!(named.count(), 1, "only the traced call has a trace in the log");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_collector_no_traces_and_one_that_is_gone_costs_no_call_anything() {
    let silent = World::with_nodes(1).await;
    silent.bank.open("ann", "10.00").await;
    let bet = pragmatic::bet("ann", "b1", "r1", "1.00");
    let reply = send(silent.api(0), &bet, Some(&sampled())).await;
    assert_eq!((Answer::of(&reply).error, reply.header("traceparent")), (0, ""));

    // Nobody listens at port 9.
    let world = World::tuned(1, "telemetry.otlp_endpoint = 'http://127.0.0.1:9'\n").await;
    world.bank.open("ann", "10.00").await;
    let reply = send(world.api(0), &bet, Some(&sampled())).await;
    assert_eq!(Answer::of(&reply).error, 0);
    assert!(world.nodes[0].stop().await.success());
    world.check().await;
}
