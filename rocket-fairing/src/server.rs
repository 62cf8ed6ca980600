use gridauth::GridAuth;
use gridauth::guard::{Guard, Requirement};
use rocket::catcher::{self, Catcher};
use rocket::fairing::{self, Fairing, Info, Kind};
use rocket::http::Status;
use rocket::{Build, Data, Request, Response, Rocket, Route};

use crate::fairing::{answer_again, attach, is_at_root};
use crate::{GuardExt, convert, endpoint, sign_in_required};

/// Adds a fairing and guarded routes to [`GridAuth`].
pub trait GridAuthExt {
    /// A fairing that mounts every endpoint, provides the server for [`Access`](crate::Access) and `&State<GridAuth>`, and responds
    /// to rejected requests. Pass it to `Rocket::attach`.
    fn fairing(&self) -> GridAuthFairing;

    /// Puts a guard before each of these routes: [`GuardExt::require`].
    #[track_caller]
    fn require(&self, requirement: impl Into<Requirement>, routes: Vec<Route>) -> Vec<Route>;

    /// Puts a guard before each of these routes, which are pages of the application: only requests of browsers in which a user is
    /// signed in pass. All others get the response of [`GridAuth::require_sign_in`], which lets the user sign in.
    ///
    /// # Panics
    /// Where the server has no page on which users sign in: [`GridAuth::has_sign_in_page`].
    #[track_caller]
    fn sign_in_required(&self, routes: Vec<Route>) -> Vec<Route>;
}

impl GridAuthExt for GridAuth {
    fn fairing(&self) -> GridAuthFairing {
        GridAuthFairing { auth: self.clone() }
    }

    #[track_caller]
    fn require(&self, requirement: impl Into<Requirement>, routes: Vec<Route>) -> Vec<Route> {
        self.guard().require(requirement, routes)
    }

    #[track_caller]
    fn sign_in_required(&self, routes: Vec<Route>) -> Vec<Route> {
        assert!(self.has_sign_in_page(), "the server has no page on which users sign in");
        routes.into_iter().map(|route| sign_in_required::guarded(self, route)).collect()
    }
}

/// The fairing of a server. [`GridAuthExt::fairing`] makes one.
#[derive(Clone, Debug)]
pub struct GridAuthFairing {
    auth: GridAuth,
}

#[rocket::async_trait]
impl Fairing for GridAuthFairing {
    fn info(&self) -> Info {
        Info { name: "gridauth", kind: Kind::Ignite | Kind::Request | Kind::Response }
    }

    async fn on_ignite(&self, rocket: Rocket<Build>) -> fairing::Result {
        if rocket.state::<GridAuth>().is_some() || rocket.state::<Guard>().is_some() {
            tracing::error!(
                "this Rocket already has a `GridAuth` or a `Guard`: attach only one fairing, and do not call `manage` yourself"
            );
            return Err(rocket);
        }
        let unknown_method = Catcher::new(400, UnknownMethod);
        let rocket = attach(rocket, self.auth.guard(), Some(unknown_method));
        Ok(rocket.manage(self.auth.clone()).mount("/", endpoint::routes(&self.auth)))
    }

    async fn on_request(&self, request: &mut Request<'_>, _: &mut Data<'_>) {
        convert::remember_method(request);
    }

    async fn on_response<'r>(&self, request: &'r Request<'_>, response: &mut Response<'r>) {
        answer_again(request, response);
    }
}

/// Responds to requests with methods that Rocket does not know. Any other 400 goes to the catcher that Rocket would choose.
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
