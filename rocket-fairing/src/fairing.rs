use gridauth::GridAuth;
use rocket::catcher::{self, Catcher};
use rocket::fairing::{self, Fairing, Info, Kind};
use rocket::http::Status;
use rocket::http::uri::Origin;
use rocket::{Build, Request, Response, Rocket, Route};

use crate::refusal::{self, Attached, REFUSED};
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
        // Where the application catches for itself, refusals are caught beside it.
        let mut bases = vec![Origin::ROOT];
        for own in rocket.catchers() {
            if !bases.contains(&own.base) {
                bases.push(own.base.clone());
            }
        }
        let knows_400 = rocket.catchers().any(|own| own.code == Some(400) && is_at_root(own));
        let mut rocket = rocket.manage(self.auth.clone()).manage(Attached { catches_400: !knows_400 });
        rocket = rocket.mount("/", endpoint::routes(&self.auth));
        for base in bases {
            rocket = rocket.register(base, vec![Catcher::new(REFUSED.code, Refused)]);
        }
        Ok(if knows_400 { rocket } else { rocket.register("/", vec![Catcher::new(400, UnknownMethod)]) })
    }

    /// What a catcher answered that was registered too late for `Refused` to stand beside it, is answered anew.
    async fn on_response<'r>(&self, request: &'r Request<'_>, response: &mut Response<'r>) {
        if response.status() == REFUSED
            && let Some(refusal) = refusal::take_up(request)
        {
            *response = convert::response(refusal.answer(&self.auth));
        }
    }
}

fn is_at_root(catcher: &Catcher) -> bool {
    catcher.base.path() == "/"
}

/// Answers for a guard; the application's own catcher for the status writes the body where there is one.
#[derive(Clone)]
struct Refused;

#[rocket::async_trait]
impl catcher::Handler for Refused {
    async fn handle<'r>(&self, refused: Status, request: &'r Request<'_>) -> catcher::Result<'r> {
        let (Some(auth), Some(refusal)) = (request.rocket().state::<GridAuth>(), refusal::take_up(request))
        else {
            return Err(refused);
        };
        let status = refusal.status();
        let answer = refusal.answer(auth);
        let Some(own) = own_catcher(request, status) else { return Ok(convert::response(answer)) };
        let mut response = own.handler.handle(status, request).await?;
        // Status and challenge stay right whoever wrote the body.
        if response.status() == status {
            for header in convert::headers(answer.headers()) {
                if !response.headers().contains(header.name()) {
                    response.set_header(header);
                }
            }
        }
        Ok(response)
    }
}

/// The catcher that the application has for this status: for the status itself, or for whatever goes wrong below a path, as
/// Rocket chooses. One for whatever goes wrong anywhere is not asked: it knows nothing of guards.
fn own_catcher<'r>(request: &'r Request<'_>, status: Status) -> Option<&'r Catcher> {
    let depth = |own: &Catcher| own.base.path().segments().len();
    let ours_is_400 = request.rocket().state::<Attached>().is_some_and(|attached| attached.catches_400);
    let is_ours = |own: &Catcher| ours_is_400 && own.code == Some(400) && is_at_root(own);
    let catches = |own: &&Catcher| {
        !is_ours(own)
            && own.code.map_or(!is_at_root(own), |code| code == status.code)
            && own.base.path().segments().prefix_of(request.uri().path().segments())
    };
    request.rocket().catchers().filter(catches).max_by_key(|own| (depth(own), own.code))
}

/// Answers to methods that Rocket does not know. What else is a 400 goes to the catcher that would have had it.
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
