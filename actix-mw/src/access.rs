use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::ops::Deref;
use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use gridauth::guard::{
    AccessFuture as Looking, AnyScope, Guard, GuardOutcome, Rejection, RequiredScope, Requirement,
};

use crate::AccessRejection;
use crate::convert::Head;
use crate::rejection::{configured, not_configured};

/// An extractor that guards a handler. It has the token's user, client and scope. `Access` accepts any valid token, `Access<S>`
/// requires the scope `S`.
///
/// It needs no guard around the handler: it is one. It asks the server that the application configured, the innermost one where a
/// scope has its own. Behind [`require`](crate::GuardExt::require) of that server the token is not looked up again; what the guard
/// of another server found does not count. Without any server configured it hands on what the guard around it found.
/// Without a valid token the handler is not called, and the request is answered as RFC 6750 section 3 says.
/// [`OptionalAccess`](crate::OptionalAccess) lets requests without credentials pass; `Result<Access, AccessRejection>` has the reason.
/// `Option<Access>` is actix-web's own: it is `None` whatever the reason, even where the store cannot be reached.
///
/// ```
/// use actix_web::HttpResponse;
/// use gridauth_actix::Access;
///
/// gridauth::scopes! { OrdersPay = "orders.pay" }
///
/// async fn pay(access: Access<OrdersPay>) -> HttpResponse {
///     HttpResponse::Created().body(format!("paid by {}", access.subject()))
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

impl Access {
    /// The access that a guard around the service found, for middleware behind the guard and for handlers without extractors.
    /// `None` if there was no guard.
    pub fn of(request: &impl HttpMessage) -> Option<Self> {
        let access = request.extensions().get::<GuardOutcome>()?.found().as_ref().ok()?.clone();
        Some(Self::new(access))
    }
}

impl<S: RequiredScope> FromRequest for Access<S> {
    type Error = AccessRejection;
    type Future = AccessFuture<S>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> AccessFuture<S> {
        // Where the application names no server, the guard around the handler is the only one to ask.
        let around = request.extensions().get().map(|outcome: &GuardOutcome| outcome.guard().clone());
        let guard = match configured(request) {
            Some(guard) => Some(guard.or_derived(around.as_ref()).clone()),
            None => around,
        };
        let Some(guard) = guard else {
            return AccessFuture(State::Ready(Some(Err(not_configured().into()))));
        };
        let mut looking = look_up(&guard, request);
        AccessFuture(match looking.now() {
            Some(access) => {
                State::Ready(Some(found(&guard, request, access, &Requirement::of::<S>()).map(Self::new)))
            }
            None => {
                let request = request.clone();
                State::Waiting(Box::pin(async move {
                    found(&guard, &request, looking.await, &Requirement::of::<S>()).map(Self::new)
                }))
            }
        })
    }
}

/// The future of the extractor [`Access`].
pub struct AccessFuture<S: RequiredScope>(State<Result<Access<S>, AccessRejection>>);

enum State<T> {
    Ready(Option<T>),
    Waiting(Pin<Box<dyn Future<Output = T>>>),
}

impl<S: RequiredScope> Future for AccessFuture<S> {
    type Output = Result<Access<S>, AccessRejection>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            // Polled again after completion, it stays pending instead of panicking.
            State::Ready(outcome) => outcome.take().map_or(Poll::Pending, Poll::Ready),
            State::Waiting(future) => future.as_mut().poll(context),
        }
    }
}

impl<S: RequiredScope> fmt::Debug for AccessFuture<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessFuture")
    }
}

/// Looks the token of a request up, unless this guard has already done so.
pub(crate) fn look_up(guard: &Guard, request: &HttpRequest) -> Looking {
    guard.authenticate_once(request.extensions().get(), &Head::of(request))
}

/// Checks what is required. Keeps the guard's result in the request's extensions, so that later guards and extractors need not look the
/// token up again.
pub(crate) fn found(
    guard: &Guard,
    request: &HttpRequest,
    found: Result<gridauth::Access, Rejection>,
    requirement: &Requirement,
) -> Result<gridauth::Access, AccessRejection> {
    let outcome = GuardOutcome::new(guard, found);
    let judged = outcome.require(requirement).cloned();
    request.extensions_mut().insert(outcome);
    judged.map_err(|rejection| AccessRejection::new(guard, rejection))
}
