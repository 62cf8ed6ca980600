use std::marker::PhantomData;
use std::ops::Deref;

use axum::body::Body;
#[cfg(feature = "server")]
use axum::extract::FromRef;
use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::response::{IntoResponse, Response};
#[cfg(feature = "server")]
use gridauth::GridAuth;
use gridauth::guard::{AnyScope, Guard, Rejection, RequiredScope, Requirement};
use http::request::Parts;

use crate::head::Head;

/// An axum extractor: a handler with this argument is guarded.
///
/// `Access` accepts any valid token, `Access<S>` one with the scope of `S`, a type that [`gridauth::scopes!`] makes. It derefs to
/// [`gridauth::Access`]: [`user`](gridauth::Access::user), [`client`](gridauth::Access::client),
/// [`scope`](gridauth::Access::scope). `Option<Access>` is `None` where a request has no credentials at all; an invalid token, too
/// little scope and a store that cannot be reached are still errors. [`OptionalAccess`] is the same by the name that it has on the
/// other frameworks, where `Option<Access>` is the framework's own.
///
/// The router's state must be a `GridAuth`, or a type from which `FromRef` takes one. A program without the server implements
/// [`ProvidesGuard`] for its state. Behind a [`RequireLayer`](crate::RequireLayer) the token is not looked up again.
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

    /// The [`gridauth::Access`], without the scope in its type.
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

/// Who is asking, if anybody: what `Option<Access>` is, by a name that means the same on every framework.
///
/// ```
/// use gridauth_tower::OptionalAccess;
///
/// async fn greet(OptionalAccess(access): OptionalAccess) -> String {
///     access.map_or("Hello, stranger".to_owned(), |access| format!("Hello, {}", access.subject()))
/// }
/// # let _: axum::Router<gridauth::GridAuth> = axum::Router::new().route("/", axum::routing::get(greet));
/// ```
#[derive(Clone, Debug)]
pub struct OptionalAccess<S: RequiredScope = AnyScope>(pub Option<Access<S>>);

impl<S, St> FromRequestParts<St> for OptionalAccess<S>
where
    S: RequiredScope,
    St: ProvidesGuard + Sync,
{
    type Rejection = AccessRejection;

    async fn from_request_parts(parts: &mut Parts, state: &St) -> Result<Self, AccessRejection> {
        <Access<S> as OptionalFromRequestParts<St>>::from_request_parts(parts, state).await.map(Self)
    }
}

/// A router state that has a guard: every state from which `FromRef` takes a `GridAuth`, and every type that implements this.
///
/// ```
/// use gridauth::Guard;
/// use gridauth_tower::ProvidesGuard;
///
/// /// The state of a program without the server.
/// #[derive(Clone)]
/// struct App {
///     guard: Guard,
/// }
///
/// impl ProvidesGuard for App {
///     fn guard(&self) -> Guard {
///         self.guard.clone()
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "the router's state `{Self}` has no `GridAuth`",
    label = "`Access` needs the `GridAuth` whose tokens it checks",
    note = "make it the state with `Router::with_state(auth)`, or a field of the state with `#[derive(Clone, FromRef)] struct {Self} {{ auth: GridAuth, .. }}`"
)]
pub trait ProvidesGuard {
    /// The guard that checks the tokens.
    fn guard(&self) -> Guard;
}

#[cfg(feature = "server")]
#[diagnostic::do_not_recommend]
impl<St> ProvidesGuard for St
where
    GridAuth: FromRef<St>,
{
    fn guard(&self) -> Guard {
        GridAuth::from_ref(self).guard().clone()
    }
}

/// The rejection of the extractor [`Access`]. As a response it is that of [`Guard::reject`].
///
/// A handler that takes `Result<Access, AccessRejection>` can inspect it and respond itself.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{rejection}")]
pub struct AccessRejection {
    guard: Guard,
    rejection: Rejection,
}

impl AccessRejection {
    /// Why the guard rejected the request.
    pub fn rejection(&self) -> &Rejection {
        &self.rejection
    }
}

impl IntoResponse for AccessRejection {
    fn into_response(self) -> Response {
        self.guard.reject(self.rejection).map(Body::from)
    }
}

/// The access of a request: the earlier result of the same guard, or a new one.
async fn access(guard: &Guard, parts: &mut Parts) -> Result<gridauth::Access, Rejection> {
    let found = parts.extensions.get::<gridauth::Access>();
    if let Some(found) = found.filter(|access| access.is_from(guard.id())) {
        return Ok(found.clone());
    }
    let mut access = guard.authenticate(&Head(parts, &parts.extensions));
    let access = match access.now() {
        Some(found) => found?,
        None => access.await?,
    };
    parts.extensions.insert(access.clone());
    Ok(access)
}

impl<S, St> FromRequestParts<St> for Access<S>
where
    S: RequiredScope,
    St: ProvidesGuard + Sync,
{
    type Rejection = AccessRejection;

    async fn from_request_parts(parts: &mut Parts, state: &St) -> Result<Self, AccessRejection> {
        let own = state.guard();
        let guard = own.or_derived(parts.extensions.get()).clone();
        let outcome = access(&guard, parts).await;
        let requirement = Requirement::of::<S>();
        match outcome.and_then(|access| guard.permit(&access, &requirement).map(|()| access)) {
            Ok(access) => Ok(Self::new(access)),
            Err(rejection) => Err(AccessRejection { guard, rejection }),
        }
    }
}

impl<S, St> OptionalFromRequestParts<St> for Access<S>
where
    S: RequiredScope,
    St: ProvidesGuard + Sync,
{
    type Rejection = AccessRejection;

    async fn from_request_parts(parts: &mut Parts, state: &St) -> Result<Option<Self>, AccessRejection> {
        match <Self as FromRequestParts<St>>::from_request_parts(parts, state).await {
            Ok(access) => Ok(Some(access)),
            // Only a rejection for missing credentials has no error code (RFC 6750 section 3.1).
            Err(rejected) if rejected.rejection.error().is_none() => Ok(None),
            Err(rejected) => Err(rejected),
        }
    }
}
