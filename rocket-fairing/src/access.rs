use std::future::{Future, ready};
use std::marker::PhantomData;
use std::ops::Deref;
use std::pin::Pin;
use std::sync::OnceLock;

use gridauth::guard::{AccessFuture, AnyScope, Guard, GuardOutcome, Rejection, RequiredScope, Requirement};
use rocket::request::{FromRequest, Outcome};
use rocket::{Ignite, Request, Rocket, Sentinel};

use crate::AccessRejection;
use crate::convert::Head;

/// A request guard. It has the token's user, client and scope. `Access` accepts any valid token, `Access<S>` requires the scope
/// `S`.
///
/// Without a valid token the handler is not called, and the catchers of the [`fairing`](crate::GuardExt::fairing) answer as RFC
/// 6750 section 3 says. [`OptionalAccess`](crate::OptionalAccess) lets requests without credentials pass;
/// `Result<Access, AccessRejection>` has the reason. `Option<Access>` is Rocket's own: it is `None` whatever the reason, even where the
/// store cannot be reached. A handler that takes one of the last two runs, and its response is its own, whatever the status. However many guards a request meets, its token is looked up once.
///
/// If your own request guard uses `Access`, it must pass on the status of an `Outcome::Error` unchanged: by that status the
/// fairing's catchers recognize a guard's rejection. The client gets [`AccessRejection::status`].
///
/// A Rocket whose routes have this guard does not start without the fairing, nor where `S` is not among the declared scopes.
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

    /// The [`gridauth::Access`], without the scope in its type.
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

    // Not an `async_trait` method: a ready future is small and cheap to box.
    fn from_request<'c, 'f>(
        request: &'r Request<'c>,
    ) -> Pin<Box<dyn Future<Output = Outcome<Self, AccessRejection>> + Send + 'f>>
    where
        'r: 'f,
        'c: 'f,
        Self: 'f,
    {
        let Some(guard) = request.rocket().state::<Guard>() else {
            return Box::pin(ready(outcome(request, Err(AccessRejection::not_attached()))));
        };
        let around = request.local_cache(Found::default).0.get().map(GuardOutcome::guard);
        let guard = guard.or_derived(around);
        let mut access = look_up(guard, request);
        match access.now() {
            Some(access) => Box::pin(ready(outcome(
                request,
                found(guard, request, access, &Requirement::of::<S>()).map(Self::new),
            ))),
            None => Box::pin(async move {
                outcome(request, found(guard, request, access.await, &Requirement::of::<S>()).map(Self::new))
            }),
        }
    }
}

/// Turns the result into an outcome. Leaves a rejection for the catcher.
fn outcome<T>(request: &Request<'_>, found: Result<T, AccessRejection>) -> Outcome<T, AccessRejection> {
    match found {
        Ok(access) => Outcome::Success(access),
        Err(rejection) => Outcome::Error((rejection.leave(request), rejection)),
    }
}

impl<S: RequiredScope> Sentinel for Access<S> {
    fn abort(rocket: &Rocket<Ignite>) -> bool {
        let Some(guard) = rocket.state::<Guard>() else { return true };
        match guard.check_scope(S::SCOPE) {
            Ok(()) => false,
            Err(mistake) => {
                tracing::error!("{mistake}");
                true
            }
        }
    }
}

/// The result of the first guard of a request. (Rocket's local cache keeps the first value of each type.)
#[derive(Default)]
struct Found(OnceLock<GuardOutcome>);

/// Looks the token of a request up, unless this guard has already done so.
pub(crate) fn look_up(guard: &Guard, request: &Request<'_>) -> AccessFuture {
    guard.authenticate_once(request.local_cache(Found::default).0.get(), &Head(request))
}

/// Checks what is required, and keeps the guard's result with the request.
pub(crate) fn found(
    guard: &Guard,
    request: &Request<'_>,
    found: Result<gridauth::Access, Rejection>,
    requirement: &Requirement,
) -> Result<gridauth::Access, AccessRejection> {
    let outcome = GuardOutcome::new(guard, found);
    let judged = outcome.require(requirement).cloned();
    let judged = judged.map_err(|rejection| AccessRejection::new(guard, rejection));
    let _ = request.local_cache(Found::default).0.set(outcome);
    judged
}
