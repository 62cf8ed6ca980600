use std::marker::PhantomData;
use std::ops::Deref;

use gridauth::GridAuth;
use gridauth::guard::{AnyScope, Checked, RequiredScope};
use rocket::request::{FromRequest, Outcome};
use rocket::{Ignite, Request, Rocket, Sentinel};

use crate::AccessRejection;

/// The access of a request, as a request guard: whom the token speaks for, to which client it was issued, for what.
/// `Access` asks for any good token, `Access<S>` for one with the scope `S`.
///
/// Without a good token the handler is not called, and the catchers of the [`fairing`](crate::GridAuthExt::fairing)
/// answer as RFC 6750 section 3 says. `Option<Access>` is `None` then, whatever the reason, a store that cannot be
/// reached included; `Result<Access, AccessRejection>` tells the reason. A handler that takes one of these runs, and what it
/// answers is its own, whatever the status. However many guards a request meets, its token is looked up once.
///
/// A guard of the application's own that asks for `Access` hands the status of its `Outcome::Error` on as it is: by it the
/// fairing's catchers know a guard's refusal from a handler's answer. The status that a client will see is
/// [`AccessRejection::status`].
///
/// A Rocket whose routes have this guard does not start without the fairing.
///
/// ```
/// use gridauth_rocket::Access;
/// use rocket::post;
///
/// gridauth::scopes! { OrdersPay = "orders.pay" }
///
/// #[post("/pay")]
/// fn pay(access: Access<OrdersPay>) -> String {
///     format!("paid by {}", access.subject())
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Access<S: RequiredScope = AnyScope> {
    access: gridauth::Access,
    scope: PhantomData<fn() -> S>,
}

impl<S: RequiredScope> Access<S> {
    fn new(access: gridauth::Access) -> Self {
        Self { access, scope: PhantomData }
    }

    /// The engine's own value, without the scope in its type.
    pub fn into_inner(self) -> gridauth::Access {
        self.access
    }
}

impl<S: RequiredScope> Deref for Access<S> {
    type Target = gridauth::Access;

    fn deref(&self) -> &gridauth::Access {
        &self.access
    }
}

#[rocket::async_trait]
impl<'r, S: RequiredScope> FromRequest<'r> for Access<S> {
    type Error = AccessRejection;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, AccessRejection> {
        let checked = match request.rocket().state::<GridAuth>() {
            Some(auth) => check(auth, request, S::SCOPE).await,
            None => Err(AccessRejection::not_attached()),
        };
        match checked {
            Ok(access) => Outcome::Success(Self::new(access)),
            Err(rejection) => Outcome::Error((rejection.leave(request), rejection)),
        }
    }
}

impl<S: RequiredScope> Sentinel for Access<S> {
    fn abort(rocket: &Rocket<Ignite>) -> bool {
        rocket.state::<GridAuth>().is_none()
    }
}

/// The access of a request, if its token has the scope. The token is looked up once for each request.
pub(crate) async fn check(
    auth: &GridAuth,
    request: &Request<'_>,
    scope: &str,
) -> Result<gridauth::Access, AccessRejection> {
    let values = |name: &http::HeaderName| request.headers().get(name.as_str()).map(str::as_bytes);
    let look_up = || auth.authenticate_by(values);
    let checked = request.local_cache_async(async { Checked::new(auth, look_up().await) }).await;
    // Asked again where the first guard had another server: Rocket keeps the first of each type.
    let access = match checked.by(auth) {
        Some(found) => found.clone()?,
        None => look_up().await?,
    };
    access.require(scope)?;
    Ok(access)
}
