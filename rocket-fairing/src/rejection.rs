use std::fmt;
use std::sync::Mutex;

use gridauth::GridAuth;
use rocket::Request;
use rocket::http::Status;
use rocket::response::{self, Responder};

use crate::convert;

/// Why a guard did not let a request pass: the error of [`Access`](crate::Access), and a [`Responder`] that answers as RFC
/// 6750 section 3 says, with the body that [`Builder::rejection_body`](gridauth::Builder::rejection_body) shapes.
///
/// A handler that takes `Result<Access, Rejection>` decides itself:
///
/// ```
/// use gridauth_rocket::{Access, Rejection};
/// use rocket::get;
///
/// #[get("/greeting")]
/// fn greet(access: Result<Access, Rejection>) -> Result<String, Rejection> {
///     match access {
///         Ok(access) => Ok(format!("Hello {}", access.subject())),
///         // Nobody signed in may look; a token that is presented has to be good.
///         Err(rejection) if rejection.reason().is_some_and(|reason| reason.error().is_none()) => {
///             Ok("Hello stranger".to_owned())
///         }
///         Err(rejection) => Err(rejection),
///     }
/// }
/// ```
#[derive(Clone)]
pub struct Rejection(Option<gridauth::guard::Rejection>);

impl Rejection {
    /// What the guard found; `None` where there is no guard because the application has no
    /// [`fairing`](crate::GridAuthExt::fairing).
    pub fn reason(&self) -> Option<&gridauth::guard::Rejection> {
        self.0.as_ref()
    }

    /// The application has no server: its mistake, told in the log and to nobody else.
    pub(crate) fn not_attached() -> Self {
        tracing::error!(
            "`Access` was asked for, but the fairing is missing: `rocket.attach(auth.fairing())`"
        );
        Self(None)
    }

    /// The status of the answer.
    pub fn status(&self) -> Status {
        self.reason().map_or(Status::InternalServerError, |reason| Status::new(reason.status().as_u16()))
    }
}

impl From<gridauth::guard::Rejection> for Rejection {
    fn from(reason: gridauth::guard::Rejection) -> Self {
        Self(Some(reason))
    }
}

impl<'r> Responder<'r, 'static> for Rejection {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        match (self.0, request.rocket().state::<GridAuth>()) {
            (Some(reason), Some(auth)) => Ok(convert::response(auth.reject(reason))),
            _ => Err(Status::InternalServerError),
        }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.reason() {
            Some(reason) => reason.fmt(f),
            None => f.write_str("the application has no `GridAuth`"),
        }
    }
}

impl fmt::Debug for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Rejection").field(&self.reason()).finish()
    }
}

impl std::error::Error for Rejection {}

/// Where a guard leaves its rejection for the catcher: Rocket hands a catcher the status alone.
#[derive(Default)]
struct Left(Mutex<Option<gridauth::guard::Rejection>>);

/// Leaves a rejection for the catcher.
pub(crate) fn leave(request: &Request<'_>, rejection: &Rejection) {
    let left = request.local_cache(Left::default);
    if let Ok(mut left) = left.0.lock() {
        *left = rejection.0.clone();
    }
}

/// The rejection of a guard of this request that has this status. A catcher of the application's own reads it to say
/// more than the status does.
///
/// ```
/// use gridauth_rocket::rejection;
/// use rocket::{Request, catch};
///
/// #[catch(401)]
/// fn unauthorized(request: &Request<'_>) -> String {
///     rejection(request).map_or("Please sign in.".to_owned(), |rejection| rejection.to_string())
/// }
/// ```
pub fn rejection(request: &Request<'_>) -> Option<Rejection> {
    let left = request.local_cache(Left::default).0.lock().ok()?.clone()?;
    Some(Rejection(Some(left)))
}
