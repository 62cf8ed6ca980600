//! What a guard leaves for its catcher.
//!
//! Rocket hands a catcher a status and nothing else, and a handler that ran may answer with any status. So a refusal goes to
//! its catcher under a status that no handler has a use for: what a handler answers is never taken for a refusal. No client
//! sees that status, for the catcher answers with the right one.

use std::sync::Mutex;

use gridauth::guard::Rejection;
use gridauth::{GridAuth, Unread};
use rocket::Request;
use rocket::http::Status;

/// The status of a refusal on its way to its catcher. HTTP has given it no meaning.
pub(crate) const REFUSED: Status = Status::new(487);

/// Why a request did not reach its handler.
#[derive(Clone, Debug)]
pub(crate) enum Refusal {
    Guard(Rejection),
    Unread(Unread),
}

impl Refusal {
    /// The status of the answer.
    pub(crate) fn status(&self) -> Status {
        Status::new(match self {
            Self::Guard(rejection) => rejection.status().as_u16(),
            Self::Unread(why) => why.status().as_u16(),
        })
    }

    pub(crate) fn answer(self, auth: &GridAuth) -> gridauth::Response {
        match self {
            Self::Guard(rejection) => auth.reject(rejection),
            Self::Unread(why) => auth.refuse_unread(why),
        }
    }
}

/// That the fairing's catchers are there: managed by the Rocket that it was attached to.
pub(crate) struct Attached {
    /// The catcher for 400 at the root is the fairing's, not the application's.
    pub(crate) catches_400: bool,
}

#[derive(Default)]
struct Left(Mutex<(Option<Refusal>, bool)>);

/// Leaves a refusal for the catcher, and gives the status that leads to it.
pub(crate) fn leave(request: &Request<'_>, refusal: Refusal) -> Status {
    let is_caught = request.rocket().state::<Attached>().is_some();
    let status = if is_caught { REFUSED } else { refusal.status() };
    if let Ok(mut left) = request.local_cache(Left::default).0.lock() {
        left.0 = Some(refusal);
    }
    status
}

/// The last refusal that was left, for the catcher that it led to.
pub(crate) fn take_up(request: &Request<'_>) -> Option<Refusal> {
    let mut left = request.local_cache(Left::default).0.lock().ok()?;
    left.1 = true;
    left.0.clone()
}

/// The refusal that led to a catcher.
pub(crate) fn taken_up(request: &Request<'_>) -> Option<Refusal> {
    let left = request.local_cache(Left::default).0.lock().ok()?;
    left.0.clone().filter(|_| left.1)
}
