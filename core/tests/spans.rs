//! Requests and store operations are spans by OpenTelemetry's conventions, as a collector in this process sees them.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "support/mod.rs"]
mod support;

use std::collections::BTreeMap;

use gridauth::Store;
use gridauth::http::Peer;
use gridauth::store::Kind;
use gridauth::store::memory::MemoryStore;
use gridauth_test_stores::{Call, Delaying, Failing, Failure};
use opentelemetry::trace::{SpanKind, Status, TracerProvider};
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider, SpanData};
use tracing_subscriber::layer::SubscriberExt;

use crate::support::*;

/// What a span says of itself, as text.
fn attributes(span: &SpanData) -> BTreeMap<String, String> {
    span.attributes.iter().map(|pair| (pair.key.to_string(), pair.value.to_string())).collect()
}

#[tokio::test]
async fn a_collector_sees_a_request_and_its_store_operations() {
    let collector = InMemorySpanExporter::default();
    let provider = SdkTracerProvider::builder().with_simple_exporter(collector.clone()).build();
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("gridauth"));
    tracing::subscriber::set_global_default(tracing_subscriber::registry().with(layer)).unwrap();

    let failing = Failing::new(MemoryStore::new());
    let store = Store::new(Delaying::new(failing.clone()));
    let server = server_with(|builder| builder.store(store)).await;
    let request = |path: &str, body: &'static str| {
        let request = http::Request::post(path)
            .header("content-type", "application/x-www-form-urlencoded")
            .header("authorization", basic("web", "web-secret"))
            .header("x-request-id", "proxy-7")
            .extension(Peer([192, 0, 2, 7].into()));
        server.auth.handle(request.body(bytes::Bytes::from(body)).unwrap())
    };
    collector.reset();
    assert_eq!(request("/oauth/token", "grant_type=client_credentials").await.status(), 200);
    let spans = collector.get_finished_spans().unwrap();
    let server_span = spans.iter().find(|span| span.span_kind == SpanKind::Server).unwrap();
    assert_eq!(server_span.name, "POST /oauth/token");
    let said = attributes(server_span);
    for (name, value) in [
        ("http.request.method", "POST"),
        ("http.route", "/oauth/token"),
        ("http.response.status_code", "200"),
        ("client.address", "192.0.2.7"),
        ("request_id", "proxy-7"),
    ] {
        assert_eq!(said.get(name).map(String::as_str), Some(value), "{name} in {said:?}");
    }
    let operations: Vec<_> = spans.iter().filter(|span| span.span_kind == SpanKind::Client).collect();
    let names: Vec<&str> = operations.iter().map(|span| &*span.name).collect();
    assert_eq!(names, ["get", "insert"], "the client is read, the grant is stored");
    for span in &operations {
        assert_eq!(span.parent_span_id, server_span.span_context.span_id());
        assert_eq!(span.span_context.trace_id(), server_span.span_context.trace_id());
        assert_eq!(attributes(span)["db.operation.name"], span.name.as_ref());
        assert!(attributes(span).contains_key("db.system.name"), "{span:?}");
    }
    assert_eq!(attributes(operations[1])["db.collection.name"], "grant");
    // Events are part of the span in which they happen.
    let told: Vec<String> = server_span.events.iter().map(|event| event.name.to_string()).collect();
    assert!(told.iter().any(|name| name.contains("a token was issued")), "{told:?}");

    // A failure is an error of the operation and of the request; a refusal is none.
    collector.reset();
    failing.fail(Failure::Before, |call| matches!(call, Call::Get(key) if key.kind == Kind::Client));
    assert_eq!(request("/oauth/token", "grant_type=client_credentials").await.status(), 503);
    let spans = collector.get_finished_spans().unwrap();
    for (kind, cause) in [(SpanKind::Server, "503"), (SpanKind::Client, "unavailable")] {
        let span = spans.iter().find(|span| span.span_kind == kind).unwrap();
        assert!(matches!(span.status, Status::Error { .. }), "{span:?}");
        assert_eq!(attributes(span)["error.type"], cause);
    }
    failing.fail(Failure::Before, |_| false);
    collector.reset();
    assert_eq!(request("/oauth/token", "grant_type=none").await.status(), 400);
    assert_eq!(request("/elsewhere", "").await.status(), 404);
    let spans = collector.get_finished_spans().unwrap();
    assert!(spans.iter().all(|span| !matches!(span.status, Status::Error { .. })), "{spans:?}");

    // No secret, and nothing of the query.
    collector.reset();
    server.tokens().await;
    server.get("/oauth/authorize?client_id=web&state=imru-secret", None).await;
    let spans = format!("{:?}", collector.get_finished_spans().unwrap());
    for secret in ["imru", "web-secret", "gat_", "gac_", "gar_", VERIFIER] {
        assert!(!spans.contains(secret), "{secret}");
    }
}
