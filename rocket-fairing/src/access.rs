use std::future::{Future, ready};
use std::marker::PhantomData;
use std::ops::Deref;
use std::pin::Pin;
use std::sync::OnceLock;

use gridauth::GridAuth;
use gridauth::guard::{AnyScope, Checked, RequiredScope};
use rocket::request::{FromRequest, Outcome};
use rocket::{Ignite, Request, Rocket, Sentinel};

use crate::{AccessRejection, convert};

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

impl<'r, S: RequiredScope> FromRequest<'r> for Access<S> {
    type Error = AccessRejection;

    // By hand what `async_trait` makes of an async function: a future that is there already is small and cheap to box.
    fn from_request<'c, 'f>(
        request: &'r Request<'c>,
    ) -> Pin<Box<dyn Future<Output = Outcome<Self, AccessRejection>> + Send + 'f>>
    where
        'r: 'f,
        'c: 'f,
        Self: 'f,
    {
        let Some(auth) = request.rocket().state::<GridAuth>() else {
            return Box::pin(ready(outcome(request, Err(AccessRejection::not_attached()))));
        };
        let give = |access: &gridauth::Access| Self::new(access.clone());
        match found_now(auth, request, S::SCOPE, give) {
            Some(found) => Box::pin(ready(outcome(request, found))),
            None => {
                Box::pin(async move { outcome(request, found_later(auth, request, S::SCOPE, give).await) })
            }
        }
    }
}

/// The access, or what is wrong left for the catcher.
fn outcome<T>(request: &Request<'_>, found: Result<T, AccessRejection>) -> Outcome<T, AccessRejection> {
    match found {
        Ok(access) => Outcome::Success(access),
        Err(rejection) => Outcome::Error((rejection.leave(request), rejection)),
    }
}

impl<S: RequiredScope> Sentinel for Access<S> {
    fn abort(rocket: &Rocket<Ignite>) -> bool {
        rocket.state::<GridAuth>().is_none()
    }
}

/// What was found for a request's token. Rocket keeps the first of each type: if guards ask several servers, the one that
/// was asked first.
#[derive(Default)]
struct Kept(OnceLock<Checked>);

/// What a request is given for its token, if that has the scope; `None` where the store has to be asked. The token is
/// looked up once for each request.
pub(crate) fn found_now<T>(
    auth: &GridAuth,
    request: &Request<'_>,
    scope: &str,
    give: impl FnOnce(&gridauth::Access) -> T,
) -> Option<Result<T, AccessRejection>> {
    let Kept(kept) = request.local_cache(Kept::default);
    if let Some(checked) = kept.get()
        && checked.by(auth).is_some()
    {
        return Some(checked.require(scope).map(give).map_err(AccessRejection::from));
    }
    let checked = Checked::new(auth, auth.authenticate_now_by(|name| convert::values(request, name))?);
    let outcome = checked.require(scope).map(give).map_err(AccessRejection::from);
    let _ = kept.set(checked);
    Some(outcome)
}

/// The same, where the store has to be asked.
pub(crate) async fn found_later<T>(
    auth: &GridAuth,
    request: &Request<'_>,
    scope: &str,
    give: impl FnOnce(&gridauth::Access) -> T,
) -> Result<T, AccessRejection> {
    let found = auth.authenticate_by(|name| convert::values(request, name)).await;
    let checked = Checked::new(auth, found);
    let outcome = checked.require(scope).map(give).map_err(AccessRejection::from);
    let _ = request.local_cache(Kept::default).0.set(checked);
    outcome
}
