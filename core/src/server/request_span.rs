//! The span of a request, by OpenTelemetry's conventions for HTTP servers.

use http::StatusCode;
use tracing::Span;
use tracing::field::{Empty, display};

use crate::events::RequestContext;
use crate::http::Request;

/// A span for a request to the endpoint that is mounted at `route`.
pub(super) fn request_span(request: &Request, route: &str, context: &RequestContext) -> Span {
    let method = method(request);
    let span = tracing::debug_span!(
        target: "gridauth::http",
        "request",
        otel.name = format_args!("{method} {route}"),
        otel.kind = "server",
        otel.status_code = Empty,
        http.request.method = method,
        http.route = route,
        http.response.status_code = Empty,
        client.address = Empty,
        error.type = Empty,
        request_id = context.id(),
    );
    if let Some(source) = context.source() {
        span.record("client.address", display(source));
    }
    span
}

/// The method, one of a known few: an unknown one is `_OTHER` in spans and metrics.
pub(super) fn method(request: &Request) -> &'static str {
    match request.method().as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        "PATCH" => "PATCH",
        _ => "_OTHER",
    }
}

/// Records how the request was answered. Only what the server failed at is an error.
pub(super) fn record_status(span: &Span, status: StatusCode) {
    span.record("http.response.status_code", status.as_u16());
    if status.is_server_error() {
        span.record("otel.status_code", "ERROR");
        span.record("error.type", status.as_str());
    }
}
