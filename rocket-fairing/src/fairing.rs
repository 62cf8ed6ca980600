use gridauth::GridAuth;
use rocket::catcher::{self, Catcher};
use rocket::fairing::{self, Fairing, Info, Kind};
use rocket::http::Status;
use rocket::{Build, Request, Response, Rocket, Route};

use crate::refusal::{self, Refusal};
use crate::{convert, endpoint, require};

/// What [`GridAuth`] can do in a Rocket.
pub trait GridAuthExt {
    /// Mounts every endpoint, makes the server known to [`Access`](crate::Access) and to `&State<GridAuth>`, and answers
    /// for the guards: for `Rocket::attach`.
    fn fairing(&self) -> GridAuthFairing;

    /// Puts a guard before each of these routes: lets a request pass whose token has every scope of this space-separated
    /// list. An empty list asks for any good token.
    ///
    /// ```
    /// # use gridauth::GridAuth;
    /// # use gridauth_rocket::GridAuthExt;
    /// # use rocket::{get, post, routes};
    /// # #[get("/")] fn list() {}
    /// # #[post("/")] fn add() {}
    /// # fn build(auth: GridAuth) -> rocket::Rocket<rocket::Build> {
    /// rocket::build().attach(auth.fairing()).mount("/orders", auth.require("orders.read", routes![list, add]))
    /// # }
    /// ```
    fn require(&self, scope: &str, routes: Vec<Route>) -> Vec<Route>;
}

impl GridAuthExt for GridAuth {
    fn fairing(&self) -> GridAuthFairing {
        GridAuthFairing { auth: self.clone() }
    }

    fn require(&self, scope: &str, routes: Vec<Route>) -> Vec<Route> {
        routes.into_iter().map(|route| require::guarded(self, scope, route)).collect()
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
        // A catcher of the application's own stays: it answers, and `on_response` adds the challenge.
        let is_ours =
            |code: &u16| !rocket.catchers().any(|own| own.code == Some(*code) && own.base.path() == "/");
        let catchers: Vec<Catcher> =
            Refusal::STATUSES.into_iter().filter(is_ours).map(|code| Catcher::new(code, Caught)).collect();
        Ok(rocket.manage(self.auth.clone()).mount("/", endpoint::routes(&self.auth)).register("/", catchers))
    }

    /// Status and challenge stay right whoever wrote the body.
    async fn on_response<'r>(&self, request: &'r Request<'_>, response: &mut Response<'r>) {
        let Some(refusal) = refusal::left_with(request, response.status()) else { return };
        let answer = refusal.answer(&self.auth);
        for header in convert::headers(answer.headers()) {
            if !response.headers().contains(header.name()) {
                response.set_header(header);
            }
        }
    }
}

/// Answers for a guard. What is not a guard's is handed on to the catcher that would have had it.
#[derive(Clone)]
struct Caught;

#[rocket::async_trait]
impl catcher::Handler for Caught {
    async fn handle<'r>(&self, status: Status, request: &'r Request<'_>) -> catcher::Result<'r> {
        if let Some(auth) = request.rocket().state::<GridAuth>() {
            if let Some(refusal) = refusal::left_with(request, status) {
                return Ok(refusal.response(auth));
            }
            if status == Status::BadRequest
                && let Some(answer) = endpoint::answer_unknown_method(auth, request).await
            {
                return Ok(answer);
            }
        }
        let default = request.rocket().catchers().find(|own| own.code.is_none() && own.base.path() == "/");
        match default {
            Some(catcher) => catcher.handler.handle(status, request).await,
            None => Catcher::default().handler.handle(status, request).await,
        }
    }
}
