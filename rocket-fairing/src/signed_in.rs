use std::ops::Deref;
use std::sync::OnceLock;

use gridauth::GridAuth;
use gridauth::guard::GuardId;
use gridauth::model::Authentication;
use rocket::http::Status;
use rocket::outcome::Outcome;
use rocket::request::{self, FromRequest};
use rocket::{Ignite, Request, Rocket, Sentinel};

use crate::convert::Head;
use crate::refusal::{self, Refusal};

/// A request guard for the application's own pages: the user who is signed in in the browser.
///
/// Without a session, the browser is sent to the sign-in page and comes back ([`GridAuth::require_sign_in`]). With
/// [`OptionalSignedIn`] the handler runs all the same. It derefs to the [`Authentication`]: who, when and how.
///
/// A Rocket whose routes have this guard does not start without the fairing.
///
/// ```
/// use gridauth_rocket::SignedIn;
/// use rocket::get;
///
/// #[get("/settings")]
/// fn settings(signed_in: SignedIn) -> String {
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

/// The error of the request guard [`SignedIn`]: nobody is signed in, or that cannot be determined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the user has to sign in")]
pub struct SignInRejection;

/// Who is signed in, as one server has found. (Rocket's local cache keeps the first value of each type.)
#[derive(Default)]
struct Found(OnceLock<(GuardId, Authentication)>);

/// Who is signed in. A refusal is left for the catcher; the status leads to it.
pub(crate) async fn find(auth: &GridAuth, request: &Request<'_>) -> Result<Authentication, Status> {
    if let Some(found) = known(auth, request) {
        return Ok(found);
    }
    match auth.require_sign_in(&Head(request)).await {
        Ok(found) => {
            let _ = request.local_cache(Found::default).0.set((auth.guard().id(), found.clone()));
            Ok(found)
        }
        Err(answer) => Err(refusal::leave(request, Refusal::SignIn(Box::new(answer)))),
    }
}

/// What this server has found before.
fn known(auth: &GridAuth, request: &Request<'_>) -> Option<Authentication> {
    let found = request.local_cache(Found::default).0.get();
    found.filter(|(by, _)| *by == auth.guard().id()).map(|(_, found)| found.clone())
}

fn server<'r>(request: &'r Request<'_>) -> Option<&'r GridAuth> {
    let auth = request.rocket().state::<GridAuth>();
    if auth.is_none() {
        tracing::error!(
            "a handler takes `SignedIn`, but the fairing is missing: `rocket.attach(auth.fairing())`"
        );
    }
    auth
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for SignedIn {
    type Error = SignInRejection;

    async fn from_request(request: &'r Request<'_>) -> request::Outcome<Self, SignInRejection> {
        let Some(auth) = server(request) else {
            return Outcome::Error((Status::InternalServerError, SignInRejection));
        };
        match find(auth, request).await {
            Ok(found) => Outcome::Success(Self(found)),
            Err(status) => Outcome::Error((status, SignInRejection)),
        }
    }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for OptionalSignedIn {
    type Error = SignInRejection;

    async fn from_request(request: &'r Request<'_>) -> request::Outcome<Self, SignInRejection> {
        let Some(auth) = server(request) else {
            return Outcome::Error((Status::InternalServerError, SignInRejection));
        };
        if let Some(found) = known(auth, request) {
            return Outcome::Success(Self(Some(SignedIn(found))));
        }
        match auth.signed_in(&Head(request)).await {
            Ok(found) => Outcome::Success(Self(found.map(SignedIn))),
            Err(answer) => {
                let status = refusal::leave(request, Refusal::SignIn(Box::new(answer)));
                Outcome::Error((status, SignInRejection))
            }
        }
    }
}

impl Sentinel for SignedIn {
    fn abort(rocket: &Rocket<Ignite>) -> bool {
        rocket.state::<GridAuth>().is_none()
    }
}

impl Sentinel for OptionalSignedIn {
    fn abort(rocket: &Rocket<Ignite>) -> bool {
        rocket.state::<GridAuth>().is_none()
    }
}
