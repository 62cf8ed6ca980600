#[cfg(feature = "server")]
use gridauth::GridAuth;
use gridauth::guard::Guard;

use crate::RequireLayer;

/// What tower adds to a [`Guard`], which may be in another process than the server.
pub trait GuardExt {
    /// A layer that accepts requests whose token has every scope of the space-separated list `scope`; with `""` it accepts every
    /// valid token. See [`RequireLayer`].
    ///
    /// # Panics
    /// Where no token can have that scope: [`Guard::check_scope`] says why.
    #[track_caller]
    fn require(&self, scope: &str) -> RequireLayer;
}

impl GuardExt for Guard {
    #[track_caller]
    fn require(&self, scope: &str) -> RequireLayer {
        RequireLayer::new(self.clone(), scope)
    }
}

/// What tower and axum add to [`GridAuth`].
#[cfg(feature = "server")]
pub trait GridAuthExt {
    /// A layer that accepts requests whose token has every scope of the space-separated list `scope`; with `""` it accepts every
    /// valid token. See [`RequireLayer`].
    ///
    /// # Panics
    /// Where no token can have that scope: [`Guard::check_scope`] says why.
    #[track_caller]
    fn require(&self, scope: &str) -> RequireLayer;

    /// The routes of the authorization server, to [`merge`](axum::Router::merge) into the application's own.
    ///
    /// Each route answers every method, reads at most [`GridAuth::MAX_BODY`] of a body, and tells the server the address that a
    /// request came from. That is a [`Peer`](gridauth::Peer) in the request's extensions, if the application put one there, as
    /// behind a proxy. Otherwise it is axum's [`ConnectInfo`](axum::extract::ConnectInfo), if the application is served with it.
    #[cfg(feature = "axum")]
    fn routes<S: Clone + Send + Sync + 'static>(&self) -> axum::Router<S>;
}

#[cfg(feature = "server")]
impl GridAuthExt for GridAuth {
    #[track_caller]
    fn require(&self, scope: &str) -> RequireLayer {
        self.guard().require(scope)
    }

    #[cfg(feature = "axum")]
    fn routes<S: Clone + Send + Sync + 'static>(&self) -> axum::Router<S> {
        crate::routes::routes(self)
    }
}
