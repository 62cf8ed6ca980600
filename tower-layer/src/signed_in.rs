use std::fmt;
use std::ops::Deref;

use axum::body::Body;
use axum::extract::{FromRef, FromRequestParts, OptionalFromRequestParts};
use axum::response::{IntoResponse, Response};
use gridauth::GridAuth;
use gridauth::model::Authentication;
use http::request::Parts;

use crate::head::Head;
use crate::sign_in_required::Found;

/// An axum extractor for the application's own pages: the user who is signed in in the browser.
///
/// Without a session, the browser is sent to the sign-in page and comes back ([`GridAuth::require_sign_in`]). `Option<SignedIn>` is
/// `None` instead, and [`OptionalSignedIn`] is the same by the name that it has on the other frameworks. It derefs to the
/// [`Authentication`]: who, when and how. The router's state must be a `GridAuth`, or a type from which `FromRef` takes one.
///
/// ```
/// use gridauth_tower::SignedIn;
///
/// async fn settings(signed_in: SignedIn) -> String {
///     format!("The settings of {}", signed_in.user().username())
/// }
///
/// async fn home(signed_in: Option<SignedIn>) -> String {
///     signed_in.map_or("Hello".to_owned(), |signed_in| format!("Hello, {}", signed_in.user().username()))
/// }
/// # use axum::routing::get;
/// # let _: axum::Router<gridauth::GridAuth> = axum::Router::new().route("/settings", get(settings)).route("/", get(home));
/// ```
#[derive(Clone, Debug)]
pub struct SignedIn(pub Authentication);

impl Deref for SignedIn {
    type Target = Authentication;

    fn deref(&self) -> &Authentication {
        &self.0
    }
}

/// The signed-in user, if there is one: what `Option<SignedIn>` is, by a name that means the same on every framework.
#[derive(Clone, Debug)]
pub struct OptionalSignedIn(pub Option<SignedIn>);

/// The rejection of the extractor [`SignedIn`]: the response that sends the browser to the sign-in page.
#[derive(Clone)]
pub struct SignInRejection(gridauth::Response);

impl IntoResponse for SignInRejection {
    fn into_response(self) -> Response {
        self.0.map(Body::from)
    }
}

impl fmt::Debug for SignInRejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SignInRejection").field(&self.0.status()).finish()
    }
}

impl<St> FromRequestParts<St> for SignedIn
where
    GridAuth: FromRef<St>,
    St: Sync,
{
    type Rejection = SignInRejection;

    async fn from_request_parts(parts: &mut Parts, state: &St) -> Result<Self, SignInRejection> {
        let auth = GridAuth::from_ref(state);
        if let Some(found) = Found::by(&auth, &parts.extensions) {
            return Ok(Self(found));
        }
        let found = auth.require_sign_in(&Head(parts, &parts.extensions)).await.map_err(SignInRejection)?;
        parts.extensions.insert(Found::new(&auth, found.clone()));
        Ok(Self(found))
    }
}

impl<St> OptionalFromRequestParts<St> for SignedIn
where
    GridAuth: FromRef<St>,
    St: Sync,
{
    type Rejection = SignInRejection;

    async fn from_request_parts(parts: &mut Parts, state: &St) -> Result<Option<Self>, SignInRejection> {
        let auth = GridAuth::from_ref(state);
        if let Some(found) = Found::by(&auth, &parts.extensions) {
            return Ok(Some(Self(found)));
        }
        let found = auth.signed_in(&Head(parts, &parts.extensions)).await.map_err(SignInRejection)?;
        Ok(found.map(Self))
    }
}

impl<St> FromRequestParts<St> for OptionalSignedIn
where
    GridAuth: FromRef<St>,
    St: Sync,
{
    type Rejection = SignInRejection;

    async fn from_request_parts(parts: &mut Parts, state: &St) -> Result<Self, SignInRejection> {
        <SignedIn as OptionalFromRequestParts<St>>::from_request_parts(parts, state).await.map(Self)
    }
}
