use std::future::{Future, ready};
use std::pin::Pin;
use std::sync::Arc;

use gridauth::guard::{Guard, Requirement};
use rocket::outcome::Outcome;
use rocket::route::{self, Handler};
use rocket::{Data, Request, Route};

use crate::access::{found, look_up};

/// Guards a route. Its handler and its request guards run only if the token fulfils what is required.
pub(crate) fn guarded(guard: &Guard, requirement: &Arc<Requirement>, mut route: Route) -> Route {
    let requirement = Arc::clone(requirement);
    let handler = Guarded { guard: guard.clone(), requirement, handler: route.handler };
    route.handler = Box::new(handler);
    route
}

#[derive(Clone)]
struct Guarded {
    guard: Guard,
    requirement: Arc<Requirement>,
    handler: Box<dyn Handler>,
}

impl Handler for Guarded {
    // Not an `async_trait` method: a request that is accepted immediately goes straight to the handler, without another future
    // around that of the handler.
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
        let mut access = look_up(&self.guard, request);
        match access.now() {
            Some(access) => match found(&self.guard, request, access, &self.requirement) {
                Ok(_) => self.handler.handle(request, data),
                Err(rejection) => Box::pin(ready(Outcome::Error(rejection.leave(request)))),
            },
            None => Box::pin(async move {
                match found(&self.guard, request, access.await, &self.requirement) {
                    Ok(_) => self.handler.handle(request, data).await,
                    Err(rejection) => Outcome::Error(rejection.leave(request)),
                }
            }),
        }
    }
}
