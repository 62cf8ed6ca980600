//! Events as counters, requests and store operations as histograms, through the `metrics` facade. Every label has one of a few values.

use std::time::Duration;

use super::{Event, EventRecord};

pub(super) fn count(record: &EventRecord<'_>) {
    let event = &record.event;
    metrics::counter!("gridauth_events_total", "event" => event.name(), "cause" => cause(event)).increment(1);
    match event {
        Event::TokenIssued { grant_type, .. } => {
            let grant_type = (*grant_type).to_owned();
            metrics::counter!("gridauth_tokens_issued_total", "grant_type" => grant_type).increment(1);
        }
        Event::StoreLost { .. } => metrics::gauge!("gridauth_store_up").set(0.0),
        Event::StoreBack { .. } | Event::ServerBuilt { .. } => metrics::gauge!("gridauth_store_up").set(1.0),
        _ => {}
    }
}

/// The cause that an event names, or how something changed.
fn cause(event: &Event<'_>) -> &'static str {
    match event {
        Event::SignInRefused { why, .. } => why.as_str(),
        Event::Throttled { limit, .. } => limit.as_str(),
        Event::ClientRefused { why, .. } => why.as_str(),
        Event::TokenRevoked { why } | Event::GrantRevoked { why } => why.as_str(),
        Event::TokenRefused { why, .. } => why.as_str(),
        Event::ClientChanged { change } => change.as_str(),
        Event::SigningKeyChanged { change, .. } => change.as_str(),
        _ => "",
    }
}

/// A request to the endpoint that is mounted at `route`; empty if none is.
pub(super) fn request(method: &'static str, route: &str, status: u16, took: Duration) {
    let (route, status) = (route.to_owned(), status.to_string());
    metrics::histogram!("gridauth_request_duration_seconds", "method" => method, "route" => route, "status" => status)
        .record(took);
}

pub(super) fn store_operation(operation: &'static str, is_ok: bool, took: Duration) {
    let outcome = if is_ok { "ok" } else { "error" };
    metrics::histogram!("gridauth_store_duration_seconds", "operation" => operation, "outcome" => outcome)
        .record(took);
}
