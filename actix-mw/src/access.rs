use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::ops::Deref;
use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use gridauth::GridAuth;
use gridauth::guard::{AnyScope, Checked, RequiredScope};

use crate::rejection::configured;
use crate::{AccessRejection, convert};

/// The access of a request, as a handler takes it: whom the token speaks for, to which client it was issued, for what.
/// `Access` asks for any good token, `Access<S>` for one with the scope `S`.
///
/// It needs no guard around the handler: it is one. Behind [`require`](crate::GridAuthExt::require) it hands on what the
/// guard found and costs nothing more. Without a good token the handler is not called and the request answered as RFC
/// 6750 section 3 says. `Option<Access>` is `None` then, whatever the reason, a store that cannot be reached included;
/// `Result<Access, AccessRejection>` tells the reason.
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

impl Access {
    /// What a guard around found, for middleware behind it and for handlers without extractors. `None` where there was no
    /// guard.
    pub fn of(request: &impl HttpMessage) -> Option<Self> {
        let access = request.extensions().get::<Checked>()?.found().as_ref().ok()?.clone();
        Some(Self::new(access))
    }
}

impl<S: RequiredScope> FromRequest for Access<S> {
    type Error = AccessRejection;
    type Future = AccessFuture<S>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> AccessFuture<S> {
        AccessFuture(match check_now::<S>(request) {
            Some(outcome) => State::Ready(Some(outcome)),
            None => State::Waiting(Box::pin(check_later::<S>(request.clone()))),
        })
    }
}

/// What [`Access`] comes by.
pub struct AccessFuture<S: RequiredScope>(State<Result<Access<S>, AccessRejection>>);

enum State<T> {
    Ready(Option<T>),
    Waiting(Pin<Box<dyn Future<Output = T>>>),
}

impl<S: RequiredScope> Future for AccessFuture<S> {
    type Output = Result<Access<S>, AccessRejection>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            // Polled once more after its answer, it waits for ever instead of panicking.
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

/// The access, where that need not wait.
fn check_now<S: RequiredScope>(request: &HttpRequest) -> Option<Result<Access<S>, AccessRejection>> {
    // What a guard around found counts, whichever server it asked.
    if let Some(checked) = request.extensions().get::<Checked>() {
        return Some(judge(checked, S::SCOPE, |access| Access::new(access.clone())));
    }
    match configured(request) {
        Ok(auth) => found_now(auth, request, S::SCOPE, |access| Access::new(access.clone())),
        Err(missing) => Some(Err(missing.into())),
    }
}

async fn check_later<S: RequiredScope>(request: HttpRequest) -> Result<Access<S>, AccessRejection> {
    let auth = configured(&request)?;
    found_later(auth, &request, S::SCOPE, |access| Access::new(access.clone())).await
}

/// What a request is given for its token, if that has the scope; `None` where the store has to be asked. What is found is
/// kept in the request's extensions, so that the guards and extractors behind the first need not look again.
pub(crate) fn found_now<T>(
    auth: &GridAuth,
    request: &HttpRequest,
    scope: &str,
    give: impl FnOnce(&gridauth::Access) -> T,
) -> Option<Result<T, AccessRejection>> {
    let mut extensions = request.extensions_mut();
    if let Some(checked) = extensions.get::<Checked>()
        && checked.by(auth).is_some()
    {
        return Some(judge(checked, scope, give));
    }
    let found = auth.authenticate_now_by(|name| convert::values(request, name))?;
    let checked = Checked::new(auth, found);
    let outcome = judge(&checked, scope, give);
    extensions.insert(checked);
    Some(outcome)
}

/// The same, where the store has to be asked.
pub(crate) async fn found_later<T>(
    auth: &GridAuth,
    request: &HttpRequest,
    scope: &str,
    give: impl FnOnce(&gridauth::Access) -> T,
) -> Result<T, AccessRejection> {
    let found = auth.authenticate_by(|name| convert::values(request, name)).await;
    let checked = Checked::new(auth, found);
    let outcome = judge(&checked, scope, give);
    request.extensions_mut().insert(checked);
    outcome
}

fn judge<T>(
    checked: &Checked,
    scope: &str,
    give: impl FnOnce(&gridauth::Access) -> T,
) -> Result<T, AccessRejection> {
    let judged = checked.require(scope).map(give);
    judged.map_err(|rejection| AccessRejection::new(checked.server(), rejection))
}
