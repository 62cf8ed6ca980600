//! Counters and histograms, and that their labels are few whatever is sent.

use std::collections::BTreeMap;

use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};

use crate::support::*;

/// The values since the last call, by name and labels. Of a histogram, how many values were recorded.
fn values(snapshotter: &Snapshotter) -> BTreeMap<String, f64> {
    let mut values = BTreeMap::new();
    for (key, _, _, value) in snapshotter.snapshot().into_vec() {
        let mut labels: Vec<String> =
            key.key().labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
        labels.sort();
        let value = match value {
            DebugValue::Counter(count) => count as f64,
            DebugValue::Gauge(value) => value.into_inner(),
            DebugValue::Histogram(all) => all.len() as f64,
        };
        values.insert(format!("{}{{{}}}", key.key().name(), labels.join(",")), value);
    }
    values
}

#[tokio::test]
async fn events_requests_and_store_operations_are_counted() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let _local = metrics::set_default_local_recorder(&recorder);
    let server = server().await;
    server.tokens().await;
    server.token(&[("grant_type", "password"), ("username", "israel"), ("password", "wrong")]).await;
    let values = values(&snapshotter);
    for (name, least) in [
        ("gridauth_store_up{}", 1.0),
        ("gridauth_events_total{cause=,event=signed_in}", 1.0),
        ("gridauth_events_total{cause=wrong_password,event=sign_in_refused}", 1.0),
        ("gridauth_tokens_issued_total{grant_type=authorization_code}", 1.0),
        ("gridauth_request_duration_seconds{method=POST,route=/oauth/token,status=200}", 1.0),
        ("gridauth_request_duration_seconds{method=POST,route=/oauth/token,status=400}", 1.0),
        ("gridauth_store_duration_seconds{operation=insert,outcome=ok}", 1.0),
    ] {
        assert!(values.get(name).is_some_and(|value| *value >= least), "{name} in {values:?}");
    }
}

#[tokio::test]
async fn labels_are_few_whatever_is_sent() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let _local = metrics::set_default_local_recorder(&recorder);
    let server = server().await;
    let attack = async |number: usize| {
        let name = format!("stranger-{number}");
        let credentials = basic(&name, &name);
        let form = [("grant_type", name.as_str()), ("username", &name), ("password", &name)];
        server.post("/oauth/token", &[("authorization", &credentials)], &form).await;
        let form = [("grant_type", "client_credentials"), ("client_id", &name)];
        server.post("/oauth/token", &[], &form).await;
        server.token(&[("grant_type", "password"), ("username", &name), ("password", &name)]).await;
        server.get(&format!("/oauth/{name}?{name}"), None).await;
        let request = http::Request::builder().method(name.as_str()).uri("/oauth/token");
        server.auth.handle(request.body(bytes::Bytes::new()).unwrap()).await;
        let bearer = gridauth::http::BearerToken::new(&name);
        server.auth.reject(server.auth.authenticate(&bearer).await.unwrap_err());
    };
    attack(0).await;
    let few = values(&snapshotter).len();
    for number in 1..40 {
        attack(number).await;
    }
    let all = values(&snapshotter);
    assert_eq!(all.len(), few, "{all:?}");
    assert!(!format!("{all:?}").contains("stranger"), "{all:?}");
}
