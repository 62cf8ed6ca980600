use std::future::{Future, ready};
use std::pin::Pin;
use std::sync::Arc;

use gridauth::GridAuth;
use rocket::outcome::Outcome;
use rocket::route::{self, Handler};
use rocket::{Data, Request, Route};

use crate::access::{found_later, found_now};

/// Puts a guard before a route: its handler, and whatever guards that has, are asked only if the token has the scope.
pub(crate) fn guarded(auth: &GridAuth, scope: &str, mut route: Route) -> Route {
    let handler = Guarded { auth: auth.clone(), scope: scope.into(), handler: route.handler };
    route.handler = Box::new(handler);
    route
}

#[derive(Clone)]
struct Guarded {
    auth: GridAuth,
    scope: Arc<str>,
    handler: Box<dyn Handler>,
}

impl Handler for Guarded {
    // By hand what `async_trait` makes of an async function: a request that may pass at once is handed to the handler, whose
    // future needs no other one around it.
    fn handle<'r, 's, 'c, 'f>(
        &'s self,
        request: &'r Request<'c>,
        data: Data<'r>,
    ) -> Pin<Box<dyn Future<Output = route::Outcome<'r>> + Send + 'f>>
    where
        's: 'f,
        'r: 'f,
        'c: 'f,
    {
        match found_now(&self.auth, request, &self.scope, |_| ()) {
            Some(Ok(())) => self.handler.handle(request, data),
            Some(Err(rejection)) => Box::pin(ready(Outcome::Error(rejection.leave(request)))),
            None => Box::pin(async move {
                match found_later(&self.auth, request, &self.scope, |_| ()).await {
                    Ok(()) => self.handler.handle(request, data).await,
                    Err(rejection) => Outcome::Error(rejection.leave(request)),
                }
            }),
        }
    }
}
