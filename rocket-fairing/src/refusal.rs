//! Refusals: what a guard leaves for its catcher.
//!
//! Rocket passes only a status to a catcher, and a handler may respond with any status. So a refusal has a status that no handler
//! uses, and a handler's response is never taken for a refusal. The client does not get that status, because the catcher responds
//! with the proper one.

use std::sync::Mutex;

use gridauth::guard::{Guard, Rejection};
#[cfg(feature = "server")]
use gridauth::{GridAuth, Unread};
use rocket::Request;
use rocket::http::Status;

#[cfg(feature = "server")]
use crate::convert::Head;

/// The status of a refusal on its way to its catcher. It has no meaning in HTTP.
pub(crate) const REFUSED: Status = Status::new(487);

/// Why a request did not reach its handler.
#[derive(Clone, Debug)]
pub(crate) enum Refusal {
    Guard(Guard, Rejection),
    #[cfg(feature = "server")]
    Unread(Unread),
    /// The response that lets the user sign in.
    #[cfg(feature = "server")]
    SignIn(Box<gridauth::Response>),
}

impl Refusal {
    /// The status of the response.
    pub(crate) fn status(&self) -> Status {
        Status::new(match self {
            Self::Guard(_, rejection) => rejection.status().as_u16(),
            #[cfg(feature = "server")]
            Self::Unread(why) => why.status().as_u16(),
            #[cfg(feature = "server")]
            Self::SignIn(answer) => answer.status().as_u16(),
        })
    }

    /// The response, made by the guard or by the server of this Rocket.
    pub(crate) fn answer(self, request: &Request<'_>) -> Option<gridauth::Response> {
        #[cfg(not(feature = "server"))]
        let _ = request;
        match self {
            Self::Guard(guard, rejection) => Some(guard.reject(rejection)),
            #[cfg(feature = "server")]
            Self::Unread(why) => {
                Some(request.rocket().state::<GridAuth>()?.refuse_unread(&Head(request), why))
            }
            #[cfg(feature = "server")]
            Self::SignIn(answer) => Some(*answer),
        }
    }
}

/// Managed state of a Rocket with the fairing attached, and so with its catchers.
pub(crate) struct Attached {
    /// Whether the catcher for 400 at the root is the fairing's, not the application's.
    pub(crate) catches_400: bool,
}

#[derive(Default)]
struct Left(Mutex<(Option<Refusal>, bool)>);

/// Leaves a refusal for the catcher. Returns the status that leads to it.
pub(crate) fn leave(request: &Request<'_>, refusal: Refusal) -> Status {
    let is_caught = request.rocket().state::<Attached>().is_some();
    let status = if is_caught { REFUSED } else { refusal.status() };
    if let Ok(mut left) = request.local_cache(Left::default).0.lock() {
        left.0 = Some(refusal);
    }
    status
}

/// The last refusal of the request, for the fairing's catcher. Marks it as taken up.
pub(crate) fn take_up(request: &Request<'_>) -> Option<Refusal> {
    let mut left = request.local_cache(Left::default).0.lock().ok()?;
    left.1 = true;
    left.0.clone()
}

/// The refusal that the fairing's catcher has taken up.
pub(crate) fn taken_up(request: &Request<'_>) -> Option<Refusal> {
    let left = request.local_cache(Left::default).0.lock().ok()?;
    left.0.clone().filter(|_| left.1)
}
