/// How long something takes, for the metrics. Without the feature `metrics` it is nothing.
#[derive(Clone, Copy)]
pub(crate) struct Stopwatch {
    #[cfg(feature = "metrics")]
    start: tokio::time::Instant,
}

impl Stopwatch {
    #[inline]
    pub(crate) fn start() -> Self {
        Self {
            #[cfg(feature = "metrics")]
            start: tokio::time::Instant::now(),
        }
    }

    /// A request is answered.
    #[cfg_attr(not(feature = "metrics"), expect(unused_variables, reason = "nothing is measured"))]
    pub(crate) fn stop_request(self, method: &'static str, route: &str, status: u16) {
        #[cfg(feature = "metrics")]
        super::metrics::request(method, route, status, self.start.elapsed());
    }

    /// A store operation is done.
    #[inline]
    #[cfg_attr(not(feature = "metrics"), expect(unused_variables, reason = "nothing is measured"))]
    pub(crate) fn stop_store(self, operation: &'static str, is_ok: bool) {
        #[cfg(feature = "metrics")]
        super::metrics::store_operation(operation, is_ok, self.start.elapsed());
    }
}
