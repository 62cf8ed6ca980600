#[cfg(feature = "server")]
use gridauth::GridAuth;
use gridauth::guard::{Guard, Requirement};

use crate::RequireLayer;

/// Adds a layer to [`Guard`], which may be in another process than the server.
pub trait GuardExt {
    /// A layer that accepts requests whose token has every scope of a space-separated list; with `""` it accepts every valid token. See
    /// [`RequireLayer`], which has more to require.
    ///
    /// # Panics
    /// Where no token can have that scope: [`Guard::check_scope`] says why.
    #[track_caller]
    fn require(&self, requirement: impl Into<Requirement>) -> RequireLayer;
}

impl GuardExt for Guard {
    #[track_caller]
    fn require(&self, requirement: impl Into<Requirement>) -> RequireLayer {
        RequireLayer::new(self.clone(), requirement)
    }
}

/// Adds a layer and axum routes to [`GridAuth`].
#[cfg(feature = "server")]
pub trait GridAuthExt {
    /// A layer that accepts requests whose token has every scope of a space-separated list; with `""` it accepts every valid token. See
    /// [`RequireLayer`], which has more to require.
    ///
    /// # Panics
    /// Where no token can have that scope: [`Guard::check_scope`] says why.
    #[track_caller]
    fn require(&self, requirement: impl Into<Requirement>) -> RequireLayer;

    /// A layer that accepts requests of browsers in which a user is signed in, for the application's own pages. See
    /// [`SignInRequiredLayer`](crate::SignInRequiredLayer).
    ///
    /// # Panics
    /// Where the server has no page on which users sign in: [`GridAuth::has_sign_in_page`].
    #[track_caller]
    fn sign_in_required(&self) -> crate::SignInRequiredLayer;

    /// The routes of the authorization server, to [`merge`](axum::Router::merge) into the application's routes.
    ///
    /// Each route handles every method and reads at most [`GridAuth::MAX_BODY`] of a body. It passes on the address that the
    /// request came from: the [`Peer`](gridauth::Peer) in the request's extensions if the application sets one; otherwise axum's
    /// [`ConnectInfo`](axum::extract::ConnectInfo), if the application is served with it.
    #[cfg(feature = "axum")]
    fn routes<S: Clone + Send + Sync + 'static>(&self) -> axum::Router<S>;
}

#[cfg(feature = "server")]
impl GridAuthExt for GridAuth {
    #[track_caller]
    fn require(&self, requirement: impl Into<Requirement>) -> RequireLayer {
        self.guard().require(requirement)
    }

    #[track_caller]
    fn sign_in_required(&self) -> crate::SignInRequiredLayer {
        crate::SignInRequiredLayer::new(self.clone())
    }

    #[cfg(feature = "axum")]
    fn routes<S: Clone + Send + Sync + 'static>(&self) -> axum::Router<S> {
        crate::routes::routes(self)
    }
}
