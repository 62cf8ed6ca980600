use std::future::Future;
use std::marker::PhantomData;
use std::ops::Deref;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::http::header::HeaderValue;
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use gridauth::GridAuth;
use gridauth::guard::{AnyScope, Checked, RequiredScope};

use crate::AccessRejection;
use crate::rejection::configured;

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
    type Future = Pin<Box<dyn Future<Output = Result<Self, AccessRejection>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let around = request.extensions().get::<Checked>().map(|checked| checked.server().clone());
            let auth = match &around {
                Some(auth) => auth,
                None => configured(&request)?,
            };
            check(auth, &request, S::SCOPE).await.map(Self::new)
        })
    }
}

/// The access of a request, if its token has the scope. What is found is kept in the request's extensions, so that the
/// guards and extractors behind the first need not look again.
pub(crate) async fn check(
    auth: &GridAuth,
    request: &HttpRequest,
    scope: &str,
) -> Result<gridauth::Access, AccessRejection> {
    let around = request.extensions().get::<Checked>().and_then(|checked| checked.by(auth).cloned());
    let found = match around {
        Some(found) => found,
        None => {
            let values =
                |name: &http::HeaderName| request.headers().get_all(name.as_str()).map(HeaderValue::as_bytes);
            let found = auth.authenticate_by(values).await;
            request.extensions_mut().insert(Checked::new(auth, found.clone()));
            found
        }
    };
    let checked = found.and_then(|access| access.require(scope).map(|()| access));
    checked.map_err(|rejection| AccessRejection::new(auth, rejection))
}
