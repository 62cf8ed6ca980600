//! What a guard leaves for the catcher: Rocket hands a catcher the status alone.

use std::sync::Mutex;

use gridauth::GridAuth;
use gridauth::guard::Rejection;
use rocket::http::Status;
use rocket::{Request, Response};

use crate::convert;

/// Why a request did not reach its handler.
#[derive(Clone, Debug)]
pub(crate) enum Refusal {
    Guard(Rejection),
    TooLong,
    Unreadable,
}

impl Refusal {
    /// The statuses that one can have.
    pub(crate) const STATUSES: [u16; 6] = [400, 401, 403, 413, 500, 503];

    pub(crate) fn status(&self) -> Status {
        match self {
            Self::Guard(rejection) => Status::new(rejection.status().as_u16()),
            Self::TooLong => Status::PayloadTooLarge,
            Self::Unreadable => Status::BadRequest,
        }
    }

    pub(crate) fn answer(self, auth: &GridAuth) -> gridauth::Response {
        match self {
            Self::Guard(rejection) => auth.reject(rejection),
            Self::TooLong => auth.payload_too_large(),
            Self::Unreadable => auth.unreadable_request(),
        }
    }

    pub(crate) fn response(self, auth: &GridAuth) -> Response<'static> {
        convert::response(self.answer(auth))
    }
}

#[derive(Default)]
struct Left(Mutex<Option<Refusal>>);

/// Leaves a refusal for the catcher.
pub(crate) fn leave(request: &Request<'_>, refusal: Refusal) {
    if let Ok(mut left) = request.local_cache(Left::default).0.lock() {
        *left = Some(refusal);
    }
}

/// The last refusal that was left.
pub(crate) fn left(request: &Request<'_>) -> Option<Refusal> {
    request.local_cache(Left::default).0.lock().ok()?.clone()
}

/// The refusal that explains this status.
pub(crate) fn left_with(request: &Request<'_>, status: Status) -> Option<Refusal> {
    left(request).filter(|refusal| refusal.status() == status)
}
