use std::sync::Arc;

use gridauth::guard::{Guard, Requirement};
use rocket::catcher::{self, Catcher};
use rocket::fairing::{self, Fairing, Info, Kind};
use rocket::http::Status;
use rocket::http::uri::Origin;
use rocket::{Build, Data, Request, Response, Rocket, Route};

use crate::refusal::{self, Attached, REFUSED};
use crate::{convert, require};

/// Adds a fairing and guarded routes to [`Guard`], which may be in another process than the server.
pub trait GuardExt {
    /// A fairing that provides the guard for [`Access`](crate::Access) and responds to rejected requests. Pass it to
    /// `Rocket::attach`.
    fn fairing(&self) -> GuardFairing;

    /// Guards each of these routes. A route accepts only requests whose token has every scope in a space-separated list. With `""` it
    /// accepts every valid token. A [`Requirement`] has more to require: a recent sign-in of the user (RFC 9470).
    ///
    /// ```
    /// # use gridauth::Guard;
    /// # use gridauth_rocket::GuardExt;
    /// # use rocket::{get, post, routes};
    /// # #[get("/")] fn list() {}
    /// # #[post("/")] fn add() {}
    /// # fn build(guard: Guard) -> rocket::Rocket<rocket::Build> {
    /// rocket::build().attach(guard.fairing()).mount("/orders", guard.require("orders.read", routes![list, add]))
    /// # }
    /// # use gridauth::guard::Requirement;
    /// # use std::time::Duration;
    /// # fn build_with_step_up(guard: Guard) -> rocket::Rocket<rocket::Build> {
    /// let recent = Requirement::new("orders.pay").max_age(Duration::from_secs(300));
    /// rocket::build().attach(guard.fairing()).mount("/payments", guard.require(recent, routes![add]))
    /// # }
    /// ```
    ///
    /// # Panics
    /// Where no token can have that scope: [`Guard::check_scope`] says why.
    #[track_caller]
    fn require(&self, requirement: impl Into<Requirement>, routes: Vec<Route>) -> Vec<Route>;
}

impl GuardExt for Guard {
    fn fairing(&self) -> GuardFairing {
        GuardFairing { guard: self.clone() }
    }

    #[track_caller]
    fn require(&self, requirement: impl Into<Requirement>, routes: Vec<Route>) -> Vec<Route> {
        let requirement = Arc::new(requirement.into());
        self.expect_scope(requirement.scope());
        routes.into_iter().map(|route| require::guarded(self, &requirement, route)).collect()
    }
}

/// The fairing of a guard. [`GuardExt::fairing`] makes one.
#[derive(Clone, Debug)]
pub struct GuardFairing {
    guard: Guard,
}

#[rocket::async_trait]
impl Fairing for GuardFairing {
    fn info(&self) -> Info {
        Info { name: "gridauth", kind: Kind::Ignite | Kind::Request | Kind::Response }
    }

    async fn on_ignite(&self, rocket: Rocket<Build>) -> fairing::Result {
        if rocket.state::<Guard>().is_some() {
            tracing::error!("this Rocket already has a gridauth guard: attach only one fairing");
            return Err(rocket);
        }
        Ok(attach(rocket, &self.guard, None))
    }

    async fn on_request(&self, request: &mut Request<'_>, _: &mut Data<'_>) {
        convert::remember_method(request);
    }

    async fn on_response<'r>(&self, request: &'r Request<'_>, response: &mut Response<'r>) {
        answer_again(request, response);
    }
}

/// Provides the guard and registers the catchers that respond to its rejections. `unknown_method` catches 400 at the root, unless
/// the application has such a catcher.
pub(crate) fn attach(
    mut rocket: Rocket<Build>,
    guard: &Guard,
    unknown_method: Option<Catcher>,
) -> Rocket<Build> {
    // Refusals are caught at each base at which the application has catchers, since the catcher with the longest base wins.
    let mut bases = vec![Origin::ROOT];
    for own in rocket.catchers() {
        if !bases.contains(&own.base) {
            bases.push(own.base.clone());
        }
    }
    let has_400 = rocket.catchers().any(|own| own.code == Some(400) && is_at_root(own));
    let unknown_method = unknown_method.filter(|_| !has_400);
    rocket = rocket.manage(guard.clone()).manage(Attached { catches_400: unknown_method.is_some() });
    for base in bases {
        rocket = rocket.register(base, vec![Catcher::new(REFUSED.code, Refused)]);
    }
    match unknown_method {
        Some(catcher) => rocket.register("/", vec![catcher]),
        None => rocket,
    }
}

/// Replaces the response to a refusal if a catcher responded that was registered after the fairing was ignited.
pub(crate) fn answer_again<'r>(request: &'r Request<'_>, response: &mut Response<'r>) {
    if response.status() == REFUSED
        && let Some(answer) = refusal::take_up(request).and_then(|refusal| refusal.answer(request))
    {
        *response = convert::response(answer);
    }
}

pub(crate) fn is_at_root(catcher: &Catcher) -> bool {
    catcher.base.path() == "/"
}

/// Responds to a refusal. If the application has a catcher for the status, that catcher writes the body.
#[derive(Clone)]
struct Refused;

#[rocket::async_trait]
impl catcher::Handler for Refused {
    async fn handle<'r>(&self, refused: Status, request: &'r Request<'_>) -> catcher::Result<'r> {
        let Some(refusal) = refusal::take_up(request) else { return Err(refused) };
        let status = refusal.status();
        let Some(answer) = refusal.answer(request) else { return Err(refused) };
        let Some(own) = own_catcher(request, status) else { return Ok(convert::response(answer)) };
        let mut response = own.handler.handle(status, request).await?;
        // Status and challenge are the same, whoever writes the body.
        if response.status() == status {
            let own: Vec<String> =
                response.headers().iter().map(|header| header.name().as_str().to_lowercase()).collect();
            for header in convert::headers(answer.headers()) {
                if !own.contains(&header.name().as_str().to_lowercase()) {
                    response.adjoin_header(header);
                }
            }
        }
        Ok(response)
    }
}

/// The application's catcher for this status, as Rocket would choose it: one for the status, or a default catcher below a path. The
/// default catcher at the root is skipped: it does not expect rejections.
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
