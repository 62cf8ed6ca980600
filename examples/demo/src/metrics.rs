//! The metrics, as Prometheus reads them: an endpoint like any other, so each framework serves it.

use std::sync::OnceLock;
use std::time::Duration;

use gridauth::endpoint::{Endpoint, EndpointPath, EndpointRequest, Metadata};
use gridauth::engine::Engine;
use gridauth::protocol::OAuthError;
use gridauth::{Response, async_trait};
use http::{Method, StatusCode};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use crate::{StartError, responses};

/// The upper bounds of the histograms, in seconds.
const BOUNDS: [f64; 10] = [0.000_1, 0.000_5, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0];

/// Values that nobody fetches are folded into the histograms this often.
const UPKEEP: Duration = Duration::from_secs(5);

/// `GET /oauth/metrics`.
pub(crate) struct PrometheusMetrics(PrometheusHandle);

impl PrometheusMetrics {
    /// Records from now on. Where several applications run in one process, as in tests, they share one recorder.
    pub(crate) fn install() -> Result<Self, StartError> {
        static RECORDER: OnceLock<PrometheusHandle> = OnceLock::new();
        if let Some(handle) = RECORDER.get() {
            return Ok(Self(handle.clone()));
        }
        let builder = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_duration_seconds".to_owned()), &BOUNDS)
            .map_err(StartError::cannot_start)?;
        let handle = builder.install_recorder().map_err(StartError::cannot_start)?;
        let kept = handle.clone();
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(UPKEEP).await;
                kept.run_upkeep();
            }
        });
        Ok(Self(RECORDER.get_or_init(|| handle).clone()))
    }
}

#[async_trait]
impl Endpoint for PrometheusMetrics {
    fn path(&self) -> EndpointPath<'_> {
        EndpointPath::Mounted("/metrics")
    }

    fn methods(&self) -> &[Method] {
        &[Method::GET]
    }

    /// It is not part of OAuth.
    fn describe(&self, _: &Engine, _: &mut Metadata) {}

    async fn answer(&self, _: &EndpointRequest<'_>) -> Result<Response, OAuthError> {
        Ok(responses::response(StatusCode::OK, "text/plain; version=0.0.4", self.0.render()))
    }
}
