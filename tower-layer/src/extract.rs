use std::marker::PhantomData;
use std::ops::Deref;

use axum::body::Body;
use axum::extract::{FromRef, FromRequestParts, OptionalFromRequestParts};
use axum::response::{IntoResponse, Response};
use gridauth::GridAuth;
use gridauth::guard::{AnyScope, Rejection, RequiredScope};
use http::request::Parts;

/// The access that a request's token gives, as an axum extractor: a handler with this argument is guarded.
///
/// `Access` takes any valid token, `Access<S>` one with the scope of `S`, a type that [`gridauth::scopes!`] makes. It
/// derefs to [`gridauth::Access`]: [`user`](gridauth::Access::user), [`client`](gridauth::Access::client),
/// [`scope`](gridauth::Access::scope). `Option<Access>` is `None` where a request has no credentials at all; a token that
/// is not good is an error also then.
///
/// The router's state is a [`GridAuth`], or a struct of the application's own from which
/// [`FromRef`] takes one. Behind [`RequireLayer`](crate::RequireLayer) the token is not looked up again.
///
/// ```
/// use axum::extract::FromRef;
/// use axum::{Router, routing::get};
/// use gridauth::GridAuth;
/// use gridauth_tower::Access;
///
/// gridauth::scopes! { pub NotesRead = "notes.read"; }
///
/// #[derive(Clone, FromRef)]
/// struct App {
///     auth: GridAuth,
///     greeting: &'static str,
/// }
///
/// async fn notes(access: Access<NotesRead>) -> String {
///     format!("the notes of {}", access.subject())
/// }
///
/// async fn greet(access: Option<Access>) -> String {
///     access.map_or("Hello, stranger".to_owned(), |access| format!("Hello, {}", access.subject()))
/// }
///
/// let router: Router<App> = Router::new().route("/notes", get(notes)).route("/", get(greet));
/// ```
#[derive(Clone, Debug)]
pub struct Access<S: RequiredScope = AnyScope> {
    access: gridauth::Access,
    scope: PhantomData<fn() -> S>,
}

impl<S: RequiredScope> Access<S> {
    fn new(access: gridauth::Access) -> Self {
        Self { access, scope: PhantomData }
    }

    /// The engine's own value, without the scope in its type.
    pub fn into_inner(self) -> gridauth::Access {
        self.access
    }
}

impl<S: RequiredScope> Deref for Access<S> {
    type Target = gridauth::Access;

    fn deref(&self) -> &gridauth::Access {
        &self.access
    }
}

/// A router state that has a [`GridAuth`]: every state from which [`FromRef`] takes one.
#[diagnostic::on_unimplemented(
    message = "the router's state `{Self}` has no `GridAuth`",
    label = "`Access` needs the `GridAuth` whose tokens it takes",
    note = "make it the state, `Router::with_state(auth)`, or a field of it with `#[derive(Clone, FromRef)] struct {Self} {{ auth: GridAuth, .. }}`"
)]
pub trait ProvidesGridAuth {
    /// The server whose tokens guard.
    fn grid_auth(&self) -> GridAuth;
}

#[diagnostic::do_not_recommend]
impl<St> ProvidesGridAuth for St
where
    GridAuth: FromRef<St>,
{
    fn grid_auth(&self) -> GridAuth {
        GridAuth::from_ref(self)
    }
}

/// Why a handler's [`Access`] could not be had: a response, and a value to look at.
///
/// A handler that takes `Result<Access, AccessRejection>` decides for itself; as a response it is what
/// [`GridAuth::reject`] makes of it.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{rejection}")]
pub struct AccessRejection {
    auth: GridAuth,
    rejection: Rejection,
}

impl AccessRejection {
    /// What is wrong.
    pub fn rejection(&self) -> &Rejection {
        &self.rejection
    }
}

impl IntoResponse for AccessRejection {
    fn into_response(self) -> Response {
        self.auth.reject(self.rejection).map(Body::from)
    }
}

/// The access of a request: what a guard on the way found, if it was this server's, or the header's token looked up.
async fn access(auth: &GridAuth, parts: &mut Parts) -> Result<gridauth::Access, Rejection> {
    if let Some(found) = parts.extensions.get::<gridauth::Access>().filter(|access| access.is_from(auth)) {
        return Ok(found.clone());
    }
    let found = match auth.authenticate_now(&parts.headers) {
        Some(found) => found,
        // In a box, so that requests that need not wait carry no room for it.
        None => Box::pin(auth.authenticate(&parts.headers)).await,
    };
    let access = found?;
    parts.extensions.insert(access.clone());
    Ok(access)
}

impl<S, St> FromRequestParts<St> for Access<S>
where
    S: RequiredScope,
    St: ProvidesGridAuth + Sync,
{
    type Rejection = AccessRejection;

    async fn from_request_parts(parts: &mut Parts, state: &St) -> Result<Self, AccessRejection> {
        let auth = state.grid_auth();
        let outcome = access(&auth, parts).await;
        match outcome.and_then(|access| access.require(S::SCOPE).map(|()| access)) {
            Ok(access) => Ok(Self::new(access)),
            Err(rejection) => Err(AccessRejection { auth, rejection }),
        }
    }
}

impl<S, St> OptionalFromRequestParts<St> for Access<S>
where
    S: RequiredScope,
    St: ProvidesGridAuth + Sync,
{
    type Rejection = AccessRejection;

    async fn from_request_parts(parts: &mut Parts, state: &St) -> Result<Option<Self>, AccessRejection> {
        match <Self as FromRequestParts<St>>::from_request_parts(parts, state).await {
            Ok(access) => Ok(Some(access)),
            // Only a request without credentials is rejected without an error (RFC 6750 section 3.1).
            Err(rejected) if rejected.rejection.error().is_none() => Ok(None),
            Err(rejected) => Err(rejected),
        }
    }
}
