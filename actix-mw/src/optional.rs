use std::future::Future;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use gridauth::guard::{AnyScope, RequiredScope};

use crate::{Access, AccessRejection};

/// Who is asking, if anybody: `None` where a request has no credentials at all. An invalid token, too little scope or a store that
/// cannot be reached is answered as `Access` answers it, so nobody is taken for a stranger because a database is down.
///
/// `Option<Access>` is actix-web's own, and `None` whatever went wrong.
///
/// ```
/// use gridauth_actix::OptionalAccess;
///
/// async fn greet(OptionalAccess(access): OptionalAccess) -> String {
///     access.map_or("Hello, stranger".to_owned(), |access| format!("Hello, {}", access.subject()))
/// }
/// ```
#[derive(Clone, Debug)]
pub struct OptionalAccess<S: RequiredScope = AnyScope>(pub Option<Access<S>>);

impl<S: RequiredScope> FromRequest for OptionalAccess<S> {
    type Error = AccessRejection;
    type Future = Pin<Box<dyn Future<Output = Result<Self, AccessRejection>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let access = Access::from_request(request, payload);
        Box::pin(async move {
            match access.await {
                Ok(access) => Ok(Self(Some(access))),
                // Only a request without credentials is rejected without an error (RFC 6750 section 3.1).
                Err(rejected)
                    if rejected.rejection().is_some_and(|rejection| rejection.error().is_none()) =>
                {
                    Ok(Self(None))
                }
                Err(rejected) => Err(rejected),
            }
        })
    }
}
