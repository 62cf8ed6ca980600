use gridauth::GridAuth;
use rocket::catcher::{self, Catcher};
use rocket::fairing::{self, Fairing, Info, Kind};
use rocket::http::Status;
use rocket::{Build, Request, Response, Rocket, Route};

use crate::fairing::{answer_again, attach, is_at_root};
use crate::{GuardExt, endpoint};

/// What Rocket adds to a [`GridAuth`].
pub trait GridAuthExt {
    /// Mounts every endpoint, makes the server known to [`Access`](crate::Access) and to `&State<GridAuth>`, and answers rejected
    /// requests: for `Rocket::attach`.
    fn fairing(&self) -> GridAuthFairing;

    /// Puts a guard before each of these routes: [`GuardExt::require`].
    #[track_caller]
    fn require(&self, scope: &str, routes: Vec<Route>) -> Vec<Route>;
}

impl GridAuthExt for GridAuth {
    fn fairing(&self) -> GridAuthFairing {
        GridAuthFairing { auth: self.clone() }
    }

    #[track_caller]
    fn require(&self, scope: &str, routes: Vec<Route>) -> Vec<Route> {
        self.guard().require(scope, routes)
    }
}

/// The authorization server of a Rocket: [`auth.fairing()`](GridAuthExt::fairing) makes it.
#[derive(Clone, Debug)]
pub struct GridAuthFairing {
    auth: GridAuth,
}

#[rocket::async_trait]
impl Fairing for GridAuthFairing {
    fn info(&self) -> Info {
        Info { name: "gridauth", kind: Kind::Ignite | Kind::Response }
    }

    async fn on_ignite(&self, rocket: Rocket<Build>) -> fairing::Result {
        if rocket.state::<GridAuth>().is_some() {
            tracing::error!(
                "this Rocket has a `GridAuth` already: attach one fairing, and leave `manage` to it"
            );
            return Err(rocket);
        }
        let unknown_method = Catcher::new(400, UnknownMethod);
        let rocket = attach(rocket, self.auth.guard(), Some(unknown_method));
        Ok(rocket.manage(self.auth.clone()).mount("/", endpoint::routes(&self.auth)))
    }

    async fn on_response<'r>(&self, request: &'r Request<'_>, response: &mut Response<'r>) {
        answer_again(request, response);
    }
}

/// Answers requests with methods that Rocket does not know. Any other 400 goes to the catcher that would have had it.
#[derive(Clone)]
struct UnknownMethod;

#[rocket::async_trait]
impl catcher::Handler for UnknownMethod {
    async fn handle<'r>(&self, status: Status, request: &'r Request<'_>) -> catcher::Result<'r> {
        if let Some(auth) = request.rocket().state::<GridAuth>()
            && let Some(answer) = endpoint::answer_unknown_method(auth, request).await
        {
            return Ok(answer);
        }
        let mut others = request.rocket().catchers();
        let default = others.find(|own| own.code.is_none() && is_at_root(own)).cloned().unwrap_or_default();
        default.handler.handle(status, request).await
    }
}
