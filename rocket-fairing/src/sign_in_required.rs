use gridauth::GridAuth;
use rocket::outcome::Outcome;
use rocket::route::{self, Handler};
use rocket::{Data, Request, Route};

use crate::signed_in::find;

/// Guards a route. Its handler and its request guards run only if a user is signed in in the browser.
pub(crate) fn guarded(auth: &GridAuth, mut route: Route) -> Route {
    route.handler = Box::new(Guarded { auth: auth.clone(), handler: route.handler });
    route
}

#[derive(Clone)]
struct Guarded {
    auth: GridAuth,
    handler: Box<dyn Handler>,
}

#[rocket::async_trait]
impl Handler for Guarded {
    async fn handle<'r>(&self, request: &'r Request<'_>, data: Data<'r>) -> route::Outcome<'r> {
        match find(&self.auth, request).await {
            Ok(_) => self.handler.handle(request, data).await,
            Err(status) => Outcome::Error(status),
        }
    }
}
