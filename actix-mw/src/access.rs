use std::future::Future;
use std::marker::PhantomData;
use std::ops::Deref;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::http::header::HeaderValue;
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use gridauth::GridAuth;
use gridauth::guard::{AnyScope, RequiredScope};

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

impl Access {
    /// What a guard around found, for middleware behind it and for handlers without extractors. `None` where there was no
    /// guard.
    pub fn of(request: &impl HttpMessage) -> Option<Self> {
        let access = request.extensions().get::<Guarded>()?.access.clone();
        Some(Self { access, scope: PhantomData })
    }
}

impl<S: RequiredScope> Access<S> {
    /// The engine's own value.
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

impl<S: RequiredScope> FromRequest for Access<S> {
    type Error = AccessRejection;
    type Future = Pin<Box<dyn Future<Output = Result<Self, AccessRejection>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let around = request.extensions().get::<Guarded>().cloned();
            let guarded = match around {
                Some(guarded) => guarded,
                None => Guarded::check(configured(&request)?, &request).await?,
            };
            guarded.require(S::SCOPE)?;
            Ok(Self { access: guarded.access, scope: PhantomData })
        })
    }
}

/// What a guard found: kept in the request's extensions, so that the guards and extractors behind it need not look again.
#[derive(Clone)]
pub(crate) struct Guarded {
    auth: GridAuth,
    access: gridauth::Access,
}

impl Guarded {
    /// Finds the access of a request, and keeps it there. What another server's guard found does not count.
    pub(crate) async fn check(auth: &GridAuth, request: &HttpRequest) -> Result<Self, AccessRejection> {
        let around =
            request.extensions().get::<Self>().filter(|around| around.auth.is_same_server(auth)).cloned();
        if let Some(guarded) = around {
            return Ok(guarded);
        }
        let values =
            |name: &http::HeaderName| request.headers().get_all(name.as_str()).map(HeaderValue::as_bytes);
        let found = auth.authenticate_by(values).await;
        let access = found.map_err(|rejection| AccessRejection::new(auth, rejection))?;
        let guarded = Self { auth: auth.clone(), access };
        request.extensions_mut().insert(guarded.clone());
        Ok(guarded)
    }

    pub(crate) fn require(&self, scope: &str) -> Result<(), AccessRejection> {
        self.access.require(scope).map_err(|rejection| AccessRejection::new(&self.auth, rejection))
    }
}
