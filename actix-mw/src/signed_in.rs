use std::fmt;
use std::future::Future;
use std::ops::Deref;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::{FromRequest, HttpMessage, HttpRequest, HttpResponse, ResponseError};
use gridauth::GridAuth;
use gridauth::guard::GuardId;
use gridauth::model::Authentication;

use crate::convert::{self, Head};
use crate::rejection::{NotConfigured, configured_server};

/// An extractor for the application's own pages: the user who is signed in in the browser.
///
/// Without a session, the browser is sent to the sign-in page and comes back ([`GridAuth::require_sign_in`]). With
/// [`OptionalSignedIn`] the handler runs all the same. It derefs to the [`Authentication`]: who, when and how.
///
/// ```
/// use gridauth_actix::SignedIn;
///
/// async fn settings(signed_in: SignedIn) -> String {
///     format!("The settings of {}", signed_in.user().username())
/// }
/// ```
#[derive(Clone, Debug)]
pub struct SignedIn(pub Authentication);

impl Deref for SignedIn {
    type Target = Authentication;

    fn deref(&self) -> &Authentication {
        &self.0
    }
}

/// The signed-in user, if there is one. A store that cannot be reached is still an error.
#[derive(Clone, Debug)]
pub struct OptionalSignedIn(pub Option<SignedIn>);

/// The error of the extractor [`SignedIn`]: the response that sends the browser to the sign-in page.
#[derive(Clone, thiserror::Error)]
#[error("the user has to sign in")]
pub struct SignInRejection(Option<gridauth::Response>);

impl SignInRejection {
    pub(crate) fn new(answer: gridauth::Response) -> Self {
        Self(Some(answer))
    }
}

impl From<NotConfigured> for SignInRejection {
    fn from(_: NotConfigured) -> Self {
        Self(None)
    }
}

impl fmt::Debug for SignInRejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SignInRejection").field(&self.status_code()).finish()
    }
}

impl ResponseError for SignInRejection {
    fn status_code(&self) -> StatusCode {
        convert::status(self.0.as_ref().map(gridauth::Response::status))
    }

    fn error_response(&self) -> HttpResponse {
        match &self.0 {
            Some(answer) => convert::response(answer.clone()),
            None => HttpResponse::InternalServerError().finish(),
        }
    }
}

/// Who is signed in, as one server has found.
struct Found {
    by: GuardId,
    signed_in: Authentication,
}

/// Keeps what a server has found with the request.
pub(crate) fn keep(auth: &GridAuth, request: &HttpRequest, signed_in: Authentication) {
    request.extensions_mut().insert(Found { by: auth.guard().id(), signed_in });
}

/// What this server has found before.
fn known(auth: &GridAuth, request: &HttpRequest) -> Option<Authentication> {
    let extensions = request.extensions();
    let found = extensions.get::<Found>().filter(|found| found.by == auth.guard().id())?;
    Some(found.signed_in.clone())
}

impl FromRequest for SignedIn {
    type Error = SignInRejection;
    type Future = Pin<Box<dyn Future<Output = Result<Self, SignInRejection>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let auth = configured_server(&request)?;
            if let Some(found) = known(auth, &request) {
                return Ok(Self(found));
            }
            let found = auth.require_sign_in(&Head::of(&request)).await.map_err(SignInRejection::new)?;
            keep(auth, &request, found.clone());
            Ok(Self(found))
        })
    }
}

impl FromRequest for OptionalSignedIn {
    type Error = SignInRejection;
    type Future = Pin<Box<dyn Future<Output = Result<Self, SignInRejection>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let auth = configured_server(&request)?;
            if let Some(found) = known(auth, &request) {
                return Ok(Self(Some(SignedIn(found))));
            }
            let found = auth.signed_in(&Head::of(&request)).await.map_err(SignInRejection::new)?;
            Ok(Self(found.map(SignedIn)))
        })
    }
}
