use gridauth::guard::{AnyScope, RequiredScope};
use rocket::outcome::Outcome;
use rocket::request::{self, FromRequest};
use rocket::{Ignite, Request, Rocket, Sentinel};

use crate::{Access, AccessRejection};

/// Who is asking, if anybody: `None` where a request has no credentials at all. An invalid token, too little scope or a store that
/// cannot be reached is answered as `Access` answers it, so nobody is taken for a stranger because a database is down.
///
/// `Option<Access>` is Rocket's own, and `None` whatever went wrong.
///
/// ```
/// use gridauth_rocket::OptionalAccess;
/// use rocket::get;
///
/// #[get("/")]
/// fn greet(access: OptionalAccess) -> String {
///     let OptionalAccess(access) = access;
///     access.map_or("Hello, stranger".to_owned(), |access| format!("Hello, {}", access.subject()))
/// }
/// ```
#[derive(Clone, Debug)]
pub struct OptionalAccess<S: RequiredScope = AnyScope>(pub Option<Access<S>>);

#[rocket::async_trait]
impl<'r, S: RequiredScope> FromRequest<'r> for OptionalAccess<S> {
    type Error = AccessRejection;

    async fn from_request(request: &'r Request<'_>) -> request::Outcome<Self, AccessRejection> {
        match Access::from_request(request).await {
            Outcome::Success(access) => Outcome::Success(Self(Some(access))),
            // Only a request without credentials is rejected without an error (RFC 6750 section 3.1).
            Outcome::Error((_, rejected))
                if rejected.rejection().is_some_and(|rejection| rejection.error().is_none()) =>
            {
                Outcome::Success(Self(None))
            }
            Outcome::Error(error) => Outcome::Error(error),
            Outcome::Forward(status) => Outcome::Forward(status),
        }
    }
}

impl<S: RequiredScope> Sentinel for OptionalAccess<S> {
    fn abort(rocket: &Rocket<Ignite>) -> bool {
        Access::<S>::abort(rocket)
    }
}
