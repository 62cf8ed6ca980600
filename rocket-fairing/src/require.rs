use gridauth::GridAuth;
use rocket::outcome::Outcome;
use rocket::route::{self, Handler};
use rocket::{Data, Request, Route};

use crate::access;

/// Puts a guard before a route: its handler, and whatever guards that has, are asked only if the token has the scope.
pub(crate) fn guarded(auth: &GridAuth, scope: &str, mut route: Route) -> Route {
    let handler = Guarded { auth: auth.clone(), scope: scope.into(), handler: route.handler };
    route.handler = Box::new(handler);
    route
}

#[derive(Clone)]
struct Guarded {
    auth: GridAuth,
    scope: std::sync::Arc<str>,
    handler: Box<dyn Handler>,
}

#[rocket::async_trait]
impl Handler for Guarded {
    async fn handle<'r>(&self, request: &'r Request<'_>, data: Data<'r>) -> route::Outcome<'r> {
        match access::check(&self.auth, request, &self.scope).await {
            Ok(_) => self.handler.handle(request, data).await,
            Err(rejection) => Outcome::Error(rejection.leave(request)),
        }
    }
}
