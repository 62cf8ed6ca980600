use gridauth::guard::{Guard, Rejection};
use rocket::Request;
use rocket::http::Status;
use rocket::response::{self, Responder};

use crate::convert;
use crate::refusal::{self, Refusal};

/// The error of the request guard [`Access`](crate::Access). It is a [`Responder`], whose response is that of RFC 6750
/// section 3 with the body of [`Builder::rejection_body`](gridauth::Builder::rejection_body).
///
/// A handler that takes `Result<Access, AccessRejection>` can inspect it and respond itself:
///
/// ```
/// use gridauth_rocket::{Access, AccessRejection};
/// use rocket::get;
///
/// #[get("/greeting")]
/// fn greet(access: Result<Access, AccessRejection>) -> Result<String, AccessRejection> {
///     match access {
///         Ok(access) => Ok(format!("Hello {}", access.subject())),
///         // A token is optional, but if there is one, it must be valid.
///         Err(rejected) if rejected.rejection().is_some_and(|rejection| rejection.error().is_none()) => {
///             Ok("Hello stranger".to_owned())
///         }
///         Err(rejected) => Err(rejected),
///     }
/// }
/// ```
#[derive(Clone, Debug, thiserror::Error)]
#[error("{}", self.words())]
pub struct AccessRejection(Option<(Guard, Rejection)>);

impl AccessRejection {
    /// Why the guard rejected the request; `None` if the fairing is not attached.
    pub fn rejection(&self) -> Option<&Rejection> {
        self.0.as_ref().map(|(_, rejection)| rejection)
    }

    pub(crate) fn new(guard: &Guard, rejection: Rejection) -> Self {
        Self(Some((guard.clone(), rejection)))
    }

    fn words(&self) -> &'static str {
        self.rejection().map_or("the application has no `GridAuth`", |rejection| rejection.description())
    }

    /// The application has no guard. This is a mistake of its developer, so it is logged and not sent to the client.
    pub(crate) fn not_attached() -> Self {
        tracing::error!(
            "a handler takes `Access`, but the fairing is missing: `rocket.attach(auth.fairing())`"
        );
        Self(None)
    }

    /// The status that the client gets.
    pub fn status(&self) -> Status {
        self.rejection()
            .map_or(Status::InternalServerError, |rejection| Status::new(rejection.status().as_u16()))
    }

    /// Leaves the rejection for the catcher. Returns the status that leads to it.
    pub(crate) fn leave(&self, request: &Request<'_>) -> Status {
        match &self.0 {
            Some((guard, rejection)) => {
                refusal::leave(request, Refusal::Guard(guard.clone(), rejection.clone()))
            }
            None => self.status(),
        }
    }
}

impl<'r> Responder<'r, 'static> for AccessRejection {
    fn respond_to(self, _: &'r Request<'_>) -> response::Result<'static> {
        match self.0 {
            Some((guard, rejection)) => Ok(convert::response(guard.reject(rejection))),
            None => Err(Status::InternalServerError),
        }
    }
}

/// Why a guard rejected this request, for the application's own catchers. `None` if no guard rejected it.
///
/// ```
/// use gridauth_rocket::rejection;
/// use rocket::{Request, catch};
///
/// #[catch(401)]
/// fn unauthorized(request: &Request<'_>) -> String {
///     rejection(request).map_or("Please sign in.".to_owned(), |rejection| rejection.description().to_owned())
/// }
/// ```
pub fn rejection(request: &Request<'_>) -> Option<Rejection> {
    match refusal::taken_up(request)? {
        Refusal::Guard(_, rejection) => Some(rejection),
        #[cfg(feature = "server")]
        Refusal::Unread(_) | Refusal::SignIn(_) => None,
    }
}
