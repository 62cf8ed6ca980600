use gridauth::GridAuth;

use crate::RequireLayer;

/// What tower and axum add to [`GridAuth`].
pub trait GridAuthExt {
    /// A layer that lets requests pass whose token has every scope of the space-separated list `scope`; `""` lets any
    /// valid token pass. See [`RequireLayer`].
    fn require(&self, scope: &str) -> RequireLayer;

    /// The routes of the authorization server, to [`merge`](axum::Router::merge) into the application's own.
    ///
    /// Each answers every method, reads at most [`GridAuth::MAX_BODY`] of a body, and tells the server the address that
    /// a request came from: a [`Peer`](gridauth::Peer) in the request's extensions if the application put one there, as
    /// behind a proxy, else that of axum's [`ConnectInfo`](axum::extract::ConnectInfo) if the application is served with
    /// it.
    #[cfg(feature = "axum")]
    fn routes<S: Clone + Send + Sync + 'static>(&self) -> axum::Router<S>;
}

impl GridAuthExt for GridAuth {
    fn require(&self, scope: &str) -> RequireLayer {
        RequireLayer::new(self.clone(), scope)
    }

    #[cfg(feature = "axum")]
    fn routes<S: Clone + Send + Sync + 'static>(&self) -> axum::Router<S> {
        crate::routes::routes(self)
    }
}
